"""Jobs and volunteer posts: entries → JSON Resume."""

from collections.abc import Sequence
from typing import Any

from edge_workers.documents.contact import with_scheme
from edge_workers.documents.dates import Period
from edge_workers.documents.entries import entries_of
from edge_workers.documents.page import Line, Style
from edge_workers.documents.paragraphs import Paragraph, paragraphs_of
from edge_workers.documents.roles import Header, cut_header, find_places, give_roles
from edge_workers.documents.vocabulary import word_list

MAX_LONE_PARAGRAPHS = 1
"""A body without bullets that has no more paragraphs than this is a summary."""


def title_score(text: str) -> float:
    """Return how much a text looks like a job title."""
    return min(word_list("title_words").count(text), 2) - 0.02 * len(text.split())


def organization_score(text: str) -> float:
    """Return how much a text looks like the name of an organization."""
    return min(word_list("organization_words").count(text), 2) - 0.02 * len(text.split())


def work_of(
    lines: Sequence[Line], body_style: Style, known_words: frozenset[str]
) -> list[dict[str, Any]]:
    """Return JSON Resume's `work` for the lines of a work section."""
    return [
        _job(header, "name", known_words) for header in _headers(lines, body_style) if header.roles
    ]


def volunteer_of(
    lines: Sequence[Line], body_style: Style, known_words: frozenset[str]
) -> list[dict[str, Any]]:
    """Return JSON Resume's `volunteer` for the lines of a volunteering section."""
    jobs = [_job(h, "organization", known_words) for h in _headers(lines, body_style) if h.roles]
    for job in jobs:
        job.pop("location", None)
    return jobs


def _headers(lines: Sequence[Line], body_style: Style) -> list[Header]:
    headers = [cut_header(entry) for entry in entries_of(lines, body_style)]
    scores = {"position": title_score, "name": organization_score}
    give_roles(headers, "position", "name", scores)
    find_places(headers, "name")
    return headers


def _job(header: Header, name_key: str, known_words: frozenset[str]) -> dict[str, Any]:
    summary, highlights = summary_and_highlights(paragraphs_of(header.entry.body, known_words))
    job = {
        name_key: header.roles.get("name", ""),
        "position": header.roles.get("position", ""),
        "location": header.location,
        "url": with_scheme(header.url) if header.url else "",
        **dates_of(header.entry.period),
        "summary": summary,
        "highlights": highlights,
    }
    return {key: value for key, value in job.items() if value}


def dates_of(period: Period | None) -> dict[str, str]:
    """Return the start and end date of a period, those that it has."""
    if period is None:
        return {}
    dates = {"startDate": period.start, "endDate": "" if period.is_current else period.end}
    return {key: value for key, value in dates.items() if value}


def summary_and_highlights(paragraphs: Sequence[Paragraph]) -> tuple[str, list[str]]:
    """Part the text of an entry: prose before the items is its summary."""
    items = [p.text for p in paragraphs if p.is_item]
    plain = [p.text for p in paragraphs if not p.is_item]
    if items:
        first = next(i for i, p in enumerate(paragraphs) if p.is_item)
        before = [p.text for p in paragraphs[:first]]
        after = [p.text for p in paragraphs[first:]]
        return " ".join(before), after
    if len(plain) <= MAX_LONE_PARAGRAPHS:
        return " ".join(plain), []
    return "", plain
