"""Room billing, folding: one subscription is what all that was said of it says together."""

from typing import Any

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row, refused
from rlstests.billing_changes import applied, apply, at, begin_checkout, subscription
from rlstests.billing_rows import change, subscribe


def row(db: Database, name: str = "sub_1") -> Row:
    sql = "select * from public.subscriptions where provider_subscription_id = %s"
    return db.one(SYSTEM, sql, name)


def said(db: Database, name: str = "sub_1") -> int:
    sql = (
        "select count(*) from private.subscription_observations where provider_subscription_id = %s"
    )
    return int(db.value(SYSTEM, sql, name))


def plan(db: Database, user: Actor) -> tuple[str, str]:
    found = db.one(user, "select * from public.profiles where id = %s", user.user_id)
    return found["subscription_tier"], found["subscription_status"]


def test_the_same_said_again__is_nothing_new(db: Database, owner: Actor) -> None:
    change_ = subscription(owner, "active", at())
    assert applied(db, change_) == ["applied"]
    assert applied(db, change_) == ["unchanged"]
    # Another time zone of the session, or another claim, says nothing else.
    db.query(SYSTEM, "set local timezone = 'Asia/Kolkata'")
    assert applied(db, {**change_, "user_id": None}) == ["unchanged"]
    assert applied(db, {**change_, "customer_id": "cus_2"}) == ["applied"]
    assert said(db) == 2


def test_older_word__does_not_undo_a_newer_one(db: Database, owner: Actor) -> None:
    applied(db, subscription(owner, "active", at(days=2), trial_end=None))
    before = row(db)
    applied(db, subscription(owner, "past_due", at(days=1)))
    applied(db, subscription(owner, "trialing", at(), trial_end=at(days=1)))
    after = row(db)
    assert (after["status"], after["last_event_at"]) == ("active", before["last_event_at"])
    # Yet what the newer one left out is filled in.
    assert (before["trial_end"], after["trial_end"] is not None) == (None, True)


@pytest.mark.parametrize(
    ("left_out", "kept"),
    [
        ({"customer_id": None}, "provider_customer_id"),
        ({"price_id": None}, "plan_code"),
        ({"current_period_start": None, "current_period_end": None}, "current_period_end"),
        ({"current_period_start": None, "current_period_end": None}, "current_period_start"),
        ({"trial_end": None}, "trial_end"),
        ({"cancel_at_period_end": None}, "cancel_at_period_end"),
        ({"cancel_at_period_end": None, "canceled_at": None}, "canceled_at"),
        ({"start_date": None}, "start_date"),
    ],
)
def test_what_is_not_said__stays_as_it_was(
    db: Database, owner: Actor, left_out: Row, kept: str
) -> None:
    full = {"trial_end": at(days=1), "cancel_at_period_end": True, "canceled_at": at(days=1)}
    applied(db, subscription(owner, "trialing", at(), **full))
    before = row(db)
    applied(db, subscription(owner, "active", at(days=2), **{**full, **left_out}))
    assert row(db)[kept] == before[kept] is not None


def test_period__keeps_its_begin_and_end_together(db: Database, owner: Actor) -> None:
    applied(db, subscription(owner, "active", at()))
    applied(
        db, subscription(owner, "active", at(days=1), current_period_start=None,
                         current_period_end=at(days=-5))
    )  # fmt: skip
    assert row(db)["current_period_start"] is None
    with refused("23514", match="subscription_observations_period_check"):
        apply(db, subscription(owner, "active", at(), current_period_end=at()))


def test_change_of_mind__takes_the_cancellation_back(db: Database, owner: Actor) -> None:
    leaving = {"cancel_at_period_end": True, "canceled_at": at(days=1)}
    applied(db, subscription(owner, "active", at(days=1), **leaving))
    assert row(db)["canceled_at"] is not None
    applied(db, subscription(owner, "active", at(days=2), cancel_at_period_end=False))
    found = row(db)
    assert (found["cancel_at_period_end"], found["canceled_at"]) == (False, None)
    applied(db, subscription(owner, "canceled", at(days=3), ended_at=at(days=3)))
    assert row(db)["canceled_at"] is None


def test_start__is_the_earliest_that_was_said(db: Database, owner: Actor) -> None:
    applied(db, subscription(owner, "active", at(days=2), start_date=None))
    assert row(db)["start_date"].isoformat() == at(days=2)
    applied(db, subscription(owner, "active", at(days=3), start_date=at(days=1)))
    assert row(db)["start_date"].isoformat() == at(days=1)
    applied(db, subscription(owner, "active", at(days=4), start_date=at(days=3)))
    assert row(db)["start_date"].isoformat() == at(days=1)


def test_price__is_that_of_the_last_word_or_of_our_checkout(db: Database, owner: Actor) -> None:
    begin_checkout(db, owner, "sub_1", plan="starter", provider="razorpay")
    more: Row = {"provider": "razorpay"}
    applied(db, subscription(owner, "active", at(), price_id=None, **more))
    assert row(db)["plan_code"] == "starter"
    applied(db, subscription(owner, "active", at(days=1), **more))
    assert row(db)["plan_code"] == "pro"
    applied(db, subscription(owner, "active", at(days=2), price_id="plan_local_coach_year", **more))
    found = row(db)
    assert found["plan_code"] == "coach"
    price = db.one(SYSTEM, "select * from public.plan_prices where id = %s", found["price_id"])
    assert (price["interval"], price["provider"]) == ("year", "razorpay")


def test_price_that_nobody_sells__waits(db: Database, owner: Actor) -> None:
    outcome = apply(db, subscription(owner, "active", at(), price_id="price_new"))
    assert (outcome["status"], outcome["waits_for"]) == ("parked", ["price:stripe:price_new"])
    unsaid = apply(db, subscription(owner, "active", at(), price_id=None))
    assert (unsaid["status"], said(db)) == ("parked", 0)
    assert unsaid["waits_for"] == ["customer:stripe:cus_1", "subscription:stripe:sub_1"]
    # A price that is no longer sold is known all the same, and so is that of another provider not.
    db.query(SYSTEM, "update public.plan_prices set is_active = false where plan_code = 'pro'")
    applied(db, subscription(owner, "active", at()))
    assert plan(db, owner) == ("pro", "active")


def test_limits_agreed_with_a_user__outlive_what_a_provider_says(
    db: Database, owner: Actor
) -> None:
    applied(db, subscription(owner, "active", at()))
    change(db, "subscriptions", row(db), 'custom_limits = \'{"interviews": {"month": 99}}\'')
    applied(db, subscription(owner, "past_due", at(days=1)))
    assert row(db)["custom_limits"] == {"interviews": {"month": 99}}


def test_end_that_was_told__may_be_an_earlier_one_and_no_other(db: Database, owner: Actor) -> None:
    applied(db, subscription(owner, "canceled", at(days=3), ended_at=at(days=3)))
    found = row(db)
    for assignment in (
        "ended_at = ended_at - interval '1 day'",
        "status = 'expired'",
        "status = 'active', ended_at = null",
    ):
        with refused("P0001", match="that is final"):
            change(db, "subscriptions", found, assignment)
    applied(db, subscription(owner, "expired", at(days=2)))
    assert (row(db)["status"], row(db)["ended_at"].isoformat()) == ("expired", at(days=2))
    with refused("P0001", match="that is final"):
        change(
            db,
            "subscriptions",
            found,
            "status = 'canceled', ended_at = ended_at + interval '1 day'",
        )


def test_lower_plan_beside_a_higher__waits_for_its_turn(db: Database, owner: Actor) -> None:
    high: dict[str, Any] = {"subscription_id": "sub_2", "price_id": "plan_local_coach_month"}
    applied(db, subscription(owner, "active", at()))
    applied(db, subscription(owner, "active", at(days=1), **high))
    assert plan(db, owner) == ("coach", "active")
    assert row(db)["superseded_at"] is not None
    # Whoever is paused has less than whoever pays for less.
    applied(db, subscription(owner, "paused", at(days=2), **high))
    assert plan(db, owner) == ("pro", "active")
    assert row(db)["superseded_at"] is None
    applied(db, subscription(owner, "past_due", at(days=19), **high))
    assert plan(db, owner) == ("coach", "past_due")
    applied(db, subscription(owner, "canceled", at(days=20), **high))
    assert plan(db, owner) == ("pro", "active")
    assert row(db, "sub_2")["superseded_at"] is None


def test_equal_plans__the_later_counts(db: Database, owner: Actor) -> None:
    applied(db, subscription(owner, "active", at(days=5), start_date=at(days=5)))
    applied(db, subscription(owner, "active", at(days=6), subscription_id="sub_2"))
    assert row(db)["superseded_at"] is None
    assert row(db, "sub_2")["superseded_at"].isoformat() == at(days=5)


def test_granted_plan__takes_part(db: Database, owner: Actor) -> None:
    applied(db, subscription(owner, "active", at()))
    subscribe(
        db,
        owner,
        provider="manual",
        provider_subscription_id=None,
        plan_code="coach",
        superseded_at="now",
    )
    db.query(SYSTEM, "select private.settle_subscriptions(%s)", owner.user_id)
    assert plan(db, owner) == ("coach", "active")
    applied(db, subscription(owner, "active", at(days=1), cancel_at_period_end=True))
    assert plan(db, owner) == ("coach", "active")


def turn(db: Database) -> int:
    return int(db.value(SYSTEM, "select private.maintain_subscription_turns() ->> 'settled'"))


def test_plan_that_ran_out_without_a_word__leaves_its_place(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    applied(db, subscription(owner, "active", at()))
    other = {"subscription_id": "sub_3", "customer_id": "cus_3"}
    applied(db, subscription(stranger, "active", at(), **other))
    high = subscribe(db, owner, "sub_2", plan_code="coach", superseded_at="now")
    db.query(SYSTEM, "select private.settle_subscriptions(%s)", owner.user_id)
    assert (plan(db, owner), turn(db)) == (("coach", "active"), 0)
    db.query(SYSTEM, "alter table public.subscriptions disable trigger _400_mirror")
    change(db, "subscriptions", high, "current_period_end = now() - interval '6 hours'")
    db.query(SYSTEM, "alter table public.subscriptions enable trigger _400_mirror")
    assert turn(db) == 1
    assert plan(db, owner) == ("pro", "active")
    assert turn(db) == 0
