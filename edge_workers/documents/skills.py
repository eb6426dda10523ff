"""Skills, in groups or flat → JSON Resume."""

import re
from collections.abc import Sequence
from typing import Any

from edge_workers.documents.page import Line
from edge_workers.documents.paragraphs import paragraphs_of
from edge_workers.documents.text import fold
from edge_workers.documents.vocabulary import phrases

SEPARATOR = re.compile(r"\s*[,;|·•∙⋅│¦●◦▪■]\s*(?![^()]{0,80}\))|\s+[–—/]\s+")
MAX_GROUP_WORDS = 6
MAX_SKILL_LENGTH = 120
CHIP_GAP = 0.6
"""Skills without commas between them are further apart than this part of their size."""

GROUP = re.compile(r"^([^:,;]{2,50}?)\s*:\s*(.*)$")
TRAILING_LEVEL = re.compile(r"^(.*?)\s*[(\[–—-]\s*([^()\[\]]+?)\s*[)\]]?$")


class _Groups:
    """Collects skills; names a group when one begins."""

    def __init__(self) -> None:
        self.groups: list[dict[str, Any]] = []

    def begin(self, name: str, level: str = "") -> None:
        """Begin a group."""
        self.groups.append({"name": name, "level": level, "keywords": []})

    def set_level(self, level: str) -> None:
        """Set how well the skills of the current group are known."""
        if self.groups:
            self.groups[-1]["level"] = self.groups[-1]["level"] or level

    def add(self, text: str) -> None:
        """Add the skills of a text that is a list."""
        if not self.groups:
            self.begin("")
        for part in SEPARATOR.split(text):
            skill = part.strip(" .;:-–—•·")
            if skill and any(map(str.isalnum, skill)):
                self.groups[-1]["keywords"].append(skill)

    def as_json_resume(self) -> list[dict[str, Any]]:
        """Return the groups; skills without a group are entries of their own."""
        skills: list[dict[str, Any]] = []
        for group in self.groups:
            if not group["name"]:
                skills += [{"name": keyword} for keyword in group["keywords"]]
            else:
                skills.append({key: value for key, value in group.items() if value})
        return skills


def skills_of(
    lines: Sequence[Line], known_words: frozenset[str], group: str = ""
) -> list[dict[str, Any]]:
    """Return JSON Resume's `skills` for the lines of a section, which may be one named group."""
    groups = _Groups()
    if group:
        groups.begin(group)
    names = _group_looks(lines)
    plain: list[Line] = []
    for line in lines:
        if _is_row(line):
            _add_text(groups, plain, known_words)
            plain = []
            groups.begin(*_without_level(line.segments[0].text.rstrip(" :")))
            for segment in line.segments[1:]:
                groups.add(segment.text)
        elif names and _look(line) in names and not GROUP.match(line.text):
            _add_text(groups, plain, known_words)
            plain = []
            _begin_group(groups, line)
        else:
            plain.append(line)
    _add_text(groups, plain, known_words)
    return groups.as_json_resume()


def may_be_skills(lines: Sequence[Line]) -> bool:
    """Tell whether a text is a list of short names with a level, as skills have."""
    has_level = any(is_level(line.text) for line in lines)
    return has_level and all(len(line.text.split()) <= MAX_GROUP_WORDS for line in lines)


def is_level(text: str) -> bool:
    """Tell whether a text says how well something is known."""
    return fold(text) in phrases("levels")


def _is_row(line: Line) -> bool:
    """Tell whether a line is a table's row: a group's name, and beside it a list."""
    first = line.segments[0].text
    return (
        len(line.segments) > 1
        and len(SEPARATOR.split(first)) == 1
        and any(len(SEPARATOR.split(segment.text)) > 1 for segment in line.segments[1:])
    )


def _look(line: Line) -> tuple[float, int, int, bool, bool]:
    style = line.style
    return style.size, style.weight, style.color, bool(line.marker), style.italic


def _group_looks(lines: Sequence[Line]) -> set[tuple[float, int, int, bool, bool]]:
    """Return how the names of groups look: heavier or larger than the skills below them."""
    looks = [_look(line) for line in lines]
    first = looks[0] if looks else None
    others = {look for look in looks if look != first}
    if first is None or not others or lines[0].marker or GROUP.match(lines[0].text):
        return set()
    size = max(look[0] for look in others)
    weight = max(look[1] for look in others)
    is_slanted = first[4] and not any(look[4] for look in others)
    is_larger = first[0] > size or first[1] > weight
    stands_out = is_larger or is_slanted or _is_followed_by_items(lines)
    is_name = len(lines[0].segments[0].text.split()) <= MAX_GROUP_WORDS
    is_name = is_name and len(SEPARATOR.split(lines[0].segments[0].text)) == 1
    return {first} if stands_out and is_name else set()


def _is_followed_by_items(lines: Sequence[Line]) -> bool:
    """Tell whether the first line has no bullet and the next one has."""
    return len(lines) > 1 and not lines[0].marker and bool(lines[1].marker)


def _begin_group(groups: _Groups, line: Line) -> None:
    """Begin a group with the line's first segment; a level may stand beside it."""
    segments = [segment.text for segment in line.segments]
    level = next((text for text in segments[1:] if is_level(text)), "")
    name, inner = _without_level(segments[0])
    groups.begin(name.rstrip(" :"), level or inner)
    for text in segments[1:]:
        if not is_level(text):
            groups.add(text)


def _without_level(text: str) -> tuple[str, str]:
    """Part "Languages (Advanced)" into the name and the level."""
    match = TRAILING_LEVEL.match(text) if len(text) <= MAX_SKILL_LENGTH else None
    return (match[1], match[2]) if match and is_level(match[2]) else (text, "")


def _add_text(groups: _Groups, lines: Sequence[Line], known_words: frozenset[str]) -> None:
    """Add lines of skills: "Name: a, b" is a group, other lines are skills or levels."""
    chips = [_chips(line) for line in lines]
    if any(len(texts) > 1 for texts in chips):
        for texts in chips:
            for text in texts:
                _add_one(groups, text)
        return
    for paragraph in paragraphs_of(lines, known_words):
        _add_one(groups, paragraph.text)


def _chips(line: Line) -> list[str]:
    """Cut a line at gaps that are wider than between words; skills in boxes stand so."""
    texts: list[str] = []
    for segment in line.segments:
        last = None
        for word in segment.words:
            if last is not None and word.x0 - last.x1 <= CHIP_GAP * word.style.size:
                texts[-1] += f" {word.text}"
            else:
                texts.append(word.text)
            last = word
    return texts if not SEPARATOR.search(line.text) or len(line.segments) > 1 else [line.text]


def _add_one(groups: _Groups, text: str) -> None:
    match = GROUP.match(text)
    if is_level(text):
        groups.set_level(text)
    elif match and len(match[1].split()) <= MAX_GROUP_WORDS:
        groups.begin(*_without_level(match[1]))
        groups.add(match[2])
    else:
        name, level = _without_level(text)
        groups.add(name if level else text)
