"""How Razorpay signs webhooks: hex HMAC-SHA256 of the raw body, without a time.

The SDK's `verify_webhook_signature` is not used: it takes text only, so that the body would have to
be decoded first, and raises TypeError where a request has no signature or a non-ASCII one.
https://razorpay.com/docs/webhooks/validate-test/
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from edge_workers.billing.webhooks import WebhookRefused

SIGNATURE_HEADER = "x-razorpay-signature"
EVENT_ID_HEADER = "x-razorpay-event-id"

_SIGNATURE = re.compile(r"[0-9a-f]{64}")
# The header is not signed: whatever is no plain token is no id.
_EVENT_ID = re.compile(r"[!-~]{1,255}")


def signature_of(body: bytes, secret: str) -> str:
    """What Razorpay sends as the signature of the body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def check_signature(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> None:
    """Raise WebhookRefused unless one of the secrets signed exactly these bytes.

    Several secrets, because Razorpay signs retries of an older event with the secret of its time.
    An empty secret is none: everybody knows it.
    """
    known = [secret for secret in secrets if secret]
    if not known:
        raise WebhookRefused("not_configured", "No webhooks of Razorpay are expected here.")
    signature = headers.get(SIGNATURE_HEADER)
    if signature is None:
        raise WebhookRefused("missing_signature", f"The header {SIGNATURE_HEADER} is missing.")
    if not _SIGNATURE.fullmatch(signature):
        raise WebhookRefused("malformed_signature", f"{SIGNATURE_HEADER} is not 64 hex digits.")
    # All are compared, so that the time taken does not tell which secret it was.
    matches = [hmac.compare_digest(signature_of(body, secret), signature) for secret in known]
    if not any(matches):
        raise WebhookRefused("wrong_signature", "The signature is not of this body.")


def event_id_of(headers: Mapping[str, str]) -> str | None:
    """The id that Razorpay gave the event, if it is one; nobody signed it."""
    event_id = headers.get(EVENT_ID_HEADER, "")
    return event_id if _EVENT_ID.fullmatch(event_id) else None


def sign(body: bytes, secret: str, *, event_id: str, at: datetime) -> dict[str, str]:  # noqa: ARG001
    """The headers that Razorpay would send with the body. It does not sign when, so `at` is unused.

    Samples of all providers are signed by the same call.
    """
    return {
        "content-type": "application/json",
        SIGNATURE_HEADER: signature_of(body, secret),
        EVENT_ID_HEADER: event_id,
    }
