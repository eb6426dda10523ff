"""Room resumes, sharing: a link shows what a viewer needs, and is dead once it is taken back."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused

READ = "select * from public.get_shared_resume(%s)"


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    made = db.value(owner, "insert into public.resumes (title) values ('CV') returning id")
    assert isinstance(made, UUID)
    return made


def share(db: Database, user: Actor, resume: UUID | None, new_link: bool = False) -> Row:
    return db.one(user, "select * from public.share_resume(%s, %s)", resume, new_link)


def shared(db: Database, slug: object, viewer: Actor = ANON) -> Row:
    return db.one(viewer, READ, slug)


def set_resume(db: Database, resume: UUID, change: str) -> None:
    db.query(SYSTEM, f"update public.resumes set {change} where id = %s", resume)


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


def test_link__opens_one_resume_only(db: Database, owner: Actor, stranger: Actor) -> None:
    sql = "insert into public.resumes (user_id, is_public, share_slug) values (%s, true, %s)"
    db.query(SYSTEM, sql, owner.user_id, "a" * 22)
    with refused("23505"):
        db.query(SYSTEM, sql, stranger.user_id, "a" * 22)
