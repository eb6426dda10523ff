"""What events of Razorpay say of payments: of orders, refunds, invoices and disputes, too."""

from dataclasses import replace

import pytest

from edge_workers.billing.changes import CheckoutChange
from tests.unit.billing.razorpay_events import (
    FACTS,
    NOW,
    PAID_AT,
    STRANGER,
    TOKENS,
    USER,
    only,
    payment,
    read,
)

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
