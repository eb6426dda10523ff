"""Lines in reading order → a JSON Resume object and warnings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edge_workers.documents.basics import basics_of
from edge_workers.documents.education import degree_score, education_of
from edge_workers.documents.entries import entries_of, usual_style
from edge_workers.documents.others import interests_of, languages_of, projects_of, titled_of
from edge_workers.documents.page import Line
from edge_workers.documents.paragraphs import words_of_document
from edge_workers.documents.sections import Part, parts_of
from edge_workers.documents.skills import may_be_skills, skills_of
from edge_workers.documents.vocabulary import Section, word_list
from edge_workers.documents.work import volunteer_of, work_of

CERTIFICATE = ("name", "issuer", "date")
AWARD = ("title", "awarder", "date")
PUBLICATION = ("name", "publisher", "releaseDate")


@dataclass(frozen=True)
class Reading:
    """What was read: the résumé, its text in reading order, and what a user should check."""

    resume: dict[str, Any]
    text: str
    warnings: list[str]


def read_resume(lines: Sequence[Line]) -> Reading:
    """Return the JSON Resume of a document; what is not found in it is left out."""
    parts = _with_main_sections([_with_skills(part) for part in parts_of(lines)], lines)
    text = "\n".join(line.text for line in lines)
    basics = basics_of(parts, text)
    resume: dict[str, Any] = {"basics": basics} if basics else {}
    for section, read in _readers(lines).items():
        items = [item for part in parts if part.section == section for item in read(part.lines)]
        if items:
            resume[section.value] = items
    if skills := _skills(parts, words_of_document(lines)):
        resume[Section.SKILLS.value] = skills
    return Reading(resume, text, _warnings(resume, parts))


def _with_skills(part: Part) -> Part:
    """Turn a section into a group of skills if it is one, whatever its heading seems to say.

    "Languages" may head programming languages, and some résumés head each group of skills.
    """
    is_other = part.section == Section.OTHER and may_be_skills(part.lines)
    is_programming = part.section == Section.LANGUAGES and not languages_of(part.lines)
    if not is_other and not is_programming:
        return part
    return Part(Section.SKILLS, part.title, part.lines, is_group=True)


def _with_main_sections(parts: list[Part], lines: Sequence[Line]) -> list[Part]:
    """Find jobs and studies by what is said if their headings are unknown."""
    body = usual_style(lines)
    sections = {part.section for part in parts}
    for part in parts:
        if part.section != Section.OTHER:
            continue
        entries = [entry for entry in entries_of(part.lines, body) if entry.period]
        text = "\n".join(line.text for entry in entries for line in entry.header)
        if entries and Section.EDUCATION not in sections and degree_score(text) > 0:
            part.section = Section.EDUCATION
        elif entries and Section.WORK not in sections and word_list("title_words").count(text):
            part.section = Section.WORK
    return parts


def _skills(parts: Sequence[Part], known_words: frozenset[str]) -> list[dict[str, Any]]:
    """Return the skills of all sections with skills."""
    skills: list[dict[str, Any]] = []
    for part in parts:
        if part.section == Section.SKILLS:
            skills += skills_of(part.lines, known_words, part.title if part.is_group else "")
    return skills


def _readers(lines: Sequence[Line]) -> dict[Section, Callable[[list[Line]], list[Any]]]:
    """Return what reads each section's lines."""
    body, known = usual_style(lines), words_of_document(lines)
    return {
        Section.WORK: lambda part: work_of(part, body, known),
        Section.VOLUNTEER: lambda part: volunteer_of(part, body, known),
        Section.EDUCATION: lambda part: education_of(part, body, known),
        Section.AWARDS: lambda part: titled_of(part, body, AWARD),
        Section.CERTIFICATES: lambda part: titled_of(part, body, CERTIFICATE),
        Section.PUBLICATIONS: lambda part: titled_of(part, body, PUBLICATION),
        Section.LANGUAGES: languages_of,
        Section.INTERESTS: lambda part: interests_of(part, known),
        Section.PROJECTS: lambda part: projects_of(part, body, known),
    }


def _warnings(resume: dict[str, Any], parts: Sequence[Part]) -> list[str]:
    """Return what a user should check, each with what to do."""
    basics = resume.get("basics", {})
    warnings = []
    if not basics.get("name"):
        warnings.append("No name was found. Put it at the top, larger than the rest.")
    if not basics.get("email") and not basics.get("phone"):
        warnings.append("Neither an e-mail address nor a phone number was found.")
    if not resume.get("work") and not resume.get("education"):
        headed = any(part.section in (Section.WORK, Section.EDUCATION) for part in parts)
        what = "under their headings" if headed else "as no heading for them was recognized"
        warnings.append(f"No jobs or studies were found {what}. Check the parsed result.")
    for job in resume.get("work", []):
        if "startDate" not in job and "endDate" not in job:
            name = job.get("position") or job.get("name")
            warnings.append(f"“{name}” has no dates that could be read.")
    return warnings
