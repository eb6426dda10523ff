"""One language's tables, as read from its TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Section(StrEnum):
    """The parts of a résumé. The values are the keys of JSON Resume where it has one."""

    CONTACT = "contact"
    SUMMARY = "summary"
    WORK = "work"
    EDUCATION = "education"
    SKILLS = "skills"
    PROJECTS = "projects"
    CERTIFICATES = "certificates"
    LANGUAGES = "languages"
    AWARDS = "awards"
    PUBLICATIONS = "publications"
    VOLUNTEER = "volunteer"
    INTERESTS = "interests"
    REFERENCES = "references"
    OTHER = "other"


@dataclass(frozen=True)
class Language:
    """What one language calls the things of a résumé. All but abbreviations are lower case."""

    headings: Mapping[Section, tuple[str, ...]]
    """Whole headings, such as "work experience"."""
    ambiguous_headings: tuple[str, ...]
    """Headings that are as often the name of a group of skills, or a label inside an entry."""
    heading_words: Mapping[Section, tuple[str, ...]]
    """Words that decide about a heading which is not in the table; the first section wins."""
    months: Mapping[str, int]
    """Month names and their abbreviations, without a full stop, and their numbers."""
    seasons: Mapping[str, int]
    """Seasons and the month in which each begins."""
    present: tuple[str, ...]
    """What stands for the end of a job that goes on."""
    range_words: tuple[str, ...]
    """Words between two dates, such as "to"."""
    since_words: tuple[str, ...]
    """Words before the start of something that goes on."""
    joining_words: tuple[str, ...]
    """Words between a position and its employer, such as "at"."""
    area_words: tuple[str, ...]
    """Words between a degree and its subject, such as "in"."""
    remote_words: tuple[str, ...]
    """What stands in place of a location."""
    contact_labels: Mapping[str, tuple[str, ...]]
    """Labels before contact details, by what follows them: email, phone, url, location …"""
    entry_labels: tuple[str, ...]
    """Labels inside an entry that say nothing by themselves, such as "highlights"."""
    technology_labels: tuple[str, ...]
    """Labels before the tools used in a job or project."""
    column_labels: tuple[str, ...]
    """Heads of the columns of tables."""
    course_labels: tuple[str, ...]
    score_labels: tuple[str, ...]
    levels: tuple[str, ...]
    """How well a skill or language is known."""
    language_names: tuple[str, ...]
    countries: Mapping[str, tuple[str, ...]]
    """ISO codes and the names of the countries."""
    inflections: tuple[str, ...]
    """Endings that the words below may have."""
    title_words: tuple[str, ...]
    """Words of job titles; one with a dash before it also ends longer words."""
    organization_words: tuple[str, ...]
    institution_words: tuple[str, ...]
    degree_words: tuple[str, ...]
    degree_kinds: tuple[str, ...]
    """What follows "Bachelor of" as a part of the degree's name."""
    degree_abbreviations: tuple[str, ...]
    """Abbreviated degrees, in the letters' case."""


def read_language(path: Path) -> Language:
    """Read a language's TOML file. Raises TypeError if a table is missing or unknown."""
    tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    fields: dict[str, Any] = {
        name: _phrases(value) for name, value in tables.items() if isinstance(value, str)
    }
    fields["months"] = {
        name: number
        for number, names in enumerate(_phrases(tables["months"]), start=1)
        for name in names.split()
    }
    fields["seasons"] = tables["seasons"]
    for name in ("headings", "heading_words"):
        fields[name] = {Section(key): _phrases(value) for key, value in tables[name].items()}
    for name in ("contact_labels", "countries"):
        fields[name] = {key: _phrases(value) for key, value in tables[name].items()}
    return Language(**fields)


def _phrases(text: str) -> tuple[str, ...]:
    """Return the phrases of a list that is parted by commas."""
    return tuple(phrase for part in text.split(",") if (phrase := " ".join(part.split())))
