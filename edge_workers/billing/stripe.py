"""What Stripe says, as changes: events of a webhook, and subscriptions that were fetched.

Reads payloads of API versions before and since 2025-03-31. Metadata are only written with the
secret key of the account, so they are believed about whose something is and what was bought.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from pydantic import ValidationError

from edge_workers.billing.changes import (
    MalformedEvent,
    Normalised,
    SubscriptionChange,
    SubscriptionStatus,
)
from edge_workers.billing.stripe_checkouts import session_reader
from edge_workers.billing.stripe_entities import Event, Subscription, user_in
from edge_workers.billing.stripe_payments import (
    read_closed_dispute,
    read_failed_invoice,
    read_invoice_payment,
    read_invoice_to_confirm,
    read_paid_invoice,
    read_refunded_charge,
    read_voided_invoice,
)
from edge_workers.billing.stripe_signature import read_webhook, sign

__all__ = ["normalise", "read_webhook", "sign", "subscription_change"]

_TERMINAL: frozenset[SubscriptionStatus] = frozenset({"canceled", "expired"})


def normalise(event_type: str, payload: Mapping[str, Any]) -> Normalised:
    """Return what a stored event changes; an event of no interest has no changes and a note.

    Raises MalformedEvent for a payload that is not what Stripe documents.
    """
    read = _READERS.get(event_type)
    if read is None:
        return Normalised(note=_NOTES.get(event_type, "Nothing here depends on such events."))
    try:
        event = Event.model_validate(dict(payload))
        if event.account is not None:
            return Normalised(note="It happened in a connected account, not in ours.")
        return read(event.data.object, event.created)
    except ValidationError as error:
        raise MalformedEvent(_explain(error)) from None


def subscription_change(entity: Mapping[str, Any], occurred_at: datetime) -> SubscriptionChange:
    """Return a subscription as Stripe shows it, in an event or fetched at `occurred_at`.

    Paused collection (`pause_collection`) leaves the status as it is, here as at Stripe: it is how
    an account gives its service away for a while. Raises MalformedEvent.
    """
    try:
        subscription = Subscription.model_validate(dict(entity))
        return _subscription_change(subscription, occurred_at)
    except ValidationError as error:
        raise MalformedEvent(_explain(error)) from None


def _subscription_change(subscription: Subscription, occurred_at: datetime) -> SubscriptionChange:
    item = subscription.main_item
    price = item.price or item.plan
    start = item.current_period_start or subscription.current_period_start
    end = item.current_period_end or subscription.current_period_end
    status = subscription.status
    # Since flexible billing the customer portal may set a date of its own instead of the flag.
    ends_within = subscription.cancel_at is not None and (
        end is None or subscription.cancel_at <= end
    )
    return SubscriptionChange(
        provider="stripe",
        occurred_at=occurred_at,
        user_id=user_in(subscription.metadata),
        customer_id=subscription.customer,
        subscription_id=subscription.id,
        status="expired" if status == "incomplete_expired" else status,
        price_id=price.id if price else None,
        current_period_start=start,
        current_period_end=end,
        start_date=subscription.start_date or subscription.created,
        trial_end=subscription.trial_end,
        cancel_at_period_end=subscription.cancel_at_period_end or ends_within,
        canceled_at=subscription.canceled_at,
        ended_at=subscription.ended_at,
    )


def _read_subscription(entity: dict[str, Any], at: datetime) -> Normalised:
    return Normalised(changes=(subscription_change(entity, at),))


def _read_deleted_subscription(entity: dict[str, Any], at: datetime) -> Normalised:
    change = subscription_change(entity, at)
    if change.status not in _TERMINAL:
        ended_at = change.ended_at or at
        change = change.model_copy(update={"status": "canceled", "ended_at": ended_at})
    return Normalised(changes=(change,))


def _explain(error: ValidationError) -> str:
    """Say where a payload is wrong, without what is there: that may be personal data."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:500]


_Reader: TypeAlias = Callable[[dict[str, Any], datetime], Normalised]

_READERS: dict[str, _Reader] = {
    "checkout.session.completed": session_reader(None),
    "checkout.session.async_payment_succeeded": session_reader("completed"),
    "checkout.session.async_payment_failed": session_reader("failed"),
    "checkout.session.expired": session_reader("expired"),
    "customer.subscription.created": _read_subscription,
    "customer.subscription.updated": _read_subscription,
    "customer.subscription.deleted": _read_deleted_subscription,
    "customer.subscription.paused": _read_subscription,
    "customer.subscription.resumed": _read_subscription,
    "customer.subscription.trial_will_end": _read_subscription,
    "invoice.paid": read_paid_invoice,
    "invoice.payment_succeeded": read_paid_invoice,
    "invoice.payment_failed": read_failed_invoice,
    "invoice.payment_action_required": read_invoice_to_confirm,
    "invoice.voided": read_voided_invoice,
    "invoice_payment.paid": read_invoice_payment,
    "charge.refunded": read_refunded_charge,
    "charge.dispute.closed": read_closed_dispute,
}

_REFUND = "charge.refunded says what was given back."

_NOTES: dict[str, str] = {
    "charge.dispute.created": "The dispute has to be answered at Stripe; nothing is decided yet.",
    "payment_intent.payment_failed": "The invoice or the checkout session says what came of it.",
    "refund.created": _REFUND,
    "refund.updated": _REFUND,
    "refund.failed": "The money came back to us; tokens that were taken stay taken. Look at it.",
}
