"""Whose an event of Stripe is, and events that say nothing."""

from uuid import UUID

import pytest

from edge_workers.billing import stripe
from edge_workers.billing.changes import MalformedEvent
from tests.unit.billing.stripe_events import USER, changes, event

# Whose it is


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "nobody",
        "42",
        None,
        7,
        [],
        {"id": str(USER)},
        f"{{{USER}}}",
        f"urn:uuid:{USER}",
        USER.hex,
    ],
)
def test_a_claim_in_a_form_that_we_do_not_write_is_none(claim):
    (change,) = changes("customer.subscription.updated", metadata={"user_id": claim})
    assert change.user_id is None


@pytest.mark.parametrize("metadata", [None, {}, {"other": "x"}, []])
def test_no_metadata_are_no_error(metadata):
    (change,) = changes("customer.subscription.updated", metadata=metadata)
    assert change.user_id is None


def test_a_claim_may_be_in_upper_case():
    (change,) = changes("customer.subscription.updated", metadata={"user_id": str(USER).upper()})
    assert change.user_id == USER


def test_an_invoice_is_of_whom_the_subscription_is_else_of_whom_it_says_itself():
    other = UUID(int=7)
    (change,) = changes("invoice.paid", metadata={"user_id": str(other)})
    assert change.user_id == USER
    details = {"subscription": "sub_1", "metadata": {}}
    parent = {"type": "subscription_details", "subscription_details": details}
    (change,) = changes("invoice.paid", parent=parent, metadata={"user_id": str(other)})
    assert change.user_id == other


def test_a_checkout_is_of_its_metadata_else_of_the_client_reference():
    other = str(UUID(int=7))
    (change,) = changes("checkout.session.expired", client_reference_id=other)
    assert change.user_id == USER
    (change,) = changes("checkout.session.expired", client_reference_id=other, metadata={})
    assert change.user_id == UUID(other)
    (change,) = changes("checkout.session.expired", client_reference_id=None, metadata=None)
    assert change.user_id is None


def test_the_client_reference_of_a_payment_link_is_anyones_and_not_believed():
    (change,) = changes("checkout.session.expired", metadata={}, payment_link="plink_1")
    assert change.user_id is None


# All other events


@pytest.mark.parametrize(
    "name",
    [
        "charge.dispute.created",
        "charge.dispute.updated",
        "customer.created",
        "invoice.upcoming",
        "payment_intent.payment_failed",
        "refund.created",
        "refund.failed",
        "refund.updated",
        "some.new_thing",
    ],
)
def test_an_event_of_no_interest_says_why_and_its_payload_is_not_read(name):
    said = stripe.normalise(name, {})
    assert said.changes == ()
    assert said.note


def test_an_event_of_a_connected_account_is_not_ours():
    sample = event("invoice.paid") | {"account": "acct_of_another"}
    said = stripe.normalise("invoice.paid", sample)
    assert said.changes == ()
    assert "connected account" in said.note


@pytest.mark.parametrize(
    ("name", "values", "where"),
    [
        ("customer.subscription.updated", {"id": ""}, "id"),
        ("customer.subscription.updated", {"id": "s" * 256}, "id"),
        ("customer.subscription.updated", {"id": None}, "id"),
        ("customer.subscription.updated", {"customer": 7}, "customer"),
        ("customer.subscription.updated", {"items": []}, "items"),
        ("customer.subscription.updated", {"trial_end": 10**15}, "trial_end"),
        ("customer.subscription.updated", {"ended_at": "now"}, "ended_at"),
        ("customer.subscription.updated", {"ended_at": True}, "ended_at"),
        ("customer.subscription.updated", {"cancel_at_period_end": "yes"}, "cancel_at_period_end"),
        ("invoice.paid", {"amount_paid": "49900"}, "amount_paid"),
        ("invoice.paid", {"amount_paid": 499.5}, "amount_paid"),
        ("invoice.paid", {"currency": "rupees"}, "currency"),
        ("invoice.paid", {"currency": None}, "currency"),
        ("charge.refunded", {"amount_refunded": -1}, "amount_refunded"),
        ("checkout.session.completed", {"mode": "barter"}, "mode"),
        ("invoice_payment.paid", {"payment": None}, "payment"),
    ],
)
def test_a_malformed_payload_says_where_and_not_what(name, values, where):
    with pytest.raises(MalformedEvent, match=where) as caught:
        changes(name, **values)
    for value in values.values():
        assert value in (None, "", True, 7, [], -1) or str(value) not in str(caught.value)
