"""Room resumes, history: the way back to an old version."""

from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SYSTEM, Actor, Database, Row, refused
from rlstests.test_resumes_versions import edit, let_a_minute_pass, versions
from rlstests.test_templates import add_template, publish


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    sql = 'insert into public.resumes (content) values (\'{"summary": "one"}\') returning id'
    resume = db.value(owner, sql)
    assert isinstance(resume, UUID)
    return resume


def restore(db: Database, user: Actor, resume: UUID | None, version: int | None) -> Row:
    sql = "select * from public.restore_resume_version(%s, %s)"
    return db.one(user, sql, resume, version)


def test_restore__makes_an_old_state_the_newest(db: Database, owner: Actor, resume: UUID) -> None:
    db.query(owner, 'update public.resumes set layout = \'{"hidden": ["a"]}\'')
    let_a_minute_pass(db)
    edit(db, owner, "three")
    row = restore(db, owner, resume, 2)
    assert (row["content"], row["layout"]) == ({"summary": "one"}, {"hidden": ["a"]})
    assert row["version"] == 4
    last = versions(db, owner)[-1]
    assert (last["version_number"], last["change_type"]) == (4, "restore")
    assert (last["change_summary"], last["changed_by"]) == ("Version 2", owner.user_id)
    # What follows in the same transaction is an edit by hand again.
    edit(db, owner, "five")
    assert versions(db, owner)[-1]["change_type"] == "manual"


def test_restore_of_what_is_there__changes_nothing(
    db: Database, owner: Actor, resume: UUID
) -> None:
    assert restore(db, owner, resume, 1)["version"] == 1
    assert len(versions(db, owner)) == 1


def test_restore__brings_the_template_back_if_it_can_still_be_chosen(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    public = add_template(db, stranger)
    publish(db, public)
    own = add_template(db, owner)
    for template in (public, own):
        db.query(owner, "update public.resumes set template_id = %s", template)
    assert restore(db, owner, resume, 2)["template_id"] == public
    assert restore(db, owner, resume, 3)["template_id"] == own
    publish(db, public, is_premium=True)
    assert restore(db, owner, resume, 2)["template_id"] == own, "it needs a paid plan now"
    assert restore(db, owner, resume, 1)["template_id"] is None
    db.query(owner, "delete from public.resume_templates where id = %s", own)
    assert restore(db, owner, resume, 3)["template_id"] is None


def test_restore__is_refused_alike_for_what_is_missing_foreign_or_trashed(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    theirs = db.value(stranger, "insert into public.resumes default values returning id")
    for unknown in (theirs, uuid4(), None):
        with refused("PT404", match="There is no résumé"):
            restore(db, owner, unknown, 1)
    for number in (2, 0, None):
        with refused("PT404", match="version"):
            restore(db, owner, resume, number)
    with refused("42501", match=NO_GRANT):
        restore(db, ANON, resume, 1)
    with refused("PT401"):
        restore(db, Actor("nobody", "authenticated"), resume, 1)
    db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404", match=str(resume)):
        restore(db, owner, resume, 1)


def test_blocked_account__restores_nothing(db: Database, owner: Actor, resume: UUID) -> None:
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        restore(db, owner, resume, 1)
