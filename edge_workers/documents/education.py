"""Studies: entries → JSON Resume."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from edge_workers.documents.contact import with_scheme
from edge_workers.documents.entries import Entry, entries_of
from edge_workers.documents.page import Line, Style
from edge_workers.documents.paragraphs import paragraphs_of
from edge_workers.documents.roles import cut_header, give_roles
from edge_workers.documents.text import fold
from edge_workers.documents.vocabulary import LANGUAGES, alternatives, phrases, word_list
from edge_workers.documents.work import dates_of

SCORE_VALUE = r"(\d{1,3}(?:[.,]\d+)?\s*%?(?:\s*(?:/|out of|von)\s*\d{1,3}(?:[.,]\d+)?)?)"
PARENTHESIZED_SCORE = re.compile(rf"\(\s*{SCORE_VALUE}\s*\)")
MAX_AREA_WORDS = 8


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Return the patterns that the vocabulary gives; made when first needed."""
    labels = alternatives(label for language in LANGUAGES for label in language.score_labels)
    areas = alternatives(word for language in LANGUAGES for word in language.area_words)
    courses = alternatives(label for language in LANGUAGES for label in language.course_labels)
    kinds = alternatives(kind for language in LANGUAGES for kind in language.degree_kinds)
    short = alternatives(a for language in LANGUAGES for a in language.degree_abbreviations)
    ignore = re.IGNORECASE
    return {
        "score": re.compile(rf"[(,;|·]?\s*\b(?:{labels})\b\s*[:=]?\s*{SCORE_VALUE}\)?", ignore),
        "area": re.compile(rf"\s+(?:{areas})\s+|\s*[,:(]\s*|\s+[–—-]\s+", ignore),
        "area_start": re.compile(rf"^(?:{areas})\s+", ignore),
        "courses": re.compile(rf"(?:{courses})\s*[:–-]?\s*(.*)", ignore),
        "kind": re.compile(
            rf"((?:bachelor|master|associate|doctor)(?:['’]?s)?(?:\s+degree)?"
            rf"(?:\s+(?:of|in)\s+(?:{kinds}))?(?:\s*\((?:hons|honours)\.?\))?)(?!\w)",
            ignore,
        ),
        "short": re.compile(rf"(?<![\w.])({short})(?![\w])"),
    }


def degree_score(text: str) -> float:
    """Return how much a text looks like a degree."""
    found = word_list("degree_words").count(text) + 2 * bool(_patterns()["short"].search(text))
    return min(found, 2) - 0.02 * len(text.split())


def institution_score(text: str) -> float:
    """Return how much a text looks like the name of a school or university."""
    return min(2 * word_list("institution_words").count(text), 2) - 0.02 * len(text.split())


def education_of(
    lines: Sequence[Line], body_style: Style, known_words: frozenset[str]
) -> list[dict[str, Any]]:
    """Return JSON Resume's `education` for the lines of an education section."""
    entries = entries_of(lines, body_style, single_dates=True)
    studies = [_Study(entry, known_words) for entry in entries]
    scores = {"degree": degree_score, "institution": institution_score}
    give_roles([study.header for study in studies], "degree", "institution", scores)
    return [study.as_json_resume() for study in studies if study.header.roles]


class _Study:
    """One entry: score and courses are taken out before the roles are given."""

    def __init__(self, entry: Entry, known_words: frozenset[str]) -> None:
        self.score = ""
        self.courses: list[str] = []
        self.header = cut_header(entry)
        for piece in self.header.pieces:
            piece.text = self._without_score(self._without_courses(piece.text))
        self.header.pieces = [p for p in self.header.pieces if any(map(str.isalnum, p.text))]
        self.degree_in_body = ""
        is_course = False
        for paragraph in paragraphs_of(entry.body, known_words):
            is_course = is_course or fold(paragraph.text) in phrases("course_labels")
            text = self._without_score(self._without_courses(paragraph.text))
            if is_course and paragraph.is_item and text:
                self.courses.append(text)
            elif not self.degree_in_body and degree_score(text) > 0:
                self.degree_in_body = text

    def _without_score(self, text: str) -> str:
        """Take the grade out of a text."""
        match = _patterns()["score"].search(text) or PARENTHESIZED_SCORE.search(text)
        if match is None:
            return text
        self.score = self.score or " ".join(match[1].split())
        return (text[: match.start()] + text[match.end() :]).strip(" ,;|·•–—-")

    def _without_courses(self, text: str) -> str:
        """Take a list of courses out of a text that begins with the label of one."""
        match = _patterns()["courses"].fullmatch(text)
        if match is None:
            return text
        self.courses += [c.strip(" .") for c in re.split(r"[,;·•|]", match[1]) if c.strip(" .")]
        return ""

    def as_json_resume(self) -> dict[str, Any]:
        """Return the entry; what is not found is left out."""
        study_type, area = split_degree(self.header.roles.get("degree") or self.degree_in_body)
        for piece in self.header.pieces:
            if not area and len(piece.text.split()) <= MAX_AREA_WORDS:
                area = piece.text
        study = {
            "institution": self.header.roles.get("institution", ""),
            "url": with_scheme(self.header.url) if self.header.url else "",
            "studyType": study_type,
            "area": area,
            **dates_of(self.header.entry.period),
            "score": self.score,
            "courses": self.courses,
        }
        return {key: value for key, value in study.items() if value}


def split_degree(text: str) -> tuple[str, str]:
    """Part "Bachelor of Science in Physics" into the degree and its subject."""
    patterns = _patterns()
    match = patterns["kind"].search(text) or patterns["short"].search(text)
    if match:
        before, rest = text[: match.end()], text[match.end() :].strip(" ,:;–—-()")
        return before.strip(), re.sub(patterns["area_start"], "", rest)
    parts = patterns["area"].split(text, maxsplit=1)
    if len(parts) == 2 and word_list("degree_words").count(parts[0]):
        return parts[0].strip(), parts[1].strip(" )")
    first, _, rest = text.partition(" ")
    if rest[:1].isupper() and word_list("degree_words").count(first):
        return first, rest
    return text, ""
