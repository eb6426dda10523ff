"""Room billing, operators: how subscriptions are ended, and what is seen of them."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.billing_rows import pay, subscribe
from rlstests.operating_helpers import cancel, cancels, grant, plan_of, report

# Ending ------------------------------------------------------------------------------------------


def test_grant__ends_at_once_when_asked(db: Database, owner: Actor, admin: Actor) -> None:
    grant(db, admin, owner.user_id)
    row = cancel(db, admin, owner.user_id, False)
    assert (row["status"], row["ended_at"] is None) == ("canceled", False)
    assert plan_of(db, owner) == ("free", "none")
    # Named again, it stays as it is.
    assert cancel(db, admin, owner.user_id, False, row["id"]) == row


def test_grant__ends_with_its_period_unless_told_otherwise(
    db: Database, owner: Actor, admin: Actor
) -> None:
    grant(db, admin, owner.user_id, until="tomorrow")
    row = cancel(db, admin, owner.user_id)
    assert (row["status"], row["cancel_at_period_end"]) == ("active", True)
    assert row["canceled_at"] is not None
    assert plan_of(db, owner) == ("pro", "active")
    assert cancel(db, admin, owner.user_id, None)["canceled_at"] == row["canceled_at"]


def test_grant_without_end__does_not_end_by_itself(
    db: Database, owner: Actor, admin: Actor
) -> None:
    grant(db, admin, owner.user_id)
    with refused("PT409", match="no end"):
        cancel(db, admin, owner.user_id)


@pytest.mark.parametrize("at_period_end", [True, False])
def test_paid_subscription__is_ended_by_its_provider(
    db: Database, owner: Actor, admin: Actor, at_period_end: bool
) -> None:
    row = subscribe(db, owner)
    assert cancel(db, admin, owner.user_id, at_period_end)["status"] == "active"
    assert cancels(db) == [
        {
            "provider": "stripe",
            "provider_subscription_id": "sub_1",
            "at_period_end": at_period_end,
        }
    ]
    told = db.one(
        SYSTEM,
        "select user_id, event_data from public.system_events "
        "where event_type = 'subscription.cancel_requested' and created_at = now()",
    )
    assert told["user_id"] == admin.user_id
    assert told["event_data"] == {
        "subscription_id": str(row["id"]),
        "at_period_end": at_period_end,
    }
    assert plan_of(db, owner) == ("pro", "active")


def test_second_subscription__is_ended_by_its_id(db: Database, owner: Actor, admin: Actor) -> None:
    subscribe(db, owner)
    second = subscribe(db, owner, "sub_2", plan_code="starter", superseded_at="now")
    cancel(db, admin, owner.user_id, False, second["id"])
    assert [one["provider_subscription_id"] for one in cancels(db)] == ["sub_2"]


def test_cancel__finds_nothing_of_somebody_else_and_nothing_that_is_over(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    theirs = subscribe(db, stranger)
    subscribe(db, owner, "sub_2", status="canceled")
    for values in ((False, theirs["id"]), (False, uuid4()), (False,)):
        with refused("PT404", match="no such subscription"):
            cancel(db, admin, owner.user_id, *values)
    assert cancels(db) == []


# Looking -----------------------------------------------------------------------------------------


def test_report__shows_what_entitles_and_all_there_was(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    price = db.one(
        SYSTEM,
        "select * from public.plan_prices "
        "where plan_code = 'pro' and provider = 'stripe' and interval = 'month'",
    )
    subscribe(db, owner, "sub_old", status="canceled", start_date="2026-01-01")
    live = subscribe(db, owner, price_id=price["id"])
    pay(db, owner)
    pay(db, stranger, "pi_2")
    seen = report(db, admin, owner.user_id)
    assert seen["account"]["subscription_tier"] == "pro"
    assert seen["effective"]["id"] == str(live["id"])
    period_end = datetime.fromisoformat(seen["effective"]["current_period_end"])
    entitled_until = datetime.fromisoformat(seen["effective"]["entitled_until"])
    assert entitled_until - period_end == timedelta(hours=6)
    assert [one["is_effective"] for one in seen["subscriptions"]] == [True, False]
    assert (seen["subscriptions"][0]["amount"], seen["subscriptions"][0]["interval"]) == (
        1200,
        "month",
    )
    assert [one["provider_payment_id"] for one in seen["payments"]] == ["pi_1"]
    assert str(stranger.user_id) not in str(seen)
    assert db.query(
        SYSTEM,
        "select user_id, event_data from public.system_events where event_type = 'account.opened'",
    ) == [{"user_id": admin.user_id, "event_data": {"opened": str(owner.user_id)}}]


def test_report__counts_the_grace_of_a_failed_payment(
    db: Database, owner: Actor, admin: Actor
) -> None:
    row = subscribe(db, owner, status="past_due")
    seen = report(db, admin, owner.user_id)["effective"]
    grace = db.value(SYSTEM, "select to_jsonb(%s + interval '7 days')", row["past_due_at"])
    assert seen["entitled_until"] == grace


def test_report__of_a_free_user_is_empty(db: Database, owner: Actor, admin: Actor) -> None:
    seen = report(db, admin, owner.user_id)
    assert seen["effective"] is None
    assert (seen["subscriptions"], seen["payments"], seen["customers"]) == ([], [], {})
