"""Who the résumé is about: name, label, contact details, summary."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from edge_workers.documents.contact import (
    find_email,
    find_phone,
    find_urls,
    is_broken_address,
    profile_of,
    url_key,
    with_scheme,
)
from edge_workers.documents.headings import contact_labels, known_heading
from edge_workers.documents.page import Line
from edge_workers.documents.paragraphs import paragraphs_of
from edge_workers.documents.places import CITY, Place, find_place
from edge_workers.documents.sections import Part
from edge_workers.documents.text import fold, is_upper
from edge_workers.documents.vocabulary import NETWORKS, Section, alternatives, word_list

SEPARATOR = re.compile(r"\s*[|·•∙⋅│¦●◦▪■]\s*|\s+[–—/]\s+|\s{3,}")
NAME_WORD = re.compile(r"[^\W\d_][\w.'’-]*$")
MAX_NAME_WORDS = 5
MAX_NAME_LINES = 3
MAX_LABEL_WORDS = 10
MAX_CITY_WORDS = 3
ENTRY_SECTIONS = (Section.WORK, Section.EDUCATION, Section.PROJECTS, Section.REFERENCES)
"""Addresses and numbers in these sections are not the person's."""

PROSE_WORDS = 12
"""A text in the header with so many words is a summary."""


class Header:
    """The lines that tell who and where the person is, cut into single details."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """Gather what stands before the first section and in contact sections.

        If there is neither e-mail address nor phone number, they stand under another heading.
        """
        contact = [part for part in parts if part.section == Section.CONTACT]
        self.lines = [line for part in contact for line in part.lines]
        if not any(map(_is_reachable, self.lines)):
            for part in parts:
                if part.section not in ENTRY_SECTIONS and any(map(_is_reachable, part.lines)):
                    self.lines += [line for line in part.lines if not is_prose(line.text)]
        self.pieces = [piece for text in _joined_details(self.lines) for piece in _pieces(text)]
        words = (word for line in self.lines for seg in line.segments for word in seg.words)
        self.links = list(dict.fromkeys(word.uri for word in words if word.uri))
        self.text = "\n".join(self.pieces)


def _is_reachable(line: Line) -> bool:
    """Tell whether a line has an e-mail address, or the beginning of one, or a phone number."""
    return "@" in line.text or bool(find_phone(line.text))


def _joined_details(lines: Sequence[Line]) -> list[str]:
    """Return the texts of segments, with labels, and with addresses that wrap made whole."""
    texts: list[str] = []
    last: Line | None = None
    for line in lines:
        segments = [segment.text for segment in line.segments]
        if last is not None and _wraps_address(last, line):
            word, _, rest = segments[0].partition(" ")
            texts[-1] += word
            segments[0] = rest
        if len(segments) > 1 and is_label_text(segments[0]):
            segments[:2] = [f"{segments[0].rstrip(' :')}: {segments[1]}"]
        texts += [text for text in segments if text]
        last = line
    return texts


def _wraps_address(last: Line, line: Line) -> bool:
    """Tell whether a line begins with the rest of the address that ends the line before."""
    before, after = last.segments[-1].words[-1], line.segments[0].words[0]
    if line.room is not None and is_broken_address(before.text, after.text):
        return True
    if before.uri and before.uri == after.uri and not find_urls(after.text):
        printed, linked = url_key(before.text), url_key(before.uri)
        return linked.startswith(printed) and linked != printed
    return False


def _pieces(text: str) -> list[str]:
    pieces = (part for piece in SEPARATOR.split(text) for part in _BEFORE_LABEL.split(piece))
    return [piece.strip() for piece in pieces if piece.strip()]


def basics_of(parts: Sequence[Part], all_text: str) -> dict[str, Any]:
    """Return JSON Resume's `basics`; what is not found is left out."""
    header = Header(parts)
    name, label = _name_and_label(header)
    url, profiles = _addresses(header)
    place = _place(header, (name, label))
    basics = {
        "name": name,
        "label": label,
        "email": _email(header, all_text),
        "phone": _phone(header),
        "url": url,
        "summary": _summary(parts, header),
        "location": place.as_json_resume() if place else {},
        "profiles": profiles,
    }
    return {key: value for key, value in basics.items() if value}


def _email(header: Header, all_text: str) -> str:
    """Return the e-mail address; a link to it is surer than a text that may be cut."""
    linked = find_email(_linked(header.links, "mailto:"))
    return linked or find_email(header.text) or find_email(all_text)


def _phone(header: Header) -> str:
    """Return the phone number: in one piece, broken by a line's end, or only linked to."""
    whole = next((phone for piece in header.pieces if (phone := find_phone(piece))), "")
    return whole or find_phone(header.text) or find_phone(_linked(header.links, "tel:"))


def _linked(links: Iterable[str], scheme: str) -> str:
    return next((link[len(scheme) :] for link in links if link.startswith(scheme)), "")


def _addresses(header: Header) -> tuple[str, list[dict[str, str]]]:
    """Return the person's own page and the profiles, from the text and its links."""
    web_links = [link for link in header.links if re.match(r"https?://", link)]
    found: dict[str, str] = {}
    for url in [*find_urls(header.text), *web_links]:
        found.setdefault(url_key(url), url)
    profiles = [profile for url in found.values() if (profile := profile_of(url))]
    pages = [url for url in found.values() if not profile_of(url)]
    own = with_scheme(pages[0]) if pages else ""
    return own, [profile.as_json_resume() for profile in profiles]


def _name_and_label(header: Header) -> tuple[str, str]:
    """Return the largest text that may be a name, and the short text after it."""
    if labelled := _labelled(header, "name"):
        return labelled, ""
    candidates = []
    for index, line in enumerate(header.lines):
        name, used = _name_at(header.lines, index)
        if name and line.page == 0:
            candidates.append((-line.style.size, index, name, used))
    if not candidates:
        return "", ""
    _, index, name, used = min(candidates)
    rest = _pieces(header.lines[index].segments[0].text[len(name) :].strip(" ,|·•–—-"))
    beside = next((piece for piece in rest if not _is_detail(piece)), "") if used == 1 else ""
    label = beside or _label(header.lines[index + used :][:3])
    return (_capitalized(name) if is_upper(name) else name), label


def _name_at(lines: Sequence[Line], index: int) -> tuple[str, int]:
    """Return the name that begins with a line and how many lines it takes; posters take several."""
    text, style = _first_piece(lines[index].segments[0].text), lines[index].style
    if _is_name(text) and not text.endswith("-"):
        return text, 1
    for used, line in enumerate(lines[index + 1 : index + MAX_NAME_LINES], start=2):
        if line.style != style or len(text.split()) > used:
            break
        text += line.text if text.endswith("-") else f" {line.text}"
        if _is_name(text) and not text.endswith("-"):
            return text, used
    return "", 0


def _first_piece(text: str) -> str:
    """Return the text before a comma or separator: "Jane Doe, PhD" gives "Jane Doe"."""
    return re.split(r"\s*[,|·•]\s*|\s+[–—-]\s+", text)[0].strip()


def _is_name(text: str) -> bool:
    words = text.split()
    return (
        2 <= len(words) <= MAX_NAME_WORDS
        and all(NAME_WORD.match(word) for word in words)
        and words[0][0].isupper()
        and words[-1][0].isupper()
        and not known_heading(text)
        and not word_list("title_words").count(text)
        and not find_place(text)
    )


def _capitalized(name: str) -> str:
    """Turn a name that is printed in capitals into usual letters."""
    return re.sub(r"[^\W\d_]+", lambda match: match[0].capitalize(), name)


def _label(lines: Sequence[Line]) -> str:
    """Return the short text about the person's work that follows the name.

    A lone word or two, printed like the address or number beside it, is rather a place.
    """
    for index, line in enumerate(lines):
        text = line.segments[0].text
        if _is_detail(text) or len(text.split()) > MAX_LABEL_WORDS or text.endswith("."):
            continue
        near = [*lines[max(0, index - 1) : index], *lines[index + 1 : index + 2]]
        is_like_detail = any(_is_detail(o.text) and o.style == line.style for o in near)
        if is_label_text(text) or (is_like_detail and _may_be_city(text)):
            continue
        return _capitalized(text) if is_upper(text) and len(text.split()) > 1 else text
    return ""


def _is_detail(text: str) -> bool:
    return bool(find_email(text) or find_phone(text) or find_urls(text) or find_place(text))


def is_label_text(text: str) -> bool:
    """Tell whether a text is the label of a contact detail, such as "E-mail:"."""
    return bool(_LABEL.fullmatch(text)) or known_heading(text) is not None


_LABEL = re.compile(rf"(?:{alternatives(contact_labels())})\s*[:.]?", re.IGNORECASE)
_BEFORE_LABEL = re.compile(rf"\s+(?=(?:{alternatives(contact_labels())})\s*:)", re.IGNORECASE)
_LABELLED = re.compile(rf"({alternatives(contact_labels())})\s*[:.]\s*(.+)", re.IGNORECASE)


def _place(header: Header, others: tuple[str, str]) -> Place | None:
    """Return where the person lives: a sure location, or a lone city among the details."""
    pieces = [_without_label(piece) for piece in header.pieces]
    for index, piece in enumerate(pieces):
        if find_email(piece) or find_urls(piece):
            continue
        place = find_place(piece, loose=True)
        if place and place.city:
            # A street with its number stands on the line above.
            before = pieces[index - 1] if index and pieces[index - 1][:1].isdigit() else ""
            return find_place(f"{before}, {piece}", loose=True) or place
    city = _labelled(header, "location")
    return Place(city=city) if CITY.match(city) else _city_among_details(header, others)


def _without_label(piece: str) -> str:
    match = _LABELLED.fullmatch(piece)
    return match[2] if match else piece


def _labelled(header: Header, kind: str) -> str:
    """Return the detail that follows a label of this kind, such as "Name:"."""
    for piece in header.pieces:
        match = _LABELLED.fullmatch(piece)
        if match and contact_labels().get(fold(match[1])) == kind:
            return match[2].strip()
    return ""


def _city_among_details(header: Header, others: tuple[str, str]) -> Place | None:
    """Return a place name that stands beside, above or below the e-mail address or phone number.

    `others` are the name and label, which are no places.
    """
    details = [bool(find_email(text) or find_phone(text)) for text in header.pieces]
    for index, piece in enumerate(header.pieces):
        is_near = any(details[max(0, index - 1) : index + 2])
        if is_near and not details[index] and piece not in others and _may_be_city(piece):
            return Place(city=piece)
    return None


def _may_be_city(text: str) -> bool:
    return (
        bool(CITY.match(text))
        and text[0].isupper()
        and len(text.split()) <= MAX_CITY_WORDS
        and not find_urls(text)
        and text not in NETWORKS.values()
        and not word_list("title_words").count(text)
        and not is_label_text(text)
    )


def _summary(parts: Sequence[Part], header: Header) -> str:
    """Return the summary section, or else the prose in the header."""
    for part in parts:
        if part.section == Section.SUMMARY:
            is_mixed = any(map(_is_reachable, part.lines))
            texts = [paragraph.text for paragraph in paragraphs_of(part.lines)]
            return " ".join(text for text in texts if is_prose(text) or not is_mixed)
    texts = [paragraph.text for paragraph in paragraphs_of(header.lines)]
    return " ".join(text for text in texts if is_prose(text))


def is_prose(text: str) -> bool:
    """Tell whether a text is a sentence or more."""
    return len(text.split()) >= PROSE_WORDS and bool(re.search(r"[.!?]$", text))
