"""Header lines of entries → which text is the position, the organization, the location.

The entries of a section are made alike, so the decision is taken for all together: each place in
the header gets the role that its texts fit best over all entries.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from edge_workers.documents.contact import URL
from edge_workers.documents.entries import Entry
from edge_workers.documents.page import Segment
from edge_workers.documents.places import CITY, is_location, split_location
from edge_workers.documents.vocabulary import LANGUAGES, alternatives

SEPARATOR = re.compile(r"\s+[|·•∙⋅│¦–—-]\s+|\s*[|│¦]\s*|\s+@\s+")
JOINING_WORDS = alternatives(w for language in LANGUAGES for w in language.joining_words)
JOINING = re.compile(rf"\s+(?:{JOINING_WORDS})\s+")
JOINING_START = re.compile(rf"^(?:{JOINING_WORDS})\s+")
FIRST_SLOT_BONUS = 0.1
"""Without any sign, the first text of a header is taken for the position."""

LATER_SLOT_COST = 0.05
"""The two roles stand rather at the beginning of a header than at its end."""

MAX_ROLE_SLOTS = 3
MIN_COMMA_SCORE = 0.5
"""A comma parts position and organization only if that fits better than this."""

COMMA_PART = 0.6
"""If so many organizations end in ", Place", the place is one although it is not known."""


@dataclass
class Piece:
    """A text in a header. `line` is the number of its header line."""

    text: str
    line: int
    has_icon: bool


@dataclass
class Header:
    """What an entry's header says, once its pieces have got their roles.

    `lines` are the numbers of the lines on which the two roles stand.
    """

    entry: Entry
    pieces: list[Piece] = field(default_factory=list)
    location: str = ""
    url: str = ""
    lines: set[int] = field(default_factory=set)
    roles: dict[str, str] = field(default_factory=dict)


Score = Callable[[str], float]


def give_roles(
    headers: Sequence[Header], first_role: str, second_role: str, scores: Mapping[str, Score]
) -> None:
    """Give the headers' pieces the two roles; pieces beyond them are left in `pieces`.

    `scores` tells for each role how well a text fits it.
    """
    _split_joined(headers, first_role, second_role, scores)
    _split_at_commas(headers, first_role, second_role, scores)
    order = _best_order(headers, first_role, second_role, scores)
    for header in headers:
        if not header.roles:
            _assign(header, order, first_role, second_role, scores)


def cut_header(entry: Entry) -> Header:
    """Cut header lines at separators, wide gaps and changes of weight; take locations out."""
    header = Header(entry)
    for number, line in enumerate(entry.header):
        for segment in line.segments:
            for text in _styled_parts(segment):
                for part in SEPARATOR.split(text):
                    for piece in _without_brackets(part):
                        _add(header, piece, number, line.marker == "icon")
    return header


def _without_brackets(text: str) -> list[str]:
    """Part a text in brackets from what follows it, as in "(Physics), Example University"."""
    match = re.fullmatch(r"\(([^()]+)\)[,;:]?\s+(.+)", text.strip())
    return [match[1], match[2]] if match else [text]


def _styled_parts(segment: Segment) -> list[str]:
    """Cut a segment where bold ends, unless that is within a phrase."""
    runs: list[tuple[str, bool]] = []
    heaviest = max(word.style.weight for word in segment.words)
    lightest = min(word.style.weight for word in segment.words)
    for word in segment.words:
        bold = word.style.weight == heaviest > lightest
        if runs and runs[-1][1] == bold:
            runs[-1] = f"{runs[-1][0]} {word.text}", bold
        else:
            runs.append((word.text, bold))
    is_bold_first = len(runs) == 2 and runs[0][1]
    return [text for text, _ in runs] if is_bold_first else [segment.text]


def _add(header: Header, text: str, number: int, has_icon: bool) -> None:
    """Add a piece of a header, or take it as location or link."""
    text = text.strip(" ,;|·•–—-")
    text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    if match := URL.fullmatch(text):
        header.url = header.url or match[0]
        return
    before, location = split_location(re.sub(r"(?<=[a-z]{3})\.$|(?<=\b[A-Z]{2})\.$", "", text))
    if location and not header.location:
        header.location, text = location, before
    if any(map(str.isalnum, text)):
        header.pieces.append(Piece(text, number, has_icon))


def _split_joined(
    headers: Sequence[Header], first_role: str, second_role: str, scores: Mapping[str, Score]
) -> None:
    """Part "Engineer at Acme" where a word joins the position and the organization."""
    for header in headers:
        for index, piece in enumerate(header.pieces):
            text = JOINING_START.sub("", piece.text) if index else piece.text
            if text != piece.text and index == 1:
                header.roles = {first_role: header.pieces[0].text, second_role: text}
                del header.pieces[:2]
                break
            parts = _best_split(text, first_role, scores)
            if parts and index == 0:
                header.roles = {first_role: parts[0], second_role: parts[1]}
                del header.pieces[0]
                break


def _best_split(text: str, first_role: str, scores: Mapping[str, Score]) -> tuple[str, str] | None:
    """Return the texts before and after a joining word if the first fits the first role."""
    for match in JOINING.finditer(text):
        before, after = text[: match.start()].strip(" ,"), text[match.end() :].strip(" ,")
        if before and after[:1].isupper() and scores[first_role](before) > 0:
            return before, after
    return None


def _split_at_commas(
    headers: Sequence[Header], first_role: str, second_role: str, scores: Mapping[str, Score]
) -> None:
    """Part "Engineer, Acme" if most entries have but one text, and it is made so."""
    alone = [header for header in headers if not header.roles and len(header.pieces) == 1]
    splits = [_comma_split(h.pieces[0].text, first_role, second_role, scores) for h in alone]
    if sum(split is not None for split in splits) < COMMA_PART * len(headers):
        return
    for header, split in zip(alone, splits, strict=True):
        if split is not None:
            header.roles = dict(zip(split[0], split[1], strict=True))
            header.pieces = []


def _comma_split(
    text: str, first_role: str, second_role: str, scores: Mapping[str, Score]
) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Return the roles and texts of the parts before and after the comma that fits best."""
    best: tuple[float, tuple[tuple[str, str], tuple[str, str]]] | None = None
    for match in re.finditer(r",\s+(?!(?:Inc|LLC|Ltd|Co|GmbH|AG)\b)", text):
        parts = text[: match.start()], text[match.end() :]
        for roles in ((first_role, second_role), (second_role, first_role)):
            score = sum(
                scores[role](part) - scores[other](part)
                for role, other, part in zip(roles, reversed(roles), parts, strict=True)
            )
            if score > MIN_COMMA_SCORE and (best is None or score >= best[0]):
                best = score, (roles, parts)
    return best[1] if best else None


def _best_order(
    headers: Sequence[Header], first_role: str, second_role: str, scores: Mapping[str, Score]
) -> tuple[int, int]:
    """Return the places of the two roles that fit best over all entries."""
    open_headers = [header for header in headers if not header.roles and len(header.pieces) > 1]
    if not open_headers:
        return 0, 1
    slots = min(MAX_ROLE_SLOTS, max(len(header.pieces) for header in open_headers))
    totals: dict[tuple[int, int], float] = {}
    for order in permutations(range(slots), 2):
        total = FIRST_SLOT_BONUS * len(open_headers) if order == (0, 1) else 0.0
        total -= LATER_SLOT_COST * sum(order) * len(open_headers)
        for header in open_headers:
            texts = [piece.text for piece in header.pieces]
            for slot, own, other in (
                (order[0], first_role, second_role),
                (order[1], second_role, first_role),
            ):
                if slot < len(texts):
                    total += scores[own](texts[slot]) - scores[other](texts[slot])
                else:
                    total -= 1
        totals[order] = total
    return max(totals, key=totals.__getitem__)


def _assign(
    header: Header,
    order: tuple[int, int],
    first_role: str,
    second_role: str,
    scores: Mapping[str, Score],
) -> None:
    """Give a header's pieces their roles."""
    texts = [piece.text for piece in header.pieces]
    if len(texts) == 1:
        is_first = scores[first_role](texts[0]) > scores[second_role](texts[0])
        header.roles = {first_role if is_first else second_role: texts[0]}
        header.pieces = []
        return
    taken = {}
    for slot, role in zip(order, (first_role, second_role), strict=True):
        if slot < len(texts):
            header.roles[role] = texts[slot]
            taken[slot] = header.pieces[slot].line
    header.lines = set(taken.values())
    header.pieces = [piece for slot, piece in enumerate(header.pieces) if slot not in taken]


def find_places(headers: Sequence[Header], second_role: str) -> None:
    """Take a place that no table knows for the location: by its icon, or by where it stands.

    That is beside the organization, as "Acme · Ulm", or after a comma in most of the entries.
    """
    for header in headers:
        for piece in list(header.pieces) if not header.location else ():
            is_beside = piece.has_icon or piece.line in header.lines
            if not header.location and is_beside and CITY.match(piece.text):
                header.location = piece.text
                header.pieces.remove(piece)
    _split_trailing_places(headers, second_role)


def _split_trailing_places(headers: Sequence[Header], role: str) -> None:
    """Part "Ingenieurbüro Köhler, Ulm" if most entries without location are made so."""
    texts = [header.roles[role] for header in headers if header.roles.get(role)]
    if any(header.location for header in headers) or len(texts) < 2:
        return
    with_place = [text for text in texts if _trailing_place(text)]
    if len(with_place) < COMMA_PART * len(texts):
        return
    for header in headers:
        text = header.roles.get(role, "")
        if place := _trailing_place(text):
            header.roles[role] = text[: -len(place)].rstrip(" ,")
            header.location = place


def _trailing_place(text: str) -> str:
    """Return what follows the last comma if it may be a place."""
    before, comma, place = text.rpartition(", ")
    is_place = comma and before and CITY.match(place) and len(place.split()) <= 4
    return place if is_place and not is_location(before) else ""
