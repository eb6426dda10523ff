"""Made-up events of Razorpay's, shaped as it documents them. No person or account is real."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from edge_workers.billing import razorpay_sample_entities as entities
from edge_workers.billing.razorpay_sample_entities import Entity, epoch, month_after
from edge_workers.billing.sample_facts import SampleFacts

EVENTS: Mapping[str, str] = {
    "subscription.authenticated": "the customer gave a mandate; nothing was charged yet",
    "subscription.activated": "a billing cycle began",
    "subscription.charged": "a cycle was paid",
    "subscription.completed": "the last cycle was paid; there will be no other",
    "subscription.updated": "plan, quantity or the like changed",
    "subscription.pending": "a charge failed and will be tried again",
    "subscription.halted": "every try to charge failed",
    "subscription.cancelled": "it ended",
    "subscription.paused": "it was paused",
    "subscription.resumed": "it goes on after a pause",
    "payment.authorized": "the bank holds the money",
    "payment.captured": "the money was taken",
    "payment.failed": "the money could not be taken",
    "order.paid": "an order was paid in full",
    "refund.created": "a refund was made",
    "refund.processed": "a refund went through",
    "refund.failed": "a refund did not go through",
    "refund.speed_changed": "an instant refund became a normal one",
    "invoice.partially_paid": "a part of an invoice was paid",
    "invoice.paid": "an invoice was paid",
    "invoice.expired": "an invoice was not paid in time",
    "payment.dispute.created": "the bank of the customer disputes a payment",
    "payment.dispute.under_review": "the bank looks at our evidence",
    "payment.dispute.action_required": "the bank wants more evidence",
    "payment.dispute.won": "we keep the money",
    "payment.dispute.lost": "the money went back to the customer",
    "payment.dispute.closed": "the dispute is over without a decision",
}

_CHECKOUT_TIME = timedelta(seconds=20)


def make(event: str, facts: SampleFacts, *, event_id: str) -> dict[str, Any]:  # noqa: ARG001
    """The body of an event, as Razorpay would send it at `facts.at`.

    The id of the event is not in it: it goes into a header, which `razorpay.sign` makes. A refund
    of nothing is made one of everything. Raises KeyError for an event that EVENTS does not have.
    """
    return _make(event, facts, began_at=facts.at - _CHECKOUT_TIME)


def lifecycle(facts: SampleFacts) -> list[tuple[str, dict[str, Any]]]:
    """All that happens in one life, in its order, beginning at `facts.at`.

    Of a subscription: it is paid twice, the second time only after a failure, and cancelled within
    the second cycle, or with it if `facts.cancel_at_period_end`. With `facts.buys_tokens`, of a
    purchase that is given back in two parts. What happens at once shares its `created_at`.
    """
    steps = _purchase(facts) if facts.buys_tokens else _subscription_life(facts)
    began_at = facts.at - _CHECKOUT_TIME
    return [(event, _make(event, step, began_at=began_at)) for event, step in steps]


def _subscription_life(facts: SampleFacts) -> list[tuple[str, SampleFacts]]:
    begin, first_end = facts.at, facts.period_end or month_after(facts.at)
    second_end = month_after(first_end)
    ends_at = second_end if facts.cancel_at_period_end else first_end + timedelta(days=15)
    first = replace(facts, period_start=begin, period_end=first_end)
    second = replace(
        facts,
        payment_id=f"{facts.payment_id}b",
        invoice_id=f"{facts.invoice_id}b",
        period_start=first_end,
        period_end=second_end,
    )
    charged_at = begin + timedelta(seconds=5)
    return [
        ("subscription.authenticated", first),
        ("subscription.activated", replace(first, at=charged_at)),
        ("subscription.charged", replace(first, at=charged_at)),
        ("subscription.pending", replace(second, at=first_end + timedelta(minutes=5))),
        ("subscription.charged", replace(second, at=first_end + timedelta(days=1))),
        ("subscription.cancelled", replace(second, at=ends_at)),
    ]


def _purchase(facts: SampleFacts) -> list[tuple[str, SampleFacts]]:
    paid_at = facts.at + timedelta(seconds=30)
    first_refund = replace(facts, at=paid_at + timedelta(days=2), refunded_amount=facts.amount // 3)
    second_refund = replace(facts, at=paid_at + timedelta(days=4), refunded_amount=facts.amount)
    return [
        ("payment.authorized", facts),
        ("payment.captured", replace(facts, at=paid_at)),
        ("order.paid", replace(facts, at=paid_at)),
        ("refund.processed", first_refund),
        ("refund.processed", second_refund),
    ]


def _make(event: str, facts: SampleFacts, *, began_at: datetime) -> dict[str, Any]:
    if event not in EVENTS:
        raise KeyError(event)
    parts = _parts(event, facts, began_at)
    return {
        "entity": "event",
        "account_id": "acc_Sample00000001",
        "event": event,
        "contains": list(parts),
        "payload": {name: {"entity": entity} for name, entity in parts.items()},
        "created_at": epoch(facts.at),
    }


def _parts(event: str, facts: SampleFacts, began_at: datetime) -> dict[str, Entity]:
    group, _, what = event.rpartition(".")
    match group:
        case "subscription":
            parts = {"subscription": entities.subscription(what, facts, began_at)}
            # There is a payment when a charge was tried, and it went well, before the event.
            if what in ("charged", "completed"):
                parts["payment"] = entities.payment(facts, began_at)
            return parts
        case "payment":
            return {"payment": entities.payment(facts, began_at, status=what)}
        case "order":
            return {
                "payment": entities.payment(facts, began_at),
                "order": entities.order(facts, began_at),
            }
        case "refund":
            if not facts.refunded_amount and what != "failed":
                facts = replace(facts, refunded_amount=facts.amount)
            return {
                "refund": entities.refund(what, facts),
                "payment": entities.payment(facts, began_at),
            }
        case "invoice":
            return _invoice_parts(what, facts, began_at)
        case _:
            return {
                "payment": entities.payment(facts, began_at),
                "dispute": entities.dispute(what, facts),
            }


def _invoice_parts(what: str, facts: SampleFacts, began_at: datetime) -> dict[str, Entity]:
    invoice = entities.invoice(what, facts, began_at)
    if what == "expired":
        return {"invoice": invoice}
    return {
        "payment": entities.payment(facts, began_at),
        "order": entities.order(facts, began_at),
        "invoice": invoice,
    }
