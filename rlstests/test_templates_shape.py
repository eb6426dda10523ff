"""Room templates: what a template may say, whoever writes it."""

import json
from typing import Any
from uuid import UUID

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.test_templates import DESIGN, add_template


@pytest.fixture
def template(db: Database, owner: Actor) -> UUID:
    return add_template(db, owner)


def changed(path: str, value: object) -> dict[str, Any]:
    """DESIGN with one value replaced, or removed when it is None."""
    design: dict[str, Any] = json.loads(json.dumps(DESIGN))
    *parents, key = path.split(".")
    target = design
    for parent in parents:
        target = target[parent]
    target[key] = value
    if value is None:
        del target[key]
    return design


@pytest.mark.parametrize(
    "design",
    [
        [],
        "text",
        {},
        changed("fonts", None),
        changed("fonts.heading", None),
        changed("fonts.heading", "Lato; } body { display: none"),
        changed("fonts.body", None),
        changed("fonts.body", 'x" onload="'),
        changed("colors", None),
        changed("colors", ["#102030"]),
        changed("colors.primary", None),
        changed("colors.primary", "red"),
        changed("colors.accent", "#12345"),
        changed("colors.accent", "url(https://example.com)"),
        changed("colors.accent", 5),
        changed("colors.accent", ["#102030"]),
        changed("sectionOrder", None),
        changed("sectionOrder", []),
        changed("sectionOrder", "summary"),
        changed("sectionOrder", ["a"] * 41),
        changed("sectionOrder", ["summary", 5]),
        changed("sectionOrder", ["not a key"]),
        changed("spacing", None),
        changed("spacing.margins", "1in; color: red"),
        changed("spacing.margins", None),
        changed("spacing.lineHeight", "1.4"),
        changed("spacing.lineHeight", 0.7),
        changed("spacing.lineHeight", 3.1),
        changed("spacing.lineHeight", None),
        changed("more", "x" * 32768),
    ],
)
def test_design__has_the_shape_that_renderers_need(
    db: Database, owner: Actor, design: object
) -> None:
    with refused("23514", match="design"):
        add_template(db, owner, "Bad", design)
    add_template(db, owner, "Good", DESIGN | {"more": {"free": True}})


@pytest.mark.usefixtures("template")
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("slug", "Upper"),
        ("slug", "double--dash"),
        ("slug", "x" * 101),
        ("category", ""),
        ("category", "x" * 51),
        ("description", "x" * 2001),
        ("layout", "three_column"),
        ("preview_url", "javascript:alert(1)"),
        ("preview_url", "https://" + "x" * 1000),
    ],
)
def test_custom_template__keeps_to_its_limits(
    db: Database, owner: Actor, column: str, value: str
) -> None:
    with refused("23514", match=column):
        db.query(owner, f"update public.resume_templates set {column} = %s", value)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("type = 'other'", "type_check"),
        ("type = 'built_in'", "built_in_check"),
        ("type = 'built_in', owner_id = null", "built_in_check"),
        ("is_public = true", "public_check"),
        ("demo_resume_id = gen_random_uuid()", "demo_check"),
        ("ats_score = 101", "ats_score"),
        ("ats_score = -1", "ats_score"),
        ("usage_count = -1", "usage_count"),
    ],
)
def test_operators__are_held_to_the_domain_too(
    db: Database, template: UUID, change: str, constraint: str
) -> None:
    with refused("23514", match=constraint):
        db.query(SYSTEM, f"update public.resume_templates set {change} where id = %s", template)
