"""Webhooks of Stripe as they arrive: signed, fresh, and JSON that the inbox can hold.

The signature is `t=<seconds>,v1=<hex>`, an HMAC-SHA256 of `<seconds>.<body>`, with one v1 a secret
while a secret is rolled. The official SDK compares it. What the SDK leaves open is closed here: it
takes timestamps from any time in the future, and answers each kind of nonsense with another error.
Test and live mode sign with different secrets, so an event of the other mode is refused as forged.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from stripe import SignatureVerificationError, WebhookSignature

from edge_workers.billing.bodies import read_object
from edge_workers.billing.webhooks import InboxEvent, WebhookRefused

TOLERANCE_SECONDS = 300
"""How far the time in the signature may be from ours, either way."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


def read_webhook(
    body: bytes, headers: Mapping[str, str], secrets: Sequence[str], *, now: datetime
) -> InboxEvent:
    """Return the event in a request to /webhooks/stripe, once its signature and time are right.

    `headers` by lower-case name; `secrets` the endpoint's, the previous one included while it is
    rolled. Raises WebhookRefused, and nothing else, for whatever is no event for the inbox.
    """
    _verify(_text(body), headers.get("stripe-signature", ""), secrets, now)
    return _event(read_object(body), body)


def sign(
    body: bytes,
    secret: str,
    *,
    event_id: str,  # noqa: ARG001 (Stripe says it in the body only, Razorpay in a header)
    at: datetime,
) -> dict[str, str]:
    """Return the headers that Stripe would send with `body` at the time `at`."""
    timestamp = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "stripe-signature": f"t={timestamp},v1={digest}",
    }


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise WebhookRefused("not_json", "The body is not UTF-8.") from None


def _verify(text: str, header: str, secrets: Sequence[str], now: datetime) -> None:
    usable = [secret for secret in secrets if secret.strip()]
    if not usable:
        raise WebhookRefused("not_configured", "No webhooks of Stripe are expected here.")
    if not header:
        raise WebhookRefused("missing_signature", "The header Stripe-Signature is missing.")
    timestamp = _timestamp(header)
    if not any(_is_signed(text, header, secret) for secret in usable):
        raise WebhookRefused("wrong_signature", "The signature does not fit the body.")
    if abs(now.timestamp() - timestamp) > TOLERANCE_SECONDS:
        raise WebhookRefused(
            "stale_signature", "The signature was made too long before or after now."
        )


def _timestamp(header: str) -> int:
    """The one time that the header says. Of two, nobody could tell which was checked."""
    times = [value for key, _, value in (p.partition("=") for p in header.split(",")) if key == "t"]
    # compare_digest, with which the SDK compares, takes ASCII only.
    if not header.isascii() or len(times) != 1 or not _TIMESTAMP.fullmatch(times[0]):
        raise WebhookRefused("malformed_signature", "Stripe-Signature is not t=…,v1=….")
    return int(times[0])


def _is_signed(text: str, header: str, secret: str) -> bool:
    try:
        WebhookSignature.verify_header(text, header, secret, tolerance=None)
    except SignatureVerificationError:
        return False
    return True


def _event(payload: dict[str, Any], body: bytes) -> InboxEvent:
    if payload.get("object", "event") != "event":
        raise WebhookRefused("not_an_event", "The body is not an event with a snapshot payload.")
    data, created = payload.get("data"), payload.get("created")
    if not isinstance(data, dict) or not isinstance(data.get("object"), dict):
        raise WebhookRefused("malformed_event", "The event has no data.object.")
    if type(payload.get("id")) is not str or type(created) is not int or created < 1:
        raise WebhookRefused("malformed_event", "The event has no id, or no time.")
    try:
        return InboxEvent(
            provider="stripe",
            event_id=payload["id"],
            body_sha256=hashlib.sha256(body).hexdigest(),
            type=payload.get("type", ""),
            payload=payload,
            occurred_at=datetime.fromtimestamp(created, UTC),
        )
    except (ValidationError, ValueError, OverflowError, OSError):
        raise WebhookRefused(
            "malformed_event", "The event has no usable id, type or time."
        ) from None
