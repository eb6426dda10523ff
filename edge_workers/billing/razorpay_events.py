"""What each event of Razorpay's changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypeVar
from uuid import UUID

from edge_workers.billing.changes import (
    CheckoutChange,
    MalformedEvent,
    Normalised,
    PaymentChange,
)
from edge_workers.billing.razorpay_entities import (
    Dispute,
    Entity,
    Invoice,
    Order,
    Payment,
    Refund,
    Subscription,
)
from edge_workers.billing.razorpay_subscription import change_of

_E = TypeVar("_E", bound=Entity)

_NEVER_CAPTURED = "Authorised but never captured, and given back."


@dataclass(frozen=True)
class Event:
    """An event, with its entities by name as Razorpay wraps them: {"payment": {"entity": …}}."""

    name: str
    occurred_at: datetime
    parts: Mapping[str, Any]

    def find(self, name: str, entity: type[_E]) -> _E | None:
        """The entity of that name; None when the event has none."""
        part = self.parts.get(name)
        if part is None:
            return None
        if not isinstance(part, dict) or not isinstance(part.get("entity"), dict):
            raise MalformedEvent(f"payload.{name}.entity is not an object.")
        return entity.model_validate(part["entity"])

    def get(self, name: str, entity: type[_E]) -> _E:
        """The entity of that name, which belongs to every event of this type."""
        found = self.find(name, entity)
        if found is None:
            raise MalformedEvent(f"{self.name} without payload.{name}.")
        return found


@dataclass(frozen=True)
class _Purpose:
    """What a payment was for, as far as the event tells."""

    kind: Literal["subscription", "tokens"] | None = None
    subscription_id: str | None = None
    checkout_id: str | None = None
    price_id: str | None = None
    user_id: UUID | None = None
    customer_id: str | None = None


Reader: TypeAlias = Callable[[Event], Normalised]


def _purpose_of(payment: Payment) -> _Purpose | None:
    """What the payment itself tells: never which user's it is, and never what was bought.

    What has an invoice pays for a subscription; which one, an event with both of them says. All
    else is for an order, and we know those that we made: whose card a browser chose to pay one
    with does not matter. None for what has neither, such as the payment of a payment page.
    """
    if payment.invoice_id is not None:
        return _Purpose(kind="subscription", customer_id=payment.customer_id)
    return _Purpose(checkout_id=payment.order_id) if payment.order_id is not None else None


def _payment_change(
    event: Event, payment: Payment, purpose: _Purpose, *, also_returned: int = 0
) -> PaymentChange:
    outcome = payment.outcome
    succeeded = outcome == "succeeded"
    returned = min(payment.amount, payment.amount_refunded + also_returned)
    reason = _NEVER_CAPTURED if payment.status == "refunded" else payment.error_description
    return PaymentChange(
        provider="razorpay",
        occurred_at=event.occurred_at,
        user_id=purpose.user_id,
        customer_id=purpose.customer_id,
        payment_id=payment.id,
        kind=purpose.kind,
        subscription_id=purpose.subscription_id,
        checkout_id=purpose.checkout_id,
        price_id=purpose.price_id,
        status=outcome,
        amount=payment.amount,
        currency=payment.currency,
        refunded_amount=returned if succeeded else 0,
        failure_reason=(reason or "")[:1000] or None if outcome == "failed" else None,
        paid_at=payment.created_at if succeeded else None,
    )


def _read_subscription(event: Event) -> Normalised:
    subscription = event.get("subscription", Subscription)
    change = change_of(subscription, event.occurred_at)
    # There is one when a charge was tried before the event.
    payment = event.find("payment", Payment)
    if payment is None:
        return Normalised(changes=(change,))
    purpose = _Purpose(
        kind="subscription",
        subscription_id=subscription.id,
        user_id=subscription.user_id,
        customer_id=subscription.customer_id,
    )
    return Normalised(changes=(change, _payment_change(event, payment, purpose)))


def _read_payment(event: Event, *, also_returned: int = 0) -> Normalised:
    payment = event.get("payment", Payment)
    purpose = _purpose_of(payment)
    if purpose is None:
        return Normalised(note=f"{payment.id} is for no order and no invoice.")
    change = _payment_change(event, payment, purpose, also_returned=also_returned)
    return Normalised(changes=(change,))


def _read_order(event: Event) -> Normalised:
    order = event.get("order", Order)
    payment = event.get("payment", Payment)
    if payment.invoice_id is not None:
        return _read_payment(event)
    purpose = _Purpose(
        kind="tokens" if order.price_id else None,
        checkout_id=order.id,
        price_id=order.price_id,
        user_id=order.user_id,
    )
    return Normalised(
        changes=(
            _payment_change(event, payment, purpose),
            CheckoutChange(
                provider="razorpay",
                occurred_at=event.occurred_at,
                user_id=order.user_id,
                checkout_id=order.id,
                status="completed",
                payment_id=payment.id,
            ),
        )
    )


def _read_invoice(event: Event) -> Normalised:
    invoice = event.get("invoice", Invoice)
    if invoice.subscription_id is None:
        return Normalised(note=f"{invoice.id} is for no subscription.")
    purpose = _Purpose(
        kind="subscription",
        subscription_id=invoice.subscription_id,
        user_id=invoice.user_id,
        customer_id=invoice.customer_id,
    )
    return Normalised(changes=(_payment_change(event, event.get("payment", Payment), purpose),))


def _read_expired_invoice(event: Event) -> Normalised:
    invoice = event.get("invoice", Invoice)
    return Normalised(note=f"{invoice.id} expired: nothing was paid.")


def _read_refund(event: Event) -> Normalised:
    """Only a processed refund counts: one that is under way may fail, and money never comes back.

    How much was given back in all is in the payment; the refund is one of possibly many.
    """
    refund = event.get("refund", Refund)
    if refund.status != "processed":
        return Normalised(note=f"{refund.id} is {refund.status}: nothing was given back by it.")
    return _read_payment(event)


def _read_dispute(event: Event) -> Normalised:
    """A lost dispute takes the money away as a refund does, and is not part of amount_refunded."""
    dispute = event.get("dispute", Dispute)
    if dispute.status != "lost":
        return Normalised(note=f"{dispute.id} is {dispute.status}: it took no money.")
    return _read_payment(event, also_returned=dispute.amount_deducted)


_READERS: dict[str, Reader] = {
    **dict.fromkeys(
        (
            "subscription.authenticated",
            "subscription.activated",
            "subscription.charged",
            "subscription.completed",
            "subscription.updated",
            "subscription.pending",
            "subscription.halted",
            "subscription.cancelled",
            "subscription.paused",
            "subscription.resumed",
        ),
        _read_subscription,
    ),
    **dict.fromkeys(("payment.authorized", "payment.captured", "payment.failed"), _read_payment),
    "order.paid": _read_order,
    **dict.fromkeys(
        ("refund.created", "refund.processed", "refund.failed", "refund.speed_changed"),
        _read_refund,
    ),
    **dict.fromkeys(("invoice.partially_paid", "invoice.paid"), _read_invoice),
    "invoice.expired": _read_expired_invoice,
}


def read_event(event: Event) -> Normalised:
    """All that the event says. Raises MalformedEvent or ValidationError."""
    reader = _READERS.get(event.name)
    if event.name.startswith("payment.dispute."):
        reader = _read_dispute
    if reader is None:
        return Normalised(note=f"Nothing is done about {event.name[:100]}.")
    return reader(event)
