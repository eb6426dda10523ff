"""Room resumes, drafts: what an editor saves by itself, and what becomes of it."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SYSTEM, Actor, Database, Row, refused
from rlstests.test_resumes_quota import add_resumes, set_config, trash
from rlstests.test_templates import add_template, publish

SAVE = (
    "select * from public.save_draft(%(resume)s, %(base)s, %(content)s, %(layout)s, %(title)s, "
    "%(template)s, %(draft)s)"
)


def save(db: Database, user: Actor, content: object = None, **more: Any) -> Row:
    """Save a draft; more: resume, base, layout, title, template, draft."""
    values = dict.fromkeys(("resume", "base", "layout", "title", "template", "draft")) | more
    values["content"] = json.dumps({"summary": "draft"} if content is None else content)
    values["layout"] = json.dumps(values["layout"]) if values["layout"] else None
    with db.acting(user) as connection:
        row = connection.execute(SAVE, values).fetchone()
    assert row is not None
    return row


def publish_draft(db: Database, user: Actor, draft: UUID | None) -> Row:
    return db.one(user, "select * from public.publish_draft(%s)", draft)


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    (resume,) = add_resumes(db, owner)
    return resume


def test_draft__is_one_for_each_resume_and_what_was_saved_last(
    db: Database, owner: Actor, resume: UUID
) -> None:
    template = add_template(db, owner)
    first = save(
        db, owner, resume=resume, base=1, layout={"hidden": []}, title="T", template=template
    )
    assert (first["user_id"], first["resume_id"]) == (owner.user_id, resume)
    assert (first["base_version"], first["content"]) == (1, {"summary": "draft"})
    assert (first["layout"], first["title"]) == ({"hidden": []}, "T")
    assert first["template_id"] == template
    db.query(SYSTEM, "update public.resume_drafts set last_saved_at = '2020-01-01'")
    second = save(db, owner, {"summary": "later"}, resume=resume, base=1)
    assert second["id"] == first["id"]
    assert second["last_saved_at"] > second["created_at"].replace(year=2021)
    assert second["content"] == {"summary": "later"}
    assert (second["layout"], second["title"], second["template_id"]) == (None, None, None)
    assert db.value(owner, "select count(*) from public.resume_drafts") == 1
    (another,) = add_resumes(db, owner)
    assert save(db, owner, resume=another, base=1)["id"] != first["id"]


def test_draft__changes_nothing_of_the_resume(db: Database, owner: Actor, resume: UUID) -> None:
    sql = "select r::text as row from public.resumes r where id = %s"
    before = db.value(owner, sql, resume)
    save(db, owner, resume=resume, base=1, title="Other")
    assert db.value(owner, sql, resume) == before


def test_draft_of_an_older_version__is_a_conflict_that_names_the_current_one(
    db: Database, owner: Actor, resume: UUID
) -> None:
    db.query(owner, 'update public.resumes set content = \'{"summary": "elsewhere"}\'')
    for base in (1, 3, None):
        with refused("PT409") as caught:
            save(db, owner, resume=resume, base=base)
        detail = json.loads(caught.value.diag.message_detail or "")
        assert detail == {"current_version": 2, "base_version": base}
    assert db.query(owner, "select 1 from public.resume_drafts") == []
    assert save(db, owner, resume=resume, base=2)["base_version"] == 2


def test_quick_edits__are_merged_in_the_history_and_still_a_conflict(
    db: Database, owner: Actor, resume: UUID
) -> None:
    for summary in ("two", "three"):
        content = json.dumps({"summary": summary})
        db.query(owner, "update public.resumes set content = %s", content)
    with refused("PT409"):
        save(db, owner, resume=resume, base=2)


def test_draft_of_a_new_resume__is_named_by_its_id(db: Database, owner: Actor) -> None:
    draft = save(db, owner, base=7)
    assert (draft["resume_id"], draft["base_version"]) == (None, None)
    again = save(db, owner, {"summary": "again"}, draft=draft["id"], title="New")
    assert (again["id"], again["content"], again["title"]) == (
        draft["id"],
        {"summary": "again"},
        "New",
    )
    assert save(db, owner)["id"] != draft["id"]


def test_saving__is_refused_alike_for_what_is_missing_foreign_or_trashed(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    attached = save(db, owner, resume=resume, base=1)["id"]
    theirs = save(db, stranger)["id"]
    for draft in (theirs, attached, uuid4()):
        with refused("PT404", match=str(draft)):
            save(db, owner, draft=draft)
    with refused("PT404", match=str(resume)):
        save(db, stranger, resume=resume, base=1)
    with refused("PT404"):
        save(db, stranger, resume=uuid4(), base=1)
    trash(db, owner, resume)
    with refused("PT404", match=str(resume)):
        save(db, owner, resume=resume, base=1)
    assert db.value(stranger, "select content from public.resume_drafts") == {"summary": "draft"}


def test_draft__is_named_by_its_resume_or_by_its_id(
    db: Database, owner: Actor, resume: UUID
) -> None:
    draft = save(db, owner)["id"]
    with refused("PT422"):
        save(db, owner, resume=resume, base=1, draft=draft)


@pytest.mark.parametrize(
    "content", [[], "text", 5, {"summary": 5}, {"skills": []}, {"x": "x" * 262144}]
)
def test_draft__has_the_shape_of_a_resume(db: Database, owner: Actor, content: object) -> None:
    with refused("PT422"):
        save(db, owner, content)
    with refused("PT422"), db.acting(owner) as connection:
        connection.execute("select public.save_draft(null, null, null)")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("title", "''"),
        ("title", f"'{'x' * 201}'"),
        ("content", "'[]'"),
        ("content", f"'{json.dumps({'x': 'x' * 262144})}'"),
        ("layout", "'[]'"),
        ("layout", f"'{json.dumps({'x': 'x' * 65536})}'"),
    ],
)
def test_draft__keeps_to_its_limits(db: Database, owner: Actor, column: str, value: str) -> None:
    draft = save(db, owner)["id"]
    with refused("23514", match=f"resume_drafts_{column}_check"):
        db.query(SYSTEM, f"update public.resume_drafts set {column} = {value} where id = %s", draft)


def test_draft_of_a_new_resume__names_no_version(db: Database, owner: Actor) -> None:
    draft = save(db, owner)["id"]
    with refused("23514", match="resume_drafts_base_check"):
        db.query(SYSTEM, "update public.resume_drafts set base_version = 1 where id = %s", draft)


@pytest.mark.parametrize("base", ["0", "null"])
def test_draft_of_a_resume__names_a_version(
    db: Database, owner: Actor, resume: UUID, base: str
) -> None:
    draft = save(db, owner, resume=resume, base=1)["id"]
    with refused("23514", match="base"):
        db.query(
            SYSTEM, f"update public.resume_drafts set base_version = {base} where id = %s", draft
        )


def test_template_of_a_draft__is_one_that_can_be_chosen(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    template = add_template(db, stranger)
    for unknown in (template, uuid4()):
        with refused("PT404", match=str(unknown)):
            save(db, owner, template=unknown)
    publish(db, template)
    draft = save(db, owner, template=template)["id"]
    publish(db, template, is_premium=True)
    with refused("PT404", match=str(template)):
        save(db, owner, template=template)
    with refused("PT404", match=str(template)):
        publish_draft(db, owner, draft)
    # What the résumé has already may stay.
    db.query(SYSTEM, "update public.resumes set template_id = %s where id = %s", template, resume)
    kept = save(db, owner, resume=resume, base=2, template=template)
    assert publish_draft(db, owner, kept["id"])["template_id"] == template


def test_drafts_of_new_resumes__are_bounded(db: Database, owner: Actor, stranger: Actor) -> None:
    set_config(db, "max_unattached_drafts", 2)
    save(db, stranger)
    (resume,) = add_resumes(db, owner)
    save(db, owner, resume=resume, base=1)
    first = save(db, owner)["id"]
    save(db, owner)
    with refused("PT402") as caught:
        save(db, owner)
    detail = json.loads(caught.value.diag.message_detail or "")
    assert detail == {"meter": "unattached_drafts", "limit": 2, "used": 2}
    save(db, owner, draft=first)
    assert db.affected(owner, "delete from public.resume_drafts where id = %s", first) == 1
    save(db, owner)


def test_drafts_of_new_resumes__are_twenty_by_default(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "delete from public.global_config where key = 'max_unattached_drafts'")
    for _ in range(20):
        save(db, owner)
    with refused("PT402", match="Only 20"):
        save(db, owner)


def test_drafts__are_for_people_who_are_signed_in_and_not_blocked(
    db: Database, owner: Actor
) -> None:
    draft = save(db, owner)["id"]
    for call in (lambda user: save(db, user), lambda user: publish_draft(db, user, draft)):
        with refused("42501", match=NO_GRANT):
            call(ANON)
        with refused("PT401"):
            call(Actor("nobody", "authenticated"))
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        save(db, owner)
    with refused("PT403"):
        publish_draft(db, owner, draft)


def test_draft__belongs_to_the_owner_of_its_resume(
    db: Database, stranger: Actor, resume: UUID
) -> None:
    sql = (
        "insert into public.resume_drafts (user_id, resume_id, base_version, content) "
        "values (%s, %s, 1, '{}')"
    )
    with refused("23503"):
        db.query(SYSTEM, sql, stranger.user_id, resume)


def test_resume__has_one_draft(db: Database, owner: Actor, resume: UUID) -> None:
    save(db, owner, resume=resume, base=1)
    sql = (
        "insert into public.resume_drafts (user_id, resume_id, base_version, content) "
        "values (%s, %s, 1, '{}')"
    )
    with refused("23505"):
        db.query(SYSTEM, sql, owner.user_id, resume)


def test_draft__goes_with_its_resume_and_outlives_its_template(
    db: Database, owner: Actor, resume: UUID
) -> None:
    save(db, owner, resume=resume, base=1, template=add_template(db, owner))
    db.query(owner, "delete from public.resume_templates")
    assert db.value(owner, "select template_id from public.resume_drafts") is None
    trash(db, owner, resume)
    db.query(owner, "select public.delete_trashed_resume(%s)", resume)
    assert db.query(SYSTEM, "select 1 from public.resume_drafts where resume_id = %s", resume) == []


def test_drafts__go_with_the_account(db: Database, owner: Actor, resume: UUID) -> None:
    save(db, owner)
    save(db, owner, resume=resume, base=1)
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    sql = "select 1 from public.resume_drafts where user_id = %s"
    assert db.query(SYSTEM, sql, owner.user_id) == []


@pytest.mark.parametrize(
    ("match", "value"),
    [
        ("layout", {"layout": {"hidden": "summary"}}),
        ("layout", {"layout": {"x": "x" * 65536}}),
        ("title", {"title": "x" * 201}),
        ("title", {"title": ""}),
    ],
)
def test_draft__has_a_layout_and_a_title_that_a_resume_can_have(
    db: Database, owner: Actor, match: str, value: dict[str, Any]
) -> None:
    with refused("PT422", match=match):
        save(db, owner, **value)
