"""Room metering, status: what somebody is subscribed to and what that leaves, in both shapes."""

import json

import pytest

from rlstests.actors import SERVICE, SYSTEM, Actor, Database
from rlstests.billing_rows import change, subscribe
from rlstests.metering_helpers import (
    add_operation,
    agree,
    counters,
    move,
    put_on_plan,
    remaining,
    set_limit,
    status,
    use,
)

MINE = "select * from public.my_subscription_status()"


def test_without_a_subscription__the_plan_is_free_and_the_status_none(
    db: Database, owner: Actor
) -> None:
    assert status(db, owner) == {
        "plan_name": "free",
        "status": "none",
        "interviews_remaining": 0,
        "cover_letters_remaining": 5,
        "is_admin": False,
    }
    assert db.one(owner, MINE) == status(db, owner) | {
        "provider": None,
        "current_period_end": None,
        "cancel_at_period_end": False,
        "token_balance": 0,
    }


@pytest.mark.parametrize(
    ("plan", "left"),
    [
        ("free", (0, 5)),
        ("starter", (1, 0)),
        ("pro", (10, 0)),
        ("career", (30, 3)),
        ("premium", (10, -1)),
        ("coach", (-1, -1)),
        ("unlimited", (-1, -1)),
    ],
)
def test_what_remains__comes_from_the_limits_of_the_plan(
    db: Database, owner: Actor, plan: str, left: tuple[int, int]
) -> None:
    if plan != "free":
        subscribe(db, owner, plan_code=plan)
    assert remaining(db, owner) == left
    assert status(db, owner)["plan_name"] == plan
    # Not from what this function says: from the table.
    sql = "update public.plan_limits set max_uses = 7 where plan_code = %s and meter = %s"
    for meter in ("interviews", "cover_letters"):
        db.query(SYSTEM, sql, plan, meter)
    assert remaining(db, owner) == (7, min(7, left[1]) if plan == "free" else 7)


def test_what_remains__is_the_least_that_any_limit_leaves(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    put_on_plan(db, owner, "career")
    use(db, owner, "cover_letter")
    assert remaining(db, owner) == (30, 2)
    agree(db, owner, {"ai_actions": {"month": 2}})
    assert remaining(db, owner) == (30, 1)
    agree(db, owner, {"ai_actions": {"month": 2}, "cover_letters": {"month": None}})
    assert remaining(db, owner) == (30, 1)
    agree(db, owner, {"ai_actions": {"month": None}, "cover_letters": {"month": None}})
    assert remaining(db, owner) == (30, -1)
    use(db, stranger)
    assert remaining(db, stranger) == (0, 4)


def test_what_remains__is_never_below_nothing(db: Database, owner: Actor) -> None:
    # One too many would read as -1: without limits.
    use(db, owner, "cover_letter", times=3)
    agree(db, owner, {"ai_actions": {"lifetime": 2}, "interviews": {"month": 0}})
    assert remaining(db, owner) == (0, 0)


def test_what_the_plan_leaves_out__remains_zero_times(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "delete from public.plan_limits where plan_code = 'free'")
    assert remaining(db, owner) == (0, 0)
    set_limit(db, "interviews", "month", None)
    assert remaining(db, owner) == (-1, 0)
    db.query(SYSTEM, "update public.operations set is_active = false where code = 'interview'")
    assert remaining(db, owner) == (0, 0)


def test_uses_of_another_period__are_not_of_this_one(db: Database, owner: Actor) -> None:
    put_on_plan(db, owner, "career")
    sql = (
        "insert into public.usage_counters (user_id, meter, period_type, period_key, used) "
        "values (%s, 'interviews', 'month', %s, 9)"
    )
    db.query(SYSTEM, sql, owner.user_id, "2020-01")
    assert remaining(db, owner)[0] == 30


def test_tokens__are_told_apart_from_what_the_plan_leaves(db: Database, owner: Actor) -> None:
    move(db, owner, 60)
    use(db, owner, "interview")
    mine = db.one(owner, MINE)
    assert (mine["token_balance"], mine["interviews_remaining"]) == (35, 0)


def test_admins__have_no_limits(db: Database, admin: Actor) -> None:
    assert remaining(db, admin) == (-1, -1)
    assert status(db, admin)["is_admin"] is True
    assert db.one(admin, MINE)["is_admin"] is True
    db.make_inactive("blocked", admin)
    assert remaining(db, admin) == (0, 5)
    assert status(db, admin)["is_admin"] is False


def test_user_that_is_not_there__has_no_row(db: Database) -> None:
    gone = db.add_deleted_user("gone")
    sql = "select * from public.get_user_subscription_status(%s)"
    assert db.query(SERVICE, sql, gone.user_id) == []
    assert db.query(SERVICE, sql, None) == []
    assert db.query(gone, MINE) == []


def test_subscription__is_shown_with_its_dates(db: Database, owner: Actor, stranger: Actor) -> None:
    end = "2099-01-01 00:00:00+00"
    row = subscribe(db, owner, current_period_end=end, cancel_at_period_end=True)
    mine = db.one(owner, MINE)
    assert (mine["plan_name"], mine["status"], mine["provider"]) == ("pro", "active", "stripe")
    assert mine["current_period_end"] == row["current_period_end"]
    assert mine["cancel_at_period_end"] is True
    assert db.one(stranger, MINE)["provider"] is None
    change(db, "subscriptions", row, "status = 'past_due', past_due_at = now()")
    assert db.one(owner, MINE)["status"] == status(db, owner)["status"] == "past_due"


def test_subscription_that_entitles_to_nothing__is_not_shown(db: Database, owner: Actor) -> None:
    row = subscribe(db, owner)
    for assignment in (
        "status = 'unpaid'",
        "status = 'active', superseded_at = now()",
        "status = 'canceled', ended_at = now(), superseded_at = null",
    ):
        change(db, "subscriptions", row, assignment)
        mine = db.one(owner, MINE)
        assert (mine["plan_name"], mine["status"]) == ("free", "none")
        assert (mine["provider"], mine["current_period_end"]) == (None, None)


def test_subscription_of_a_stranger_or_taken_over__is_another_one(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    subscribe(db, stranger, "sub_0", provider="razorpay")
    old = subscribe(db, owner, provider="razorpay")
    change(db, "subscriptions", old, "superseded_at = now()")
    subscribe(db, owner, "sub_2")
    assert [row["provider"] for row in db.query(owner, MINE)] == ["stripe"]


def test_custom_limits__come_and_go_with_their_subscription(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    limits = {"interviews": {"month": 44}}
    row = subscribe(db, owner, custom_limits=json.dumps(limits))
    subscribe(db, stranger, "sub_2")
    kept = "select custom_limits from public.profiles where id = %s"
    assert db.value(SYSTEM, kept, owner.user_id) == limits
    assert (remaining(db, owner)[0], remaining(db, stranger)[0]) == (44, 10)
    # Nothing but them changed: the mirror sees it.
    change(db, "subscriptions", row, "custom_limits = %s", '{"interviews": {"month": 45}}')
    assert remaining(db, owner)[0] == 45
    change(db, "subscriptions", row, "status = 'canceled', ended_at = now()")
    assert db.value(SYSTEM, kept, owner.user_id) == {}
    assert remaining(db, owner)[0] == 0


def test_consistency__finds_custom_limits_that_are_not_mirrored(db: Database, owner: Actor) -> None:
    outdated = "select count(*) from private.outdated_mirrors() m where m = %s"
    assert db.value(SYSTEM, outdated, str(owner.user_id)) == 0
    agree(db, owner, {"interviews": {"month": 1}})
    assert db.value(SYSTEM, outdated, str(owner.user_id)) == 1


def test_status__counts_nothing(db: Database, owner: Actor) -> None:
    add_operation(db, "unused", ["unused"])
    status(db, owner)
    db.one(owner, MINE)
    assert counters(db, owner) == {}
