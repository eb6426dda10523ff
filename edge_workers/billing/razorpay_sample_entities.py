"""The entities within the sample events of Razorpay's, in full, of one made-up customer."""

from datetime import datetime, timedelta
from typing import Any, TypeAlias

from edge_workers.billing.sample_facts import SampleFacts

Entity: TypeAlias = dict[str, Any]

CYCLES = 12
"""How often a sample subscription is charged."""
_CYCLE = timedelta(days=30)

# The status of the subscription in each event about one.
_SUBSCRIPTION_STATUS = {
    "authenticated": "authenticated",
    "activated": "active",
    "charged": "active",
    "completed": "completed",
    "updated": "active",
    "pending": "pending",
    "halted": "halted",
    "cancelled": "cancelled",
    "paused": "paused",
    "resumed": "active",
}
_DISPUTE_STATUS = {"created": "open", "action_required": "open"}


def epoch(at: datetime) -> int:
    """A time as Razorpay writes it."""
    return int(at.timestamp())


def month_after(at: datetime) -> datetime:
    """The end of a billing cycle that begins then, as samples count."""
    return at + _CYCLE


def subscription(what: str, facts: SampleFacts, began_at: datetime) -> Entity:
    """The subscription as it was in the event subscription.{what}."""
    start = facts.period_start or facts.at
    end = facts.period_end or month_after(start)
    authenticated = what == "authenticated"
    over = what in ("completed", "cancelled")
    failing = {"pending": 1, "halted": 4}.get(what, 0)
    # The last cycle completes it. Else it is counted from the begin.
    cycle = CYCLES if what == "completed" else 1 + (start - began_at) // _CYCLE
    return {
        "id": facts.subscription_id,
        "entity": "subscription",
        "plan_id": facts.price_id,
        "customer_id": facts.customer_id,
        "status": _SUBSCRIPTION_STATUS[what],
        "current_start": None if authenticated else epoch(start),
        "current_end": None if authenticated else epoch(end),
        # It completes with its last invoice, at the begin of the last cycle.
        "ended_at": epoch(facts.at) if over else None,
        "quantity": 1,
        "notes": {"user_id": str(facts.user_id)},
        "charge_at": None if over or what == "paused" else epoch(end),
        "start_at": epoch(began_at),
        "end_at": epoch(began_at + CYCLES * _CYCLE),
        "auth_attempts": failing,
        "total_count": CYCLES,
        "paid_count": 0 if authenticated else cycle - bool(failing),
        "customer_notify": True,
        "created_at": epoch(began_at),
        "expire_by": None,
        "short_url": "https://rzp.example/i/sample",
        "has_scheduled_changes": False,
        "change_scheduled_at": None,
        "source": "api",
        "payment_method": "upi",
        "offer_id": None,
        "remaining_count": CYCLES if authenticated else CYCLES - cycle,
        "pause_initiated_by": "self" if what == "paused" else None,
        "cancel_initiated_by": "customer" if what == "cancelled" else None,
    }


def order_id(facts: SampleFacts) -> str:
    """The order that the payment is for."""
    # Each invoice of a subscription has an order that Razorpay makes; only that of tokens is ours.
    return facts.checkout_id if facts.buys_tokens else f"order_{facts.invoice_id}"


def payment(facts: SampleFacts, began_at: datetime, status: str = "captured") -> Entity:
    """The payment in that status, whose refunds are those of `facts`."""
    captured, failed = status == "captured", status == "failed"
    refunded = facts.refunded_amount
    if refunded == facts.amount and captured:
        status = "refunded"
    fee = facts.amount * 2 // 100
    return {
        "id": facts.payment_id,
        "entity": "payment",
        "amount": facts.amount,
        "currency": facts.currency,
        "base_amount": facts.amount,
        "status": status,
        "order_id": order_id(facts),
        "invoice_id": None if facts.buys_tokens else facts.invoice_id,
        "international": False,
        "method": "upi",
        "amount_refunded": refunded,
        "amount_transferred": 0,
        "refund_status": {0: None, facts.amount: "full"}.get(refunded, "partial"),
        "captured": captured,
        "description": "Tokens" if facts.buys_tokens else "Recurring Payment via Subscription",
        "card_id": None,
        "bank": None,
        "wallet": None,
        "vpa": "asha.menon@bank.example",
        "email": "asha.menon@example.com",
        "contact": "+919000000000",
        "customer_id": facts.customer_id,
        "token_id": None,
        "notes": [],
        "fee": fee if captured else None,
        "tax": fee * 18 // 118 if captured else None,
        "error_code": "BAD_REQUEST_ERROR" if failed else None,
        "error_description": "The bank of the customer declined." if failed else None,
        "error_source": "customer" if failed else None,
        "error_step": "payment_authorization" if failed else None,
        "error_reason": "payment_declined" if failed else None,
        "acquirer_data": {"rrn": "000000000001"},
        "created_at": epoch(facts.period_start or began_at),
        "upi": {"vpa": "asha.menon@bank.example"},
    }


def order(facts: SampleFacts, began_at: datetime) -> Entity:
    """The paid order. When it is for tokens, our server wrote its notes."""
    return {
        "id": order_id(facts),
        "entity": "order",
        "amount": facts.amount,
        "amount_paid": facts.amount,
        "amount_due": 0,
        "currency": facts.currency,
        "receipt": None,
        "offer_id": None,
        "status": "paid",
        "attempts": 1,
        "notes": (
            {"user_id": str(facts.user_id), "price_id": facts.price_id} if facts.buys_tokens else []
        ),
        "created_at": epoch(began_at),
    }


def refund(what: str, facts: SampleFacts) -> Entity:
    """The refund as it was in the event refund.{what}."""
    return {
        "id": "rfnd_Sample0000001",
        "entity": "refund",
        "amount": facts.refunded_amount or facts.amount,
        "currency": facts.currency,
        "payment_id": facts.payment_id,
        "notes": [],
        "receipt": None,
        "acquirer_data": {"arn": None},
        "created_at": epoch(facts.at),
        "batch_id": None,
        "status": "failed" if what == "failed" else "processed",
        "speed_processed": "normal",
        "speed_requested": "optimum" if what == "speed_changed" else "normal",
    }


def invoice(what: str, facts: SampleFacts, began_at: datetime) -> Entity:
    """The invoice of the billing period as it was in the event invoice.{what}."""
    start = facts.period_start or facts.at
    expired, partial = what == "expired", what == "partially_paid"
    paid = 0 if expired else facts.amount
    return {
        "id": facts.invoice_id,
        "entity": "invoice",
        "receipt": None,
        "invoice_number": None,
        "customer_id": facts.customer_id,
        "customer_details": {
            "id": facts.customer_id,
            "name": "Asha Menon",
            "email": "asha.menon@example.com",
            "contact": "+919000000000",
        },
        "order_id": order_id(facts),
        "subscription_id": facts.subscription_id,
        "payment_id": None if expired else facts.payment_id,
        "status": what,
        "expire_by": epoch(facts.at) if expired else None,
        "issued_at": epoch(began_at),
        "paid_at": None if expired or partial else epoch(facts.at),
        "cancelled_at": None,
        "expired_at": epoch(facts.at) if expired else None,
        "partial_payment": partial,
        "amount": paid * 2 if partial else facts.amount,
        "amount_paid": paid,
        "amount_due": facts.amount if expired or partial else 0,
        "currency": facts.currency,
        "description": None,
        "notes": [],
        "billing_start": epoch(start),
        "billing_end": epoch(facts.period_end or month_after(start)),
        "type": "invoice",
        "created_at": epoch(began_at),
    }


def dispute(what: str, facts: SampleFacts) -> Entity:
    """The dispute as it was in the event payment.dispute.{what}."""
    return {
        "id": "disp_Sample0000001",
        "entity": "dispute",
        "payment_id": facts.payment_id,
        "amount": facts.amount,
        "currency": facts.currency,
        "amount_deducted": facts.amount if what == "lost" else 0,
        "reason_code": "goods_or_services_not_received_or_partially_received",
        "respond_by": epoch(facts.at + timedelta(days=10)),
        "status": _DISPUTE_STATUS.get(what, what),
        "phase": "chargeback",
        "created_at": epoch(facts.at),
    }
