"""Razorpay: a webhook, or a subscription that was fetched, into changes.

Nothing is decided by the name of an event alone. Each carries its subscription or payment as it was
then, and `resumed` says `active` just as `charged` does: the status of the entity is what counts.

    created        incomplete   no mandate yet
    authenticated  trialing     until start_at, when that is still to come: Razorpay calls that a
                                trial; else incomplete, because nothing was charged so far
    active         active
    pending        past_due     a charge failed and is tried again
    halted         unpaid       all tries failed; a new card brings it back
    paused         paused
    cancelled      canceled
    completed      active       not to be renewed, while the last cycle is paid; then expired
    expired        expired      nobody authorised it in time

https://razorpay.com/docs/payments/subscriptions/states/
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from edge_workers.billing.bodies import read_object
from edge_workers.billing.changes import MalformedEvent, Normalised, SubscriptionChange
from edge_workers.billing.razorpay_entities import Subscription, from_epoch
from edge_workers.billing.razorpay_events import Event, read_event
from edge_workers.billing.razorpay_signature import check_signature, event_id_of, sign
from edge_workers.billing.razorpay_subscription import change_of
from edge_workers.billing.webhooks import InboxEvent, WebhookRefused

__all__ = ["normalise", "read_webhook", "sign", "subscription_change"]

_EVENT_TYPE = re.compile(r"[!-~]{1,100}")
_CLOCK_SKEW = timedelta(days=1)


def read_webhook(
    body: bytes, headers: Mapping[str, str], secrets: Sequence[str], *, now: datetime
) -> InboxEvent:
    """Check the signature of a webhook and read what the inbox keeps of it.

    `headers` have lower-case names; `secrets` are all that may have signed it. Razorpay signs no
    time, so an old body is as good as a new one: the inbox knows it by its hash.
    Raises WebhookRefused, and nothing else.
    """
    check_signature(body, headers, secrets)
    payload = read_object(body)
    return InboxEvent(
        provider="razorpay",
        event_id=event_id_of(headers),
        body_sha256=hashlib.sha256(body).hexdigest(),
        type=_type_of(payload),
        payload=payload,
        occurred_at=_time_of(payload, now),
    )


def normalise(event_type: str, payload: Mapping[str, Any]) -> Normalised:
    """What an event of the inbox changes. Raises MalformedEvent, and nothing else."""
    parts = payload.get("payload")
    if not isinstance(parts, dict):
        raise MalformedEvent("payload is not an object.")
    try:
        occurred_at = from_epoch(_created_at(payload))
    except ValueError:
        raise MalformedEvent("created_at is not a time in epoch seconds.") from None
    try:
        return read_event(Event(name=event_type, occurred_at=occurred_at, parts=parts))
    except ValidationError as error:
        raise _malformed(error) from None


def subscription_change(entity: Mapping[str, Any], occurred_at: datetime) -> SubscriptionChange:
    """A subscription as the API gave it at `occurred_at`. Raises MalformedEvent."""
    try:
        return change_of(Subscription.model_validate(entity), occurred_at)
    except ValidationError as error:
        raise _malformed(error) from None


def _type_of(payload: Mapping[str, Any]) -> str:
    event_type = payload.get("event")
    if not isinstance(event_type, str) or not _EVENT_TYPE.fullmatch(event_type):
        raise WebhookRefused("no_event_type", "The body names no event.")
    return event_type


def _time_of(payload: Mapping[str, Any], now: datetime) -> datetime:
    try:
        occurred_at = from_epoch(_created_at(payload))
    except ValueError:
        raise WebhookRefused("no_created_at", "The body does not say when it happened.") from None
    if occurred_at > now + _CLOCK_SKEW:
        raise WebhookRefused("created_in_future", "The body is about something yet to happen.")
    return occurred_at


def _created_at(payload: Mapping[str, Any]) -> object:
    """When it happened: beside the payload or, as documented for a few events, within it."""
    created_at = payload.get("created_at")
    parts = payload.get("payload")
    if created_at is None and isinstance(parts, dict):
        return parts.get("created_at")
    return created_at


def _malformed(error: ValidationError) -> MalformedEvent:
    # What was wrong, never what was sent: payloads are about people.
    problems = (
        f"{error.title}.{'.'.join(str(step) for step in each['loc'])}: {each['msg']}"
        for each in error.errors()
    )
    return MalformedEvent("; ".join(problems)[:2000])
