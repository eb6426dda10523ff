"""What the tests of Stripe share: one purchase, its events, and requests that carry them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from edge_workers.billing import stripe, stripe_samples
from edge_workers.billing.changes import CheckoutChange, PaymentChange, SubscriptionChange
from edge_workers.billing.webhooks import InboxEvent

USER = UUID("5b1f3c5e-0d53-4a55-9a3c-2f6d3f0a7c11")
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
SECRET = "whsec_sample_current"
FACTS = stripe_samples.sample_facts(USER, NOW, price_id="price_Pro")
TOKENS = stripe_samples.sample_facts(
    USER, NOW, price_id="price_Tokens", buys_tokens=True, amount=19900
)
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


def event(name: str, facts: Any = FACTS, *, status: str | None = None, **entity: Any) -> Any:
    """A sample event; `entity` replaces fields of its object."""
    made = stripe_samples.make(name, facts, event_id="evt_1", status=status)
    made["data"]["object"] |= entity
    return made


def normalised(name: str, *args: Any, **kwargs: Any) -> Any:
    return stripe.normalise(name, event(name, *args, **kwargs))


def changes(name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
    return normalised(name, *args, **kwargs).changes


def encode(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def read(
    body: bytes, *secrets: str, header: str | None = None, at: datetime = NOW, now: datetime = NOW
) -> InboxEvent:
    """Read a body that was signed at `at` with SECRET, unless a `header` is given."""
    headers = stripe.sign(body, SECRET, event_id="evt_1", at=at)
    if header is not None:
        headers["stripe-signature"] = header
    return stripe.read_webhook(body, headers, secrets or (SECRET,), now=now)


def but(change: Any, **values: Any) -> Any:
    return change.model_copy(update=values)
