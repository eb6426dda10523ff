"""Room exports: which template a résumé is rendered with, and what a row may hold."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.export_helpers import add_resume, rendered, request
from rlstests.request_helpers import subscribe

DESIGN = {
    "fonts": {"heading": "Inter", "body": "Inter"},
    "colors": {"primary": "#102030"},
    "sectionOrder": ["summary"],
    "spacing": {"margins": "2cm", "lineHeight": 1.2},
}


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    return add_resume(db, owner)


# Templates ---------------------------------------------------------------------------------------


def add_template(db: Database, name: str, **columns: object) -> UUID:
    values = {
        "name": name,
        "slug": name.lower(),
        "design": json.dumps(DESIGN),
        "is_public": True,
    } | columns
    sql = "insert into public.resume_templates ({}) values ({}) returning id".format(
        ", ".join(values), ", ".join(["%s"] * len(values))
    )
    made = db.value(SYSTEM, sql, *values.values())
    assert isinstance(made, UUID)
    return made


def wear(db: Database, resume: UUID, template: UUID) -> None:
    """Give a résumé a template."""
    sql = "update public.resumes set template_id = %s where id = %s"
    db.query(SYSTEM, sql, template, resume)


def test_template__is_the_one_asked_for_or_the_resumes_own(
    db: Database, owner: Actor, resume: UUID
) -> None:
    own, other = add_template(db, "Own-one"), add_template(db, "Other-one")
    wear(db, resume, own)
    row = request(db, owner, resume)
    assert (row["template_id"], row["template_name"]) == (own, "Own-one")
    assert row["resume_data"]["template"]["design"] == DESIGN
    assert row["resume_data"]["template"]["name"] == "Own-one"
    row = request(db, owner, resume, template_id=other)
    assert (row["template_id"], row["template_name"]) == (other, "Other-one")
    wear(db, resume, other)
    db.query(SYSTEM, "delete from public.resume_templates where id = %s", own)
    sql = "select template_id, template_name from public.resume_generations order by template_name"
    assert db.query(owner, sql) == [
        {"template_id": other, "template_name": "Other-one"},
        {"template_id": None, "template_name": "Own-one"},
    ]


def test_template__is_one_that_the_caller_may_use(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    theirs = add_template(db, "Theirs", is_public=False, owner_id=stranger.user_id)
    retired = add_template(db, "Retired", is_active=False)
    for template in (theirs, retired, uuid4()):
        with refused("PT404", match=str(template)):
            request(db, owner, resume, template_id=template)
    wear(db, resume, retired)
    with refused("PT404", match=str(retired)):
        request(db, owner, resume)
    mine = add_template(db, "Mine-one", is_public=False, owner_id=owner.user_id)
    assert request(db, owner, resume, template_id=mine)["template_id"] == mine


def test_premium_template__needs_a_paid_plan(db: Database, owner: Actor, resume: UUID) -> None:
    premium = add_template(db, "Premium-one", is_premium=True)
    with refused("PT404", match=str(premium)):
        request(db, owner, resume, template_id=premium)
    wear(db, resume, premium)
    with refused("PT404", match=str(premium)):
        request(db, owner, resume)
    subscribe(db, owner)
    assert request(db, owner, resume)["template_id"] == premium


# Checks ------------------------------------------------------------------------------------------


def test_generation__belongs_with_rows_of_the_same_user(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    request(db, stranger, add_resume(db, stranger))
    session = db.value(
        SYSTEM,
        "insert into public.interview_sessions (user_id, session_type) values (%s, 'chat') "
        "returning id",
        owner.user_id,
    )
    for column, value in (("resume_id", resume), ("session_id", session)):
        sql = f"update public.resume_generations set {column} = %s"
        with refused("23503", match=f"resume_generations_user_id_{column}_fkey"):
            db.query(SYSTEM, sql, value)


def test_file__belongs_to_a_generation_of_the_same_user(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    made = rendered(db, owner, resume)
    sql = (
        "insert into public.resume_downloads "
        "(user_id, generation_id, format, file_path, file_size_bytes) "
        "values (%s, %s, %s, %s, 1)"
    )
    path = f"{stranger.user_id}/cv.docx"
    with refused("23503", match="resume_downloads_user_id_generation_id_fkey"):
        db.query(SYSTEM, sql, stranger.user_id, made, "word", path)
    with refused("23514", match="file_path"):
        db.query(SYSTEM, sql, owner.user_id, made, "word", path)
    with refused("23505"):
        db.query(SYSTEM, sql, owner.user_id, made, "pdf", f"{owner.user_id}/cv.docx")
    db.query(SYSTEM, "delete from public.resume_generations")
    assert db.query(SYSTEM, "select 1 from public.resume_downloads") == []


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("resume_generations", "formats = '{}'"),
        ("resume_generations", "formats = '{pdf,odt}'"),
        ("resume_generations", "formats = array['pdf', null]"),
        ("resume_generations", "formats = '{pdf,pdf,pdf,pdf,pdf}'"),
        ("resume_generations", "resume_data = '[]'"),
        ("resume_generations", "template_name = ''"),
        ("resume_generations", "generation_status = 'done'"),
        ("resume_generations", "generation_status = 'failed'"),
        ("resume_generations", "completed_at = null"),
        ("resume_generations", "processing_time_ms = -1"),
        ("resume_downloads", "format = 'odt'"),
        ("resume_downloads", "file_size_bytes = -1"),
        ("resume_downloads", "download_count = -1"),
    ],
)
def test_row__has_no_senseless_values(
    db: Database, owner: Actor, resume: UUID, table: str, change: str
) -> None:
    rendered(db, owner, resume)
    with refused("23514"):
        db.query(SYSTEM, f"update public.{table} set {change}")


def test_use__belongs_to_one_generation(db: Database, owner: Actor, resume: UUID) -> None:
    event = request(db, owner, resume)["usage_event_id"]
    request(db, owner, resume)
    with refused("23505"):
        db.query(SYSTEM, "update public.resume_generations set usage_event_id = %s", event)
