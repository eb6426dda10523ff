"""The samples of Razorpay's events: complete, consistent with their facts, and of nobody real."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from edge_workers.billing import razorpay
from edge_workers.billing.changes import PaymentChange
from edge_workers.billing.razorpay_samples import EVENTS, lifecycle, make
from edge_workers.billing.sample_facts import SampleFacts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = SampleFacts(user_id=UUID("7d0c1c2e-0a6b-4a53-9f0e-6b1f6c1f0a11"), at=NOW)
TOKENS = replace(FACTS, buys_tokens=True, price_id="pack_local_100", amount=19900)


def changes_of(steps):
    return [change for name, body in steps for change in razorpay.normalise(name, body).changes]


def test_events__are_all_that_razorpay_is_asked_to_send():
    groups = {
        "subscription": "authenticated activated charged completed updated pending halted "
        "cancelled paused resumed",
        "payment": "authorized captured failed",
        "order": "paid",
        "refund": "created processed failed speed_changed",
        "invoice": "partially_paid paid expired",
        "payment.dispute": "created under_review action_required won lost closed",
    }
    expected = {f"{group}.{what}" for group, all_of in groups.items() for what in all_of.split()}
    assert set(EVENTS) == expected
    assert all(EVENTS.values())


def test_unknown_event__is_no_sample():
    with pytest.raises(KeyError):
        make("subscription.expired", FACTS, event_id="Ev1")


@pytest.mark.parametrize("event", EVENTS)
def test_envelope__is_as_documented(event):
    body = make(event, FACTS, event_id="Ev1")
    assert list(body) == ["entity", "account_id", "event", "contains", "payload", "created_at"]
    assert (body["entity"], body["event"]) == ("event", event)
    assert body["created_at"] == int(NOW.timestamp())
    assert body["contains"] == list(body["payload"])
    for name, part in body["payload"].items():
        assert part["entity"]["entity"] == name
        assert part["entity"]["created_at"] <= body["created_at"]


@pytest.mark.parametrize("event", EVENTS)
def test_addresses__lead_nowhere(event):
    text = json.dumps(make(event, FACTS, event_id="Ev1"))
    assert text.count("@") == text.count("@example.com") + text.count("@bank.example")
    assert "razorpay.com" not in text and "rzp.io" not in text


def test_sample__is_the_same_for_the_same_facts():
    assert make("order.paid", TOKENS, event_id="Ev1") == make("order.paid", TOKENS, event_id="Ev2")


def test_refund__of_nothing_is_made_one_of_everything():
    (change,) = changes_of([("refund.processed", make("refund.processed", TOKENS, event_id="E"))])
    assert change.refunded_amount == TOKENS.amount
    partial = replace(TOKENS, refunded_amount=100)
    (change,) = changes_of([("refund.processed", make("refund.processed", partial, event_id="E"))])
    assert change.refunded_amount == 100


def test_period__is_that_of_the_facts():
    facts = replace(FACTS, period_start=NOW - timedelta(days=3), period_end=NOW)
    (change,) = changes_of(
        [("subscription.updated", make("subscription.updated", facts, event_id="E"))]
    )
    assert (change.current_period_start, change.current_period_end) == (
        facts.period_start,
        facts.period_end,
    )


# Lifecycles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", [FACTS, TOKENS], ids=["subscription", "tokens"])
def test_lifecycle__is_in_its_order_and_no_two_bodies_are_the_same(facts):
    steps = lifecycle(facts)
    times = [body["created_at"] for _, body in steps]
    assert times == sorted(times) and times[0] == int(facts.at.timestamp())
    assert len({json.dumps(body) for _, body in steps}) == len(steps)
    assert all(body["event"] == name for name, body in steps)


def test_lifecycle__of_a_subscription_is_one_subscription_paid_twice():
    changes = changes_of(lifecycle(FACTS))
    assert {change.subscription_id for change in changes} == {FACTS.subscription_id}
    assert [change.status for change in changes if change.type == "subscription"] == [
        "incomplete",
        "active",
        "active",
        "past_due",
        "active",
        "canceled",
    ]
    payments = [change for change in changes if isinstance(change, PaymentChange)]
    assert len({payment.payment_id for payment in payments}) == len(payments) == 2
    starts = {change.start_date for change in changes if change.type == "subscription"}
    assert len(starts) == 1


def test_lifecycle__has_two_events_of_one_second():
    times = [body["created_at"] for name, body in lifecycle(FACTS) if name != "order.paid"]
    assert len(set(times)) == len(times) - 1


def test_lifecycle__ends_with_its_period_when_the_facts_say_so():
    *_, last = changes_of(lifecycle(replace(FACTS, cancel_at_period_end=True)))
    assert last.ended_at == last.current_period_end


def test_lifecycle__of_tokens_is_one_payment_given_back_in_two_parts():
    changes = changes_of(lifecycle(TOKENS))
    payments = [change for change in changes if isinstance(change, PaymentChange)]
    assert {payment.payment_id for payment in payments} == {TOKENS.payment_id}
    assert [payment.refunded_amount for payment in payments] == [0, 0, 0, 6633, 19900]
    assert {payment.paid_at for payment in payments if payment.paid_at} == {
        NOW - timedelta(seconds=20)
    }
