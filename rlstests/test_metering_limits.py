"""Room metering, limits: those of the plan, those agreed in their place, and none for admins."""

from datetime import datetime

import pytest

from rlstests.actors import ANON, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.metering_helpers import (
    add_operation,
    agree,
    balance,
    counters,
    detail,
    event_row,
    move,
    put_on_plan,
    release,
    reserve,
    set_limit,
    use,
    used,
)

LIMITS = "select * from private.effective_limits(%s) order by meter, period"


def limits(db: Database, user: Actor) -> dict[tuple[str, str], int | None]:
    rows = db.query(SYSTEM, LIMITS, user.user_id)
    return {(row["meter"], row["period"]): row["max_uses"] for row in rows}


def plan_limits(db: Database, plan: str) -> dict[tuple[str, str], int | None]:
    rows = db.query(SYSTEM, "select * from public.plan_limits where plan_code = %s", plan)
    return {(row["meter"], row["period"]): row["max_uses"] for row in rows}


def allowance(db: Database, user: Actor, meter: str) -> Row:
    return db.one(user, "select * from public.my_usage() where meter = %s", meter)


@pytest.mark.parametrize("plan", ["free", "pro", "coach"])
def test_limits__are_those_of_the_plan(db: Database, owner: Actor, plan: str) -> None:
    put_on_plan(db, owner, plan)
    assert limits(db, owner) == plan_limits(db, plan) != {}


def test_limits__of_a_plan_or_user_that_is_not_there_are_none(db: Database, owner: Actor) -> None:
    put_on_plan(db, owner, "unheard_of")
    assert limits(db, owner) == {}
    assert db.query(SYSTEM, LIMITS, None) == []
    with refused("PT402", match="does not include"):
        reserve(db, owner)


def test_custom_limits__replace_all_that_the_plan_says_of_a_meter(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    agree(
        db,
        owner,
        {
            # Lifetime in the plan; here by day and without end by month.
            "ai_actions": {"day": 2, "month": None},
            # The plan says nothing of it.
            "parrots": {"lifetime": 1},
            # How many résumés there may be: no counter.
            "resumes": {"lifetime": 3},
        },
    )
    expected = {k: v for k, v in plan_limits(db, "free").items() if k[0] != "ai_actions"}
    expected |= {("ai_actions", "day"): 2, ("ai_actions", "month"): None}
    assert limits(db, owner) == expected | {("parrots", "lifetime"): 1}
    assert limits(db, stranger) == plan_limits(db, "free")
    some = "select meter from private.effective_limits(%s, %s) order by meter"
    rows = db.query(SYSTEM, some, owner.user_id, ["parrots", "generations", "resumes"])
    assert [row["meter"] for row in rows] == ["generations", "parrots"]


def test_custom_limit__decides_what_is_counted_and_refused(db: Database, owner: Actor) -> None:
    agree(db, owner, {"ai_actions": {"day": 2, "month": None}})
    event = use(db, owner, times=2)
    assert counters(db, owner) == {("ai_actions", "day"): 2, ("ai_actions", "month"): 2}
    with refused("PT402", match="allows 2 ai_actions in this day") as caught:
        reserve(db, owner)
    assert (detail(caught)["limit"], detail(caught)["period"]) == (2, "day")
    assert counters(db, owner) == {("ai_actions", "day"): 2, ("ai_actions", "month"): 2}
    release(db, event)
    assert counters(db, owner) == {("ai_actions", "day"): 1, ("ai_actions", "month"): 1}


def test_custom_limit__may_take_away_and_may_include(db: Database, owner: Actor) -> None:
    add_operation(db, "teach", ["parrots"])
    agree(db, owner, {"ai_actions": {"month": 0}, "parrots": {"month": 1}})
    with refused("PT402", match="allows 0 ai_actions in this month and 0 are used"):
        reserve(db, owner)
    use(db, owner, "teach")
    with refused("PT402", match="allows 1 parrots"):
        reserve(db, owner, code="teach")


def test_limit_below_what_is_used__says_so_and_gives_nothing(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    put_on_plan(db, stranger, "career")
    agree(db, stranger, {"ai_actions": {"lifetime": 99}})
    use(db, stranger, times=6)
    use(db, owner, times=4)
    agree(db, owner, {"ai_actions": {"lifetime": 3}})
    with refused("PT402", match="allows 3 ai_actions in this account and 4 are used") as caught:
        reserve(db, owner)
    assert detail(caught)["used"] == 4
    row = allowance(db, owner, "ai_actions")
    assert (row["used"], row["max_uses"], row["remaining"]) == (4, 3, 0)


# Admins ------------------------------------------------------------------------------------------


def test_admins__are_never_refused_and_still_counted(db: Database, admin: Actor) -> None:
    agree(db, admin, {"ai_actions": {"day": 0}})
    event = use(db, admin, times=7)
    assert event_row(db, event)["source"] == "plan"
    assert counters(db, admin) == {("ai_actions", "lifetime"): 7}
    use(db, admin, "interview")
    assert used(db, admin, "interviews") == 1
    release(db, event)
    assert used(db, admin) == 6
    assert balance(db, admin) == (0, 0)


def test_admins__may_do_what_their_plan_does_not_name(
    db: Database, admin: Actor, owner: Actor
) -> None:
    add_operation(db, "teach", ["parrots", "cover_letters"])
    add_operation(db, "gone", ["dodos"])
    db.query(SYSTEM, "update public.operations set is_active = false where code = 'gone'")
    use(db, admin, "teach")
    assert counters(db, admin) == {("parrots", "month"): 1, ("cover_letters", "month"): 1}
    known = limits(db, admin)
    assert set(known.values()) == {None}
    assert set(known) == {*plan_limits(db, "free"), ("parrots", "month")}
    assert set(limits(db, owner)) == set(plan_limits(db, "free"))
    some = "select meter from private.effective_limits(%s, %s)"
    meters = [r["meter"] for r in db.query(SYSTEM, some, admin.user_id, ["parrots", "analyses"])]
    assert meters == ["analyses", "parrots"]


@pytest.mark.parametrize("identity", ["blocked", "leaving"])
def test_admins_who_are_not_active__have_their_plan(
    db: Database, admin: Actor, identity: str
) -> None:
    db.make_inactive(identity, admin)
    assert limits(db, admin) == plan_limits(db, "free")
    assert db.value(SYSTEM, "select private.is_admin_account(%s)", admin.user_id) is False


def test_admin_account__is_one_that_is_listed(db: Database, admin: Actor, owner: Actor) -> None:
    sql = "select private.is_admin_account(%s)"
    assert [db.value(SYSTEM, sql, user.user_id) for user in (admin, owner, ANON)] == [
        True,
        False,
        False,
    ]


# What clients see --------------------------------------------------------------------------------


def test_limits__are_shown_to_their_user_only(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    for user in (owner, admin):
        assert db.query(user, LIMITS, user.user_id) == db.query(SYSTEM, LIMITS, user.user_id) != []
    for user in (stranger, admin):
        assert db.query(user, LIMITS, owner.user_id) == []


def test_my_usage__shows_what_is_left(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    reserve(db, owner)
    row = {"meter": "ai_actions", "period": "lifetime", "period_key": "lifetime", "max_uses": 5}
    assert allowance(db, owner, "ai_actions") == row | {"used": 1, "remaining": 4}
    assert allowance(db, stranger, "ai_actions") == row | {"used": 0, "remaining": 5}
    mine = {(r["meter"], r["period"]) for r in db.query(owner, "select * from public.my_usage()")}
    assert mine == set(plan_limits(db, "free"))
    # Admins may read everybody's counters elsewhere, and ask about their own here.
    everything = row | {"max_uses": None, "used": 0, "remaining": None}
    assert allowance(db, admin, "ai_actions") == everything


def test_my_usage__shows_custom_limits(db: Database, owner: Actor) -> None:
    agree(db, owner, {"ai_actions": {"day": 9}, "resumes": {"lifetime": 1}})
    use(db, owner, times=2)
    row = allowance(db, owner, "ai_actions")
    assert (row["period"], row["used"], row["max_uses"], row["remaining"]) == ("day", 2, 9, 7)
    assert db.query(owner, "select * from public.my_usage() where meter = 'resumes'") == []


def test_my_usage__of_a_plan_without_limits_is_null_not_nothing(db: Database, owner: Actor) -> None:
    put_on_plan(db, owner, "coach")
    reserve(db, owner)
    rows = db.query(owner, "select used, max_uses, remaining from public.my_usage()")
    assert {"used": 1, "max_uses": None, "remaining": None} in rows
    assert {row["remaining"] for row in rows} == {None}


def test_my_usage__leaves_out_what_tokens_paid(db: Database, owner: Actor) -> None:
    move(db, owner, 25)
    use(db, owner, "interview")
    assert allowance(db, owner, "interviews")["used"] == 0


def test_user_credits__follow_custom_limits_and_admins(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    agree(db, owner, {"ai_actions": {"month": 40, "day": 2}})
    use(db, owner)
    expected = {owner: (40, 1), stranger: (5, 0), admin: (None, 0)}
    sql = "select * from public.user_credits where user_id = %s"
    for user, numbers in expected.items():
        for actor in (user, SERVICE):
            row = db.one(actor, sql, user.user_id)
            assert (row["credits_total"], row["credits_used"]) == numbers, (user, actor)


# Periods -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        ("2028-02-29 23:59:59.999999+00", "2028-02-29", "2028-02"),
        ("2028-03-01 00:00:00+00", "2028-03-01", "2028-03"),
        ("2027-01-01 05:29:59+05:30", "2026-12-31", "2026-12"),
    ],
)
def test_periods__are_half_open_and_in_utc(db: Database, at: str, day: str, month: str) -> None:
    db.query(SYSTEM, "set local timezone = 'Asia/Kolkata'")
    moment = datetime.fromisoformat(at)
    sql = "select private.period_key(%s, %s)"
    assert db.value(SYSTEM, sql, "day", moment) == day
    assert db.value(SYSTEM, sql, "month", moment) == month
    assert db.value(SYSTEM, sql, "lifetime", moment) == "lifetime"


def test_periods__of_one_use_are_of_one_moment(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "set local timezone = 'Asia/Kolkata'")
    for period in ("day", "month"):
        set_limit(db, "ai_actions", period, None)
    moment = datetime.fromisoformat("2028-02-29T23:59:59.999999+00:00")
    charges = db.value(
        SYSTEM,
        "select charges from private.raise_counters(%s, '{ai_actions}', %s)",
        owner.user_id,
        moment,
    )
    keys = {charge["period_type"]: charge["period_key"] for charge in charges}
    assert keys == {"day": "2028-02-29", "month": "2028-02", "lifetime": "lifetime"}
