"""What events of Stripe say of checkouts, of subscriptions and of tokens."""

import pytest

from edge_workers.billing.changes import MalformedEvent
from tests.unit.billing.stripe_events import (
    BOUGHT_TOKENS,
    CHECKOUT,
    FACTS,
    TOKENS,
    USER,
    but,
    changes,
    normalised,
)

# Checkouts of a subscription


@pytest.mark.parametrize("name", ["completed", "async_payment_succeeded", "async_payment_failed"])
def test_a_checkout_of_a_subscription_that_was_gone_through_names_what_came_of_it(name):
    assert changes(f"checkout.session.{name}") == (
        but(CHECKOUT, subscription_id="sub_Sample00000001", payment_id="in_Sample00000001"),
    )


@pytest.mark.parametrize("status", ["paid", "unpaid", "no_payment_required"])
def test_a_checkout_of_a_subscription_is_over_whatever_was_paid(status):
    (change,) = changes("checkout.session.completed", status=status)
    assert change.status == "completed"


@pytest.mark.parametrize("facts", [FACTS, TOKENS], ids=["subscription", "tokens"])
def test_a_checkout_that_nobody_finished_has_expired(facts):
    assert changes("checkout.session.expired", facts) == (but(CHECKOUT, status="expired"),)


def test_a_checkout_that_only_saves_a_card_is_none_of_ours():
    said = normalised("checkout.session.completed", mode="setup")
    assert said.changes == ()
    assert "neither" in said.note


# Checkouts of tokens


@pytest.mark.parametrize("name", ["completed", "async_payment_succeeded"])
def test_paid_tokens_are_a_payment_and_a_completed_checkout(name):
    assert changes(f"checkout.session.{name}", TOKENS) == (
        BOUGHT_TOKENS,
        but(CHECKOUT, payment_id="pi_Sample00000001"),
    )


def test_tokens_that_are_not_paid_yet_are_a_pending_payment_of_an_open_checkout():
    said = changes("checkout.session.completed", TOKENS, status="unpaid")
    assert said == (but(BOUGHT_TOKENS, status="pending", paid_at=None),)


def test_tokens_that_were_never_paid_are_a_failed_payment_and_checkout():
    payment, checkout = changes("checkout.session.async_payment_failed", TOKENS)
    reason = "The payment did not arrive."
    assert payment == but(BOUGHT_TOKENS, status="failed", paid_at=None, failure_reason=reason)
    assert checkout == but(CHECKOUT, status="failed", payment_id="pi_Sample00000001")


def test_the_type_of_a_late_event_counts_and_not_the_payment_status_in_it():
    succeeded = changes("checkout.session.async_payment_succeeded", TOKENS, status="unpaid")
    assert succeeded[0].status == "succeeded"
    failed = changes("checkout.session.async_payment_failed", TOKENS, status="paid")
    assert failed[0].status == "failed"


def test_tokens_for_nothing_are_a_completed_checkout_without_a_payment():
    said = normalised(
        "checkout.session.completed",
        TOKENS,
        status="no_payment_required",
        payment_intent=None,
        amount_total=0,
    )
    assert said.changes == (CHECKOUT,)
    assert "Nothing was paid" in said.note


@pytest.mark.parametrize("kind", [None, "", "subscription", "TOKENS", ["tokens"]])
def test_a_payment_of_something_else_is_none_of_ours(kind):
    metadata = {"user_id": str(USER), "price_id": "price_Tokens", "kind": kind}
    said = normalised("checkout.session.completed", TOKENS, metadata=metadata)
    assert said.changes == ()
    assert "neither" in said.note


@pytest.mark.parametrize("price_id", [None, ""])
def test_tokens_without_a_price_are_known_by_their_checkout_alone(price_id):
    metadata = {"user_id": str(USER), "price_id": price_id, "kind": "tokens"}
    payment, _ = changes("checkout.session.completed", TOKENS, metadata=metadata)
    assert (payment.price_id, payment.checkout_id) == (None, "cs_test_Sample00000001")


@pytest.mark.parametrize("missing", ["payment_intent", "amount_total", "currency"])
def test_paid_tokens_without_what_was_paid_are_malformed(missing):
    with pytest.raises(MalformedEvent):
        changes("checkout.session.completed", TOKENS, **{missing: None})
