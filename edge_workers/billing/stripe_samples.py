"""Sample events of Stripe, in the shape of its newest API version; all data are fictional.

`webhook send`, tests and benchmarks sign and send
what `make` returns.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from edge_workers.billing.sample_facts import SampleFacts
from edge_workers.billing.stripe_sample_objects import bare, make_object, period, seconds

API_VERSION = "2026-10-28.endive"

EVENTS: dict[str, str] = {
    "checkout.session.completed": "The customer finished the checkout; most have paid by then.",
    "checkout.session.async_payment_succeeded": "A slow payment, such as a transfer, arrived.",
    "checkout.session.async_payment_failed": "A slow payment did not arrive.",
    "checkout.session.expired": "Nobody finished the checkout in time.",
    "customer.subscription.created": "A subscription began; its first payment is still open.",
    "customer.subscription.updated": "Status, period, price or cancellation changed.",
    "customer.subscription.deleted": "A subscription ended.",
    "customer.subscription.paused": "A trial ended without a payment method.",
    "customer.subscription.resumed": "A paused subscription goes on.",
    "customer.subscription.trial_will_end": "A trial ends in three days.",
    "invoice.paid": "A period of a subscription was paid.",
    "invoice.payment_failed": "A period of a subscription could not be charged.",
    "invoice.payment_action_required": "The customer has to confirm a payment at the bank.",
    "invoice.voided": "An invoice was voided after a payment of it had failed.",
    "invoice_payment.paid": "Which payment intent paid which invoice.",
    "charge.refunded": "All or a part of a payment was given back.",
    "charge.dispute.created": "A customer disputes a payment at the bank; stored and ignored.",
    "charge.dispute.closed": "A dispute was lost, and the money given back.",
}


def sample_facts(user_id: UUID, at: datetime, **facts: Any) -> SampleFacts:
    """Return facts with ids that look like Stripe's; `facts` replaces any of them."""
    ids = {
        "subscription_id": "sub_Sample00000001",
        "customer_id": "cus_Sample00000001",
        "payment_id": "pi_Sample00000001",
        "invoice_id": "in_Sample00000001",
        "checkout_id": "cs_test_Sample00000001",
    }
    return SampleFacts(user_id=user_id, at=at, **(ids | facts))


def make(
    event: str, facts: SampleFacts, *, event_id: str, status: str | None = None
) -> dict[str, Any]:
    """Return a whole event as Stripe would send it; `event` is one of EVENTS.

    `status` replaces the usual status of a subscription, or `payment_status` of a checkout session.
    """
    if event not in EVENTS:
        raise ValueError(f"There is no sample of {event!r}. There are: {', '.join(EVENTS)}.")
    data: dict[str, Any] = {"object": make_object(event, facts, status)}
    if event == "customer.subscription.updated":
        data["previous_attributes"] = {"latest_invoice": None}
    return {
        "id": event_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": seconds(facts.at),
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": event,
    }


def lifecycle(facts: SampleFacts) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of a subscription, or of a purchase of tokens, with their types.

    A subscription is bought (five events of one second), fails to renew, is paid late, given back
    in part, cancelled for the end of its period, and ends. Tokens are paid slowly, then given back
    in two parts.
    """
    steps = _tokens_story(facts) if facts.buys_tokens else _subscription_story(facts)
    stem = bare(facts.checkout_id if facts.buys_tokens else facts.subscription_id)
    events = [
        (event, make(event, step, event_id=f"evt_{stem}_{number:02}", status=status))
        for number, (event, step, status) in enumerate(steps, start=1)
    ]
    for event, payload in events:
        if event.startswith("customer.subscription."):
            payload["data"]["object"] |= dict.fromkeys(
                ["billing_cycle_anchor", "created", "start_date"], seconds(period(facts)[0])
            )
    return events


_Step = tuple[str, SampleFacts, str | None]


def _subscription_story(facts: SampleFacts) -> list[_Step]:
    start, end = period(facts)
    first = replace(facts, period_start=start, period_end=end, refunded_amount=0)
    length = end - start
    renewal = replace(
        first,
        at=end,
        period_start=end,
        period_end=end + length,
        payment_id=f"{facts.payment_id}_2",
        invoice_id=f"{facts.invoice_id}_2",
    )
    late = replace(renewal, at=renewal.at + timedelta(days=3))
    refund = replace(first, at=late.at + timedelta(days=1), refunded_amount=facts.amount // 4)
    leaving = replace(late, at=late.at + timedelta(days=5), cancel_at_period_end=True)
    return [
        ("customer.subscription.created", first, None),
        ("customer.subscription.updated", first, "active"),
        ("invoice.paid", first, None),
        ("invoice_payment.paid", first, None),
        ("checkout.session.completed", first, None),
        ("customer.subscription.updated", renewal, "active"),
        ("invoice.payment_failed", renewal, None),
        ("customer.subscription.updated", renewal, "past_due"),
        ("invoice.paid", late, None),
        ("customer.subscription.updated", late, "active"),
        ("invoice_payment.paid", late, None),
        ("charge.refunded", refund, None),
        ("customer.subscription.updated", leaving, "active"),
        ("customer.subscription.deleted", replace(leaving, at=end + length), None),
    ]


def _tokens_story(facts: SampleFacts) -> list[_Step]:
    bought = replace(facts, refunded_amount=0)
    paid = replace(bought, at=facts.at + timedelta(hours=1))
    part = replace(paid, at=facts.at + timedelta(days=1), refunded_amount=facts.amount // 3)
    rest = replace(part, refunded_amount=facts.amount)
    return [
        ("checkout.session.completed", bought, "unpaid"),
        ("checkout.session.async_payment_succeeded", paid, None),
        ("charge.refunded", part, None),
        ("charge.refunded", rest, None),
    ]
