"""Room resumes, sharing: a viewer sees what a viewer needs, and looking changes nothing."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, SYSTEM, Actor, Database, Row
from rlstests.test_templates import DESIGN, add_template

CONTENT: dict[str, Any] = {
    "personalInfo": {
        "name": "Ada Lovelace",
        "label": "Engineer",
        "email": "ada@example.com",
        "phone": "+1 555 0100",
        "location": "London",
        "address": {"address": "12 Square", "city": "London"},
        "mobile": "+1 555 0101",
    },
    "summary": "Writes programs.",
    "experience": [{"title": "Engineer", "experienceId": str(uuid4())}, "Earlier jobs"],
    "references": [{"name": "Charles", "reference": "Call me at +1 555 0102."}],
    "meta": {"jsonResume": {"notes": "private"}},
}
SHOWN = {
    "title",
    "content",
    "layout",
    "template_slug",
    "template_name",
    "template_design",
    "updated_at",
}
READ = "select * from public.get_shared_resume(%s)"
LONG_AGO = "2020-01-01 00:00:00+00"


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    row = db.one(
        owner,
        "insert into public.resumes (title, content) values ('CV', %s) returning id",
        json.dumps(CONTENT),
    )
    assert isinstance(row["id"], UUID)
    return row["id"]


def share(db: Database, user: Actor, resume: UUID) -> Row:
    return db.one(user, "select * from public.share_resume(%s)", resume)


def shared(db: Database, slug: object, viewer: Actor = ANON) -> Row:
    return db.one(viewer, READ, slug)


def shown_with(db: Database, owner: Actor, resume: UUID, layout: object) -> Row:
    sql = "update public.resumes set layout = %s where id = %s"
    assert db.affected(owner, sql, json.dumps(layout), resume) == 1
    return shared(db, share(db, owner, resume)["share_slug"])


def set_resume(db: Database, resume: UUID, change: str) -> None:
    db.query(SYSTEM, f"update public.resumes set {change} where id = %s", resume)


def test_link__shows_what_a_viewer_needs_and_nothing_else(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    template = db.value(
        SYSTEM,
        "insert into public.resume_templates (name, slug, type, design) values ('Link', 'link', "
        "'built_in', %s) returning id",
        json.dumps(
            {
                "fonts": {"heading": "Inter", "body": "Inter"},
                "colors": {"primary": "#000000"},
                "sectionOrder": ["summary"],
                "spacing": {"margins": "1in", "lineHeight": 1.2},
            }
        ),
    )
    db.query(SYSTEM, "update public.resumes set template_id = %s where id = %s", template, resume)
    set_resume(db, resume, "extracted_text = 'x', parsed_data = '{}', ats_score = 50")
    row = share(db, owner, resume)
    for viewer in (ANON, stranger, owner):
        seen = shared(db, row["share_slug"], viewer)
        assert set(seen) == SHOWN
        assert (seen["template_slug"], seen["template_name"]) == ("link", "Link")
        assert seen["template_design"]["colors"] == {"primary": "#000000"}
        assert (seen["title"], seen["layout"]) == ("CV", {})
        assert seen["updated_at"] == row["updated_at"]
        info = {k: v for k, v in CONTENT["personalInfo"].items() if k != "address"}
        assert seen["content"] == {
            "personalInfo": info,
            "summary": CONTENT["summary"],
            "experience": [{"title": "Engineer"}, "Earlier jobs"],
            "references": CONTENT["references"],
        }


def test_link__shows_the_design_of_a_template_of_its_owner_but_not_its_name(
    db: Database, owner: Actor, resume: UUID
) -> None:
    template = add_template(db, owner, "For the rivals")
    db.query(SYSTEM, "update public.resume_templates set slug = 'x' where id = %s", template)
    db.query(owner, "update public.resumes set template_id = %s where id = %s", template, resume)
    seen = shared(db, share(db, owner, resume)["share_slug"])
    assert (seen["template_slug"], seen["template_name"]) == (None, None)
    assert seen["template_design"] == DESIGN


def test_hidden_section__is_not_in_what_a_viewer_gets(
    db: Database, owner: Actor, resume: UUID
) -> None:
    layout = {
        "sectionOrder": ["summary", "experience"],
        "hidden": ["summary", "references"],
        "columns": 2,
    }
    seen = shown_with(db, owner, resume, layout)
    assert set(seen["content"]) == {"personalInfo", "experience"}
    # Nor does it show that something is hidden.
    assert seen["layout"] == {"sectionOrder": ["experience"], "columns": 2}


def test_section_that_is_hidden_later__vanishes_from_the_same_link(
    db: Database, owner: Actor, resume: UUID
) -> None:
    slug = share(db, owner, resume)["share_slug"]
    assert "personalInfo" in shared(db, slug)["content"]
    sql = "update public.resumes set layout = %s where id = %s"
    db.query(owner, sql, json.dumps({"hidden": ["personalInfo"]}), resume)
    assert "personalInfo" not in shared(db, slug)["content"]


@pytest.mark.parametrize("value", [True, "yes", 1])
def test_hidden_contact__leaves_name_and_headline_only(
    db: Database, owner: Actor, resume: UUID, value: object
) -> None:
    seen = shown_with(db, owner, resume, {"hideContact": value})
    assert seen["content"]["personalInfo"] == {"name": "Ada Lovelace", "label": "Engineer"}
    assert "references" not in seen["content"]
    assert "meta" not in seen["content"]
    assert seen["layout"] == {}
    assert "0100" not in json.dumps(seen, default=str)


@pytest.mark.parametrize("value", [False, None])
def test_contact__is_shown_unless_the_owner_hides_it(
    db: Database, owner: Actor, resume: UUID, value: object
) -> None:
    seen = shown_with(db, owner, resume, {"hideContact": value})
    assert seen["content"]["personalInfo"]["phone"] == "+1 555 0100"


def test_empty_resume__can_be_shared(db: Database, owner: Actor, resume: UUID) -> None:
    set_resume(db, resume, "content = '{}'")
    assert shown_with(db, owner, resume, {"hideContact": True})["content"] == {}


def test_being_read__is_stamped_once_an_hour_and_is_no_edit(
    db: Database, owner: Actor, resume: UUID
) -> None:
    slug = share(db, owner, resume)["share_slug"]
    sql = "select last_accessed_at, updated_at, last_edited_at, version from public.resumes"
    db.query(SYSTEM, "alter table public.resumes disable trigger _100_set_updated_at")
    set_resume(db, resume, f"updated_at = '{LONG_AGO}', last_edited_at = '{LONG_AGO}'")
    db.query(SYSTEM, "alter table public.resumes enable trigger _100_set_updated_at")
    before = db.one(owner, sql)
    assert before["last_accessed_at"] is None
    other = "insert into public.resumes (user_id) values (%s) returning id"
    unread = db.value(SYSTEM, other, db.add_user("unread").user_id)
    shared(db, slug)
    after = db.one(owner, sql)
    assert after["last_accessed_at"] == db.value(SYSTEM, "select now()")
    for column in ("updated_at", "last_edited_at", "version"):
        assert after[column] == before[column]
    stamp = "select last_accessed_at from public.resumes where id = %s"
    assert db.value(SYSTEM, stamp, unread) is None
    for minutes, is_stamped in ((59, False), (61, True)):
        set_resume(db, resume, f"last_accessed_at = now() - interval '{minutes} min'")
        shared(db, slug)
        stamped = db.value(owner, "select last_accessed_at = now() from public.resumes")
        assert stamped is is_stamped


def test_other_changes__still_stamp_updated_at(db: Database, owner: Actor, resume: UUID) -> None:
    db.query(SYSTEM, "alter table public.resumes disable trigger _100_set_updated_at")
    set_resume(db, resume, f"updated_at = '{LONG_AGO}'")
    db.query(SYSTEM, "alter table public.resumes enable trigger _100_set_updated_at")
    db.query(owner, "update public.resumes set title = 'New' where id = %s", resume)
    assert db.value(owner, "select updated_at = now() from public.resumes") is True


def test_link__is_readable_in_a_read_only_transaction(
    db: Database, owner: Actor, resume: UUID
) -> None:
    # Which is where GET requests run.
    slug = share(db, owner, resume)["share_slug"]
    with db.acting(ANON) as connection:
        connection.execute("set local transaction_read_only = on")
        row = connection.execute(READ, (slug,)).fetchone()
    assert row is not None
    assert row["title"] == "CV"
    assert db.value(owner, "select last_accessed_at from public.resumes") is None
