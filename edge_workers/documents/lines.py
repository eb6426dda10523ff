"""Segments of one column → its lines, with the items of a rail put where they belong."""

from collections.abc import Sequence
from statistics import median

from edge_workers.documents.dates import is_date
from edge_workers.documents.gutters import BAND_GAP
from edge_workers.documents.headings import (
    MAX_HEADING_WORDS,
    guess_heading,
    is_clear_heading,
    is_contact_label,
    known_heading,
)
from edge_workers.documents.page import Line, Segment, Word

SAME_LINE = 0.4
"""Segments whose middles differ by less than this part of their size stand on one line."""

RAIL_PITCH = 1.9
"""Items of a rail that follow each other more closely than this many sizes are one item."""


def lines_of(segments: Sequence[Segment], page: int, right_edge: float) -> list[Line]:
    """Return the lines of a column from top to bottom; the column ends at `right_edge`."""
    rows: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda s: s.middle):
        if rows and segment.middle - rows[-1][0].middle <= SAME_LINE * _smaller(segment, rows[-1]):
            rows[-1].append(segment)
        else:
            rows.append([segment])
    lines: list[Line] = []
    for row in rows:
        lines += _lines_of_row(sorted(row, key=lambda s: s.x0), page, right_edge)
    measure_gaps(lines)
    return lines


def _smaller(segment: Segment, row: list[Segment]) -> float:
    return min(segment.size, *(other.size for other in row))


def _lines_of_row(row: list[Segment], page: int, right_edge: float) -> list[Line]:
    """Make one line; a heading at the left with text beside it becomes a line of its own."""
    first = row[0]
    if fused := _fused_heading(first):
        heading, rest = fused
        return [
            Line([heading], page, marker=first.marker),
            Line([rest, *row[1:]], page, room=right_edge - row[-1].x1),
        ]
    is_beside_heading = len(row) > 1 and known_heading(first.text) is not None
    parts = [row]
    if is_beside_heading and first.style != row[1].style and not is_date(row[1].text):
        parts = [[first], row[1:]]
    return [
        Line(part, page, marker=part[0].marker, room=right_edge - part[-1].x1) for part in parts
    ]


def _fused_heading(segment: Segment) -> tuple[Segment, Segment] | None:
    """Part a heading from the text that follows it on the line, if the two look different."""
    words = segment.words
    for number in range(1, min(MAX_HEADING_WORDS, len(words) - 1) + 1):
        text = " ".join(word.text for word in words[:number])
        before, after = words[number - 1], words[number]
        looks_different = (before.style.weight, before.style.color, before.style.size) != (
            after.style.weight,
            after.style.color,
            after.style.size,
        )
        if looks_different and is_clear_heading(text) and not text.endswith(":"):
            bold = before.style.weight > after.style.weight
            rest = Segment(words[number:], bold=segment.bold and not bold)
            return Segment(words[:number], bold or segment.bold, segment.marker), rest
    return None


def measure_gaps(lines: list[Line]) -> None:
    """Set each line's distance to the one above, as a part of the larger letters' size."""
    for above, line in zip(lines, lines[1:], strict=False):
        if line.segments[0].bottom < above.segments[0].top:
            continue
        distance = line.segments[0].bottom - above.segments[0].bottom
        line.gap = max(0.0, distance / max(line.style.size, above.style.size))


def lines_with_rail(rail: list[Segment], lines: list[Line], page: int) -> list[Line]:
    """Put each item of a rail before the line that it stands beside.

    An item alone beside a group of lines goes before the group, as it may be centred on it. A name
    or label such as "Phone" joins the line that it stands beside.
    """
    if not lines:
        return [line for item in _rail_items(rail) for line in _lines_of_item(item, page)]
    measure_gaps(lines)
    groups = _groups(lines)
    placed: dict[int, list[Line]] = {}
    items = _rail_items(rail)
    for item in items:
        index = _place_of(item, items, lines, groups)
        if len(item) == 1 and _is_name_beside(item[0], lines, index):
            lines[index].segments.insert(0, item[0])
        else:
            placed.setdefault(index, []).extend(_lines_of_item(item, page))
    result: list[Line] = []
    for index, line in enumerate(lines):
        result += placed.get(index, [])
        result.append(line)
    return result + placed.get(len(lines), [])


def _is_name_beside(segment: Segment, lines: list[Line], index: int) -> bool:
    """Tell whether a segment is a name, and a line stands at its height that is no heading."""
    return (
        index < len(lines)
        and abs(lines[index].segments[0].middle - segment.middle) < 0.5 * segment.size
        and not is_date(segment.text)
        and not known_heading(segment.text)
        and not known_heading(lines[index].text)
    )


def _rail_items(rail: list[Segment]) -> list[list[Segment]]:
    """Group the segments of a rail that follow each other closely."""
    items: list[list[Segment]] = []
    for segment in sorted(rail, key=lambda s: (s.middle, s.x0)):
        last = items[-1][-1] if items else None
        pitch = RAIL_PITCH * max(segment.size, last.size) if last else 0.0
        if last and segment.middle - last.middle < pitch and not is_contact_label(segment.text):
            items[-1].append(segment)
        else:
            items.append([segment])
    return items


def _place_of(
    item: list[Segment],
    items: list[list[Segment]],
    lines: list[Line],
    groups: list[tuple[float, float, int]],
) -> int:
    """Return the index of the line before which an item of a rail is read."""
    top, size = item[0].middle, item[0].size
    middle = (item[0].top + item[-1].bottom) / 2
    for first, last, index in groups:
        beside = [other for other in items if first <= other[0].middle <= last]
        if first <= middle <= last and len(beside) == 1:
            return index
    distances = [abs(line.segments[0].middle - top) for line in lines]
    nearest = min(range(len(lines)), key=distances.__getitem__)
    if distances[nearest] < 0.75 * size:
        return nearest
    below = (i for i, line in enumerate(lines) if line.segments[0].middle >= top - 0.75 * size)
    return next(below, len(lines))


def _groups(lines: list[Line]) -> list[tuple[float, float, int]]:
    """Return the top, bottom and first index of each group of lines between wide gaps."""
    usual = median([line.gap for line in lines[1:] if line.gap > 0.5] or [1.0])
    starts = [i for i, line in enumerate(lines) if i == 0 or line.gap > usual + BAND_GAP]
    ends = [*starts[1:], len(lines)]
    return [
        (lines[start].segments[0].top, lines[end - 1].segments[0].bottom, start)
        for start, end in zip(starts, ends, strict=True)
    ]


def _lines_of_item(item: list[Segment], page: int) -> list[Line]:
    """Return an item of a rail as lines: a heading may take two rows, and so may a period."""
    parts: list[list[Segment]] = []
    for segment in item:
        if parts and _goes_on(parts[-1], segment):
            parts[-1].append(segment)
        else:
            parts.append([segment])
    lines = []
    for part in parts:
        is_two_dates = len(part) > 1 and all(is_date(segment.text) for segment in part)
        needs_dash = is_two_dates and not part[0].text.endswith(("-", "–", "—"))
        joined = _joined(part, between="–" if needs_dash else "")
        lines.append(Line([joined], page, marker=part[0].marker))
    return lines


def _goes_on(part: list[Segment], segment: Segment) -> bool:
    """Tell whether a segment below others in a rail ends their heading or their period."""
    last = part[-1]
    if last.style != segment.style:
        return False
    if is_date(last.text):
        is_end = is_date(segment.text) or is_date(f"{last.text} {segment.text}")
        return is_end and len(part) == 1
    whole = " ".join(s.text for s in [*part, segment])
    is_guess = guess_heading(whole) and not known_heading(last.text)
    return bool(known_heading(whole) or (is_guess and not known_heading(segment.text)))


def _joined(group: list[Segment], between: str = "") -> Segment:
    """Join segments that stand below each other into one."""
    words: list[Word] = []
    for segment in group:
        if words and between:
            last = words[-1]
            words.append(Word(between, last.x1, last.x1, last.top, last.bottom, last.style))
        words += segment.words
    return Segment(words, group[0].bold, group[0].marker)
