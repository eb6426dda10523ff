"""What each event of Razorpay's changes, by the samples of its documented shape and their traps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from edge_workers.billing import razorpay, razorpay_samples
from edge_workers.billing.changes import (
    CheckoutChange,
    MalformedEvent,
    PaymentChange,
    SubscriptionChange,
)
from edge_workers.billing.sample_facts import SampleFacts

USER = UUID("7d0c1c2e-0a6b-4a53-9f0e-6b1f6c1f0a11")
STRANGER = "11111111-2222-4333-8444-555555555555"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAID_AT = NOW - timedelta(seconds=20)
FACTS = SampleFacts(user_id=USER, at=NOW)
TOKENS = replace(FACTS, buys_tokens=True, price_id="pack_local_100", amount=19900)


def sample(event: str, facts: SampleFacts = FACTS, **parts):
    """A sample, in which the entities named have the fields given."""
    body = razorpay_samples.make(event, facts, event_id="Ev1")
    for name, changes in parts.items():
        if changes is None:
            del body["payload"][name]
        else:
            body["payload"][name]["entity"] |= changes
    return body


def read(event: str, facts: SampleFacts = FACTS, **parts):
    return razorpay.normalise(event, sample(event, facts, **parts))


def only(kind, event: str, facts: SampleFacts = FACTS, **parts):
    """The one change of that kind."""
    (change,) = (each for each in read(event, facts, **parts).changes if isinstance(each, kind))
    return change


def payment(event: str, facts: SampleFacts = FACTS, **parts) -> PaymentChange:
    return only(PaymentChange, event, facts, **parts)


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


# Payments ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "status", "paid_at"),
    [
        ("payment.authorized", "pending", None),
        ("payment.captured", "succeeded", PAID_AT),
        ("payment.failed", "failed", None),
    ],
)
def test_payment_event__gives_the_state_of_the_payment(event, status, paid_at):
    change = payment(event, TOKENS)
    assert (change.status, change.paid_at) == (status, paid_at)
    assert (change.amount, change.currency) == (19900, "INR")


def test_authorized__may_come_late_with_a_payment_that_is_captured():
    late = payment("payment.authorized", payment={"status": "captured", "captured": True})
    assert late.status == "succeeded"


def test_payment_of_an_order__is_for_whatever_that_order_was_made_for():
    change = payment("payment.captured", TOKENS)
    assert change.checkout_id == TOKENS.checkout_id
    assert change.kind is None and change.price_id is None


def test_payment_of_an_invoice__is_for_a_subscription_nobody_knows_which():
    change = payment("payment.captured")
    assert (change.kind, change.customer_id) == ("subscription", FACTS.customer_id)
    assert change.subscription_id is None and change.checkout_id is None


def test_payment_of_neither__is_none_of_ours():
    result = read("payment.captured", TOKENS, payment={"order_id": None})
    assert result.changes == () and TOKENS.payment_id in (result.note or "")


@pytest.mark.parametrize(
    "event", ["payment.captured", "order.paid", "refund.processed", "payment.dispute.lost"]
)
def test_notes_and_customer_of_a_payment__decide_nothing(event):
    """Checkout.js lets the browser write both."""
    claims = {
        "notes": {"user_id": STRANGER, "price_id": "pack_local_1000", "checkout_id": "order_X"},
        "customer_id": "cust_Stranger00001",
    }
    assert read(event, TOKENS, payment=claims) == read(event, TOKENS)


def test_failure__says_why_at_most_in_a_thousand_characters():
    assert payment("payment.failed").failure_reason == "The bank of the customer declined."
    long = payment("payment.failed", payment={"error_description": "x" * 2000})
    assert long.failure_reason == "x" * 1000


@pytest.mark.parametrize("reason", [None, ""])
def test_failure__may_have_no_reason(reason):
    assert payment("payment.failed", payment={"error_description": reason}).failure_reason is None


def test_success__has_no_failure_reason():
    leftover = payment("payment.captured", payment={"error_description": "first try failed"})
    assert leftover.failure_reason is None


# Orders -----------------------------------------------------------------------------------------


def test_paid_order__says_what_was_bought_and_by_whom_from_the_notes_of_the_order():
    change = payment("order.paid", TOKENS)
    assert (change.kind, change.price_id) == ("tokens", "pack_local_100")
    assert (change.checkout_id, change.user_id) == (TOKENS.checkout_id, USER)


def test_paid_order__completes_its_checkout():
    assert only(CheckoutChange, "order.paid", TOKENS) == CheckoutChange(
        provider="razorpay",
        occurred_at=NOW,
        user_id=USER,
        checkout_id=TOKENS.checkout_id,
        status="completed",
        payment_id=TOKENS.payment_id,
    )


@pytest.mark.parametrize("notes", [[], {}, {"price_id": ""}, {"price_id": 5}, {"price_id": []}])
def test_paid_order__without_a_price_in_its_notes_is_known_or_waited_for(notes):
    change = payment("order.paid", TOKENS, order={"notes": notes})
    assert (change.kind, change.price_id) == (None, None)
    assert change.checkout_id == TOKENS.checkout_id


def test_paid_order__of_a_subscription_is_just_its_payment():
    result = read("order.paid", order={"notes": {"price_id": "pack_local_1000"}})
    assert result == read("payment.captured")


# Refunds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["refund.created", "refund.processed", "refund.speed_changed"])
def test_processed_refund__counts_all_that_was_given_back_so_far(event):
    facts = replace(TOKENS, refunded_amount=6000)
    change = payment(event, facts, refund={"amount": 1000})
    assert (change.status, change.refunded_amount) == ("succeeded", 6000)
    assert change.amount == 19900


@pytest.mark.parametrize("status", ["created", "pending", "failed"])
@pytest.mark.parametrize(
    "event", ["refund.created", "refund.processed", "refund.failed", "refund.speed_changed"]
)
def test_refund_under_way_or_failed__gives_nothing_back(event, status):
    result = read(event, TOKENS, refund={"status": status})
    assert result.changes == ()
    assert result.note == f"rfnd_Sample0000001 is {status}: nothing was given back by it."


def test_full_refund__leaves_the_payment_paid_and_given_back():
    change = payment("refund.processed", TOKENS, payment={"status": "refunded"})
    assert (change.status, change.refunded_amount) == ("succeeded", 19900)
    assert change.paid_at is not None


def test_refund_of_what_was_never_captured__is_a_payment_that_failed():
    """Razorpay gives authorised payments back by itself; nothing was bought with them."""
    change = payment("refund.processed", TOKENS, payment={"status": "refunded", "captured": False})
    assert (change.status, change.refunded_amount, change.paid_at) == ("failed", 0, None)
    assert change.failure_reason == "Authorised but never captured, and given back."


@pytest.mark.parametrize("captured", [True, "1", 1, "true"])
def test_captured__is_true_in_every_way_razorpay_writes_it(captured):
    change = payment(
        "refund.processed", TOKENS, payment={"status": "refunded", "captured": captured}
    )
    assert change.status == "succeeded"


@pytest.mark.parametrize("captured", [False, None, "", "0", 0, "false", [], {}])
def test_captured__is_false_in_all_others(captured):
    change = payment(
        "refund.processed", TOKENS, payment={"status": "refunded", "captured": captured}
    )
    assert change.status == "failed"


# Invoices ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["invoice.paid", "invoice.partially_paid"])
def test_paid_invoice__links_the_payment_to_its_subscription(event):
    change = payment(event)
    assert (change.kind, change.subscription_id) == ("subscription", FACTS.subscription_id)
    assert change.customer_id == FACTS.customer_id


def test_paid_invoice__of_no_subscription_is_none_of_ours():
    result = read("invoice.paid", invoice={"subscription_id": None})
    assert result.note == "inv_Sample00000001 is for no subscription."


def test_expired_invoice__changes_nothing():
    assert read("invoice.expired").note == "inv_Sample00000001 expired: nothing was paid."


# Disputes ---------------------------------------------------------------------------------------


def test_lost_dispute__takes_its_money_beside_what_was_refunded():
    facts = replace(TOKENS, refunded_amount=5000)
    change = payment("payment.dispute.lost", facts, dispute={"amount_deducted": 1900})
    assert change.refunded_amount == 6900


def test_lost_dispute__takes_no_more_than_was_paid():
    facts = replace(TOKENS, refunded_amount=19000)
    assert payment("payment.dispute.lost", facts).refunded_amount == 19900


@pytest.mark.parametrize(
    "status", ["open", "under_review", "won", "closed", "some status of next year"]
)
def test_dispute_that_is_not_lost__takes_nothing(status):
    event = "payment.dispute.closed"
    result = read(event, dispute={"status": status, "amount_deducted": 500})
    assert result.note == f"disp_Sample0000001 is {status}: it took no money."


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
