"""A résumé with sections, and how the tests read and write them."""

import json
from typing import Any
from uuid import UUID

from rlstests.actors import SYSTEM, Actor, Database, Row

CONTENT: dict[str, Any] = {
    "zebra": 1,
    "skills": {"technical": ["Notes"]},
    "summary": "Mathematician.",
    "hobbies": ["Flight"],
    "personalInfo": {"fullName": "Ada Lovelace"},
    "experience": [{"company": "Analytical Engines"}],
}


def add_resume(db: Database, owner: Actor) -> UUID:
    sql = "insert into public.resumes (content) values (%s) returning id"
    resume = db.value(owner, sql, json.dumps(CONTENT))
    assert isinstance(resume, UUID)
    return resume


def sections(db: Database, user: Actor, resume: UUID) -> list[Row]:
    sql = "select * from public.resume_sections where resume_id = %s order by section_order"
    return db.query(user, sql, resume)


def types(db: Database, user: Actor, resume: UUID) -> list[str]:
    return [row["section_type"] for row in sections(db, user, resume)]


def parts(db: Database, resume: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    row = db.one(SYSTEM, "select content, layout from public.resumes where id = %s", resume)
    return row["content"], row["layout"]


def set_layout(db: Database, owner: Actor, layout: object) -> None:
    db.query(owner, "update public.resumes set layout = %s", json.dumps(layout))


def change(db: Database, user: Actor, section: str, **values: object) -> list[Row]:
    assignments = ", ".join(f"{column} = %s" for column in values)
    sql = f"update public.resume_sections set {assignments} where section_type = %s returning *"
    return db.query(user, sql, *values.values(), section)


def add(db: Database, user: Actor, resume: UUID | None, **values: object) -> Row:
    columns = ", ".join(("resume_id", *values))
    marks = ", ".join(["%s"] * (len(values) + 1))
    sql = f"insert into public.resume_sections ({columns}) values ({marks}) returning *"
    return db.one(user, sql, resume, *values.values())
