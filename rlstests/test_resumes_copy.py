"""Room resumes, exchange: exports and copies are for the owner, and take what they should."""

import json
from uuid import uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, refused
from rlstests.exchange import add, export, take_in, without_limits

CONTENT = {"summary": "Writes programs.", "skills": {"technical": ["Python"]}}


@pytest.fixture
def owner(db: Database, owner: Actor) -> Actor:
    return without_limits(db, owner)


def test_resume_nobody_edited_yet__is_exported_as_it_was_read(db: Database, owner: Actor) -> None:
    parsed = {"basics": {"name": "Ada"}, "work": [{"name": "X"}]}
    resume = add(db, owner, {}, parsed_data=json.dumps(parsed))
    assert export(db, owner, resume) == parsed
    copy = db.one(owner, "select * from public.duplicate_resume(%s)", resume)
    assert copy["content"] == {"personalInfo": {"name": "Ada"}, "experience": [{"company": "X"}]}
    assert copy["parsed_data"] is None
    db.query(owner, "update public.resumes set content = %s", json.dumps({"summary": "Mine"}))
    assert export(db, owner, resume)["basics"] == {"summary": "Mine"}


def test_empty_resume__is_an_empty_document(db: Database, owner: Actor) -> None:
    resume = add(db, owner, {})
    assert export(db, owner, resume) == {}
    assert db.one(owner, "select * from public.duplicate_resume(%s)", resume)["content"] == {}


def test_export__is_a_reading(db: Database, owner: Actor) -> None:
    resume = add(db, owner, CONTENT)
    before = db.one(owner, "select updated_at, version from public.resumes")
    export(db, owner, resume)
    sql = "select last_accessed_at = now() from public.resumes"
    assert db.value(owner, sql) is True
    assert db.one(owner, "select updated_at, version from public.resumes") == before


COPIED = {"content", "layout", "template_id", "search"}
OWN = {"id", "title", "parent_resume_id"}
GIVEN = {
    "status": "published",
    "is_public": True,
    "share_slug": "D" * 43,
    "ats_score": 50,
    "optimization_score": 60,
    "thumbnail_path": "x",
    "exported_pdf_path": "x",
    "file_name": "cv.pdf",
    "file_size_bytes": 1,
    "file_sha256": "ab" * 32,
    "extracted_text": "python",
    "parsed_data": "{}",
    "parse_status": "completed",
    "parse_error": "x",
    "parse_warnings": '["x"]',
    "version": 7,
    "layout": '{"hidden": ["summary"]}',
    "optimized_for_job_id": None,
    "last_accessed_at": "2020-01-01",
    "last_edited_at": "2020-01-01",
    "created_at": "2020-01-01",
    "updated_at": "2020-01-01",
}


def test_copy__takes_content_layout_and_template_only(db: Database, owner: Actor) -> None:
    path = f"{owner.user_id}/{uuid4()}.pdf"
    resume = add(db, owner, CONTENT, title="CV", file_path=path, **GIVEN)
    fresh = db.one(
        owner, "select * from public.resumes where id = %s", add(db, owner, CONTENT, title="CV")
    )
    original = db.one(owner, "select * from public.resumes where id = %s", resume)
    copy = db.one(owner, "select * from public.duplicate_resume(%s)", resume)
    assert (copy["title"], copy["parent_resume_id"]) == ("CV (copy)", resume)
    assert (copy["content"], copy["layout"]) == (original["content"], original["layout"])
    for column in set(copy) - COPIED - OWN:
        assert copy[column] == fresh[column], column
    assert db.one(owner, "select * from public.resumes where id = %s", resume) == original


def test_copy__has_the_title_that_was_asked_for(db: Database, owner: Actor) -> None:
    resume = add(db, owner, {}, title="x" * 200)
    sql = "select title from public.duplicate_resume(%s, %s)"
    assert db.value(owner, sql, resume, "Mine") == "Mine"
    assert db.value(owner, sql, resume, None) == "x" * 193 + " (copy)"
    for bad in ("", "x" * 201):
        with refused("PT422", match="1 to 200"):
            db.query(owner, sql, resume, bad)
        with refused("PT422", match="1 to 200"):
            take_in(db, owner, {}, bad)


def test_copy__leaves_a_template_that_cannot_be_chosen(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    design = {
        "fonts": {"heading": "Inter", "body": "Inter"},
        "colors": {"primary": "#000000"},
        "sectionOrder": ["summary"],
        "spacing": {"margins": "1in", "lineHeight": 1.2},
    }
    sql = "select template_id from public.duplicate_resume(%s)"
    for maker, is_kept in ((owner, True), (stranger, False)):
        template = db.value(
            SYSTEM,
            "insert into public.resume_templates (owner_id, name, design) values (%s, 'T', %s) "
            "returning id",
            maker.user_id,
            json.dumps(design),
        )
        resume = add(db, owner, {}, template_id=template)
        assert db.value(owner, sql, resume) == (template if is_kept else None)


def test_plan__limits_imports_and_copies(db: Database, stranger: Actor) -> None:
    db.query(SYSTEM, "update public.plans set max_resumes = 3 where code = 'free'")
    resume = take_in(db, stranger, {})["id"]
    for _ in range(2):
        db.query(stranger, "select public.duplicate_resume(%s)", resume)
    with refused("PT402"):
        db.query(stranger, "select public.duplicate_resume(%s)", resume)
    with refused("PT402"):
        take_in(db, stranger, {})


@pytest.mark.parametrize("action", ["import", "duplicate"])
def test_call__is_limited(db: Database, owner: Actor, action: str) -> None:
    resume = add(db, owner, {})
    db.query(
        SYSTEM,
        "update public.global_config set value = %s where key = 'rate_limits'",
        json.dumps({action: {"limit": 1}}),
    )
    sql = {
        "import": "select public.import_json_resume('{}')",
        "duplicate": f"select public.duplicate_resume('{resume}')",
    }[action]
    db.query(owner, sql)
    with refused("PT429"):
        db.query(owner, sql)


@pytest.mark.parametrize("name", ["export_json_resume", "duplicate_resume"])
def test_foreign_missing_and_trashed_resume__get_the_same_answer(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, name: str
) -> None:
    resume = add(db, owner, CONTENT)
    sql = f"select public.{name}(%s)"
    for user in (stranger, admin):
        with refused("PT404", match=f"no résumé {resume}"):
            db.query(user, sql, resume)
    for missing in (uuid4(), None):
        with refused("PT404", match="no résumé"):
            db.query(owner, sql, missing)
    assert db.value(owner, sql, resume)
    db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404", match=f"no résumé {resume}"):
        db.query(owner, sql, resume)


def test_exchange__is_for_active_users_only(db: Database, owner: Actor) -> None:
    resume = add(db, owner, CONTENT)
    calls = (
        f"select public.export_json_resume('{resume}')",
        f"select public.duplicate_resume('{resume}')",
        "select public.import_json_resume('{}')",
    )
    for sql in calls:
        for actor in (ANON, SERVICE):
            with refused("42501", match=NO_GRANT):
                db.query(actor, sql)
        db.query(owner, sql)
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    for sql in calls:
        with refused("PT403"):
            db.query(owner, sql)
