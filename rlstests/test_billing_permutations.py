"""Room billing: whatever order a lifecycle comes in, and however often, it ends in one state.

What was subscribed, paid, bought, owed and who may do what: each test looks at all of it, for every
order of its events, through private.apply_billing_changes.
"""

import json
from typing import Any

import pytest

from rlstests.actors import SYSTEM, Actor, Database
from rlstests.billing_changes import (
    Event,
    at,
    begin_checkout,
    checkout,
    end_state,
    payment,
    subscription,
)


def end_of(db: Database, user: Actor, events: list[Event]) -> dict[str, Any]:
    text, waiting = end_state(db, user, events).rsplit(" waiting ", 1)
    assert waiting == "{}"
    found: dict[str, Any] = json.loads(text)
    return found


def failing_life(user: Actor) -> list[Event]:
    """Tried, paid, renewed, late, recovered, late again, given up, ended."""
    renewed = {"current_period_start": at(days=7), "current_period_end": at(days=37)}
    return [
        [subscription(user, "trialing", at(), trial_end=at(days=7))],
        [subscription(user, "active", at(days=7), **renewed)],
        [subscription(user, "past_due", at(days=8))],
        [subscription(user, "active", at(days=9), **renewed)],
        [subscription(user, "past_due", at(days=10), **renewed)],
        [subscription(user, "past_due", at(days=11), **renewed)],
        [subscription(user, "unpaid", at(days=12), **renewed)],
        [subscription(user, "canceled", at(days=13), ended_at=at(days=13), **renewed)],
    ]


def test_failing_life__ends_in_one_state(db: Database, owner: Actor) -> None:
    end = end_of(db, owner, failing_life(owner))
    (row,) = end["subscriptions"]
    assert (row["status"], row["plan_code"], row["past_due_at"]) == ("canceled", "pro", None)
    assert row["trial_end"] is not None
    assert end["profile"] == ["free", "none", {}]


def test_life_that_is_late_in_the_end__counts_the_grace_from_the_first_failure(
    db: Database, owner: Actor
) -> None:
    end = end_of(db, owner, failing_life(owner)[1:6])
    (row,) = end["subscriptions"]
    assert (row["status"], row["past_due_at"]) == ("past_due", at(days=10))
    assert row["last_event_at"] == at(days=11)


def test_ties_of_one_second__end_in_one_state(db: Database, owner: Actor) -> None:
    same = [
        [subscription(owner, status, at(), **more)]
        for status, more in (
            ("incomplete", {"current_period_end": None, "price_id": None}),
            ("incomplete", {"current_period_end": None}),
            ("active", {}),
            ("active", {"current_period_end": at(days=31)}),
            ("active", {"customer_id": None, "cancel_at_period_end": True}),
            ("active", {"cancel_at_period_end": False}),
        )
    ]
    end = end_of(db, owner, same)
    (row,) = end["subscriptions"]
    assert (row["status"], row["current_period_end"]) == ("active", at(days=31))
    assert end["profile"] == ["pro", "active", {}]


def test_two_ends_of_one_subscription__are_the_first_one(db: Database, owner: Actor) -> None:
    end = end_of(
        db,
        owner,
        [
            [subscription(owner, "active", at())],
            [subscription(owner, "canceled", at(days=3))],
            [subscription(owner, "expired", at(days=3))],
            [subscription(owner, "canceled", at(days=4), ended_at=at(days=4))],
            [subscription(owner, "active", at(days=5))],
            [subscription(owner, "paused", at(days=2))],
        ],
    )
    (row,) = end["subscriptions"]
    assert (row["status"], row["ended_at"]) == ("canceled", at(days=3))
    assert row["last_event_at"] == at(days=5)


def test_upgrade_by_a_second_subscription__ends_in_one_state(db: Database, owner: Actor) -> None:
    small = {"price_id": "plan_local_starter_month"}
    large = {
        "subscription_id": "sub_2",
        "price_id": "plan_local_coach_month",
        "start_date": at(days=5),
        "customer_id": None,
    }
    running = [
        [subscription(owner, "incomplete", at(), **small, current_period_end=None)],
        [subscription(owner, "active", at(), **small)],
        [subscription(owner, "incomplete", at(days=5), **large)],
        [subscription(owner, "active", at(days=5), **large)],
        [subscription(owner, "past_due", at(days=6), **small)],
    ]
    first, second = end_of(db, owner, running)["subscriptions"]
    assert (first["superseded_at"], second["superseded_at"]) == (at(days=5), None)


def test_larger_plan_that_ends__gives_the_smaller_one_its_place_back(
    db: Database, owner: Actor
) -> None:
    small = {"price_id": "plan_local_starter_month"}
    large = {"subscription_id": "sub_2", "price_id": "plan_local_coach_month", "customer_id": None}
    db.query(
        SYSTEM,
        "insert into public.subscriptions (user_id, provider, plan_code, status, superseded_at) "
        "values (%s, 'manual', 'free', 'active', now())",
        owner.user_id,
    )
    end = end_of(
        db,
        owner,
        [
            [subscription(owner, "active", at(), **small)],
            [subscription(owner, "active", at(days=5), **large)],
            [subscription(owner, "unpaid", at(days=6), **large)],
            [subscription(owner, "canceled", at(days=7), **large)],
            [subscription(owner, "active", at(days=8), **small, cancel_at_period_end=True)],
        ],
    )
    assert end["profile"] == ["starter", "active", {}]
    granted, first, second = end["subscriptions"]
    assert granted["superseded_at"] is not None
    assert (first["superseded_at"], second["superseded_at"]) == (None, None)


def test_tokens_bought_and_given_back_in_parts__end_in_one_state(
    db: Database, owner: Actor
) -> None:
    begin_checkout(db, owner, "cs_1")
    db.query(
        SYSTEM,
        "insert into public.token_transactions (user_id, amount, debt_change, transaction_type) "
        "values (%s, 0, 30, 'refund')",
        owner.user_id,
    )
    ours = {"kind": None, "price_id": None, "user_id": None}
    late = {**ours, "other_ids": ["ch_1"]}
    end = end_of(
        db,
        owner,
        [
            [payment(owner, "failed", at(), checkout_id="cs_1") | {"payment_id": "pi_0"}],
            [payment(owner, "pending", at(), **ours, checkout_id="cs_1")],
            [payment(owner, "failed", at(hours=1), checkout_id="cs_1", failure_reason="No.")],
            [
                payment(owner, "succeeded", at(hours=2), checkout_id="cs_1"),
                checkout("completed", at(hours=2), payment_id="pi_1"),
            ],
            [payment(owner, "succeeded", at(days=1), **late, refunded_amount=67)],
            # Known by the charge alone, which the refund before it names.
            [
                payment(owner, "succeeded", at(days=2), **ours, refunded_amount=100)
                | {"payment_id": "ch_1"}
            ],
            [payment(owner, "succeeded", at(days=3), **ours, refunded_amount=200)],
        ],
    )
    assert end["tokens"] == [0, 30, 100]
    failed, row = end["payments"]
    assert (failed["status"], failed["tokens"]) == ("failed", 100)
    assert (row["status"], row["paid_at"], row["failed_at"]) == ("refunded", at(hours=2), None)
    assert end["checkouts"] == [["cs_1", "completed", None, "pi_1"]]
    assert end["bought"] == ["stripe:pi_1 100"]


def test_payments_of_a_subscription__find_it_in_any_order(db: Database, owner: Actor) -> None:
    begin_checkout(db, owner, "cs_1", plan="pro")
    # Nothing but our checkout says whose any of it is.
    nobody = {"user_id": None}
    bill = {
        "payment_id": "in_1",
        "kind": "subscription",
        "price_id": None,
        "subscription_id": "sub_1",
        **nobody,
    }
    link = {"payment_id": "in_1", "kind": None, "price_id": None, "other_ids": ["pi_1"]}
    refund = {"kind": None, "price_id": None, "refunded_amount": 50, **nobody}
    end = end_of(
        db,
        owner,
        [
            [checkout("completed", at(), subscription_id="sub_1", customer_id="cus_1")],
            [subscription(owner, "active", at(), **nobody, customer_id=None, price_id=None)],
            [payment(owner, "failed", at(), **bill, failure_reason="First.")],
            [payment(owner, "succeeded", at(hours=1), **bill)],
            [payment(owner, "succeeded", at(days=30), **bill | {"payment_id": "in_2"})],
            [payment(owner, "pending", at(hours=1), **link, **nobody)],
            [payment(owner, "succeeded", at(days=2), **refund)],
        ],
    )
    paid, renewed = end["payments"]
    assert renewed["paid_for"] == "sub_1"
    assert (paid["status"], paid["paid_for"], paid["refunded_amount"]) == ("succeeded", "sub_1", 50)
    assert end["aliases"] == ["pi_1 = in_1"]
    assert end["customers"] == ["cus_1"]
    assert end["checkouts"] == [["cs_1", "completed", "sub_1", None]]
    assert end["profile"] == ["pro", "active", {}]


def test_two_payments_that_fail__keep_the_reason_of_the_last(db: Database, owner: Actor) -> None:
    failures = [
        [payment(owner, "failed", at(hours=hour), failure_reason=reason, amount=amount)]
        for hour, reason, amount in ((2, "No funds.", 200), (1, "Stolen.", 210), (2, "Aged.", 205))
    ]
    end = end_of(db, owner, [*failures, [payment(owner, "pending", at(hours=3))]])
    (row,) = end["payments"]
    assert (row["failure_reason"], row["failed_at"]) == ("No funds.", at(hours=2))
    assert (row["amount"], row["last_event_at"]) == (210, at(hours=3))


@pytest.mark.parametrize("status", ["paused", "expired"])
def test_walk__tells_when_an_order_matters(db: Database, owner: Actor, status: str) -> None:
    # Who comes first gets the customer: of two that are said to be one, either is right.
    events = [
        [subscription(owner, status, at(), customer_id=f"cus_{n}", subscription_id=f"sub_{n}")]
        for n in range(2)
    ]
    with pytest.raises(AssertionError, match="and then"):
        end_state(db, owner, events)
