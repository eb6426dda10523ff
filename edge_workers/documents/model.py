"""The result of reading a document, and JSON Resume 1.0.0 as pydantic models.

Field by field as on https://jsonresume.org/schema; what a document does not say is left out.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

Date = Annotated[str, StringConstraints(pattern=r"^[12]\d{3}(-[01]\d(-[0-3]\d)?)?$")]


class Part(BaseModel):
    """Base of the models: unknown fields are errors, empty ones are not written."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True
    )


class Location(Part):
    """Where a person lives."""

    address: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country_code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    region: str | None = None


class Profile(Part):
    """A page of a person on a network."""

    network: str | None = None
    username: str | None = None
    url: str | None = None


class Basics(Part):
    """Who the résumé is about."""

    name: str | None = None
    label: str | None = None
    image: str | None = None
    email: str | None = None
    phone: str | None = None
    url: str | None = None
    summary: str | None = None
    location: Location | None = None
    profiles: list[Profile] | None = None


class Job(Part):
    """A job."""

    name: str | None = None
    location: str | None = None
    description: str | None = None
    position: str | None = None
    url: str | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    summary: str | None = None
    highlights: list[str] | None = None


class Volunteering(Part):
    """A post without pay."""

    organization: str | None = None
    position: str | None = None
    url: str | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    summary: str | None = None
    highlights: list[str] | None = None


class Study(Part):
    """A course of study."""

    institution: str | None = None
    url: str | None = None
    area: str | None = None
    study_type: str | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    score: str | None = None
    courses: list[str] | None = None


class Award(Part):
    """An award."""

    title: str | None = None
    date: Date | None = None
    awarder: str | None = None
    summary: str | None = None


class Certificate(Part):
    """A certificate."""

    name: str | None = None
    date: Date | None = None
    url: str | None = None
    issuer: str | None = None


class Publication(Part):
    """A publication."""

    name: str | None = None
    publisher: str | None = None
    release_date: Date | None = None
    url: str | None = None
    summary: str | None = None


class Skill(Part):
    """A skill, or a group of skills with its keywords."""

    name: str | None = None
    level: str | None = None
    keywords: list[str] | None = None


class SpokenLanguage(Part):
    """A language that a person speaks."""

    language: str | None = None
    fluency: str | None = None


class Interest(Part):
    """An interest."""

    name: str | None = None
    keywords: list[str] | None = None


class Reference(Part):
    """What somebody says about the person."""

    name: str | None = None
    reference: str | None = None


class Project(Part):
    """A project."""

    name: str | None = None
    description: str | None = None
    highlights: list[str] | None = None
    keywords: list[str] | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    url: str | None = None
    roles: list[str] | None = None
    entity: str | None = None
    type: str | None = None


class JsonResume(Part):
    """A résumé."""

    basics: Basics | None = None
    work: list[Job] | None = None
    volunteer: list[Volunteering] | None = None
    education: list[Study] | None = None
    awards: list[Award] | None = None
    certificates: list[Certificate] | None = None
    publications: list[Publication] | None = None
    skills: list[Skill] | None = None
    languages: list[SpokenLanguage] | None = None
    interests: list[Interest] | None = None
    references: list[Reference] | None = None
    projects: list[Project] | None = None


class ParsedDocument(BaseModel):
    """What was read from a document.

    `resume` is a JSON Resume object; `text` the whole text in reading order; `warnings` say what a
    user should check. `sha256` is in hexadecimal digits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    resume: dict[str, Any]
    text: str
    page_count: int = Field(ge=1)
    warnings: list[str]
    sha256: str
    size_bytes: int
    media_type: str


def validated_resume(resume: Any) -> dict[str, Any]:
    """Return a JSON Resume object without empty fields. Raises ValidationError if it is none."""
    model = JsonResume.model_validate(resume)
    return model.model_dump(by_alias=True, exclude_none=True)
