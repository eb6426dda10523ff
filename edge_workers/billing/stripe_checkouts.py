"""Stripe's checkout sessions, as changes of our checkouts and payments of tokens.

`metadata` of a session is written by whoever made it with the secret key of the account: that is
`POST /checkout`, which says `kind`, `user_id` and, for tokens, `price_id` there.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeAlias

from edge_workers.billing.changes import (
    CheckoutChange,
    MalformedEvent,
    Normalised,
    PaymentChange,
    PaymentStatus,
)
from edge_workers.billing.stripe_entities import CheckoutSession

_Outcome: TypeAlias = Literal["completed", "expired", "failed"]


def session_reader(outcome: _Outcome | None) -> Callable[[dict[str, Any], datetime], Normalised]:
    """Return a reader of checkout sessions; without `outcome`, `payment_status` says it."""

    def read(entity: dict[str, Any], at: datetime) -> Normalised:
        session = CheckoutSession.model_validate(entity)
        if session.mode == "subscription":
            # A failed first payment shows in the subscription, which exists all the same.
            status: _Outcome = "expired" if outcome == "expired" else "completed"
            return Normalised(changes=(_checkout(session, status, session.invoice, at),))
        if session.mode == "setup" or session.metadata.get("kind") != "tokens":
            return Normalised(note="The checkout session is neither for a plan nor for tokens.")
        return _token_session(session, outcome, at)

    return read


def _token_session(session: CheckoutSession, outcome: _Outcome | None, at: datetime) -> Normalised:
    if outcome == "expired":
        return Normalised(changes=(_checkout(session, "expired", None, at),))
    if outcome is None and session.payment_status == "no_payment_required":
        note = "Nothing was paid, so no tokens are credited."
        return Normalised(changes=(_checkout(session, "completed", None, at),), note=note)
    if outcome is None and session.payment_status == "unpaid":
        return Normalised(changes=(_token_payment(session, "pending", at),))
    if outcome == "failed":
        payment = _token_payment(session, "failed", at)
        return Normalised(changes=(payment, _checkout(session, "failed", payment.payment_id, at)))
    payment = _token_payment(session, "succeeded", at)
    return Normalised(changes=(payment, _checkout(session, "completed", payment.payment_id, at)))


def _checkout(
    session: CheckoutSession,
    status: _Outcome,
    payment_id: str | None,
    at: datetime,
) -> CheckoutChange:
    return CheckoutChange(
        provider="stripe",
        occurred_at=at,
        user_id=session.claimed_user,
        customer_id=session.customer,
        checkout_id=session.id,
        status=status,
        subscription_id=session.subscription,
        payment_id=payment_id,
    )


def _token_payment(session: CheckoutSession, status: PaymentStatus, at: datetime) -> PaymentChange:
    if session.payment_intent is None or session.amount_total is None:
        raise MalformedEvent("The checkout session has no payment_intent, or no amount_total.")
    return PaymentChange(
        provider="stripe",
        occurred_at=at,
        user_id=session.claimed_user,
        customer_id=session.customer,
        payment_id=session.payment_intent,
        kind="tokens",
        checkout_id=session.id,
        price_id=session.metadata.get("price_id") or None,
        status=status,
        amount=session.amount_total,
        currency=(session.currency or "").upper(),
        failure_reason="The payment did not arrive." if status == "failed" else None,
        paid_at=at if status == "succeeded" else None,
    )
