"""What the tests of Razorpay's events share: one purchase, and what its events say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from edge_workers.billing import razorpay, razorpay_samples
from edge_workers.billing.changes import (
    PaymentChange,
)
from edge_workers.billing.sample_facts import SampleFacts

USER = UUID("7d0c1c2e-0a6b-4a53-9f0e-6b1f6c1f0a11")
STRANGER = "11111111-2222-4333-8444-555555555555"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAID_AT = NOW - timedelta(seconds=20)
FACTS = SampleFacts(user_id=USER, at=NOW)
TOKENS = replace(FACTS, buys_tokens=True, price_id="pack_local_100", amount=19900)


def sample(event: str, facts: SampleFacts = FACTS, **parts):
    """A sample, in which the entities named have the fields given."""
    body = razorpay_samples.make(event, facts, event_id="Ev1")
    for name, changes in parts.items():
        if changes is None:
            del body["payload"][name]
        else:
            body["payload"][name]["entity"] |= changes
    return body


def read(event: str, facts: SampleFacts = FACTS, **parts):
    return razorpay.normalise(event, sample(event, facts, **parts))


def only(kind, event: str, facts: SampleFacts = FACTS, **parts):
    """The one change of that kind."""
    (change,) = (each for each in read(event, facts, **parts).changes if isinstance(each, kind))
    return change


def payment(event: str, facts: SampleFacts = FACTS, **parts) -> PaymentChange:
    return only(PaymentChange, event, facts, **parts)
