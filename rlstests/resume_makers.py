"""Random résumés: documents and contents that a careless program might write, always the same for
the same seed."""

from random import Random
from typing import Any

TEXTS = (
    "",
    "a",
    "x y",
    "LinkedIn",
    "GitHub",
    "Technical",
    "Soft",
    "soft",
    "groups",
    "é😀",
    "<b>",
    "it's",
    '"q"',
    "https://l.test",
)
# The names of both shapes, so that they meet in the wrong places.
KEYS = [
    "name",
    "company",
    "title",
    "position",
    "bullets",
    "highlights",
    "description",
    "summary",
    "location",
    "address",
    "city",
    "profiles",
    "linkedin",
    "github",
    "website",
    "url",
    "meta",
    "jsonResume",
    "resumebase",
    "basics",
    "personalInfo",
    "work",
    "experience",
    "skills",
    "technical",
    "soft",
    "groups",
    "keywords",
    "certificates",
    "certifications",
    "$schema",
    "degree",
    "studyType",
    "x",
]
BASICS = ["name", "label", "image", "email", "phone", "url"]
PLACE = ["address", "postalCode", "city", "countryCode", "region"]
LISTS: dict[str, tuple[str, str]] = {
    "work": ("name position location url startDate endDate summary description", "highlights"),
    "volunteer": ("organization position url startDate endDate summary", "highlights"),
    "education": ("institution url area studyType startDate endDate", "courses"),
    "projects": ("name description startDate endDate url entity type", "highlights keywords roles"),
    "certificates": ("name date url issuer", ""),
    "awards": ("title date awarder summary", ""),
    "publications": ("name publisher releaseDate url summary", ""),
    "languages": ("language fluency", ""),
    "interests": ("name", "keywords"),
    "references": ("name reference", ""),
}
SECTIONS = {**{key: key for key in LISTS}, "work": "experience", "certificates": "certifications"}


def value(rnd: Random, depth: int = 0) -> Any:
    """Any JSON value."""
    kind = rnd.randrange(5 if depth < 3 else 3)
    if kind == 0:
        return rnd.choice((None, True, 0, 1.5, 10**20))
    if kind < 3:
        return rnd.choice(TEXTS)
    if kind == 3:
        return [value(rnd, depth + 1) for _ in range(rnd.randrange(4))]
    return {rnd.choice(KEYS): value(rnd, depth + 1) for _ in range(rnd.randrange(4))}


def texts(rnd: Random) -> list[str]:
    return [rnd.choice(TEXTS) for _ in range(rnd.randrange(4))]


def entry(rnd: Random, text_keys: list[str], list_keys: list[str]) -> dict[str, Any]:
    """An object whose known keys are right; others hold anything."""
    made: dict[str, Any] = {k: rnd.choice((*TEXTS, None)) for k in text_keys if rnd.random() < 0.4}
    made |= {k: rnd.choice((None, texts(rnd))) for k in list_keys if rnd.random() < 0.4}
    strange = [k for k in KEYS if k not in text_keys and k not in list_keys]
    return made | {k: value(rnd) for k in rnd.sample(strange, rnd.choice((0, 0, 1, 2)))}


def group(rnd: Random) -> dict[str, Any]:
    if rnd.random() < 0.6:
        name = rnd.choice(("Technical", "Soft", "tools", "soft", "groups", "Languages"))
        return {"name": name, "keywords": texts(rnd)}
    return entry(rnd, ["name", "level"], ["keywords"])


def profile(rnd: Random) -> dict[str, Any]:
    if rnd.random() < 0.6:
        network = rnd.choice(("LinkedIn", "GitHub", "linkedin", "X"))
        return {"network": network, "url": rnd.choice(TEXTS)}
    return entry(rnd, ["network", "username", "url"], [])


def several(rnd: Random, make: Any) -> list[Any]:
    return [make(rnd) for _ in range(rnd.randrange(4))]


def basics(rnd: Random) -> dict[str, Any]:
    made = entry(rnd, [*BASICS, "summary"], [])
    made.pop("location", None)
    made.pop("profiles", None)
    if rnd.random() < 0.6:
        made["location"] = rnd.choice((None, {"city": rnd.choice(TEXTS)}, entry(rnd, PLACE, [])))
    if rnd.random() < 0.6:
        made["profiles"] = rnd.choice((None, several(rnd, profile)))
    return made


def make_document(rnd: Random) -> dict[str, Any]:
    """A JSON Resume document with nulls, unknown keys, and our keys where they do not belong."""
    made: dict[str, Any] = {}
    if rnd.random() < 0.8:
        made["basics"] = None if rnd.random() < 0.2 else basics(rnd)
    for key, (text_keys, list_keys) in LISTS.items():
        if rnd.random() < 0.35:
            made[key] = rnd.choice(
                (None, several(rnd, lambda r: entry(r, text_keys.split(), list_keys.split())))  # noqa: B023
            )
    if rnd.random() < 0.5:
        made["skills"] = rnd.choice((None, several(rnd, group)))
    known = {*LISTS, "skills", "basics", "meta", "$schema"}
    strange = [key for key in KEYS if key not in known]
    made |= {key: value(rnd) for key in rnd.sample(strange, rnd.randrange(3))}
    if rnd.random() < 0.3:
        made["$schema"] = rnd.choice((None, "https://schema.test"))
    if rnd.random() < 0.4:
        made["meta"] = rnd.choice((None, {}, {"x": value(rnd), "version": "1"}))
    return made


def personal_info(rnd: Random) -> dict[str, Any]:
    made = {key: value(rnd) for key in rnd.sample([*KEYS, "phone", "email"], rnd.randrange(5))}
    made |= {k: rnd.choice(TEXTS) for k in ("linkedin", "github", "location") if rnd.random() < 0.4}
    if rnd.random() < 0.4:
        made["profiles"] = rnd.choice((several(rnd, profile), value(rnd)))
    if rnd.random() < 0.3:
        made["address"] = rnd.choice((entry(rnd, PLACE, []), value(rnd)))
    return made


def skills(rnd: Random) -> dict[str, Any]:
    return rnd.choice(
        (
            {"technical": texts(rnd), "soft": texts(rnd), "tools": texts(rnd)},
            {key: value(rnd) for key in rnd.sample(["technical", "soft", "groups", "Tools"], 2)},
            {"groups": several(rnd, group), "technical": texts(rnd)},
        )
    )


def make_content(rnd: Random) -> dict[str, Any]:
    """Content of a résumé: sections of the right type that hold whatever an editor put there."""
    made: dict[str, Any] = {}
    if rnd.random() < 0.7:
        made["personalInfo"] = personal_info(rnd)
    if rnd.random() < 0.5:
        made["summary"] = rnd.choice(TEXTS)
    ours = ["company", "title", "startDate", "degree"]
    for section in SECTIONS.values():
        if rnd.random() < 0.3:
            made[section] = rnd.choice(
                (
                    several(rnd, lambda r: entry(r, ours, ["bullets", "technologies"])),
                    several(rnd, value),
                    texts(rnd),
                )
            )
    if rnd.random() < 0.5:
        made["skills"] = skills(rnd)
    known = {*SECTIONS.values(), "personalInfo", "summary", "skills", "meta"}
    strange = [key for key in KEYS if key not in known]
    made |= {key: value(rnd) for key in rnd.sample(strange, rnd.randrange(3))}
    if rnd.random() < 0.5:
        rest = rnd.choice((value(rnd), make_document(rnd), {"meta": {"resumebase": value(rnd)}}))
        made["meta"] = rnd.choice((value(rnd), {"jsonResume": rest}))
    return made
