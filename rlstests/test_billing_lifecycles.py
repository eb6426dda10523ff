"""Room billing: what the providers really send, in any order, ends where its story ends."""

import json
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_workers.billing import razorpay, razorpay_samples, stripe, stripe_samples
from edge_workers.billing.sample_facts import SampleFacts
from rlstests.actors import SYSTEM, Actor, Database
from rlstests.billing_changes import (
    BEGIN,
    Event,
    begin_checkout,
    end_state,
    make_functions,
)


def facts_of(user: Actor, **more: Any) -> SampleFacts:
    assert user.user_id is not None
    return SampleFacts(user_id=user.user_id, at=BEGIN, **more)


def razorpay_life(facts: SampleFacts) -> list[Event]:
    return [
        [change.model_dump(mode="json") for change in razorpay.normalise(name, body).changes]
        for name, body in razorpay_samples.lifecycle(facts)
    ]


def stripe_life(facts: SampleFacts) -> list[Event]:
    return [
        [change.model_dump(mode="json") for change in stripe.normalise(name, body).changes]
        for name, body in stripe_samples.lifecycle(facts)
    ]


def in_order(db: Database, user: Actor, events: list[Event], order: list[int]) -> str:
    """Apply the events in an order, in which some may come again; gives the end, undoes it."""
    sql = "select state from private.state_after_all(%s, %s, %s)"
    return str(db.value(SYSTEM, sql, user.user_id, json.dumps(events), order))


def shape(text: str) -> dict[str, Any]:
    state, waiting = text.rsplit(" waiting ", 1)
    assert waiting == "{}"
    found: dict[str, Any] = json.loads(state)
    return found


def test_razorpay_subscription__ends_where_its_story_ends(db: Database, owner: Actor) -> None:
    facts = facts_of(owner, period_end=BEGIN + timedelta(days=10))
    begin_checkout(db, owner, facts.subscription_id, plan="pro", provider="razorpay")
    end = shape(end_state(db, owner, razorpay_life(facts)))
    (row,) = end["subscriptions"]
    assert (row["status"], row["plan_code"], row["provider"]) == ("canceled", "pro", "razorpay")
    assert [p["status"] for p in end["payments"]] == ["succeeded", "succeeded"]
    assert [p["paid_for"] for p in end["payments"]] == [facts.subscription_id] * 2
    assert end["checkouts"] == [[facts.subscription_id, "completed", facts.subscription_id, None]]


def test_razorpay_tokens__are_taken_back_with_their_refund(db: Database, owner: Actor) -> None:
    facts = facts_of(owner, buys_tokens=True, price_id="pack_local_small", amount=9900)
    begin_checkout(db, owner, facts.checkout_id, provider="razorpay")
    end = shape(end_state(db, owner, razorpay_life(facts)))
    assert end["tokens"] == [0, 0, 100]
    assert end["payments"][0]["status"] == "refunded"
    assert end["checkouts"] == [[facts.checkout_id, "completed", None, facts.payment_id]]


def test_stripe_tokens__are_taken_back_with_their_refund(db: Database, owner: Actor) -> None:
    facts = stripe_samples.sample_facts(
        facts_of(owner).user_id,
        BEGIN,
        buys_tokens=True,
        price_id="pack_local_small",
        amount=200,
        currency="USD",
    )
    begin_checkout(db, owner, facts.checkout_id)
    end = shape(end_state(db, owner, stripe_life(facts)))
    assert end["tokens"] == [0, 0, 100]
    assert end["payments"][0]["status"] == "refunded"
    assert end["checkouts"] == [[facts.checkout_id, "completed", None, facts.payment_id]]


def test_stripe_subscription__ends_where_its_story_ends(db: Database, owner: Actor) -> None:
    facts = stripe_samples.sample_facts(
        facts_of(owner).user_id,
        BEGIN,
        price_id="plan_local_pro_month",
        amount=1200,
        currency="USD",
        period_end=BEGIN + timedelta(days=8),
    )
    begin_checkout(db, owner, facts.checkout_id, plan="pro")
    events = stripe_life(facts)
    make_functions(db)
    numbers = list(range(len(events)))
    expected = in_order(db, owner, events, numbers)
    end = shape(expected)
    (row,) = end["subscriptions"]
    assert (row["status"], row["plan_code"]) == ("canceled", "pro")
    assert sorted(p["status"] for p in end["payments"]) == ["succeeded", "succeeded"]
    assert sorted(p["refunded_amount"] for p in end["payments"]) == [0, 300]

    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(order=st.permutations(numbers), again=st.lists(st.sampled_from(numbers), max_size=6))
    def any_order(order: list[int], again: list[int]) -> None:
        mixed = list(order)
        for position, number in enumerate(again):
            mixed.insert((number * 7 + position) % len(mixed), number)
        assert in_order(db, owner, events, mixed) == expected

    any_order()
