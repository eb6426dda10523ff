"""What a reader hands on: words with their places and styles, the same for PDF and DOCX.

All places are in points from the top left corner of the page, so `top < bottom`.
"""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Style:
    """How a word looks. `weight` is the font's own figure, comparable only within a document."""

    font: str = ""
    size: float = 10.0
    weight: int = 0
    italic: bool = False
    color: int = 0
    is_symbol: bool = False


@dataclass(slots=True)
class Word:
    """A run of characters without a space."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    style: Style
    uri: str = ""

    @property
    def middle(self) -> float:
        """Return the height at which the word stands."""
        return (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: a shape that was drawn, or the place of a link with its `uri`."""

    x0: float
    x1: float
    top: float
    bottom: float
    uri: str = ""


@dataclass(slots=True)
class Page:
    """One page of a PDF: its words in no particular order, and small shapes that may be bullets.

    `is_picture` means that it has an image and hardly any words, as a scan does.
    """

    number: int
    width: float
    height: float
    words: list[Word]
    shapes: list[Box]
    is_picture: bool = False


@dataclass
class Segment:
    """Words on one line with no wide gap between them.

    `bold` is meant against the usual weight of the document; `marker` is "bullet" or "icon" if
    such a sign was drawn before the text.
    """

    words: list[Word]
    bold: bool = False
    marker: str = ""

    @cached_property
    def text(self) -> str:
        """Return the words with single spaces."""
        return " ".join(word.text for word in self.words)

    @cached_property
    def x0(self) -> float:
        """Return the left edge."""
        return min(word.x0 for word in self.words)

    @cached_property
    def x1(self) -> float:
        """Return the right edge."""
        return max(word.x1 for word in self.words)

    @cached_property
    def top(self) -> float:
        """Return the upper edge."""
        return min(word.top for word in self.words)

    @cached_property
    def bottom(self) -> float:
        """Return the lower edge."""
        return max(word.bottom for word in self.words)

    @cached_property
    def style(self) -> Style:
        """Return the style of most of its characters."""
        lengths: dict[Style, int] = {}
        for word in self.words:
            lengths[word.style] = lengths.get(word.style, 0) + len(word.text)
        return max(lengths, key=lengths.__getitem__)

    @property
    def middle(self) -> float:
        """Return the height at which the segment stands."""
        return (self.top + self.bottom) / 2

    @property
    def size(self) -> float:
        """Return the size of its letters in points."""
        return self.style.size


@dataclass
class Line:
    """Segments on one baseline of one column, in reading order.

    `marker` is "bullet" or "icon" if such a sign stands before the text. `gap` is the distance to
    the line above in the same block, in line heights (large at the start of a block). `room` is
    the free space right of the text up to the edge of its column, in points; None where lines do
    not wrap, as in DOCX. `starts_column` marks the start of a column with sections of its own.
    """

    segments: list[Segment]
    page: int = 0
    block: int = 0
    marker: str = ""
    gap: float = 9.0
    room: float | None = None
    starts_column: bool = False

    @cached_property
    def text(self) -> str:
        """Return the segments' text, single-spaced."""
        return " ".join(segment.text for segment in self.segments)

    @property
    def x0(self) -> float:
        """Return the left edge of the text."""
        return self.segments[0].x0

    @property
    def style(self) -> Style:
        """Return the style of the first segment."""
        return self.segments[0].style

    @property
    def bold(self) -> bool:
        """Tell whether the line begins bold."""
        return self.segments[0].bold
