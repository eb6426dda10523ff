"""Words of a page → segments: parts of lines that no wide gap interrupts."""

from collections import Counter
from collections.abc import Iterable

from edge_workers.documents.glyphs import DESCENT
from edge_workers.documents.page import Box, Page, Segment, Word
from edge_workers.documents.text import BULLETS, PRIVATE_USE

WIDE_GAP = 1.1
"""Words further apart than this part of their size belong to different segments."""

NARROW_GAP = 0.5
"""A gap wider than this part of the size is wider than between words, unless text is justified."""

EDGE_LINES = 3
"""So many lines with a narrow gap at one place show a column."""

EDGE_STARTS = 2
"""… if so many lines begin at that place."""

OTHER_SIZE = 1.6
"""Words whose sizes differ by this factor belong to different texts, as name and address."""

MARKER_DISTANCE = 2.6
"""A bullet or icon stands at most so far before its text, as a part of the text's size."""

STRONG_BULLETS = "•▪■●◦○‣⁃⦁➢➤►▶▸"
BULLET_CODES = "\uf0b7\uf0a7\uf0d8\uf076\uf0fc"
"""Where the Symbol and Wingdings fonts keep their bullets."""


def segments_of(page: Page, body_weight: int) -> list[Segment]:
    """Return the segments of a page, from top to bottom. `body_weight` is that of usual text."""
    segments: list[Segment] = []
    rows = _rows(page.words)
    edges = _column_edges(rows)
    for row in rows:
        segments += _split(row, edges)
    segments = [segment for segment in segments if segment.words]
    for segment in segments:
        segment.bold = _is_bold(segment.style.weight, body_weight)
    _mark_by_shapes([s for s in segments if not s.bold], page.shapes)
    return segments


def usual_weight(pages: Iterable[Page]) -> int:
    """Return the font weight that most characters of a document have."""
    weights: Counter[int] = Counter()
    for page in pages:
        for word in page.words:
            weights[word.style.weight] += len(word.text)
    return weights.most_common(1)[0][0] if weights else 0


def _is_bold(weight: int, body_weight: int) -> bool:
    return weight > 1.3 * body_weight if body_weight else weight >= 600


def baseline(word: Word) -> float:
    """Return the height of the line on which the word stands."""
    return word.bottom - DESCENT * word.style.size


def _rows(words: list[Word]) -> list[list[Word]]:
    """Group words by their baselines; each row from left to right."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=baseline):
        tolerance = 0.35 * min(word.style.size, rows[-1][0].style.size) if rows else 0
        if rows and baseline(word) - baseline(rows[-1][0]) <= tolerance:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [sorted(row, key=lambda word: word.x0) for row in rows]


def _column_edges(rows: list[list[Word]]) -> frozenset[int]:
    """Return where columns begin whose gutter is narrow: in whole points.

    Words begin there after a gap that is a little wide, on several lines, and lines begin there.
    """
    after_gap: Counter[int] = Counter()
    at_start: Counter[int] = Counter()
    for row in rows:
        at_start[round(row[0].x0)] += 1
        for last, word in zip(row, row[1:], strict=False):
            if word.x0 - last.x1 > NARROW_GAP * _smaller_size(last, word):
                after_gap[round(word.x0)] += 1
    edges = set()
    for edge in after_gap:
        near = (edge - 1, edge, edge + 1)
        is_frequent = sum(after_gap[place] for place in near) >= EDGE_LINES
        if is_frequent and sum(at_start[place] for place in near) >= EDGE_STARTS:
            edges.add(edge)
    return frozenset(edges)


def _split(row: list[Word], edges: frozenset[int]) -> list[Segment]:
    """Cut a row at wide gaps, columns and signs; a sign becomes the marker of what follows."""
    segments: list[Segment] = []
    marker, last = "", None
    for word in row:
        is_parted = last is None or _is_parted(last, word, edges)
        if sign := _sign(word, is_first=is_parted and not _is_framed(row, word)):
            marker, last = sign, word
            continue
        if is_parted or marker:
            is_marked = last is not None and _is_near(last, word)
            segments.append(Segment([], marker=marker if is_marked else ""))
        segments[-1].words.append(_without_bullet(word, segments[-1]))
        marker, last = "", word
    return segments


def _is_framed(row: list[Word], word: Word) -> bool:
    """Tell whether a row begins and ends with the same sign, as "— EDUCATION —" does."""
    return len(row) > 2 and word is row[0] and row[-1].text == word.text


def _smaller_size(last: Word, word: Word) -> float:
    return min(last.style.size, word.style.size)


def _is_parted(last: Word, word: Word, edges: frozenset[int]) -> bool:
    """Tell whether a word does not belong to the one before: by the gap or by its size."""
    gap, size = word.x0 - last.x1, _smaller_size(last, word)
    is_other_size = max(last.style.size, word.style.size) > OTHER_SIZE * size
    return (
        gap > WIDE_GAP * size
        or (round(word.x0) in edges and gap > NARROW_GAP * size)
        or (is_other_size and gap > 0 and not last.style.is_symbol)
    )


def _is_near(sign: Word, word: Word) -> bool:
    return word.x0 - sign.x1 <= MARKER_DISTANCE * word.style.size + 6


def _sign(word: Word, is_first: bool) -> str:
    """Return "bullet" or "icon" if a word is such a sign; a bullet stands first."""
    if word.text in BULLET_CODES or (is_first and word.text in BULLETS):
        return "bullet"
    is_icon = word.style.is_symbol or PRIVATE_USE.match(word.text)
    return "icon" if is_icon and len(word.text) == 1 else ""


def _without_bullet(word: Word, segment: Segment) -> Word:
    """Take off a bullet that touches the first word of a segment."""
    if not segment.words and len(word.text) > 1 and word.text[0] in STRONG_BULLETS:
        segment.marker, word.text = "bullet", word.text[1:]
    return word


def _mark_by_shapes(segments: list[Segment], shapes: list[Box]) -> None:
    """Mark segments with a small shape right before them: browsers draw bullets so.

    Beside bold titles such shapes are the dots of a time line, which mark no items.
    """
    for segment in segments if shapes else ():
        if segment.marker:
            continue
        size = segment.size
        for shape in shapes:
            middle = (shape.top + shape.bottom) / 2
            is_before = 0 < segment.x0 - shape.x1 < MARKER_DISTANCE * size
            if is_before and segment.top < middle < segment.bottom:
                is_small = shape.bottom - shape.top < size
                segment.marker = "bullet" if is_small else "icon"
