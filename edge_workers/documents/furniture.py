"""Page numbers and running headers: what is printed on pages but belongs to no text."""

import re
from collections import Counter
from collections.abc import Sequence

from edge_workers.documents.page import Page, Segment
from edge_workers.documents.text import fold

MARGIN = 0.09
"""Headers and footers stand in this part of the page's height, at its top or bottom."""

PAGE_NUMBER = re.compile(
    r"(?:.{0,60}\b)?(?:page|seite|p\.|s\.)\s*\d{1,3}(?:\s*(?:/|of|von)\s*\d{1,3})?"
    r"|\d{1,3}\s*(?:/|of|von)\s*\d{1,3}|[-–—]?\s*\d{1,2}\s*[-–—]?",
    re.IGNORECASE,
)


def without_furniture(
    pages: Sequence[Page], segments: Sequence[list[Segment]]
) -> list[list[Segment]]:
    """Return the segments of each page without page numbers and repeated headers and footers.

    The first print of a repeated header stays: it may be the person's name.
    """
    seen: Counter[str] = Counter()
    result = []
    for page, own in zip(pages, segments, strict=True):
        kept = []
        for segment in own:
            is_header = segment.bottom < MARGIN * page.height
            is_footer = segment.top > (1 - MARGIN) * page.height
            key = fold(re.sub(r"\d+", "", segment.text))
            if is_footer and PAGE_NUMBER.fullmatch(segment.text):
                continue
            if (is_header or is_footer) and key:
                seen[key] += 1
                if seen[key] > 1:
                    continue
            kept.append(segment)
        result.append(kept)
    return result
