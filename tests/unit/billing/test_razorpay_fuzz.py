"""Whatever arrives, Razorpay's side answers with its own two errors or with what can be stored."""

import json
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_workers.billing import razorpay, razorpay_samples
from edge_workers.billing.changes import MalformedEvent, Normalised
from edge_workers.billing.sample_facts import SampleFacts
from edge_workers.billing.webhooks import InboxEvent, WebhookRefused

SECRET = "webhook secret"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = SampleFacts(user_id=UUID(int=7), at=NOW, refunded_amount=100)

SAMPLES = [
    razorpay_samples.make(event, facts, event_id="Ev1")
    for facts in (FACTS, SampleFacts(user_id=UUID(int=7), at=NOW, buys_tokens=True))
    for event in razorpay_samples.EVENTS
]

# Halves of surrogate pairs as well, which Hypothesis leaves out unless it is asked.
ANY_CHARACTER = st.characters() | st.characters(categories=["Cs"])

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=1_700_000_000, max_value=1_800_000_000)
    | st.floats()
    | st.text(ANY_CHARACTER, max_size=20)
    | st.sampled_from(["", "active", "completed", "authenticated", "refunded", "lost"])
    | st.sampled_from(["\x00", "\ud800", "x" * 2000, 10**400])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=6,
)
HEADERS = st.dictionaries(
    st.sampled_from(["x-razorpay-signature", "x-razorpay-event-id"]) | st.text(ANY_CHARACTER),
    st.text(ANY_CHARACTER),
    max_size=4,
)

QUICK = settings(max_examples=300, derandomize=True, deadline=None, database=None)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place within a payload, as the keys that lead there."""
    if isinstance(node, dict):
        return [
            each
            for key, child in node.items()
            for each in [(*path, key), *places(child, (*path, key))]
        ]
    return []


@st.composite
def damaged(draw) -> dict[str, Any]:
    """A real payload of which up to three places hold something else, or nothing."""
    payload = deepcopy(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(min_value=1, max_value=3))):
        *path, last = draw(st.sampled_from(places(payload) or [("event",)]))
        node = payload
        for key in path:
            node = node[key]
        if draw(st.booleans()):
            node[last] = draw(VALUES)
        else:
            node.pop(last, None)
    return payload


def check_storable(event: InboxEvent) -> None:
    text = json.dumps(event.model_dump(mode="json"), allow_nan=False, ensure_ascii=False)
    assert "\x00" not in text and r"\u0000" not in text.replace("\\\\", "")
    assert len(text.encode()) < 2 * 1_048_576


def check_applicable(result: Normalised) -> None:
    """What the tables of billing demand of any row."""
    result.model_dump_json()
    for change in result.changes:
        if change.type == "payment":
            assert 0 <= change.refunded_amount <= change.amount
            assert not change.refunded_amount or change.status == "succeeded"
            assert (change.paid_at is not None) == (change.status == "succeeded")
        elif change.type == "subscription":
            assert (change.ended_at is not None) == (change.status in ("canceled", "expired"))
            start, end = change.current_period_start, change.current_period_end
            assert (start is None) == (end is None)
            assert start is None or end is None or start < end


@QUICK
@given(body=st.binary(max_size=200), headers=HEADERS, secrets=st.lists(st.text(), max_size=3))
def test_read_webhook__of_anything_at_all_is_refused(body, headers, secrets):
    with suppress(WebhookRefused):
        assert razorpay.read_webhook(body, headers, secrets, now=NOW) is None


@QUICK
@given(body=st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_read_webhook__of_anything_signed_is_stored_or_refused(body):
    headers = razorpay.sign(body, SECRET, event_id="Ev1", at=NOW)
    with suppress(WebhookRefused):
        check_storable(razorpay.read_webhook(body, headers, [SECRET], now=NOW))


@QUICK
@given(payload=damaged(), event_id=st.text(ANY_CHARACTER, max_size=300))
def test_damaged_event__is_refused_or_stored_and_then_malformed_or_applicable(payload, event_id):
    body = json.dumps(payload).encode()
    headers = razorpay.sign(body, SECRET, event_id=event_id, at=NOW)
    with suppress(WebhookRefused, MalformedEvent):
        event = razorpay.read_webhook(body, headers, [SECRET], now=NOW)
        check_storable(event)
        check_applicable(razorpay.normalise(event.type, event.payload))


@QUICK
@given(
    event=st.sampled_from([*razorpay_samples.EVENTS, "payment.dispute."]) | st.text(),
    payload=damaged() | st.dictionaries(st.text(max_size=10), VALUES, max_size=4),
)
def test_normalise__of_anything_is_malformed_or_applicable(event, payload):
    with suppress(MalformedEvent):
        check_applicable(razorpay.normalise(event, payload))


@QUICK
@given(
    entity=damaged().map(lambda body: body.get("payload")) | VALUES,
    at=st.datetimes(timezones=st.just(UTC)),
)
def test_subscription_change__of_anything_is_malformed_or_applicable(entity, at):
    """Also when it was fetched: nobody signed that."""
    if isinstance(entity, dict) and isinstance(entity.get("subscription"), dict):
        entity = entity["subscription"].get("entity")
    if isinstance(entity, dict):
        with suppress(MalformedEvent):
            check_applicable(Normalised(changes=(razorpay.subscription_change(entity, at),)))
