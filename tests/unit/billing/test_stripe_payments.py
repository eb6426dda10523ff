"""What events of Stripe say of payments, in the shapes before and since 2025-03-31."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge_workers.billing import stripe
from edge_workers.billing.changes import MalformedEvent, PaymentChange
from tests.unit.billing.stripe_events import FACTS, INVOICE, NOW, but, changes, event, normalised
from tests.unit.billing.stripe_older import older

# Invoices


@pytest.mark.parametrize(
    ("name", "values", "charge"),
    [
        ("paid", {}, ("ch_Sample00000001",)),
        ("payment_failed", {"status": "failed", "paid_at": None}, ()),
        ("payment_action_required", {"status": "pending", "paid_at": None}, ()),
        (
            "voided",
            {"status": "failed", "paid_at": None, "failure_reason": "The invoice was voided."},
            (),
        ),
    ],
)
def test_each_event_of_an_invoice_is_one_payment_in_both_shapes(name, values, charge):
    sample = event(f"invoice.{name}")
    assert stripe.normalise(sample["type"], sample).changes == (but(INVOICE, **values),)
    known = but(INVOICE, **values, other_ids=("pi_Sample00000001", *charge))
    assert stripe.normalise(sample["type"], older(sample)).changes == (known,)


def test_the_older_name_of_a_paid_invoice_says_the_same():
    sample = event("invoice.paid")
    assert stripe.normalise("invoice.payment_succeeded", sample).changes == (INVOICE,)


def test_what_was_paid_counts_and_not_what_was_due():
    (change,) = changes("invoice.paid", amount_due=60000, amount_paid=49900)
    assert change.amount == 49900


def test_an_invoice_was_paid_when_it_says_so_else_when_the_event_happened():
    (change,) = changes("invoice.paid", status_transitions={"paid_at": 60})
    assert change.paid_at == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    (change,) = changes("invoice.paid", status_transitions=None)
    assert change.paid_at == NOW


@pytest.mark.parametrize(
    ("name", "zero"),
    [
        ("paid", "amount_paid"),
        ("payment_succeeded", "amount_paid"),
        ("payment_failed", "amount_due"),
        ("voided", "amount_due"),
    ],
)
def test_an_invoice_over_nothing_is_no_payment(name, zero):
    sample = event("invoice.paid", **{zero: 0})
    said = stripe.normalise(f"invoice.{name}", sample)
    assert said.changes == ()
    assert "trial" in said.note


def test_an_invoice_voided_before_any_attempt_is_no_failed_payment():
    said = normalised("invoice.voided", attempt_count=0)
    assert said.changes == ()
    assert "voided" in said.note


def test_an_invoice_of_no_subscription_is_none_of_ours():
    for parent in (None, {"type": "quote_details", "quote_details": {"quote": "qt_1"}}):
        said = normalised("invoice.paid", parent=parent)
        assert said.changes == ()
        assert "subscription" in said.note


def test_payments_included_in_an_invoice_are_other_ids_of_it():
    payments = {
        "data": [
            {"payment": {"type": "payment_intent", "payment_intent": "pi_1"}},
            {"payment": {"type": "charge", "charge": {"id": "ch_2", "object": "charge"}}},
            {"payment": {"type": "payment_intent", "payment_intent": "pi_1"}},
            {"payment": {"type": "payment_record", "payment_record": "pr_1"}},
        ]
    }
    (change,) = changes("invoice.paid", payments=payments)
    assert change.other_ids == ("pi_1", "ch_2")


def test_the_reason_of_a_failure_is_kept_as_far_as_there_is_room():
    error = {"message": "x" * 1001, "type": "card_error"}
    (change,) = changes("invoice.payment_failed", last_finalization_error=error)
    assert change.failure_reason == "x" * 1000


def test_an_amount_that_no_column_holds_is_malformed():
    with pytest.raises(MalformedEvent, match="amount"):
        changes("invoice.paid", amount_paid=2**31)


def test_a_payment_of_an_invoice_says_only_that_two_ids_are_one_payment():
    (change,) = changes("invoice_payment.paid")
    assert change == PaymentChange(
        provider="stripe",
        occurred_at=NOW,
        payment_id="in_Sample00000001",
        other_ids=("pi_Sample00000001",),
        status="pending",
        amount=49900,
        currency="INR",
    )


def test_a_payment_of_an_invoice_may_be_a_charge_or_nothing_of_stripes():
    (change,) = changes("invoice_payment.paid", payment={"type": "charge", "charge": "ch_1"})
    assert change.other_ids == ("ch_1",)
    said = normalised("invoice_payment.paid", payment={"type": "payment_record"})
    assert said.changes == ()
    assert "outside" in said.note


# Refunds


def test_a_refund_is_of_the_payment_intent_and_cannot_tell_what_was_bought():
    (change,) = changes("charge.refunded", replace(FACTS, refunded_amount=10000))
    assert change == PaymentChange(
        provider="stripe",
        occurred_at=NOW,
        customer_id="cus_Sample00000001",
        payment_id="pi_Sample00000001",
        other_ids=("ch_Sample00000001",),
        kind=None,
        status="succeeded",
        amount=49900,
        currency="INR",
        refunded_amount=10000,
    )


def test_a_refund_named_its_invoice_in_the_older_shape():
    sample = older(event("charge.refunded"))
    (change,) = stripe.normalise(sample["type"], sample).changes
    assert change.payment_id == "in_Sample00000001"
    assert change.other_ids == ("pi_Sample00000001", "ch_Sample00000001")


def test_a_refund_of_a_charge_without_a_payment_intent_is_of_the_charge():
    (change,) = changes("charge.refunded", payment_intent=None)
    assert (change.payment_id, change.other_ids) == ("ch_Sample00000001", ())


def test_more_given_back_than_was_paid_is_malformed():
    (change,) = changes("charge.refunded", amount_refunded=49900)
    assert change.refunded_amount == change.amount
    with pytest.raises(MalformedEvent, match="More was given back"):
        changes("charge.refunded", amount_refunded=49901)


def test_an_authorisation_that_was_released_is_no_refund():
    said = normalised("charge.refunded", captured=False)
    assert said.changes == ()
    assert "authorisation" in said.note


def test_a_lost_dispute_is_money_given_back():
    (change,) = changes("charge.dispute.closed")
    assert change == PaymentChange(
        provider="stripe",
        occurred_at=NOW,
        payment_id="pi_Sample00000001",
        other_ids=("ch_Sample00000001",),
        status="succeeded",
        amount=49900,
        currency="INR",
        refunded_amount=49900,
    )
    (change,) = changes("charge.dispute.closed", payment_intent=None)
    assert (change.payment_id, change.other_ids) == ("ch_Sample00000001", ())
    with pytest.raises(MalformedEvent, match="neither"):
        changes("charge.dispute.closed", payment_intent=None, charge=None)


@pytest.mark.parametrize("status", ["won", "warning_closed", "prevented"])
def test_a_dispute_that_was_not_lost_changes_nothing(status):
    said = normalised("charge.dispute.closed", status=status)
    assert said.changes == ()
    assert status in said.note
