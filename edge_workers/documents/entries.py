"""Lines of a section → its entries: jobs, studies, projects; each has a header and a body.

Dates are the anchors: an entry has one period in its header. Where the header begins before its
date is told by the first entry of the section, as the others are made alike.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edge_workers.documents.dates import Period, begins_with_present, first_period, without_period
from edge_workers.documents.headings import is_empty_label
from edge_workers.documents.page import Line, Segment, Style
from edge_workers.documents.paragraphs import is_full, paragraphs_of
from edge_workers.documents.places import is_location
from edge_workers.documents.text import fold
from edge_workers.documents.vocabulary import phrases, word_list

MAX_LINES_BEFORE_DATE = 3
MAX_LINES_AFTER_DATE = 3
MAX_WRAPPED = 4
"""What a header line leaves for the next one has at most so many words."""

WRAP_GAP = 1.7
"""Lines of one wrapped text follow each other more closely than this many sizes."""

MAX_HEADER_WORDS = 14
MAX_PLAIN_WORDS = 8
"""A header line that looks like usual text has at most so many words …"""

MAX_THIRD_WORDS = 4
"""… and if position and organization may be there already, not even as many."""


@dataclass
class Entry:
    """One entry: its header lines without the period, the period, and its body."""

    header: list[Line] = field(default_factory=list)
    body: list[Line] = field(default_factory=list)
    period: Period | None = None


def entries_of(
    lines: Sequence[Line], body_style: Style, *, single_dates: bool = False
) -> list[Entry]:
    """Cut a section into entries.

    `body_style` is the style of the document's usual text. With `single_dates` one date is enough
    for an entry, as for a certificate; a job has a period, or a date on its own.
    """
    lines = joined_headers([line for line in lines if not _says_nothing(line)])
    if single_dates and (items := _items(lines)):
        return [_entry(item, body_style, single_dates) for item in items]
    wrapped = {id(line) for p in paragraphs_of(lines) if p.is_item for line in p.lines[1:]}
    dates = [
        index
        for index, line in enumerate(lines)
        if id(line) not in wrapped and header_period(line, single_dates) is not None
    ]
    dates = [
        i for n, i in enumerate(dates) if n == 0 or not _is_same_header(lines, dates[n - 1], i)
    ]
    starts = _starts(lines, dates)
    entries = []
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(lines)
        entries.append(_entry(lines[start:end], body_style, single_dates))
    return entries


def _says_nothing(line: Line) -> bool:
    """Tell whether a line is an empty label or the head of a table."""
    texts = [segment.text for segment in line.segments]
    is_head = len(texts) > 1 and all(fold(text) in phrases("column_labels") for text in texts)
    return is_head or is_empty_label(line.text)


def _items(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the items of a list whose every item is an entry; empty if it is no such list."""
    paragraphs = paragraphs_of(lines)
    if not all(paragraph.is_item for paragraph in paragraphs):
        return []
    return [[replace(line, marker="") for line in paragraph.lines] for paragraph in paragraphs]


def joined_headers(lines: Sequence[Line]) -> list[Line]:
    """Join short lines that wrap with the next one, and a period that is parted by a line's end."""
    joined: list[Line] = []
    for line in lines:
        last = joined[-1] if joined else None
        if last is not None and (_wraps(last, line) or _parts_period(last, line)):
            words = [*last.segments[-1].words, *line.segments[0].words]
            segment = Segment(words, last.segments[-1].bold, last.segments[-1].marker)
            segments = [*last.segments[:-1], segment, *line.segments[1:]]
            joined[-1] = replace(last, segments=segments, room=line.room)
        else:
            joined.append(line)
    return joined


def _wraps(last: Line, line: Line) -> bool:
    """Tell whether a header line goes on on the next one: it is full, and both look the same."""
    first_style, second_style = last.segments[-1].words[-1].style, line.style
    if first_style != second_style or last.marker or line.marker or len(line.segments) > 1:
        return False
    is_short = len(last.text.split()) <= MAX_HEADER_WORDS and len(line.text.split()) <= MAX_WRAPPED
    is_own = first_period(last.text) or first_period(line.text) or is_location(line.text)
    is_near = line.gap < WRAP_GAP and line.block == last.block
    return is_short and is_near and not is_own and is_full(last, line) and not _is_sentence(last)


def _is_sentence(line: Line) -> bool:
    return line.text.endswith((".", "!", "?", "-", ":"))


def _parts_period(last: Line, line: Line) -> bool:
    """Tell whether a line ends with "2015 –" and the next one begins with the other date."""
    if last.room is None or not re.search(r"\d\s*[-–—]$", last.text):
        return False
    if begins_with_present(line.text):
        return True
    period = first_period(line.text)
    return period is not None and period.span[0] == 0 and not period.is_range


def header_period(line: Line, single_dates: bool) -> Period | None:
    """Return the period that makes a line part of a header; None for dates inside a text."""
    if line.marker == "bullet" and len(line.segments) == 1 and len(line.text.split()) > 8:
        return None
    for segment in line.segments:
        period = first_period(segment.text)
        if period is None:
            continue
        rest = without_period(segment.text, period)
        is_at_edge = period.span[0] <= 1 or (
            period.span[1] >= len(segment.text.rstrip()) - 1 and not period.is_since
        )
        if period.is_range and is_at_edge and len(rest.split()) <= MAX_HEADER_WORDS:
            return period
        is_alone = not any(map(str.isalnum, rest))
        if is_alone or (single_dates and is_at_edge and len(rest.split()) <= MAX_HEADER_WORDS):
            return period
    return None


def _is_same_header(lines: Sequence[Line], first: int, second: int) -> bool:
    """Tell whether two dates are one below the other in a header: "2019" and "2021"."""
    return second == first + 1 and all(
        not any(map(str.isalnum, without_period(lines[i].text, p)))
        for i in (first, second)
        if (p := first_period(lines[i].text)) is not None
    )


def _starts(lines: Sequence[Line], dates: list[int]) -> list[int]:
    """Return the indices of the lines with which entries begin."""
    if not lines:
        return []
    if not dates:
        return _starts_without_dates(lines)
    before = dates[0] if dates[0] <= MAX_LINES_BEFORE_DATE else 0
    first = dates[0] - before
    starts = [first] if first == 0 else [0, first]
    for previous, date in zip(dates, dates[1:], strict=False):
        starts.append(_start_before(lines, previous, date, before, first))
    return starts


def _start_before(lines: Sequence[Line], previous: int, date: int, before: int, first: int) -> int:
    """Return where the entry with this date begins, made like the first entry."""
    model = look(lines[first])
    earliest = max(previous + 1, date - max(before, 1))
    free = [i for i in range(earliest, date) if lines[i].marker != "bullet"]
    while free and free != list(range(free[0], date)):
        free = free[1:]
    for index in free:
        if look(lines[index]) == model and before:
            return index
    if before == 0:
        return date
    # None looks like the first entry's beginning: the widest gap parts the entries.
    return max([*free, date], key=lambda i: (lines[i].gap, -i))


def _starts_without_dates(lines: Sequence[Line]) -> list[int]:
    """Cut where lines look like the first one and text stands between."""
    model = look(lines[0])
    starts = [0]
    for index in range(1, len(lines)):
        is_new = look(lines[index]) == model and look(lines[index - 1]) != model
        if is_new and lines[index].marker == lines[0].marker:
            starts.append(index)
    return starts


def look(line: Line) -> tuple[float, bool, bool, int]:
    """Return what tells header lines from others: size, weight, slant and colour."""
    return line.style.size, line.bold, line.style.italic, line.style.color


def _entry(lines: Sequence[Line], body_style: Style, single_dates: bool) -> Entry:
    """Part an entry's header from its body and take the period out of the header."""
    entry = Entry()
    after_date = 0
    for line in lines:
        period = header_period(line, single_dates) if entry.period is None else None
        if period is not None:
            entry.period = period
            line = _without_date(line, single_dates)
            if line.segments:
                entry.header.append(line)
            continue
        after_date += entry.period is not None
        is_header = not entry.body and (
            after_date <= MAX_LINES_AFTER_DATE
            and _is_header_line(line, body_style, number=len(entry.header))
        )
        (entry.header if is_header else entry.body).append(line)
    return entry


def _is_header_line(line: Line, body_style: Style, *, number: int) -> bool:
    """Tell whether a line before any body belongs to the header, which has `number` lines yet."""
    words = line.text.split()
    if line.marker == "bullet" and not is_location(line.text):
        return False
    if number == 0 and len(words) <= MAX_HEADER_WORDS:
        return True
    if len(words) > MAX_HEADER_WORDS or line.text.endswith((".", ";")) and len(words) > 5:
        return False
    style = line.style
    differs = line.bold or style.italic or style.size > body_style.size + 0.4
    differs = differs or style.color != body_style.color or len(line.segments) > 1
    is_named = is_location(line.text) or word_list("organization_words").count(line.text) > 0
    most = MAX_PLAIN_WORDS if number < 2 else MAX_THIRD_WORDS
    return differs or is_named or len(words) <= most


def _without_date(line: Line, single_dates: bool) -> Line:
    """Return a line without its period; the words of the period go."""
    segments = []
    is_taken = False
    for segment in line.segments:
        period = None if is_taken else header_period(Line([segment]), single_dates)
        if period is None:
            segments.append(segment)
            continue
        is_taken = True
        rest = without_words(segment, period)
        if rest is not None:
            segments.append(rest)
    return Line(
        segments, line.page, line.block, line.marker, line.gap, line.room, line.starts_column
    )


def without_words(segment: Segment, period: Period) -> Segment | None:
    """Return a segment without the words of a period; None if nothing else is left."""
    start, end = period.span
    position, kept = 0, []
    for word in segment.words:
        is_inside = position < end and position + len(word.text) > start
        if not is_inside:
            kept.append(word)
        position += len(word.text) + 1
    while kept and not any(map(str.isalnum, kept[-1].text)):
        kept.pop()
    if not any(any(map(str.isalnum, word.text)) for word in kept):
        return None
    return Segment(kept, segment.bold, segment.marker)


def usual_style(lines: Sequence[Line]) -> Style:
    """Return the style that most characters of a document have."""
    lengths: Counter[Style] = Counter()
    for line in lines:
        for segment in line.segments:
            for word in segment.words:
                lengths[word.style] += len(word.text)
    return lengths.most_common(1)[0][0] if lengths else Style()
