"""Signed events of Stripe as whole HTTP requests, the same bytes for both services."""

import json
import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from edge_workers.billing import stripe, stripe_samples

SECRET = "whsec_of_the_benchmark"
KINDS = ("customer.subscription.updated", "invoice.paid", "charge.refunded")
NOBODY = UUID(int=0)


def various(count: int) -> list[bytes]:
    """Make events of different customers, one of KINDS after the other, each with its own id."""
    return [_of_somebody(KINDS[number % len(KINDS)]) for number in range(count)]


def _of_somebody(kind: str) -> bytes:
    one = uuid4().hex[:20]
    facts = stripe_samples.sample_facts(
        NOBODY,
        datetime.now(UTC).replace(microsecond=0),
        subscription_id=f"sub_{one}",
        customer_id=f"cus_{one}",
        payment_id=f"pi_{one}",
        invoice_id=f"in_{one}",
    )
    return request(stripe_samples.make(kind, facts, event_id=f"evt_{one}"))


def request(event: dict[str, Any]) -> bytes:
    """Return the whole HTTP request that brings this event, signed now."""
    body = json.dumps(event, indent=2).encode()
    headers = stripe.sign(body, SECRET, event_id=event["id"], at=datetime.now(UTC))
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = ["POST /webhooks/stripe HTTP/1.1", "host: localhost", *lines]
    return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body


def write(requests: Iterable[bytes], file: Path) -> None:
    """Write requests as load.mjs reads them: each after its length in four bytes."""
    file.write_bytes(b"".join(struct.pack(">I", len(each)) + each for each in requests))
