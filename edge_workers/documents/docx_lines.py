"""The paragraphs and tables of a DOCX → lines in reading order.

A DOCX has no places, only an order: paragraphs become lines, tabs part their segments, and the
columns of a layout table are read one after the other.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from docx.document import Document
from docx.oxml.ns import qn
from docx.styles.style import ParagraphStyle
from docx.table import Table
from docx.text.hyperlink import Hyperlink
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from edge_workers.documents.headings import known_heading
from edge_workers.documents.page import Line, Segment, Style, Word
from edge_workers.documents.text import BULLETS, clean_text

DEFAULT_SIZE = 11.0
BOLD, REGULAR = 700, 400

LAYOUT_CELL_LINES = 4
"""A cell with so many lines and a heading is a column of the page, not a field of a table."""

PARAGRAPH_GAP = 1.2
HEADING_STYLE = re.compile(r"heading|überschrift|title|titel", re.IGNORECASE)
"""Numbered headings are no list."""


def lines_of_document(document: Document) -> Iterator[Line]:
    """Yield the lines of the first section's header, then of the body."""
    reader = _Reader(document)
    header = document.sections[0].header if document.sections else None
    if header is not None and not header.is_linked_to_previous:
        yield from reader.lines_of(header.iter_inner_content())
    yield from reader.lines_of(document.iter_inner_content())


class _Reader:
    """Keeps the styles that were looked up."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.styles: dict[str | None, tuple[Style, bool]] = {}

    def lines_of(self, blocks: Iterable[Paragraph | Table]) -> Iterator[Line]:
        """Yield the lines of paragraphs and tables."""
        for block in blocks:
            if isinstance(block, Table):
                yield from self._lines_of_table(block)
            else:
                yield from self._lines_of_paragraph(block)

    def _lines_of_table(self, table: Table) -> Iterator[Line]:
        """Yield a table's lines: by columns if it is there for the layout, else by rows."""
        rows = [self._cells(row) for row in table.rows]
        is_layout = any(
            len(lines) >= LAYOUT_CELL_LINES and any(known_heading(line.text) for line in lines)
            for row in rows
            for lines in row
        )
        if is_layout:
            yield from _by_columns(rows)
            return
        for row in rows:
            filled = [lines for lines in row if lines]
            if len(filled) > 1 and all(len(lines) == 1 for lines in filled):
                segments = [segment for lines in filled for segment in lines[0].segments]
                yield replace(filled[0][0], segments=segments)
            else:
                yield from (line for lines in filled for line in lines)

    def _cells(self, row: Any) -> list[list[Line]]:
        """Return the lines of each cell of a row; a merged cell counts once."""
        cells = {id(cell._tc): cell for cell in row.cells}
        return [list(self.lines_of(cell.iter_inner_content())) for cell in cells.values()]

    def _lines_of_paragraph(self, paragraph: Paragraph) -> Iterator[Line]:
        """Yield a paragraph's lines: line breaks part lines, tabs part segments."""
        base, is_list = self._paragraph_style(paragraph)
        rows: list[list[list[Word]]] = [[[]]]
        for run, uri in _runs(paragraph):
            style = _run_style(run, base)
            for number, part in enumerate(run.text.split("\n")):
                if number:
                    rows.append([[]])
                for column, text in enumerate(part.split("\t")):
                    if column:
                        rows[-1].append([])
                    _append(rows[-1][-1], text, style, uri)
        for row in rows:
            line = _line([words for words in row if words], is_list)
            if line is not None:
                yield line
        for box in paragraph._p.iter(qn("w:txbxContent")):
            if not any(True for _ in box.iterancestors(qn("mc:Fallback"))):
                inner = (Paragraph(element, paragraph) for element in box.iter(qn("w:p")))
                yield from self.lines_of(inner)

    def _paragraph_style(self, paragraph: Paragraph) -> tuple[Style, bool]:
        """Return how a paragraph looks by its style, and whether it is an item of a list."""
        key = paragraph._p.style
        if key not in self.styles:
            self.styles[key] = _named_style(paragraph.style)
        style, is_list = self.styles[key]
        return style, is_list or _is_numbered(paragraph._p.pPr)


def _named_style(style: ParagraphStyle | None) -> tuple[Style, bool]:
    """Return the look of a named style, with what it takes over from the styles below it."""
    name = style.name or "" if style is not None else ""
    size: float | None = None
    bold: bool | None = None
    italic: bool | None = None
    color, is_list = 0, "list" in name.casefold()
    current: Any = style
    while current is not None:
        font = current.font
        size = font.size.pt if size is None and font.size is not None else size
        bold = font.bold if bold is None else bold
        italic = font.italic if italic is None else italic
        color = color or _color(font)
        is_list = is_list or _is_numbered(current.element.pPr)
        current = current.base_style
    is_list = is_list and HEADING_STYLE.search(name) is None
    look = Style(name, size or DEFAULT_SIZE, BOLD if bold else REGULAR, bool(italic), color)
    return look, is_list


def _is_numbered(properties: Any) -> bool:
    """Tell whether paragraph properties name a list; number 0 takes a paragraph out of its list."""
    numbering = properties.numPr if properties is not None else None
    number = numbering.numId if numbering is not None else None
    return number is not None and number.val != 0


def _run_style(run: Run, base: Style) -> Style:
    """Return the look of a run inside a paragraph."""
    font = run.font
    changes: dict[str, Any] = {}
    if font.size is not None:
        changes["size"] = font.size.pt
    if font.bold is not None:
        changes["weight"] = BOLD if font.bold else REGULAR
    if font.italic is not None:
        changes["italic"] = font.italic
    if color := _color(font):
        changes["color"] = color
    return replace(base, **changes) if changes else base


def _color(font: Any) -> int:
    rgb = font.color.rgb if font.color is not None else None
    return int(str(rgb), 16) if rgb is not None else 0


def _runs(paragraph: Paragraph) -> Iterator[tuple[Run, str]]:
    """Yield the runs of a paragraph, each with the address that it links to."""
    for item in paragraph.iter_inner_content():
        if isinstance(item, Hyperlink):
            for run in item.runs:
                yield run, item.url
        elif not item.font.hidden:
            yield item, ""


def _append(words: list[Word], text: str, style: Style, uri: str) -> None:
    """Append a text's words; the first goes on with the word before it if no space parts them."""
    cleaned = clean_text(text)
    if not cleaned:
        if text and words:
            words[-1].text += " " if not words[-1].text.endswith(" ") else ""
        return
    parts = cleaned.split(" ")
    if words and not text[0].isspace() and not words[-1].text.endswith(" "):
        words[-1].text += parts.pop(0)
    words += [Word(part, 0, 0, 0, 0, style, uri) for part in parts]
    if text[-1].isspace():
        words[-1].text += " "


def _line(groups: list[list[Word]], is_list: bool) -> Line | None:
    """Make a line of the words of its segments; None if it is empty."""
    marker = "bullet" if is_list else ""
    for words in groups:
        for word in words:
            word.text = word.text.strip()
    groups = [[word for word in words if word.text] for words in groups]
    groups = [words for words in groups if words]
    if groups and groups[0][0].text in BULLETS and (len(groups[0]) > 1 or len(groups) > 1):
        marker = "bullet"
        del groups[0][0]
        groups = [words for words in groups if words]
    if not groups:
        return None
    segments = [
        Segment(words, max(word.style.weight for word in words) >= BOLD, marker) for words in groups
    ]
    return Line(segments, marker=marker, gap=PARAGRAPH_GAP)


def _by_columns(rows: list[list[list[Line]]]) -> Iterator[Line]:
    """Yield the lines of a layout table, column after column."""
    for column in range(max(len(row) for row in rows)):
        lines = [line for row in rows if column < len(row) for line in row[column]]
        if lines:
            lines[0].starts_column = True
        yield from lines
