"""Characters with places → words, by looking at the gaps between the characters."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from edge_workers.documents.page import Style, Word

ASCENT, DESCENT = 0.78, 0.22
"""A word's box, as parts of its size: what fonts say about their height differs too much."""

WORD_GAP = 0.16
"""A gap wider than the usual one by this part of the size parts two words."""

MAX_LETTER_SPACING = 0.75
"""Letters of one word stand at most so far apart, as a part of their size."""

FEW_GAPS = 4
"""With fewer gaps than this in a run, letters are taken to touch."""


@dataclass(slots=True)
class Glyph:
    """A character; `after_space` tells whether the document has a space before it."""

    text: str
    x0: float
    x1: float
    baseline: float
    style: Style
    after_space: bool


def words_of(glyphs: Iterable[Glyph]) -> Iterator[Word]:
    """Yield the words of a page, given its characters in the order of the document."""
    run: list[Glyph] = []
    for glyph in glyphs:
        if run and not _is_same_run(run[-1], glyph):
            yield from _words_of_run(run)
            run = []
        run.append(glyph)
    yield from _words_of_run(run)


def _is_same_run(last: Glyph, glyph: Glyph) -> bool:
    """Tell whether a character stands beside the one before it; small capitals may differ."""
    size = max(last.style.size, glyph.style.size)
    if last.style.is_symbol or glyph.style.is_symbol:
        return False
    if abs(last.baseline - glyph.baseline) > 0.45 * size:
        return False
    return last.x0 - 0.1 * size <= glyph.x0 < last.x1 + 3 * size


def _words_of_run(run: list[Glyph]) -> Iterator[Word]:
    """Cut a run into words. In spaced capitals the usual gap is wide, in tight titles negative."""
    usual = _usual_gap(run)
    start = 0
    for index in range(1, len(run) + 1):
        if index == len(run) or _is_new_word(run[index - 1], run[index], usual):
            yield _word(run[start:index])
            start = index


def _usual_gap(run: list[Glyph]) -> float:
    gaps = [_gap(a, b) for a, b in zip(run, run[1:], strict=False) if not b.after_space]
    if len(gaps) < FEW_GAPS:
        return 0.0
    return min(max(median(gaps), -0.15), MAX_LETTER_SPACING)


def _gap(last: Glyph, glyph: Glyph) -> float:
    """Return the gap between two characters as a part of their size."""
    return (glyph.x0 - last.x1) / max(last.style.size, glyph.style.size, 1.0)


def _is_new_word(last: Glyph, glyph: Glyph, usual: float) -> bool:
    """Tell whether a word begins here. Spaced capitals may have a real space after each letter."""
    gap = _gap(last, glyph)
    return gap > usual + WORD_GAP or glyph.after_space


def _word(glyphs: list[Glyph]) -> Word:
    """Make a word; letters and their separate accents are composed."""
    text = unicodedata.normalize("NFC", "".join(glyph.text for glyph in glyphs))
    largest = max(glyphs, key=lambda glyph: glyph.style.size)
    size, baseline = largest.style.size, largest.baseline
    return Word(
        text,
        min(glyph.x0 for glyph in glyphs),
        max(glyph.x1 for glyph in glyphs),
        baseline - ASCENT * size,
        baseline + DESCENT * size,
        largest.style,
    )
