"""The tables of words are complete and consistent, in every language."""

import pytest

from edge_workers.documents.headings import known_heading
from edge_workers.documents.text import fold
from edge_workers.documents.vocabulary import LANGUAGES, Language, Section


def test_english_and_german__are_there() -> None:
    assert len(LANGUAGES) >= 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language__names_all_months_and_the_sections_that_matter(language: Language) -> None:
    assert set(language.months.values()) == set(range(1, 13))
    assert {Section.WORK, Section.EDUCATION, Section.SKILLS} <= set(language.headings)
    assert language.present and language.title_words and language.institution_words


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_heading__belongs_to_one_section_of_its_language(language: Language) -> None:
    seen: dict[str, Section] = {}
    for section, headings in language.headings.items():
        for heading in headings:
            assert seen.setdefault(fold(heading), section) == section, heading


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("Work Experience", Section.WORK),
        ("EDUCATION & TRAINING", Section.EDUCATION),
        ("E X P E R I E N C E", Section.WORK),
        ("2. Skills:", Section.SKILLS),
        ("Berufserfahrung", Section.WORK),
        ("Aus- und Weiterbildung", Section.EDUCATION),
        ("KENNTNISSE", Section.SKILLS),
        ("Senior Engineer", None),
    ],
)
def test_a_heading__is_known_in_any_case_and_spacing(text: str, section: Section | None) -> None:
    assert known_heading(text) is section
