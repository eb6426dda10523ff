"""What every event of Stripe says, in the shapes before and since API version 2025-03-31."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from edge_workers.billing import stripe
from edge_workers.billing.changes import (
    CheckoutChange,
    MalformedEvent,
    PaymentChange,
    SubscriptionChange,
)
from tests.unit.billing.stripe_events import FACTS, NOW, TOKENS, USER, changes, event, normalised
from tests.unit.billing.stripe_older import older

MONTH_LATER = NOW + timedelta(days=30)
SUBSCRIPTION = SubscriptionChange(
    provider="stripe",
    occurred_at=NOW,
    user_id=USER,
    customer_id="cus_Sample00000001",
    subscription_id="sub_Sample00000001",
    status="active",
    price_id="price_Pro",
    current_period_start=NOW,
    current_period_end=MONTH_LATER,
    start_date=NOW,
    cancel_at_period_end=False,
)
INVOICE = PaymentChange(
    provider="stripe",
    occurred_at=NOW,
    user_id=USER,
    customer_id="cus_Sample00000001",
    payment_id="in_Sample00000001",
    kind="subscription",
    subscription_id="sub_Sample00000001",
    status="succeeded",
    amount=49900,
    currency="INR",
    paid_at=NOW,
)
BOUGHT_TOKENS = PaymentChange(
    provider="stripe",
    occurred_at=NOW,
    user_id=USER,
    customer_id="cus_Sample00000001",
    payment_id="pi_Sample00000001",
    kind="tokens",
    checkout_id="cs_test_Sample00000001",
    price_id="price_Tokens",
    status="succeeded",
    amount=19900,
    currency="INR",
    paid_at=NOW,
)
CHECKOUT = CheckoutChange(
    provider="stripe",
    occurred_at=NOW,
    user_id=USER,
    customer_id="cus_Sample00000001",
    checkout_id="cs_test_Sample00000001",
    status="completed",
)


def but(change, **values):
    return change.model_copy(update=values)


# Subscriptions


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("created", {"status": "incomplete"}),
        ("updated", {}),
        ("deleted", {"status": "canceled", "canceled_at": NOW, "ended_at": NOW}),
        ("paused", {"status": "paused"}),
        ("resumed", {}),
        ("trial_will_end", {"status": "trialing", "trial_end": MONTH_LATER}),
    ],
)
def test_each_event_of_a_subscription_says_all_of_it_in_both_shapes(name, values):
    sample = event(f"customer.subscription.{name}")
    for payload in (sample, older(sample)):
        said = stripe.normalise(sample["type"], payload)
        assert said.changes == (but(SUBSCRIPTION, **values),)
        assert said.note is None


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("incomplete", "incomplete"),
        ("incomplete_expired", "expired"),
        ("trialing", "trialing"),
        ("active", "active"),
        ("past_due", "past_due"),
        ("paused", "paused"),
        ("unpaid", "unpaid"),
        ("canceled", "canceled"),
    ],
)
def test_each_status_of_stripe_has_one_of_ours(theirs, ours):
    (change,) = changes("customer.subscription.updated", status=theirs)
    assert change.status == ours


def test_a_status_that_we_do_not_know_is_no_guess():
    with pytest.raises(MalformedEvent, match=r"^status: "):
        changes("customer.subscription.updated", status="hibernating")


@pytest.mark.parametrize("behavior", ["void", "keep_as_draft", "mark_uncollectible"])
def test_paused_collection_is_a_service_given_away_and_not_a_pause(behavior):
    pause = {"behavior": behavior, "resumes_at": None}
    (change,) = changes("customer.subscription.updated", pause_collection=pause)
    assert change == SUBSCRIPTION


@pytest.mark.parametrize("status", ["active", "past_due", "trialing"])
def test_a_deleted_subscription_is_over_whatever_its_last_status(status):
    (change,) = changes("customer.subscription.deleted", status=status)
    assert (change.status, change.ended_at) == ("canceled", NOW)


def test_a_deleted_subscription_that_expired_stays_expired():
    (change,) = changes("customer.subscription.deleted", status="incomplete_expired")
    assert change.status == "expired"


@pytest.mark.parametrize(
    ("flag", "cancel_at", "ends"),
    [
        (False, None, False),
        (True, None, True),
        (False, MONTH_LATER, True),
        (False, MONTH_LATER - timedelta(days=1), True),
        (False, MONTH_LATER + timedelta(seconds=1), False),
        (True, MONTH_LATER + timedelta(days=300), True),
    ],
)
def test_a_date_to_cancel_at_within_the_period_is_the_end_of_the_period(flag, cancel_at, ends):
    at = cancel_at and int(cancel_at.timestamp())
    (change,) = changes("customer.subscription.updated", cancel_at_period_end=flag, cancel_at=at)
    assert change.cancel_at_period_end is ends


def test_a_date_to_cancel_at_without_a_known_period_is_its_end():
    entity = event("customer.subscription.updated", cancel_at=1)["data"]["object"]
    entity["items"]["data"] = []
    assert stripe.subscription_change(entity, NOW).cancel_at_period_end is True


def test_a_fetched_subscription_is_of_the_time_of_the_fetch():
    entity = event("customer.subscription.updated")["data"]["object"]
    later = NOW + timedelta(hours=7)
    assert stripe.subscription_change(entity, later) == but(SUBSCRIPTION, occurred_at=later)


def test_the_oldest_item_is_the_plan_in_whatever_order_they_come():
    entity = event("customer.subscription.updated")["data"]["object"]
    plan = entity["items"]["data"][0]
    added = plan | {
        "id": "si_Added",
        "created": plan["created"] + 1,
        "price": {"id": "price_Added"},
        "current_period_end": plan["current_period_end"] + 999,
    }
    for items in ([plan, added], [added, plan]):
        entity["items"]["data"] = items
        assert stripe.subscription_change(entity, NOW) == SUBSCRIPTION


def test_what_is_missing_is_none_and_no_error():
    change = stripe.subscription_change({"id": "sub_1", "status": "active"}, NOW)
    assert change == SubscriptionChange(
        provider="stripe",
        occurred_at=NOW,
        subscription_id="sub_1",
        status="active",
        cancel_at_period_end=False,
    )


def test_the_price_may_be_where_plans_were():
    entity = {"id": "sub_1", "status": "active", "plan": {"id": "plan_old"}}
    assert stripe.subscription_change(entity, NOW).price_id == "plan_old"
    entity["items"] = {"data": [{"plan": {"id": "plan_item"}}]}
    assert stripe.subscription_change(entity, NOW).price_id == "plan_item"


def test_the_time_of_creation_is_the_start_when_no_other_is_said():
    sample = event("customer.subscription.updated", start_date=None, created=1)
    (change,) = stripe.normalise(sample["type"], sample).changes
    assert change.start_date == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_expanded_references_are_read_by_their_id():
    (change,) = changes(
        "customer.subscription.updated", customer={"id": "cus_9", "object": "customer"}
    )
    assert change.customer_id == "cus_9"


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
