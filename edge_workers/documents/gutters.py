"""Find the white strip between two columns, and tell columns from rails.

A rail is a narrow column of labels or dates whose items belong to what stands beside them, while a
column has its own flow of text and is read to its end first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_workers.documents.dates import is_date
from edge_workers.documents.headings import is_clear_heading, is_contact_label, known_heading
from edge_workers.documents.page import Segment
from edge_workers.documents.places import is_location

MIN_ROWS = 3
"""Text beside text on fewer rows than this is no column."""

MIN_GUTTER = 0.7
"""A gutter is wider than this part of the text's size."""

CLEAR_ROWS, CLEAR_GUTTER = 8, 1.6
"""With fewer rows than this a gutter must be wider than this part of the size: words in a few
rows begin at the same place by chance."""

EDGE_TOLERANCE = 2.5
"""Left edges that differ by fewer points are the same."""

MAX_INDENT = 1.5
"""Text of a column is indented by at most this part of its size."""

MAX_OFFSET = 0.3
"""Rows of a column begin within this part of its width."""

LABEL_PART = 0.8
"""The part of a rail's lines that must be labels, dates or places."""

MAX_NAME_WORDS = 3
"""Names in the first column of a table have at most so many words."""

BAND_GAP = 0.7
"""Bands of a table are parted by more white than this part of the text's size."""


@dataclass(frozen=True)
class Gutter:
    """A white strip: the segments left and right of it, and whether the left side is a rail."""

    left: list[Segment]
    right: list[Segment]
    is_rail: bool
    score: float

    @property
    def top(self) -> float:
        """Return where the text beside the gutter begins."""
        return min(segment.top for segment in self.left + self.right)

    @property
    def bottom(self) -> float:
        """Return where the text beside the gutter ends."""
        return max(segment.bottom for segment in self.left + self.right)


def find_gutter(segments: Sequence[Segment]) -> Gutter | None:
    """Return the gutter with the most text on both sides, or None if the text is one column."""
    best: Gutter | None = None
    for edge in _left_edges(segments):
        for left, right in _runs(segments, edge):
            for part in _parts_by_heading(left, right):
                gutter = _gutter(*part)
                if gutter and (best is None or gutter.score > best.score):
                    best = gutter
    return best


def _parts_by_heading(
    left: list[Segment], right: list[Segment]
) -> list[tuple[list[Segment], list[Segment]]]:
    """Cut a run at the left side's headings if the right side has none: then they hold for both."""
    if any(is_clear_heading(segment.text) for segment in right):
        return [(left, right)]
    styles = {segment.style for segment in left if is_clear_heading(segment.text)}
    cuts = [s.top for s in left if s.style in styles and known_heading(s.text)]
    if not cuts or _is_rail(left, right):
        return [(left, right)]
    parts = []
    for top, bottom in zip([-1e9, *cuts], [*cuts, 1e9], strict=True):
        inside = [
            [segment for segment in side if top <= segment.middle < bottom]
            for side in (left, right)
        ]
        if all(inside):
            parts.append((inside[0], inside[1]))
    return parts


def _is_rail(left: list[Segment], right: list[Segment]) -> bool:
    """Tell whether the left side's items belong to what stands beside them.

    Where both sides have headings of sections, each is read by itself.
    """
    if is_label_side(left):
        return True
    both_headed = all(any(is_clear_heading(s.text) for s in side) for side in (left, right))
    return not both_headed and (_is_table(left, right) or _is_tight_table(left, right))


def _left_edges(segments: Sequence[Segment]) -> list[float]:
    """Return where columns may begin: left edges with another at most an indent further right."""
    edges = sorted((segment.x0, segment.size) for segment in segments)
    found: list[float] = []
    for (edge, size), (following, _) in zip(edges, edges[1:], strict=False):
        is_new = not found or edge - found[-1] > EDGE_TOLERANCE
        if is_new and following - edge <= MAX_INDENT * size:
            found.append(edge)
    return found


def _runs(segments: Sequence[Segment], edge: float) -> list[tuple[list[Segment], list[Segment]]]:
    """Return what stands left and right of an edge, between the texts that cross it."""
    ordered = sorted(segments, key=lambda s: s.middle)
    crossing = [
        segment
        for segment in ordered
        if segment.x0 < edge - EDGE_TOLERANCE and segment.x1 > edge - MIN_GUTTER * segment.size
    ]
    runs: list[tuple[list[Segment], list[Segment]]] = [([], [])]
    waiting = iter([*crossing, None])
    next_crossing = next(waiting)
    for segment in ordered:
        while next_crossing and next_crossing.bottom < segment.middle:
            runs.append(([], []))
            next_crossing = next(waiting)
        is_beside_crossing = next_crossing and next_crossing.top < segment.middle
        if not is_beside_crossing:
            runs[-1][segment.x0 >= edge - EDGE_TOLERANCE].append(segment)
    return [(left, right) for left, right in runs if left and right]


def _gutter(left: list[Segment], right: list[Segment]) -> Gutter | None:
    """Judge a run: None if it is not worth parting."""
    if is_label_side(right) or _is_flush_right(left, right):
        return None
    is_rail = _is_rail(left, right)
    top = min(segment.top for segment in right)
    if not is_rail:
        left = _without_headings_after(left, max(segment.bottom for segment in right))
        left = [segment for segment in left if segment.bottom > top]
    rows = min(count_rows(left), count_rows(right)) if left else 0
    if rows < (2 if is_rail else MIN_ROWS):
        return None
    width = min(s.x0 for s in right) - max(s.x1 for s in left)
    is_clear = rows >= CLEAR_ROWS or width >= CLEAR_GUTTER * right[0].size
    if not is_rail and not is_clear and not any(known_heading(s.text) for s in right):
        return None
    score = rows * _aligned_part(right) ** 2 + 0.001 * (len(left) + len(right))
    return Gutter(left, right, is_rail, score)


def _aligned_part(right: list[Segment]) -> float:
    """Return the part of the right side's rows that begin near its left edge, as a column's do."""
    edge, end = min(s.x0 for s in right), max(s.x1 for s in right)
    first: list[Segment] = []
    for segment in sorted(right, key=lambda s: s.middle):
        if first and segment.middle - first[-1].middle <= 0.5 * segment.size:
            first[-1] = min(first[-1], segment, key=lambda s: s.x0)
        else:
            first.append(segment)
    return sum(s.x0 - edge <= MAX_OFFSET * (end - edge) for s in first) / len(first)


def _without_headings_after(left: list[Segment], bottom: float) -> list[Segment]:
    """Drop what follows the first heading below the right side: it may be as wide as the page."""
    for index, segment in enumerate(left):
        if segment.top > bottom and is_clear_heading(segment.text):
            return left[:index]
    return left


def is_label_side(segments: Sequence[Segment]) -> bool:
    """Tell whether nearly all of a side are headings, dates, places or labels of details."""
    labels = sum(_is_label(segment.text) for segment in segments)
    return labels >= LABEL_PART * len(segments)


def _is_label(text: str) -> bool:
    return bool(is_date(text) or known_heading(text) or is_contact_label(text) or is_location(text))


def count_rows(segments: Sequence[Segment]) -> int:
    """Return on how many different heights segments stand."""
    rows, last = 0, -1e9
    for segment in sorted(segments, key=lambda s: s.middle):
        if segment.middle - last > 0.5 * segment.size:
            rows, last = rows + 1, segment.middle
    return rows


def _is_flush_right(left: list[Segment], right: list[Segment]) -> bool:
    """Tell whether the right side only adds to the left one's lines, set against the margin."""
    edge = max(segment.x1 for segment in right)
    at_edge = sum(edge - segment.x1 < EDGE_TOLERANCE for segment in right)
    first_edges = {round(segment.x0 / EDGE_TOLERANCE) for segment in right}
    is_ragged = len(first_edges) > 1 or len(right) == 1
    if at_edge < LABEL_PART * len(right) or not is_ragged:
        return False
    return sum(_has_partner(segment, left) for segment in right) >= LABEL_PART * len(right)


def _has_partner(segment: Segment, others: list[Segment]) -> bool:
    """Tell whether another segment stands on the same line."""
    return any(abs(other.middle - segment.middle) < 0.35 * segment.size for other in others)


def _is_table(left: list[Segment], right: list[Segment]) -> bool:
    """Tell whether the sides make rows: white runs across both, and each row begins on both."""
    if any(segment.marker for segment in left):
        return False
    on_left = {id(segment) for segment in left}
    aligned = both = 0
    for band in bands_of(left + right):
        lefts = [segment for segment in band if id(segment) in on_left]
        rights = [segment for segment in band if id(segment) not in on_left]
        if lefts and not rights and not all(known_heading(s.text) for s in lefts):
            return False
        if lefts and rights:
            both += 1
            first = min(lefts, key=lambda s: s.middle), min(rights, key=lambda s: s.middle)
            aligned += abs(first[0].middle - first[1].middle) < 0.6 * first[0].size
    return both >= MIN_ROWS and aligned >= LABEL_PART * both


def _is_tight_table(left: list[Segment], right: list[Segment]) -> bool:
    """Tell whether short names on the left each have a text on the right, row by row."""
    if any(is_clear_heading(s.text) for s in left + right) or count_rows(left) < MIN_ROWS:
        return False
    is_short = all(len(segment.text.split()) <= MAX_NAME_WORDS for segment in left)
    has_markers = any(segment.marker for segment in left)
    is_wider = max(s.x1 for s in right) - right[0].x0 > max(s.x1 for s in left) - left[0].x0
    return is_short and is_wider and not has_markers and all(_has_partner(s, right) for s in left)


def bands_of(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Cut text where white runs from side to side."""
    bands: list[list[Segment]] = []
    bottom = -1e9
    for segment in sorted(segments, key=lambda s: s.top):
        if segment.top - bottom > BAND_GAP * segment.size:
            bands.append([])
        bands[-1].append(segment)
        bottom = max(bottom, segment.bottom)
    return bands


def rows_of_table(gutter: Gutter) -> list[tuple[list[Segment], list[Segment]]]:
    """Cut a rail and its text into rows where white runs across both; each begins with an item."""
    rows: list[tuple[list[Segment], list[Segment]]] = []
    in_rail = {id(segment) for segment in gutter.left}
    for band in bands_of(gutter.left + gutter.right):
        rail = [segment for segment in band if id(segment) in in_rail]
        text = [segment for segment in band if id(segment) not in in_rail]
        if not rows or (rail and rows[-1][1]):
            rows.append(([], []))
        rows[-1][0].extend(rail)
        rows[-1][1].extend(text)
    return rows
