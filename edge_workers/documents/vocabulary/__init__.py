"""Tables of words by language.

A new language is one more TOML file beside this one; nothing else needs to change. A new heading
or word is one more entry in its language's file.
"""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from edge_workers.documents.text import fold
from edge_workers.documents.vocabulary.language import Language, Section, read_language

FOLDER = Path(__file__).parent

LANGUAGES: tuple[Language, ...] = tuple(
    read_language(path) for path in sorted(FOLDER.glob("*.toml"))
)


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / "tables" / name).read_text(encoding="utf-8"))


REGIONS: dict[str, dict[str, str]] = _table("regions.toml")
"""States and provinces by country code: their abbreviations and names."""

NETWORKS: dict[str, str] = _table("networks.toml")
"""Hosts of profile pages, and the networks' names."""

__all__ = [
    "LANGUAGES",
    "NETWORKS",
    "REGIONS",
    "Language",
    "Section",
    "alternatives",
    "phrases",
    "word_list",
]


@cache
def phrases(field: str) -> frozenset[str]:
    """Return the folded phrases that all languages have in a field, such as "entry_labels"."""
    return frozenset(fold(phrase) for language in LANGUAGES for phrase in getattr(language, field))


def alternatives(entries: Iterable[str]) -> str:
    """Return a pattern that matches one of the words, the longest first."""
    ordered = sorted(set(entries), key=lambda entry: (-len(entry), entry))
    return "|".join(re.escape(entry).replace(r"\ ", r"\s+") for entry in ordered)


class WordList:
    """The words of one field in all languages, ready to be looked for in a text."""

    def __init__(self, field: str) -> None:
        """Gather the words of a field such as "title_words"."""
        words: set[str] = set()
        endings: set[str] = set()
        self.phrases: set[str] = set()
        for language in LANGUAGES:
            for entry in getattr(language, field):
                stem = fold(entry)
                forms = {stem, *(stem + fold(ending) for ending in language.inflections)}
                if entry.startswith("-"):
                    endings |= forms
                elif " " in stem:
                    self.phrases |= {f" {form} " for form in forms}
                else:
                    words |= forms
        self.words, self.endings = frozenset(words), tuple(endings)

    def count(self, text: str) -> int:
        """Return how many words of the text are in the list."""
        folded = fold(text)
        found = sum(word in self.words or word.endswith(self.endings) for word in folded.split())
        return found + sum(phrase in f" {folded} " for phrase in self.phrases)


@cache
def word_list(field: str) -> WordList:
    """Return the word list of a field."""
    return WordList(field)
