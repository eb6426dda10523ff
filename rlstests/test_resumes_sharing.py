"""Room resumes, sharing: a link shows what a viewer needs, and is dead once it is taken back."""

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused

CONTENT = {
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


def share(db: Database, user: Actor, resume: UUID | None, new_link: bool = False) -> Row:
    return db.one(user, "select * from public.share_resume(%s, %s)", resume, new_link)


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
        info: Any = dict(CONTENT["personalInfo"])  # type: ignore[call-overload]
        del info["address"]
        assert seen["content"] == {
            "personalInfo": info,
            "summary": CONTENT["summary"],
            "experience": [{"title": "Engineer"}, "Earlier jobs"],
            "references": CONTENT["references"],
        }


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


def test_slug__is_long_random_and_fit_for_an_address(
    db: Database, owner: Actor, resume: UUID
) -> None:
    slugs = {share(db, owner, resume, new_link=True)["share_slug"] for _ in range(20)}
    assert len(slugs) == 20
    for slug in slugs:
        assert len(slug) == 43
        assert slug.replace("-", "a").replace("_", "a").isalnum()


def test_sharing_again__keeps_the_link_unless_a_new_one_is_asked_for(
    db: Database, owner: Actor, resume: UUID
) -> None:
    first = share(db, owner, resume)
    assert first["is_public"] is True
    assert share(db, owner, resume)["share_slug"] == first["share_slug"]
    second = share(db, owner, resume, new_link=True)
    assert shared(db, second["share_slug"])["title"] == "CV"
    with refused("PT404"):
        shared(db, first["share_slug"])


def test_link_that_was_taken_back__is_dead_at_once_and_for_good(
    db: Database, owner: Actor, resume: UUID
) -> None:
    slug = share(db, owner, resume)["share_slug"]
    assert shared(db, slug)["title"] == "CV"
    row = db.one(owner, "select * from public.unshare_resume(%s)", resume)
    assert (row["is_public"], row["share_slug"]) == (False, None)
    with refused("PT404"):
        shared(db, slug)
    assert share(db, owner, resume)["share_slug"] != slug
    with refused("PT404"):
        shared(db, slug)


def test_link__rests_while_the_resume_is_in_the_trash(
    db: Database, owner: Actor, resume: UUID
) -> None:
    slug = share(db, owner, resume)["share_slug"]
    db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404"):
        shared(db, slug)
    db.query(owner, "select public.restore_resume(%s)", resume)
    assert shared(db, slug)["title"] == "CV"


@pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
def test_link_of_a_blocked_or_leaving_owner__is_dead(
    db: Database, owner: Actor, resume: UUID, change: str
) -> None:
    slug = share(db, owner, resume)["share_slug"]
    db.query(SYSTEM, f"update public.profiles set {change} where id = %s", owner.user_id)
    with refused("PT404"):
        shared(db, slug)
    for sql in ("select public.share_resume(%s)", "select public.unshare_resume(%s)"):
        with refused("PT403"):
            db.query(owner, sql, resume)


def test_every_dead_link__gets_the_same_answer(db: Database, owner: Actor, resume: UUID) -> None:
    gone = share(db, owner, resume)["share_slug"]
    db.query(owner, "select public.unshare_resume(%s)", resume)
    closed = "A" * 43
    set_resume(db, resume, f"share_slug = '{closed}'")
    answers = set()
    for slug in (gone, closed, "B" * 43, "", None, "' or true --", "x" * 10000):
        with refused("PT404") as caught:
            shared(db, slug)
        answers.add((caught.value.diag.message_primary, caught.value.diag.message_hint))
    assert len(answers) == 1


def test_foreign_missing_and_trashed_resume__get_the_same_answer(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, resume: UUID
) -> None:
    for sql in ("select public.share_resume(%s)", "select public.unshare_resume(%s)"):
        for user in (stranger, admin):
            with refused("PT404", match=str(resume)):
                db.query(user, sql, resume)
        for missing in (uuid4(), None):
            with refused("PT404"):
                db.query(owner, sql, missing)
    slug = share(db, owner, resume)["share_slug"]
    db.query(owner, "select public.trash_resume(%s)", resume)
    for sql in ("select public.share_resume(%s)", "select public.unshare_resume(%s)"):
        with refused("PT404", match=str(resume)):
            db.query(owner, sql, resume)
    assert db.value(SYSTEM, "select share_slug from public.resumes where id = %s", resume) == slug


def test_sharing__is_for_owners_only(db: Database, resume: UUID) -> None:
    for actor in (ANON, SERVICE):
        for name in ("share_resume", "unshare_resume"):
            with refused("42501", match=NO_GRANT):
                db.query(actor, f"select public.{name}(%s)", resume)


@pytest.mark.parametrize("column", ["is_public", "share_slug", "last_accessed_at"])
def test_link__is_not_written_by_hand(
    db: Database, owner: Actor, resume: UUID, column: str
) -> None:
    with refused("42501", match=NO_GRANT):
        db.query(owner, f"update public.resumes set {column} = {column} where id = %s", resume)


def test_sharing__is_limited_and_taking_back_is_not(
    db: Database, owner: Actor, resume: UUID
) -> None:
    db.query(
        SYSTEM,
        "insert into public.global_config (key, value) values ('rate_limits', %s) "
        "on conflict (key) do update set value = excluded.value",
        json.dumps({"share": {"limit": 1, "seconds": 60}}),
    )
    slug = share(db, owner, resume)["share_slug"]
    with refused("PT429"):
        share(db, owner, resume)
    for _ in range(3):
        db.query(owner, "select public.unshare_resume(%s)", resume)
    with refused("PT404"):
        shared(db, slug)


def test_anon__reaches_one_function_of_private_and_that_only_through_public(db: Database) -> None:
    found = db.query(
        SYSTEM,
        "select p.oid::regprocedure::text as name from pg_proc p "
        "where p.pronamespace = 'private'::regnamespace "
        "and has_function_privilege('anon', p.oid, 'execute')",
    )
    assert found == [{"name": "private.get_shared_resume(text)"}]
    with refused("42501", match="permission denied for schema private"):
        db.query(ANON, "select private.get_shared_resume('x')")
    with refused("PT404"):
        db.query(ANON, "select public.get_shared_resume('x')")


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
    shared(db, slug)
    after = db.one(owner, sql)
    assert after["last_accessed_at"] == db.value(SYSTEM, "select now()")
    for column in ("updated_at", "last_edited_at", "version"):
        assert after[column] == before[column]
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


def test_viewer__does_not_wait_for_an_edit(stack: StackStatus) -> None:
    user_id, slug = uuid4(), "C" * 43
    with psycopg.connect(stack.db_url) as setup:
        setup.execute(
            "insert into auth.users (id, email) values (%s, %s)", (user_id, f"{user_id}@x.test")
        )
        setup.execute(
            "insert into public.resumes (user_id, is_public, share_slug) values (%s, true, %s)",
            (user_id, slug),
        )
    try:
        with (
            psycopg.connect(stack.db_url) as editor,
            psycopg.connect(stack.db_url, options="-c lock_timeout=2s") as viewer,
        ):
            editor.execute("update public.resumes set title = 'x' where user_id = %s", (user_id,))
            viewer.execute("set local role anon")
            assert viewer.execute(READ, (slug,)).fetchone() is not None
    finally:
        with psycopg.connect(stack.db_url) as cleanup:
            cleanup.execute("delete from auth.users where id = %s", (user_id,))
