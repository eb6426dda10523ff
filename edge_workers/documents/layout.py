"""Segments of pages → lines in reading order.

A page is cut where a gutter parts two columns: what is above, the left column, the right column,
what is below, and each of these again. A column that goes on on the next page is read to its end
before the column beside it begins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from edge_workers.documents.gutters import Gutter, find_gutter, rows_of_table
from edge_workers.documents.headings import is_clear_heading
from edge_workers.documents.lines import lines_of, lines_with_rail
from edge_workers.documents.page import Line, Segment

COLUMN_TOLERANCE = 8.0
"""A column may begin or end so many points further out on the next page."""

MAX_DEPTH = 8
"""Columns are parted at most so deep; no résumé nests them deeper."""

FULL_WIDTH_LINES = 3
"""So many lines across the page end the columns above them; fewer may be a page's header."""


@dataclass
class Block:
    """Lines that are read in one go; `side` numbers the column of a page that they stand in."""

    lines: list[Line]
    side: int | None = None

    @property
    def x0(self) -> float:
        """Return the left edge."""
        return min(segment.x0 for line in self.lines for segment in line.segments)

    @property
    def x1(self) -> float:
        """Return the right edge."""
        return max(segment.x1 for line in self.lines for segment in line.segments)


@dataclass
class Flow:
    """Blocks that are read one after the other, on one page or several."""

    blocks: list[Block] = field(default_factory=list)

    def holds(self, block: Block) -> bool:
        """Tell whether a block stands inside the edges of this flow, which is a column."""
        x0 = min(own.x0 for own in self.blocks)
        x1 = max(own.x1 for own in self.blocks)
        return block.x0 >= x0 - COLUMN_TOLERANCE and block.x1 <= x1 + COLUMN_TOLERANCE

    @property
    def has_headings(self) -> bool:
        """Tell whether the flow has sections of its own."""
        return any(is_clear_heading(line.text) for block in self.blocks for line in block.lines)


def reading_order(pages_of_segments: Iterable[Sequence[Segment]]) -> list[Line]:
    """Return the lines of a document in the order in which a reader reads them."""
    flows: list[Flow] = []
    columns: list[Flow] = []
    sides = count()
    pages = [list(segments) for segments in pages_of_segments]
    right_edge = max((s.x1 for segments in pages for s in segments), default=0.0)
    for number, segments in enumerate(pages):
        blocks = _Cutter(number, sides).blocks(segments, right_edge)
        by_side: dict[int | None, Flow] = {}
        for block in blocks:
            flow = by_side.get(block.side) if block.side is not None else None
            flow = flow or next((c for c in columns if c.has_headings and c.holds(block)), None)
            if flow is None:
                flow = Flow()
                flows.append(flow)
            flow.blocks.append(block)
            by_side[block.side] = flow
            columns = _columns_after(block, columns, by_side)
    _number_blocks(flows)
    return [line for flow in flows for block in flow.blocks for line in block.lines]


def _columns_after(
    block: Block, columns: list[Flow], by_side: dict[int | None, Flow]
) -> list[Flow]:
    """Return the columns that may go on after a block."""
    flow = by_side[block.side]
    if block.side is None:
        return [] if flow not in columns and len(block.lines) >= FULL_WIDTH_LINES else columns
    return [column for column in columns if column is not flow] + [flow]


def _number_blocks(flows: list[Flow]) -> None:
    """Tell each line its block, and whether a column with sections of its own begins with it."""
    number = 0
    for flow in flows:
        is_column = flow.blocks[0].side is not None and flow.has_headings
        flow.blocks[0].lines[0].starts_column = is_column
        for block in flow.blocks:
            number += 1
            for line in block.lines:
                line.block = number


@dataclass
class _Cutter:
    """Cuts a page into blocks; keeps the page's number and counts its columns."""

    page: int
    sides: "count[int]"

    def blocks(self, segments: list[Segment], right_edge: float, depth: int = 0) -> list[Block]:
        """Cut a part of a page into blocks in reading order.

        Lines of the part may reach to `right_edge`, even if none does.
        """
        if not segments:
            return []
        gutter = find_gutter(segments) if depth < MAX_DEPTH else None
        if gutter is None:
            return [Block(lines_of(segments, self.page, right_edge))]
        inside = {id(segment) for segment in gutter.left + gutter.right}
        outside = [segment for segment in segments if id(segment) not in inside]
        above = [segment for segment in outside if segment.middle < gutter.top]
        below = [segment for segment in outside if segment.middle >= gutter.top]
        beside = self._table if gutter.is_rail else self._columns
        return [
            *self.blocks(above, right_edge, depth + 1),
            *beside(gutter, right_edge, depth + 1),
            *self.blocks(below, right_edge, depth + 1),
        ]

    def _columns(self, gutter: Gutter, right_edge: float, depth: int) -> list[Block]:
        """Return the blocks of the left column, then those of the right one."""
        left_edge = max(segment.x1 for segment in gutter.left)
        parts = (
            self.blocks(gutter.left, left_edge, depth),
            self.blocks(gutter.right, right_edge, depth),
        )
        for part in parts:
            side = next(self.sides)
            for block in part:
                block.side = side
        return parts[0] + parts[1]

    def _table(self, gutter: Gutter, right_edge: float, depth: int) -> list[Block]:
        """Return one block with each item of the rail before the text that it belongs to."""
        lines: list[Line] = []
        for rail, text in rows_of_table(gutter):
            blocks = self.blocks(text, right_edge, depth)
            inner = [line for block in blocks for line in block.lines]
            lines += lines_with_rail(rail, inner, self.page)
        return [Block(lines)]
