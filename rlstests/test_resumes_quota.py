"""Room resumes: how many there may be, who counts, and how to make room."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, POLICY, SYSTEM, Actor, Database, refused

# What the plan of a new account allows in these tests.
FREE = 3


@pytest.fixture(autouse=True)
def small_free_plan(db: Database) -> None:
    db.query(SYSTEM, "update public.plans set max_resumes = %s where code = 'free'", FREE)


def add_resumes(db: Database, user: Actor, n: int = 1) -> list[UUID]:
    """Make n résumés with one statement."""
    rows = db.query(
        user,
        "insert into public.resumes (title) select 'One of many' from generate_series(1, %s) "
        "returning id",
        n,
    )
    return [row["id"] for row in rows]


def trash(db: Database, user: Actor, resume: UUID) -> None:
    db.query(user, "select public.trash_resume(%s)", resume)


def set_config(db: Database, key: str, value: object) -> None:
    db.query(
        SYSTEM,
        "insert into public.global_config (key, value) values (%s, %s) "
        "on conflict (key) do update set value = excluded.value",
        key,
        json.dumps(value),
    )


def set_plan(db: Database, user: Actor, plan: str) -> None:
    db.query(
        SYSTEM,
        "update public.profiles set subscription_tier = %s where id = %s",
        plan,
        user.user_id,
    )


def test_plan__limits_how_many_resumes_there_are(db: Database, owner: Actor) -> None:
    for _ in range(FREE):
        add_resumes(db, owner)
    with refused("PT402", match="Only 3") as caught:
        add_resumes(db, owner)
    detail = json.loads(caught.value.diag.message_detail or "")
    assert detail == {"meter": "resumes", "limit": FREE, "used": FREE}
    assert "trash" in (caught.value.diag.message_hint or "")
    assert db.value(owner, "select count(*) from public.resumes") == FREE


def test_many_rows_of_one_statement__count_each(db: Database, owner: Actor) -> None:
    add_resumes(db, owner)
    with refused("PT402") as caught:
        add_resumes(db, owner, FREE)
    assert json.loads(caught.value.diag.message_detail or "")["used"] == 1
    assert len(add_resumes(db, owner, FREE - 1)) == FREE - 1


def test_rows_that_the_system_makes__count_too(db: Database, owner: Actor, stranger: Actor) -> None:
    sql = (
        "insert into public.resumes (user_id) select unnest(%s::uuid[]) from generate_series(1, %s)"
    )
    users = [owner.user_id, stranger.user_id]
    assert db.affected(SYSTEM, sql, users, FREE) == 2 * FREE
    with refused("PT402"):
        db.query(SYSTEM, sql, [stranger.user_id], 1)


def test_admins__have_as_many_as_may_be_stored(db: Database, admin: Actor) -> None:
    assert len(add_resumes(db, admin, FREE + 1)) == FREE + 1
    db.make_inactive("blocked", admin)
    with refused("PT402"):
        db.query(SYSTEM, "insert into public.resumes (user_id) values (%s)", admin.user_id)


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        ('{"resumes": {"lifetime": 2}}', 2),
        ('{"resumes": {"lifetime": 0}}', 0),
        ('{"resumes": {"lifetime": null}}', FREE + 5),
        # Neither says how many there may be at once.
        ('{"resumes": {"month": 1}}', FREE),
        ('{"interviews": {"lifetime": 1}}', FREE),
    ],
)
def test_custom_limit__stands_in_place_of_the_plans(
    db: Database, owner: Actor, stranger: Actor, limits: str, allowed: int
) -> None:
    sql = "update public.profiles set custom_limits = %s where id = %s"
    db.query(SYSTEM, sql, limits, owner.user_id)
    assert len(add_resumes(db, owner, allowed)) == allowed
    if allowed <= FREE:
        with refused("PT402"):
            add_resumes(db, owner)
    assert len(add_resumes(db, stranger, FREE)) == FREE
    with refused("PT402"):
        add_resumes(db, stranger)


def test_other_peoples_resumes__count_for_them_only(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    add_resumes(db, stranger, FREE)
    assert len(add_resumes(db, owner, FREE)) == FREE


def test_number_of_a_strangers_resumes__cannot_be_probed(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    sql = "insert into public.resumes (user_id) values (%s)"
    for _ in range(2):
        with refused("42501", match=POLICY):
            db.query(stranger, sql, owner.user_id)
        add_resumes(db, owner, FREE - len(db.query(owner, "select 1 from public.resumes")))


def test_plan_without_a_limit__allows_its_users_more(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    set_plan(db, owner, "unlimited")
    assert len(add_resumes(db, owner, 60)) == 60
    with refused("PT402"):
        add_resumes(db, stranger, FREE + 1)


def test_plan_that_is_not_in_the_catalogue__includes_none(db: Database, owner: Actor) -> None:
    set_plan(db, owner, "gone")
    with refused("PT402"):
        add_resumes(db, owner)


def test_downgrade__deletes_nothing_and_lets_edit(db: Database, owner: Actor) -> None:
    set_plan(db, owner, "starter")
    resumes = add_resumes(db, owner, 5)
    set_plan(db, owner, "free")
    assert db.affected(owner, "update public.resumes set title = 'Edited'") == 5
    trash(db, owner, resumes[0])
    with refused("PT402") as caught:
        add_resumes(db, owner)
    assert json.loads(caught.value.diag.message_detail or "")["used"] == 4
    into_the_trash = "insert into public.resumes (user_id, deleted_at) values (%s, now())"
    assert db.affected(SYSTEM, into_the_trash, owner.user_id) == 1


def test_trash__makes_room_and_restoring_needs_it(db: Database, owner: Actor) -> None:
    first, *_ = add_resumes(db, owner, FREE)
    trash(db, owner, first)
    second, *_ = add_resumes(db, owner)
    with refused("PT402") as caught:
        db.query(owner, "select public.restore_resume(%s)", first)
    detail = json.loads(caught.value.diag.message_detail or "")
    assert detail == {"meter": "resumes", "limit": FREE, "used": FREE}
    trash(db, owner, second)
    db.query(owner, "select public.restore_resume(%s)", first)
    assert db.value(owner, "select count(*) from public.resumes") == FREE


def test_stored_rows__have_a_cap_that_counts_the_trash(db: Database, owner: Actor) -> None:
    set_config(db, "max_stored_resumes", 2)
    set_plan(db, owner, "unlimited")
    first, second = add_resumes(db, owner, 2)
    trash(db, owner, first)
    with refused("PT402") as caught:
        add_resumes(db, owner)
    detail = json.loads(caught.value.diag.message_detail or "")
    assert detail == {"meter": "stored_resumes", "limit": 2, "used": 2}
    assert "delete_trashed_resume" in (caught.value.diag.message_hint or "")
    # Restoring stores nothing new, also when the cap was lowered meanwhile.
    set_config(db, "max_stored_resumes", 1)
    db.query(owner, "select public.restore_resume(%s)", first)
    set_config(db, "max_stored_resumes", 2)
    trash(db, owner, second)
    db.query(owner, "select public.delete_trashed_resume(%s)", second)
    assert len(add_resumes(db, owner)) == 1


def test_stored_rows__are_capped_at_500_by_default(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "delete from public.global_config where key = 'max_stored_resumes'")
    set_plan(db, owner, "unlimited")
    with refused("PT402", match="Only 500"):
        add_resumes(db, owner, 501)
    assert len(add_resumes(db, owner, 500)) == 500


def test_trashed_resume__is_deleted_for_good_by_its_owner_only(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    trashed, kept, _ = add_resumes(db, owner, FREE)
    trash(db, owner, trashed)
    sql = "select * from public.delete_trashed_resume(%s)"
    for user in (stranger, admin):
        with refused("PT404", match=str(trashed)):
            db.query(user, sql, trashed)
    for not_in_the_trash in (kept, uuid4(), None):
        with refused("PT404"):
            db.query(owner, sql, not_in_the_trash)
    with refused("42501", match=NO_GRANT):
        db.query(ANON, sql, trashed)
    assert db.one(owner, sql, trashed)["id"] == trashed
    with refused("PT404"):
        db.query(owner, "select public.restore_resume(%s)", trashed)
    ids = {row["id"] for row in db.query(SYSTEM, "select id from public.resumes")}
    assert kept in ids and trashed not in ids


def test_blocked_account__deletes_nothing_for_good(db: Database, owner: Actor) -> None:
    resume, *_ = add_resumes(db, owner)
    trash(db, owner, resume)
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        db.query(owner, "select public.delete_trashed_resume(%s)", resume)


@pytest.mark.parametrize("function", ["trash_resume", "restore_resume", "delete_trashed_resume"])
def test_trash__is_for_people_who_are_signed_in(db: Database, owner: Actor, function: str) -> None:
    resume, *_ = add_resumes(db, owner)
    with refused("42501", match=NO_GRANT):
        db.query(ANON, f"select public.{function}(%s)", resume)
    nobody = Actor("nobody", "authenticated")
    with refused("PT401"):
        db.query(nobody, f"select public.{function}(%s)", resume)
