"""Lines → sections: where each begins is told by its heading's words and look."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_workers.documents.headings import (
    MAX_HEADING_WORDS,
    guess_heading,
    is_clear_heading,
    known_heading,
)
from edge_workers.documents.page import Line
from edge_workers.documents.text import is_upper
from edge_workers.documents.vocabulary import Section

Look = tuple[str, float, int, int, bool]

MIN_KNOWN = 0.5
"""Lines that look like headings are headings if so many of them are known ones."""


@dataclass
class Part:
    """A section of the document: what it is, its heading as printed, and its lines.

    `is_group` means that the heading is the name of one group of skills.
    """

    section: Section
    title: str = ""
    lines: list[Line] = field(default_factory=list)
    is_group: bool = False


def look_of(line: Line) -> Look:
    """Return what makes headings look alike: font, size, weight, colour and capitals."""
    style = line.style
    return style.font, style.size, style.weight, style.color, is_upper(line.text)


def parts_of(lines: Sequence[Line]) -> list[Part]:
    """Cut a document into its sections. What stands before the first is a CONTACT part."""
    looks = _heading_looks(lines)
    parts = [Part(Section.CONTACT)]
    for line in lines:
        section = _section_of(line, looks)
        if section is not None:
            parts.append(Part(section, line.text))
            continue
        if line.starts_column and line.page == 0:
            parts.append(Part(Section.CONTACT))
        parts[-1].lines.append(line)
    return [part for part in parts if part.lines]


def _may_be_heading(line: Line) -> bool:
    return (
        line.marker != "bullet"
        and len(line.segments) == 1
        and len(line.text.split()) <= MAX_HEADING_WORDS
        and any(map(str.isalpha, line.text))
    )


def _heading_looks(lines: Sequence[Line]) -> dict[Look, bool]:
    """Return how headings look here, and for each look whether it is used for headings only."""
    clear = Counter(
        look_of(line) for line in lines if _may_be_heading(line) and is_clear_heading(line.text)
    )
    looks: dict[Look, bool] = {}
    for look in clear:
        same = [line for line in lines if look_of(line) == look]
        known = sum(known_heading(line.text) is not None for line in same)
        looks[look] = known >= 2 and known >= MIN_KNOWN * len(same)
    return looks


def _section_of(line: Line, looks: dict[Look, bool]) -> Section | None:
    """Return the section that a line begins, or None."""
    if not _may_be_heading(line):
        return None
    section, look = known_heading(line.text), look_of(line)
    if section is not None and (is_clear_heading(line.text) or look in looks or not looks):
        return section
    if looks.get(look):
        return section or guess_heading(line.text) or Section.OTHER
    return None
