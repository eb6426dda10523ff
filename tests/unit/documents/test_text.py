"""Characters that cannot be seen, ligatures and broken words."""

import unicodedata

import pytest

from edge_workers.documents.text import clean_character, clean_text, fold, join_wrapped


def test_no_character_that_is_cleaned__is_invisible() -> None:
    for code in [*range(0x3000), *range(0xFB00, 0xFFFF), *range(0xE0000, 0xE0080)]:
        cleaned = clean_character(code) or ""
        for character in cleaned:
            assert unicodedata.category(character) not in ("Cc", "Cs", "Cn")
            assert unicodedata.category(character) != "Cf" or character == "\u00ad"


def test_clean_text__composes_accents_parts_ligatures_and_drops_zero_widths() -> None:
    assert clean_text("Zu\u0308ri\u200bch\u00a0 e\ufb03cient\ufeff") == "Züri" + "ch efficient"


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("the on-", "call rotation", "the on-call rotation"),
        ("develop-", "ment of", "development of"),
        ("low-", "power firmware", "low-power firmware"),
        ("soft\u00ad", "ware", "software"),
        ("in the", "end", "in the end"),
        ("2015 -", "2016", "2015 - 2016"),
        ("Anglo-", "American", "Anglo-American"),
    ],
)
def test_a_broken_line__is_joined_as_it_was_meant(first: str, second: str, joined: str) -> None:
    assert join_wrapped(first, second) == joined


def test_a_broken_word__is_known_from_elsewhere_in_the_document() -> None:
    assert join_wrapped("post-", "gres", frozenset({"postgres"})) == "postgres"


def test_fold__makes_headings_comparable() -> None:
    assert fold("Aus- und Weiterbildung") == fold("AUS & UND WEITERBILDUNG".replace("& ", ""))
    assert fold("Persönliche Daten:") == "personliche daten"
    assert fold("Skills & Tools") == "skills and tools"
