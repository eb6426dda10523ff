"""Lines → paragraphs and list items: what was wrapped is joined again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_workers.documents.page import Line, Style
from edge_workers.documents.text import fold, join_wrapped

LARGER_GAP = 0.45
"""White that is larger than the usual by this part of the text's size parts paragraphs."""

LIST_PART = 0.7
"""If so many of the lines that follow a short line begin with a capital, they begin an item."""

COMMA_WORDS = 4
"""A text with a comma after so few words is an enumeration."""

UNFINISHED = re.compile(
    r"(?:,|\b(?:a|an|the|and|or|of|in|on|at|to|for|with|by|from|as|that|which|using|und|der|die|das|"
    r"den|dem|des|ein|eine|einer|von|mit|für|im|in|auf|zur|zum|bei|&))$",
    re.IGNORECASE,
)
"""Ends of a line after which its sentence goes on."""


@dataclass
class Paragraph:
    """A paragraph or list item; `lines` are what it was joined from."""

    text: str
    is_item: bool
    lines: list[Line] = field(default_factory=list)


def paragraphs_of(
    lines: Sequence[Line], known_words: frozenset[str] = frozenset()
) -> list[Paragraph]:
    """Join the lines of a text. `known_words` are the folded words of the whole document."""
    paragraphs: list[Paragraph] = []
    is_list = _is_unmarked_list(lines)
    usual = _usual_gap(lines)
    for line in lines:
        current = paragraphs[-1] if paragraphs else None
        if current and _continues(current, line, usual, is_list):
            current.text = join_wrapped(current.text, line.text, known_words)
            current.lines.append(line)
        else:
            paragraphs.append(Paragraph(line.text, bool(line.marker), [line]))
    return paragraphs


def words_of_document(lines: Sequence[Line]) -> frozenset[str]:
    """Return the folded words of a document, to tell broken words from hyphenated ones."""
    return frozenset(word for line in lines for word in fold(line.text).split())


def _usual_gap(lines: Sequence[Line]) -> float:
    """Return the smallest distance of lines in a text: that of lines of one paragraph."""
    gaps = sorted(line.gap for line in lines[1:] if 0.8 < line.gap < 2.5)
    return gaps[len(gaps) // 10] if gaps else 1.2


def _is_unmarked_list(lines: Sequence[Line]) -> bool:
    """Tell whether lines without bullets look like one item each rather than like prose."""
    texts = [line.text for line in lines if not line.marker]
    if any(line.marker for line in lines) or len(texts) < 2:
        return False
    if sum(text.count(",") for text in texts) * COMMA_WORDS > sum(len(t.split()) for t in texts):
        return False
    if sum(text.endswith(".") for text in texts) > len(texts) / 2:
        return False
    pairs = list(zip(lines, lines[1:], strict=False))
    ended = [following for line, following in pairs if not is_full(line, following)]
    capitals = sum(not line.text[:1].islower() for line in ended)
    return bool(ended) and capitals >= LIST_PART * len(ended)


def _continues(paragraph: Paragraph, line: Line, usual: float, is_list: bool) -> bool:
    """Tell whether a line goes on with the paragraph before it."""
    last = paragraph.lines[-1]
    if line.marker or line.room is None or last.room is None:
        return False
    if not same_look(last.segments[-1].words[-1].style, line.segments[0].words[0].style):
        return False
    if line.block != last.block or line.page != last.page:
        return line.text[:1].islower() or last.text.endswith(("-", ","))
    if line.gap > usual + LARGER_GAP:
        return False
    first = paragraph.lines[0]
    is_hanging = paragraph.is_item and abs(line.x0 - first.x0) <= 1.5
    if is_hanging and first.marker:
        return True
    if is_list and not line.text[:1].islower() and not UNFINISHED.search(last.text):
        return False
    return is_full(last, line)


def same_look(first: Style, second: Style) -> bool:
    """Tell whether two words are printed alike, as those on both sides of a line's end are."""
    is_same_face = (first.weight, first.italic) == (second.weight, second.italic)
    return is_same_face and abs(first.size - second.size) <= 0.6


def is_full(line: Line, following: Line) -> bool:
    """Tell whether the next line's first word did not fit on a line any more."""
    word = following.segments[0].words[0]
    needed = word.x1 - word.x0 + 0.2 * line.style.size
    return line.room is not None and needed > line.room
