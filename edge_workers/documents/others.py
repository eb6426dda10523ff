"""The smaller sections: projects, certificates, languages, awards, publications, interests."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from edge_workers.documents.contact import find_urls, with_scheme
from edge_workers.documents.entries import Entry, entries_of
from edge_workers.documents.page import Line, Style
from edge_workers.documents.paragraphs import paragraphs_of
from edge_workers.documents.roles import cut_header
from edge_workers.documents.skills import SEPARATOR, is_level
from edge_workers.documents.text import fold
from edge_workers.documents.vocabulary import LANGUAGES, alternatives, phrases
from edge_workers.documents.work import dates_of, summary_and_highlights

ISSUED_BY = re.compile(r"^(?:issued by|awarded by|from|by|ausgestellt von|verliehen von)\s+", re.I)
MAX_LANGUAGE_LENGTH = 120
LEVEL_BESIDE = re.compile(r"^([^:(–—-]+?)\s*(?:[:(–—-]|\s-\s)\s*(.+?)\)?$")


@cache
def _technologies() -> re.Pattern[str]:
    labels = alternatives(w for language in LANGUAGES for w in language.technology_labels)
    return re.compile(rf"(?:{labels})\s*[:–-]\s*(.+)", re.IGNORECASE)


def projects_of(
    lines: Sequence[Line], body_style: Style, known_words: frozenset[str]
) -> list[dict[str, Any]]:
    """Return JSON Resume's `projects` for the lines of a project section."""
    return [
        project
        for entry in entries_of(lines, body_style)
        if (project := _project(entry, known_words)).get("name")
    ]


def _project(entry: Entry, known_words: frozenset[str]) -> dict[str, Any]:
    header = cut_header(entry)
    texts = [piece.text for piece in header.pieces]
    url, keywords, body = header.url, list[str](), []
    for paragraph in paragraphs_of(entry.body, known_words):
        if match := _technologies().fullmatch(paragraph.text):
            keywords += [k.strip(" .") for k in SEPARATOR.split(match[1]) if k.strip(" .")]
        elif (urls := find_urls(paragraph.text)) and len(paragraph.text.split()) == 1:
            url = url or urls[0]
        else:
            body.append(paragraph)
    description, highlights = summary_and_highlights(body)
    name, _, beside = texts[0].partition(": ") if texts else ("", "", "")
    for text in texts[1:]:
        if match := _technologies().fullmatch(text):
            keywords += [k.strip(" .") for k in SEPARATOR.split(match[1]) if k.strip(" .")]
    project = {
        "name": name,
        "description": " ".join(filter(None, [beside, description])),
        "url": with_scheme(url) if url else "",
        **dates_of(entry.period),
        "highlights": highlights,
        "keywords": keywords,
    }
    return {key: value for key, value in project.items() if value}


def titled_of(
    lines: Sequence[Line], body_style: Style, names: tuple[str, str, str]
) -> list[dict[str, Any]]:
    """Return entries with a title, who gave it and a date, under the given names.

    That is how certificates, awards and publications are made.
    """
    title_key, giver_key, date_key = names
    found = []
    for entry in entries_of(lines, body_style, single_dates=True):
        header = cut_header(entry)
        texts = [piece.text for piece in header.pieces]
        texts += [p.text for p in paragraphs_of(entry.body) if not texts]
        if not texts:
            continue
        if len(texts) == 1 and ", " in texts[0]:
            texts = [part.strip() for part in texts[0].split(", ", 1)]
        item = {
            title_key: texts[0],
            giver_key: ISSUED_BY.sub("", texts[1]) if len(texts) > 1 else "",
            date_key: (entry.period.end or entry.period.start) if entry.period else "",
            "url": with_scheme(header.url) if header.url else "",
        }
        found.append({key: value for key, value in item.items() if value})
    return found


def languages_of(lines: Sequence[Line]) -> list[dict[str, str]]:
    """Return JSON Resume's `languages`: names with how well each is known, beside or below."""
    found: list[dict[str, str]] = []
    pending: list[dict[str, str]] = []
    for line in lines:
        texts = [part for s in line.segments for part in SEPARATOR.split(s.text) if part.strip()]
        levels = [text for text in texts if is_level(text)]
        if len(levels) == len(texts) and pending:
            for item, level in zip(pending, levels, strict=False):
                item["fluency"] = level
            pending = []
            continue
        pending = []
        for text in texts:
            language = _language(text)
            if language is not None:
                found.append(language)
                pending += [language] if "fluency" not in language else []
            elif found and text in levels:
                found[-1].setdefault("fluency", text)
    return found


def _language(text: str) -> dict[str, str] | None:
    """Read "Spanish: fluent", "Spanish (C1)", "Spanish fluent" or just "Spanish"."""
    names = phrases("language_names")
    text = text.strip(" .;")
    if len(text) > MAX_LANGUAGE_LENGTH:
        return None
    if fold(text) in names:
        return {"language": text}
    if (match := LEVEL_BESIDE.match(text)) and fold(match[1]) in names:
        return {"language": match[1].strip(), "fluency": match[2].strip()}
    first, _, rest = text.partition(" ")
    if fold(first) in names and rest:
        return {"language": first, "fluency": rest.strip(" -–—:()")}
    return None


def interests_of(lines: Sequence[Line], known_words: frozenset[str]) -> list[dict[str, Any]]:
    """Return JSON Resume's `interests`."""
    found = []
    for paragraph in paragraphs_of(lines, known_words):
        for part in SEPARATOR.split(paragraph.text):
            if part.strip(" ."):
                found.append({"name": part.strip(" .")})
    return found
