"""Which texts are headings of sections: by their words, and by looking like the others."""

import re
from functools import cache

from edge_workers.documents.text import fold
from edge_workers.documents.vocabulary import LANGUAGES, Section, phrases

MAX_HEADING_WORDS = 6
LEADING_NUMBER = re.compile(r"^(?:\d{1,2}|[IVX]{1,4})[.)]\s+")


@cache
def _table() -> dict[str, Section]:
    """Return the headings of all languages; the spaceless form finds spaced capitals too."""
    table: dict[str, Section] = {}
    for language in LANGUAGES:
        for section, headings in language.headings.items():
            for heading in headings:
                table.setdefault(fold(heading), section)
                table.setdefault(fold(heading).replace(" ", ""), section)
    return table


@cache
def known_heading(text: str) -> Section | None:
    """Return the section whose heading this text is, word for word; None if it is none."""
    if len(text) > 60:
        return None
    folded = fold(LEADING_NUMBER.sub("", text))
    return _table().get(folded) or _table().get(folded.replace(" ", ""))


def is_clear_heading(text: str) -> bool:
    """Tell whether a text is a known heading that is hardly ever anything else."""
    return known_heading(text) is not None and fold(text) not in phrases("ambiguous_headings")


def guess_heading(text: str) -> Section | None:
    """Return the section that a text names by one of its words, as "Selected UX Projects" does."""
    words = fold(LEADING_NUMBER.sub("", text)).split()
    if not words or len(words) > MAX_HEADING_WORDS:
        return None
    for language in LANGUAGES:
        for section, deciding in language.heading_words.items():
            if any(fold(word) in words for word in deciding):
                return section
    return None


def is_contact_label(text: str) -> bool:
    """Tell whether a text is a label such as "Phone:"."""
    return fold(text) in contact_labels()


@cache
def contact_labels() -> dict[str, str]:
    """Return the labels before contact details, and what kind of detail follows each."""
    return {
        fold(label): kind
        for language in LANGUAGES
        for kind, labels in language.contact_labels.items()
        for label in labels
    }


def is_empty_label(text: str) -> bool:
    """Tell whether a text is a label inside an entry that says nothing, as "Highlights:" does."""
    return fold(text) in phrases("entry_labels")
