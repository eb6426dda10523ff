"""Who the résumé is about: name, label, contact details, summary."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from edge_workers.documents.contact import (
    find_email,
    find_phone,
    find_urls,
    profile_of,
    url_key,
    with_scheme,
)
from edge_workers.documents.headings import contact_labels, known_heading
from edge_workers.documents.page import Line
from edge_workers.documents.paragraphs import paragraphs_of
from edge_workers.documents.places import CITY, Place, find_place
from edge_workers.documents.sections import Part
from edge_workers.documents.text import is_upper
from edge_workers.documents.vocabulary import NETWORKS, Section, alternatives, word_list

SEPARATOR = re.compile(r"\s*[|·•∙⋅│¦●◦▪■]\s*|\s+[–—]\s+|\s{3,}")
NAME_WORD = re.compile(r"[^\W\d_][\w.'’-]*$")
MAX_NAME_WORDS = 5
MAX_LABEL_WORDS = 10
PROSE_WORDS = 12
"""A text in the header with so many words is a summary."""


class Header:
    """The lines that tell who and where the person is, cut into single details."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """Gather what stands before the first section and in contact sections."""
        self.lines = [line for part in parts if part.section == Section.CONTACT for line in part.lines]
        self.pieces = [piece for text in _joined_urls(self.lines) for piece in _pieces(text)]
        words = (word for line in self.lines for seg in line.segments for word in seg.words)
        self.links = list(dict.fromkeys(word.uri for word in words if word.uri))
        self.text = "\n".join(self.pieces)


def _joined_urls(lines: Sequence[Line]) -> list[str]:
    """Return the texts of segments, with an address that wraps into the next line made whole."""
    texts: list[str] = []
    last: Line | None = None
    for line in lines:
        if last is not None and _wraps_url(last, line):
            texts[-1] += line.text
        else:
            texts += [segment.text for segment in line.segments]
        last = line
    return texts


def _wraps_url(last: Line, line: Line) -> bool:
    """Tell whether a line is the rest of the web address that ends the line before."""
    urls = find_urls(last.text)
    if not urls or not last.text.endswith(urls[-1]) or " " in line.text or "@" in line.text:
        return False
    same_link = last.segments[-1].words[-1].uri and (
        last.segments[-1].words[-1].uri == line.segments[0].words[0].uri
    )
    is_cut = last.text.endswith(("-", "/", "_")) and line.room is not None
    return bool(same_link or is_cut) and not find_urls(line.text) and not known_heading(line.text)


def _pieces(text: str) -> list[str]:
    return [piece.strip() for piece in SEPARATOR.split(text) if piece and piece.strip()]


def basics_of(parts: Sequence[Part], all_text: str) -> dict[str, Any]:
    """Return JSON Resume's `basics`; what is not found is left out."""
    header = Header(parts)
    name, label = _name_and_label(header)
    url, profiles = _addresses(header)
    place = _place(header, name)
    basics = {
        "name": name,
        "label": label,
        "email": _email(header, all_text),
        "phone": find_phone(header.text) or find_phone(_linked(header.links, "tel:")),
        "url": url,
        "summary": _summary(parts, header),
        "location": place.as_json_resume() if place else {},
        "profiles": profiles,
    }
    return {key: value for key, value in basics.items() if value}


def _email(header: Header, all_text: str) -> str:
    linked = find_email(_linked(header.links, "mailto:"))
    return find_email(header.text) or linked or find_email(all_text)


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
    candidates = [
        (-line.style.size, index)
        for index, line in enumerate(header.lines)
        if line.page == 0 and _is_name(_first_piece(line.text))
    ]
    if not candidates:
        return "", ""
    index = min(candidates)[1]
    line = header.lines[index]
    name = _first_piece(line.text)
    rest = line.text[len(name) :].strip(" ,|·•–—-")
    following = header.lines[index + 1 :]
    if following and _is_second_half(line, following[0]):
        name, following = f"{name} {following[0].text}", following[1:]
    label = rest or _label(following[:2])
    return (_capitalized(name) if is_upper(name) else name), label


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


def _is_second_half(line: Line, following: Line) -> bool:
    """Tell whether a name is printed on two lines, as large posters do."""
    return (
        following.style == line.style
        and len(line.text.split()) == 1
        and len(following.text.split()) <= 2
        and bool(NAME_WORD.match(following.text.split()[0]))
    )


def _capitalized(name: str) -> str:
    """Turn a name that is printed in capitals into usual letters."""
    return re.sub(r"[^\W\d_]+", lambda match: match[0].capitalize(), name)


def _label(lines: Sequence[Line]) -> str:
    """Return the short text about the person's work that follows the name."""
    for line in lines:
        text = line.segments[0].text
        is_detail = find_email(text) or find_phone(text) or find_urls(text) or find_place(text)
        if is_detail or len(text.split()) > MAX_LABEL_WORDS or text.endswith("."):
            continue
        if not is_label_text(text) and len(text) > 2:
            return _capitalized(text) if is_upper(text) and len(text.split()) > 1 else text
    return ""


def is_label_text(text: str) -> bool:
    """Tell whether a text is the label of a contact detail, such as "E-mail:"."""
    return bool(_LABEL.fullmatch(text)) or known_heading(text) is not None


_LABEL = re.compile(rf"(?:{alternatives(contact_labels())})\s*[:.]?", re.IGNORECASE)
_LABELLED = re.compile(rf"({alternatives(contact_labels())})\s*[:.]\s*(.+)", re.IGNORECASE)


def _place(header: Header, name: str) -> Place | None:
    """Return where the person lives: a sure location, or a lone city among the details."""
    pieces = [_without_label(piece) for piece in header.pieces]
    for index, piece in enumerate(pieces):
        if find_email(piece) or find_urls(piece) or len(piece) > 120:
            continue
        place = find_place(piece)
        if place and place.city:
            before = pieces[index - 1] if index else ""
            return find_place(f"{before}, {piece}") or place if re.match(r"\d", before) else place
    return _labelled_city(header) or _city_among_details(header, name)


def _without_label(piece: str) -> str:
    match = _LABELLED.fullmatch(piece)
    return match[2] if match else piece


def _labelled_city(header: Header) -> Place | None:
    for piece in header.pieces:
        match = _LABELLED.fullmatch(piece)
        kind = contact_labels().get(match[1].casefold()) if match else ""
        if match and kind == "location" and CITY.match(match[2]):
            return Place(city=match[2])
    return None


def _city_among_details(header: Header, name: str) -> Place | None:
    """Return a place name that stands on one line with the e-mail address or phone number."""
    for line in header.lines:
        pieces = [piece for segment in line.segments for piece in _pieces(segment.text)]
        details = [piece for piece in pieces if find_email(piece) or find_phone(piece)]
        for piece in pieces:
            is_other = piece in details or find_urls(piece) or piece in NETWORKS.values()
            is_city = CITY.match(piece) and piece[0].isupper() and len(piece.split()) <= 3
            if details and not is_other and is_city and piece != name:
                if not word_list("title_words").count(piece) and not is_label_text(piece):
                    return Place(city=piece)
    return None


def _summary(parts: Sequence[Part], header: Header) -> str:
    """Return the summary section, or else the prose in the header."""
    for part in parts:
        if part.section == Section.SUMMARY:
            return " ".join(paragraph.text for paragraph in paragraphs_of(part.lines))
    texts = [paragraph.text for paragraph in paragraphs_of(header.lines)]
    return " ".join(text for text in texts if is_prose(text))


def is_prose(text: str) -> bool:
    """Tell whether a text is a sentence or more."""
    return len(text.split()) >= PROSE_WORDS and bool(re.search(r"[.!?]$", text))
