"""Stripe's invoices, charges and disputes, as changes of payments.

The payment of a subscription goes by the id of its invoice. Until 2025-03-31 invoices and charges
named each other; since then `invoice_payment.paid` links them by the payment intent.
"""

from datetime import datetime
from typing import Any

from edge_workers.billing.changes import (
    MalformedEvent,
    Normalised,
    PaymentChange,
    PaymentStatus,
)
from edge_workers.billing.stripe_entities import Charge, Dispute, Invoice, InvoicePayment, user_in


def read_paid_invoice(entity: dict[str, Any], at: datetime) -> Normalised:
    """Read invoice.paid: what was paid counts, which may be less than what was due."""
    invoice = Invoice.model_validate(entity)
    paid_at = (invoice.status_transitions and invoice.status_transitions.paid_at) or at
    return _payment_of(invoice, "succeeded", invoice.amount_paid, at, paid_at=paid_at)


def read_failed_invoice(entity: dict[str, Any], at: datetime) -> Normalised:
    """Read invoice.payment_failed; Stripe may try again, and then it is paid all the same."""
    invoice = Invoice.model_validate(entity)
    error = invoice.last_finalization_error
    reason = error.message[:1000] if error and error.message else None
    return _payment_of(invoice, "failed", invoice.amount_due, at, reason=reason)


def read_invoice_to_confirm(entity: dict[str, Any], at: datetime) -> Normalised:
    """Read invoice.payment_action_required: the customer has yet to confirm the payment."""
    invoice = Invoice.model_validate(entity)
    return _payment_of(invoice, "pending", invoice.amount_due, at)


def read_voided_invoice(entity: dict[str, Any], at: datetime) -> Normalised:
    """Read invoice.voided, which is only news of a payment if one was tried."""
    invoice = Invoice.model_validate(entity)
    if invoice.attempt_count < 1:
        return Normalised(note="The invoice was voided before anything was tried.")
    reason = "The invoice was voided."
    return _payment_of(invoice, "failed", invoice.amount_due, at, reason=reason)


def _payment_of(
    invoice: Invoice,
    status: PaymentStatus,
    amount: int,
    at: datetime,
    *,
    reason: str | None = None,
    paid_at: datetime | None = None,
) -> Normalised:
    details = invoice.details
    if details.subscription is None:
        return Normalised(note="The invoice is not of a subscription.")
    if amount <= 0:
        return Normalised(note="Nothing was to be paid, as in a trial.")
    payment = PaymentChange(
        provider="stripe",
        occurred_at=at,
        user_id=user_in(details.metadata) or user_in(invoice.metadata),
        customer_id=invoice.customer,
        payment_id=invoice.id,
        other_ids=invoice.paid_with,
        kind="subscription",
        subscription_id=details.subscription,
        status=status,
        amount=amount,
        currency=invoice.currency.upper(),
        failure_reason=reason,
        paid_at=paid_at,
    )
    return Normalised(changes=(payment,))


def read_invoice_payment(entity: dict[str, Any], at: datetime) -> Normalised:
    """Read invoice_payment.paid: the invoice and the payment intent are one payment.

    An invoice may be paid in parts, so this is no news of the invoice: `pending` takes no status
    back, and the payment has to be known.
    """
    link = InvoicePayment.model_validate(entity)
    other_id = link.payment.payment_intent or link.payment.charge
    if link.invoice is None or other_id is None:
        return Normalised(note="The invoice was paid outside of Stripe.")
    payment = PaymentChange(
        provider="stripe",
        occurred_at=at,
        payment_id=link.invoice,
        other_ids=(other_id,),
        status="pending",
        amount=link.amount_paid or link.amount_requested or 0,
        currency=link.currency.upper(),
    )
    return Normalised(changes=(payment,))


def read_refunded_charge(entity: dict[str, Any], at: datetime) -> Normalised:
    """Read charge.refunded, which says all that was given back so far, and not of what."""
    charge = Charge.model_validate(entity)
    if not charge.captured:
        return Normalised(note="An authorisation was given back; nothing had been paid.")
    if charge.amount_refunded > charge.amount:
        raise MalformedEvent("More was given back than was paid.")
    ids = [id_ for id_ in (charge.invoice, charge.payment_intent, charge.id) if id_]
    payment = PaymentChange(
        provider="stripe",
        occurred_at=at,
        customer_id=charge.customer,
        payment_id=ids[0],
        other_ids=tuple(ids[1:]),
        status="succeeded",
        amount=charge.amount,
        currency=charge.currency.upper(),
        refunded_amount=charge.amount_refunded,
    )
    return Normalised(changes=(payment,))


def read_closed_dispute(entity: dict[str, Any], at: datetime) -> Normalised:
    """Read charge.dispute.closed: of a lost one the bank has given the money back."""
    dispute = Dispute.model_validate(entity)
    if dispute.status != "lost":
        return Normalised(note=f"The dispute is over and the money stays: {dispute.status[:100]}.")
    ids = [id_ for id_ in (dispute.payment_intent, dispute.charge) if id_]
    if not ids:
        raise MalformedEvent("The dispute names neither a payment intent nor a charge.")
    payment = PaymentChange(
        provider="stripe",
        occurred_at=at,
        payment_id=ids[0],
        other_ids=tuple(ids[1:]),
        status="succeeded",
        amount=dispute.amount,
        currency=dispute.currency.upper(),
        refunded_amount=dispute.amount,
    )
    return Normalised(changes=(payment,))
