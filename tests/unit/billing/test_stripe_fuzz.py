"""Whatever arrives, reading it either succeeds or says that it is refused or malformed."""

import contextlib
import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_workers.billing import stripe, stripe_samples
from edge_workers.billing.changes import MalformedEvent, Normalised
from edge_workers.billing.webhooks import InboxEvent, WebhookRefused
from tests.unit.billing.stripe_events import FACTS, NOW, SECRET, TOKENS, encode, event, read
from tests.unit.billing.stripe_older import older

# The same examples in every run, and nothing written to disk.
fuzz = settings(derandomize=True, database=None, deadline=None, max_examples=150)

SAMPLES = [
    payload
    for facts in (FACTS, TOKENS)
    for name in stripe_samples.EVENTS
    for sample in [event(name, facts)]
    for payload in (sample, older(sample))
]

# Also what json.dumps can write and jsonb cannot hold: NUL, halves of surrogates, NaN.
TEXTS = st.text(st.characters(codec=None), max_size=12)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**63, 10**12, 10**30]),
    st.floats(),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def paths(node: Any, *before: Any) -> list[tuple[Any, ...]]:
    """The ways to every value below a node."""
    steps = list(node.items() if isinstance(node, dict) else enumerate(node))
    found = []
    for step, child in steps:
        found.append((*before, step))
        if isinstance(child, dict | list):
            found += paths(child, *before, step)
    return found


@st.composite
def changed_samples(draw: st.DrawFn, values: st.SearchStrategy[Any] = VALUES) -> dict[str, Any]:
    """A sample of which some values are others, of any type, or are gone."""
    sample = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(paths(sample)))
        node = sample
        for step in way:
            node = node[step]
        if isinstance(node, dict) and draw(st.booleans()):
            node.pop(last)
        else:
            node[last] = draw(values)
    return sample


def read_or_refuse(body: bytes, header: str | None = None) -> InboxEvent | None:
    try:
        return read(body, header=header)
    except WebhookRefused as refused:
        assert 400 <= refused.status < 500
        assert re.fullmatch("[a-z_]+", refused.code)
        return None


def check_storable(inbox: InboxEvent, body: bytes) -> None:
    stored = json.loads(inbox.model_dump_json())
    text = json.dumps(stored, ensure_ascii=False, allow_nan=False)
    # What stands for text that jsonb cannot hold is no longer what was sent.
    assert stored["payload"] == json.loads(body) or "\ufffd" in text
    assert "\x00" not in json.loads(text)["type"]
    text.encode()
    assert r"\u0000" not in text.replace(r"\\", "")


@fuzz
@given(st.binary(max_size=64))
def test_any_signed_bytes_are_an_event_or_refused(body):
    assert read_or_refuse(body) is None


@fuzz
@given(VALUES)
def test_any_signed_json_is_an_event_or_refused(value):
    assert read_or_refuse(encode(value)) is None


@fuzz
@given(changed_samples())
def test_any_signed_variant_of_an_event_is_storable_or_refused(sample):
    body = encode(sample)
    inbox = read_or_refuse(body)
    if inbox is not None:
        check_storable(inbox, body)


@fuzz
@given(st.data())
def test_any_other_byte_breaks_the_signature(data):
    body = encode(data.draw(st.sampled_from(SAMPLES)))
    at = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(st.integers(1, 255))
    forged = body[:at] + bytes([body[at] ^ other]) + body[at + 1 :]
    header = stripe.sign(body, SECRET, event_id="evt_1", at=NOW)["stripe-signature"]
    assert read_or_refuse(forged, header) is None
    assert read_or_refuse(body, header) is not None


@fuzz
@given(
    st.one_of(
        TEXTS,
        st.lists(
            st.tuples(st.sampled_from(["t", "v1", "v0", ""]), TEXTS | st.just(str(10**9))),
            max_size=5,
        ).map(lambda parts: ",".join(f"{key}={value}" for key, value in parts)),
    )
)
def test_any_header_that_nobody_signed_is_refused(header):
    assert read_or_refuse(encode(SAMPLES[0]), header) is None


@settings(fuzz, max_examples=500)
@given(changed_samples(), st.sampled_from(list(stripe_samples.EVENTS)), st.booleans())
def test_any_variant_of_an_event_is_understood_or_malformed(sample, other_type, is_mistaken):
    name = other_type if is_mistaken else sample.get("type")
    with contextlib.suppress(MalformedEvent):
        said = stripe.normalise(str(name), sample)
        assert said.changes or said.note
        assert Normalised.model_validate_json(said.model_dump_json()) == said


@fuzz
@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.sampled_from(list(stripe_samples.EVENTS)))
def test_any_payload_is_understood_or_malformed(payload, name):
    with contextlib.suppress(MalformedEvent):
        assert stripe.normalise(name, payload).changes == ()


@fuzz
@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_any_fetched_entity_is_a_subscription_or_malformed(entity):
    with contextlib.suppress(MalformedEvent):
        stripe.subscription_change(entity, NOW)
