"""What each event of Razorpay changes, and those that are not as documented."""

import pytest

from edge_workers.billing import razorpay, razorpay_samples
from edge_workers.billing.changes import MalformedEvent, SubscriptionChange
from tests.unit.billing.razorpay_events import FACTS, NOW, PAID_AT, TOKENS, USER, only, read, sample


@pytest.mark.parametrize("facts", [FACTS, TOKENS], ids=["subscription", "tokens"])
@pytest.mark.parametrize("event", razorpay_samples.EVENTS)
def test_every_event__changes_something_or_says_why_not(event, facts):
    result = read(event, facts)
    assert bool(result.changes) != bool(result.note)
    assert all(change.occurred_at == NOW for change in result.changes)


# Subscriptions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("authenticated", "incomplete"),
        ("activated", "active"),
        ("charged", "active"),
        ("completed", "active"),
        ("updated", "active"),
        ("pending", "past_due"),
        ("halted", "unpaid"),
        ("cancelled", "canceled"),
        ("paused", "paused"),
        ("resumed", "active"),
    ],
)
def test_subscription_event__gives_the_whole_subscription(event, status):
    change = only(SubscriptionChange, f"subscription.{event}")
    assert change.status == status
    assert (change.subscription_id, change.user_id) == (FACTS.subscription_id, USER)
    assert change.price_id == FACTS.price_id


def test_late_event__says_what_was_then_whatever_its_name_says():
    """`charged` may carry a subscription that was cancelled meanwhile; the entity is the truth."""
    change = only(SubscriptionChange, "subscription.charged", subscription={"status": "cancelled"})
    assert change.status == "canceled"


def test_activated_and_charged__are_one_state_of_one_second():
    activated = only(SubscriptionChange, "subscription.activated")
    assert activated == only(SubscriptionChange, "subscription.charged")


def test_charged__links_the_payment_to_the_subscription_and_comes_after_it():
    subscription, paid = read("subscription.charged").changes
    assert isinstance(subscription, SubscriptionChange)
    assert paid.model_dump(exclude_none=True) == {
        "type": "payment",
        "provider": "razorpay",
        "occurred_at": NOW,
        "user_id": USER,
        "customer_id": FACTS.customer_id,
        "payment_id": FACTS.payment_id,
        "other_ids": (),
        "kind": "subscription",
        "subscription_id": FACTS.subscription_id,
        "status": "succeeded",
        "amount": 49900,
        "currency": "INR",
        "refunded_amount": 0,
        "paid_at": PAID_AT,
    }


def test_pending__tells_of_the_failed_charge_when_it_carries_one():
    body = sample("subscription.pending")
    body["payload"]["payment"] = sample("payment.failed")["payload"]["payment"]
    _, failed = razorpay.normalise("subscription.pending", body).changes
    assert (failed.status, failed.subscription_id) == ("failed", FACTS.subscription_id)


def test_time_within_the_payload__is_read_as_razorpay_documents_some_events():
    body = sample("subscription.activated")
    body["payload"]["created_at"] = body.pop("created_at")
    (change,) = razorpay.normalise("subscription.activated", body).changes
    assert change.occurred_at == NOW


# What is not as documented ----------------------------------------------------------------------


@pytest.mark.parametrize("event", ["payment_link.paid", "payment", "", "x" * 3000])
def test_unknown_event__is_nothing_to_do(event):
    result = razorpay.normalise(event, sample("payment.captured"))
    assert result.changes == ()
    assert result.note == f"Nothing is done about {event[:100]}."


@pytest.mark.parametrize(
    ("event", "part"),
    [
        ("subscription.charged", "subscription"),
        ("payment.captured", "payment"),
        ("order.paid", "order"),
        ("order.paid", "payment"),
        ("refund.processed", "refund"),
        ("refund.processed", "payment"),
        ("invoice.paid", "invoice"),
        ("invoice.paid", "payment"),
        ("invoice.expired", "invoice"),
        ("payment.dispute.lost", "dispute"),
        ("payment.dispute.lost", "payment"),
    ],
)
def test_event_without_an_entity_it_always_has__is_malformed(event, part):
    with pytest.raises(MalformedEvent, match=rf"^{event} without payload\.{part}\.$"):
        read(event, **{part: None})


@pytest.mark.parametrize("part", [[], "payment", {}, {"entity": None}, {"entity": []}])
def test_part_without_an_entity__is_malformed(part):
    body = sample("payment.captured")
    body["payload"]["payment"] = part
    with pytest.raises(MalformedEvent, match=r"payload\.payment\.entity is not an object"):
        razorpay.normalise("payment.captured", body)


@pytest.mark.parametrize("payload", [None, [], "x"])
def test_payload_that_is_no_object__is_malformed(payload):
    with pytest.raises(MalformedEvent, match="payload is not an object"):
        razorpay.normalise("payment.captured", sample("payment.captured") | {"payload": payload})


@pytest.mark.parametrize("created_at", [None, "soon", 1772366400000])
def test_event_without_a_time__is_malformed(created_at):
    body = sample("payment.captured") | {"created_at": created_at}
    with pytest.raises(MalformedEvent, match="created_at"):
        razorpay.normalise("payment.captured", body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("amount", "49900"),
        ("amount", 499.0),
        ("amount", True),
        ("amount", -1),
        ("amount", 2**31),
        ("amount_refunded", 49901),
        ("amount_refunded", -1),
        ("currency", "rupees"),
        ("currency", "inr"),
        ("currency", None),
        ("status", "done"),
        ("created_at", "yesterday"),
        ("order_id", 5),
    ],
)
def test_payment_that_is_not_as_documented__is_malformed(field, value):
    with pytest.raises(MalformedEvent):
        read("payment.captured", payment={field: value})
