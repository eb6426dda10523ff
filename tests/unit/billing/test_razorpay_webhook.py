"""Webhooks of Razorpay as they come in: what the inbox gets, and what is refused although it is
signed, because it could not be stored or is no event."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from edge_workers.billing import razorpay, razorpay_samples
from edge_workers.billing.sample_facts import SampleFacts
from edge_workers.billing.webhooks import WebhookRefused

SECRET = "webhook secret"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = SampleFacts(user_id=UUID(int=7), at=NOW)
CREATED_AT = int(NOW.timestamp())


def read(body: bytes, *, event_id: str = "EvSample000001"):
    headers = razorpay.sign(body, SECRET, event_id=event_id, at=NOW)
    return razorpay.read_webhook(body, headers, [SECRET], now=NOW)


def refusal(body: bytes) -> WebhookRefused:
    with pytest.raises(WebhookRefused) as refused:
        read(body)
    return refused.value


def event(**changes) -> bytes:
    body = {"event": "payment.captured", "created_at": CREATED_AT, "payload": {}} | changes
    return json.dumps(body).encode()


@pytest.mark.parametrize("name", razorpay_samples.EVENTS)
def test_every_event__goes_into_the_inbox_whole(name):
    payload = razorpay_samples.make(name, FACTS, event_id="EvSample000001")
    body = json.dumps(payload).encode()
    stored = read(body)
    assert stored.provider == "razorpay"
    assert stored.event_id == "EvSample000001"
    assert stored.body_sha256 == hashlib.sha256(body).hexdigest()
    assert stored.type == name
    assert stored.payload == payload
    assert stored.occurred_at == NOW


def test_signature__is_checked_before_anything_is_read():
    headers = {"x-razorpay-signature": "0" * 64}
    with pytest.raises(WebhookRefused) as refused:
        razorpay.read_webhook(b"no JSON", headers, [SECRET], now=NOW)
    assert refused.value.code == "wrong_signature"


def test_event_without_an_id__is_stored_without():
    assert read(event(), event_id="").event_id is None
    assert read(event(), event_id="x" * 300).event_id is None


def test_unknown_event__is_stored():
    assert read(event(event="payment_link.paid")).type == "payment_link.paid"


def test_replayed_body__keeps_its_hash_under_another_id():
    first, second = read(event(), event_id="Ev1"), read(event(), event_id="Ev2")
    assert first.body_sha256 == second.body_sha256


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_body"),
        (b"\xff\xfe{}", "not_json"),
        ("{}".encode("utf-16"), "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"{", "not_json"),
        (b"event=payment.captured", "not_json"),
        (b'{"created_at": NaN}', "not_json"),
        (b'{"created_at": -Infinity}', "not_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not_storable"),
        (b"[]", "not_an_object"),
        (b'"event"', "not_an_object"),
        (b"null", "not_an_object"),
    ],
    ids=[
        "empty",
        "not UTF-8",
        "UTF-16",
        "byte order mark",
        "half",
        "a form",
        "NaN",
        "infinity",
        "5000 digits",
        "a list",
        "a string",
        "null",
    ],
)
def test_body_that_is_no_object_of_json__is_refused(body, code):
    refused = refusal(body)
    assert (refused.code, refused.status) == (code, 400)


@pytest.mark.parametrize(
    "part",
    [
        "1e400",
        "-1e400",
        "1e16",
        "1e-10",
        str(2**63),
        str(-(2**63)),
        "[" * 63 + "]" * 63,
        '{"a":' * 63 + "1" + "}" * 63,
        "[" * 100_000 + "]" * 100_000,
    ],
    ids=[
        "beyond doubles",
        "below doubles",
        "many digits",
        "many places",
        "beyond 64 bits",
        "below 64 bits",
        "lists in lists",
        "objects in objects",
        "100,000 lists",
    ],
)
def test_what_postgres_could_not_store__is_refused(part):
    body = event(payload={"x": "HERE"}).replace(b'"HERE"', part.encode())
    assert refusal(body).code == "not_storable"


@pytest.mark.parametrize(
    ("part", "stored"),
    [
        ('"a\\u0000b"', "a\ufffdb"),
        ('{"a\\u0000b": 1}', {"a\ufffdb": 1}),
        ('[[{"a": "\\ud800"}]]', [[{"a": "\ufffd"}]]),
        ('["\\udc00\\ud800"]', ["\ufffd\ufffd"]),
        ('"\\\\\\u0000"', "\\\ufffd"),
    ],
    ids=["NUL", "NUL in a key", "half a pair", "a pair the wrong way round", "after a backslash"],
)
def test_text_that_postgres_could_not_store__is_replaced(part, stored):
    # Notes of a payment are the payer's to write, and Razorpay ends what is refused for a day.
    body = event(payload={"x": "HERE"}).replace(b'"HERE"', part.encode())
    taken = read(body)
    assert taken.payload["payload"] == {"x": stored}
    assert taken.body_sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    "part",
    [
        '"\\ud83d\\ude00 \\\\u0000 \\u0001"',
        str(2**63 - 1),
        "0",
        "0.0",
        "-1.25e-3",
        "true",
        "[" * 62 + "]" * 62,
    ],
)
def test_what_only_looks_dangerous__is_stored(part):
    body = event(payload={"x": "HERE"}).replace(b'"HERE"', part.encode())
    assert read(body).payload["payload"] == {"x": json.loads(part)}


def test_body_above_what_the_inbox_takes__is_refused():
    refused = refusal(event(payload={"x": "a" * 524_288}))
    assert (refused.code, refused.status) == ("too_large", 413)
    assert read(event(payload={"x": "a" * 500_000}))


def test_body_that_grows_when_stored__is_measured_as_stored():
    # Without spaces they fit.
    body = event(payload={"x": [1] * 200_000}).replace(b", ", b",")
    assert len(body) < 524_288
    assert refusal(body).code == "too_large"


@pytest.mark.parametrize("name", [None, "", 5, ["payment.captured"], "x" * 101, "a b", "a\nb", "é"])
def test_body_without_a_usable_event_type__is_refused(name):
    assert refusal(event(event=name)).code == "no_event_type"


@pytest.mark.parametrize(
    "created_at",
    [None, "1772366400", 1772366400.0, True, 0, -1, 999_999_999, 1772366400000, 10**18, {}, []],
)
def test_body_without_a_usable_time__is_refused(created_at):
    assert refusal(event(created_at=created_at)).code == "no_created_at"


@pytest.mark.parametrize("payload", [None, [], "x", 5])
def test_body_without_a_time_or_a_payload__is_refused(payload):
    assert refusal(event(created_at=None, payload=payload)).code == "no_created_at"


def test_time_within_the_payload__counts_when_there_is_none_beside_it():
    """As Razorpay documents subscription.activated and refund.speed_changed."""
    body = {"event": "refund.speed_changed", "payload": {"created_at": CREATED_AT}}
    assert read(json.dumps(body).encode()).occurred_at == NOW


def test_event_of_the_future__is_refused_but_for_a_wrong_clock():
    tomorrow = int((NOW + timedelta(days=1)).timestamp())
    assert read(event(created_at=tomorrow)).occurred_at == NOW + timedelta(days=1)
    assert refusal(event(created_at=tomorrow + 1)).code == "created_in_future"


def test_old_event__is_accepted_because_retries_come_late():
    assert read(event(created_at=CREATED_AT - 40_000_000))
