"""The objects that sample events of Stripe are about; constant parts are in stripe_samples.json."""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from edge_workers.billing.sample_facts import SampleFacts

_STATUSES = {
    "customer.subscription.created": "incomplete",
    "customer.subscription.deleted": "canceled",
    "customer.subscription.paused": "paused",
    "customer.subscription.trial_will_end": "trialing",
}


_Maker: TypeAlias = Callable[[str, SampleFacts, str | None], dict[str, Any]]


def make_object(event: str, facts: SampleFacts, status: str | None) -> dict[str, Any]:
    """Return `data.object` of an event of this type; `status` replaces the usual one."""
    makers: dict[str, _Maker] = {
        "checkout.session": _session,
        "customer.subscription": _subscription,
        "invoice": _invoice,
        "invoice_payment": _invoice_payment,
        "charge": _charge,
        "charge.dispute": _dispute,
    }
    return makers[event.rpartition(".")[0]](event, facts, status)


def _subscription(event: str, facts: SampleFacts, status: str | None) -> dict[str, Any]:
    start, end = period(facts)
    status = status or _STATUSES.get(event, "active")
    is_over = status in {"canceled", "incomplete_expired"}
    return _template("subscription") | {
        "id": facts.subscription_id,
        "billing_cycle_anchor": seconds(start),
        "cancel_at_period_end": facts.cancel_at_period_end and not is_over,
        "canceled_at": seconds(facts.at) if is_over or facts.cancel_at_period_end else None,
        "created": seconds(start),
        "currency": facts.currency.lower(),
        "customer": facts.customer_id,
        "ended_at": seconds(facts.at) if is_over else None,
        "items": _list(_subscription_item(facts), "/v1/subscription_items"),
        "latest_invoice": facts.invoice_id,
        "metadata": _metadata(facts),
        "start_date": seconds(start),
        "status": status,
        "trial_start": seconds(start) if status == "trialing" else None,
        "trial_end": seconds(end) if status == "trialing" else None,
    }


def _subscription_item(facts: SampleFacts) -> dict[str, Any]:
    start, end = period(facts)
    item = _template("subscription_item")
    currency = facts.currency.lower()
    item["plan"] |= {"id": facts.price_id, "amount": facts.amount, "currency": currency}
    item["price"] |= {"id": facts.price_id, "unit_amount": facts.amount, "currency": currency}
    return item | {
        "id": f"si_{bare(facts.subscription_id)}",
        "created": seconds(start),
        "current_period_start": seconds(start),
        "current_period_end": seconds(end),
        "subscription": facts.subscription_id,
    }


def _invoice(event: str, facts: SampleFacts, _: str | None) -> dict[str, Any]:
    at, paid = seconds(facts.at), facts.amount if event == "invoice.paid" else 0
    invoice = _template("invoice")
    invoice["parent"]["subscription_details"] = {
        "metadata": _metadata(facts),
        "subscription": facts.subscription_id,
    }
    invoice["status_transitions"] |= {
        "finalized_at": at,
        "paid_at": at if event == "invoice.paid" else None,
        "voided_at": at if event == "invoice.voided" else None,
    }
    status = {"invoice.paid": "paid", "invoice.voided": "void"}.get(event, "open")
    return invoice | {
        "id": facts.invoice_id,
        "amount_due": facts.amount,
        "amount_paid": paid,
        "amount_remaining": facts.amount - paid,
        "auto_advance": status == "open",
        "created": at,
        "currency": facts.currency.lower(),
        "customer": facts.customer_id,
        "effective_at": at,
        "lines": _list(_invoice_line(facts), f"/v1/invoices/{facts.invoice_id}/lines"),
        "next_payment_attempt": at + 3 * 86400 if event == "invoice.payment_failed" else None,
        "period_end": at,
        "period_start": at,
        "status": status,
        **dict.fromkeys(
            ["subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"], facts.amount
        ),
    }


def _invoice_line(facts: SampleFacts) -> dict[str, Any]:
    start, end = period(facts)
    line = _template("invoice_line")
    line["parent"]["subscription_item_details"] |= {
        "subscription": facts.subscription_id,
        "subscription_item": f"si_{bare(facts.subscription_id)}",
    }
    line["pricing"]["price_details"]["price"] = facts.price_id
    return line | {
        "id": f"il_{bare(facts.invoice_id)}",
        "amount": facts.amount,
        "currency": facts.currency.lower(),
        "invoice": facts.invoice_id,
        "period": {"start": seconds(start), "end": seconds(end)},
        "subtotal": facts.amount,
    }


def _invoice_payment(_: str, facts: SampleFacts, __: str | None) -> dict[str, Any]:
    at = seconds(facts.at)
    return _template("invoice_payment") | {
        "id": f"inpay_{bare(facts.invoice_id)}",
        "amount_paid": facts.amount,
        "amount_requested": facts.amount,
        "created": at,
        "currency": facts.currency.lower(),
        "invoice": facts.invoice_id,
        "payment": {"payment_intent": facts.payment_id, "type": "payment_intent"},
        "status_transitions": {"canceled_at": None, "paid_at": at},
    }


def _session(event: str, facts: SampleFacts, status: str | None) -> dict[str, Any]:
    is_expired = event == "checkout.session.expired"
    is_unpaid = is_expired or event == "checkout.session.async_payment_failed"
    created = seconds(facts.at - timedelta(hours=24 if is_expired else 0))
    return _template("checkout.session") | {
        "id": facts.checkout_id,
        "amount_subtotal": facts.amount,
        "amount_total": facts.amount,
        "client_reference_id": str(facts.user_id),
        "created": created,
        "currency": facts.currency.lower(),
        "customer": facts.customer_id,
        "expires_at": created + 86400,
        "invoice": None if facts.buys_tokens or is_expired else facts.invoice_id,
        "metadata": _metadata(facts),
        "mode": "payment" if facts.buys_tokens else "subscription",
        "payment_intent": facts.payment_id if facts.buys_tokens and not is_expired else None,
        "payment_status": status or ("unpaid" if is_unpaid else "paid"),
        "status": "expired" if is_expired else "complete",
        "subscription": None if facts.buys_tokens or is_expired else facts.subscription_id,
    }


def _charge(_: str, facts: SampleFacts, __: str | None) -> dict[str, Any]:
    refunded = facts.refunded_amount or facts.amount
    charge = _template("charge")
    charge["payment_method_details"]["card"]["amount_authorized"] = facts.amount
    return charge | {
        "id": f"ch_{bare(facts.payment_id)}",
        "amount": facts.amount,
        "amount_captured": facts.amount,
        "amount_refunded": refunded,
        "created": seconds(facts.at),
        "currency": facts.currency.lower(),
        "customer": facts.customer_id,
        "metadata": _metadata(facts) if facts.buys_tokens else {},
        "payment_intent": facts.payment_id,
        "refunded": refunded == facts.amount,
    }


def _dispute(event: str, facts: SampleFacts, status: str | None) -> dict[str, Any]:
    dispute = _template("dispute")
    usual = "lost" if event == "charge.dispute.closed" else "needs_response"
    dispute["evidence_details"]["due_by"] = seconds(facts.at) + 9 * 86400
    return dispute | {
        "id": f"du_{bare(facts.payment_id)}",
        "amount": facts.amount,
        "charge": f"ch_{bare(facts.payment_id)}",
        "created": seconds(facts.at),
        "currency": facts.currency.lower(),
        "payment_intent": facts.payment_id,
        "status": status or usual,
    }


def _metadata(facts: SampleFacts) -> dict[str, str]:
    """What `POST /checkout` writes beside whatever it begins."""
    kind = "tokens" if facts.buys_tokens else "subscription"
    return {"user_id": str(facts.user_id), "kind": kind, "price_id": facts.price_id}


def period(facts: SampleFacts) -> tuple[datetime, datetime]:
    start = facts.period_start or facts.at
    return start, facts.period_end or start + timedelta(days=30)


def _list(item: dict[str, Any], url: str) -> dict[str, Any]:
    return {"object": "list", "data": [item], "has_more": False, "total_count": 1, "url": url}


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def bare(id_: str) -> str:
    """An id without the prefix that says what it is of."""
    return id_.partition("_")[2] or id_


@cache
def _templates() -> dict[str, dict[str, Any]]:
    source = files("edge_workers.billing").joinpath("stripe_samples.json")
    templates: dict[str, dict[str, Any]] = json.loads(source.read_text("utf-8"))
    return templates


def _template(name: str) -> dict[str, Any]:
    return deepcopy(_templates()[name])
