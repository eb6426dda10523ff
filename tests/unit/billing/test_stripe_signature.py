"""Which requests to /webhooks/stripe are events of Stripe's, and which are refused and why."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from stripe import Webhook, WebhookSignature

from edge_workers.billing import stripe
from edge_workers.billing.webhooks import WebhookRefused
from tests.unit.billing.stripe_events import NOW, SECRET, encode, event, read

PAID = event("invoice.paid")
BODY = encode(PAID)
T = int(NOW.timestamp())


def signature(body: bytes = BODY, secret: str = SECRET, t: int | str = T) -> str:
    return WebhookSignature._compute_signature(f"{t}.{body.decode()}", secret)


def refusal(body: bytes = BODY, *secrets: str, **how: object) -> str:
    with pytest.raises(WebhookRefused) as caught:
        read(body, *secrets, **how)  # type: ignore[arg-type]
    assert 400 <= caught.value.status < 500
    assert SECRET not in str(caught.value)
    return caught.value.code


def test_an_event_comes_out_as_the_inbox_stores_it():
    inbox = read(BODY)
    assert inbox.provider == "stripe"
    assert inbox.event_id == "evt_1"
    assert inbox.type == "invoice.paid"
    assert inbox.payload == PAID
    assert inbox.body_sha256 == hashlib.sha256(BODY).hexdigest()
    assert inbox.occurred_at == NOW


def test_our_signature_is_the_one_that_the_sdk_makes_and_takes():
    header = stripe.sign(BODY, SECRET, event_id="evt_1", at=NOW)["stripe-signature"]
    assert header == WebhookSignature.generate_signature_header(BODY.decode(), SECRET, T)
    assert Webhook.construct_event(BODY, header, SECRET, tolerance=10**9).id == "evt_1"


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_a_signature_within_the_tolerance_is_taken_on_either_side(seconds):
    assert read(BODY, at=NOW + timedelta(seconds=seconds)).event_id == "evt_1"


@pytest.mark.parametrize("seconds", [-(10**9), -86400, -301, 301, 86400, 10**9])
def test_a_stale_and_a_future_signature_are_refused(seconds):
    assert refusal(at=NOW + timedelta(seconds=seconds)) == "stale_signature"


def test_a_timestamp_beyond_any_calendar_is_refused():
    t = 999_999_999_999
    assert refusal(header=f"t={t},v1={signature(t=t)}") == "stale_signature"


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"49900", b"49901"),
        BODY[:-1],
        BODY + b" ",
        b"",
        json.dumps(PAID, indent=2).encode(),
        json.dumps(PAID, separators=(",", ":")).encode(),
    ],
    ids=["forged", "truncated", "longer", "empty", "indented", "compact"],
)
def test_a_body_other_than_the_signed_one_is_refused(body):
    assert refusal(body, header=f"t={T},v1={signature()}") == "wrong_signature"


def test_a_signature_of_another_time_is_refused():
    assert refusal(header=f"t={T + 1},v1={signature()}") == "wrong_signature"


def test_a_wrong_secret_is_refused():
    assert refusal(BODY, "whsec_of_another") == "wrong_signature"
    assert refusal(BODY, SECRET[:-1], SECRET + "x", SECRET.upper()) == "wrong_signature"


def test_while_a_secret_is_rolled_either_is_taken():
    assert read(BODY, "whsec_new", SECRET).event_id == "evt_1"
    assert read(BODY, SECRET, "whsec_old").event_id == "evt_1"
    both = f"t={T},v1={signature(secret='whsec_new')},v1={signature()}"
    assert read(BODY, "whsec_new", header=both).event_id == "evt_1"
    assert read(BODY, SECRET, header=both).event_id == "evt_1"


@pytest.mark.parametrize("secrets", [("",), (" ",), ("", "\t")])
def test_an_empty_secret_is_none(secrets):
    forged = f"t={T},v1={signature(secret=secrets[0])}"
    assert refusal(BODY, *secrets, header=forged) == "not_configured"
    with pytest.raises(WebhookRefused, match="No webhooks of Stripe"):
        stripe.read_webhook(BODY, {"stripe-signature": forged}, [], now=NOW)


def test_other_schemes_and_fields_are_passed_over():
    header = f"t={T},v0={signature()},v1=ffff,v1={signature()},v2=x,debug"
    assert read(BODY, header=header).event_id == "evt_1"
    assert refusal(header=f"t={T},v0={signature()}") == "wrong_signature"


@pytest.mark.parametrize(
    "header",
    [
        "v1={v1}",
        "t=,v1={v1}",
        "t,v1={v1}",
        "t={t}",
        "t={t},v1",
        "t={t},v1=",
        "t={t};v1={v1}",
        "t={t}, v1={v1}",
        " t={t},v1={v1}",
        "t=-{t},v1={v1}",
        "t=+{t},v1={v1}",
        "t={t}.0,v1={v1}",
        "t=1_7,v1={v1}",
        "t=0x10,v1={v1}",
        "t=١٧,v1={v1}",
        "t={t},t={t},v1={v1}",
        "t={t},v1={v1},t=1",
        "t=1,v1={v1},t={t}",
        "t=" + "9" * 5000 + ",v1={v1}",
        "t={t},v1={v1}é",
        "t={t},v1=\ud800",
        "T={t},V1={v1}",
        "{v1}",
        ",,,=,=",
        "\x00",
    ],
)
def test_a_header_of_another_form_is_refused(header):
    code = refusal(header=header.format(t=T, v1=signature()))
    assert code in {"malformed_signature", "wrong_signature"}


def test_a_request_without_the_header_is_refused():
    assert refusal(header="") == "missing_signature"
    with pytest.raises(WebhookRefused, match="Stripe-Signature"):
        stripe.read_webhook(BODY, {}, [SECRET], now=NOW)


def test_an_upper_case_signature_is_refused():
    assert refusal(header=f"t={T},v1={signature().upper()}") == "wrong_signature"


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in PAID.items() if name != key}


@pytest.mark.parametrize(
    "payload",
    [
        [],
        [PAID],
        None,
        "text",
        1,
        {},
        without("id"),
        without("type"),
        without("created"),
        without("data"),
        PAID | {"id": ""},
        PAID | {"id": 7},
        PAID | {"id": "e" * 256},
        PAID | {"type": None},
        PAID | {"type": ""},
        PAID | {"type": "t" * 101},
        PAID | {"created": None},
        PAID | {"created": "1795132800"},
        PAID | {"created": 1795132800.0},
        PAID | {"created": True},
        PAID | {"created": 0},
        PAID | {"created": -1},
        PAID | {"created": 10**15},
        PAID | {"data": None},
        PAID | {"data": []},
        PAID | {"data": {}},
        PAID | {"data": {"object": []}},
        PAID | {"object": "v2.core.event"},
    ],
    ids=repr,
)
def test_a_signed_body_that_is_no_event_is_refused(payload):
    assert refusal(encode(payload)) in {"not_an_object", "not_an_event", "malformed_event"}


def nested(depth: int) -> bytes:
    return BODY[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}"


def plus(raw: bytes) -> bytes:
    return BODY[:-1] + b',"x":' + raw + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"{",
        BODY[:-1],
        BODY + BODY,
        b"\xef\xbb\xbf" + BODY,
        b'{"id": "a", }',
        plus(b"NaN"),
        plus(b"-Infinity"),
        plus(b'"\x01"'),
    ],
)
def test_a_signed_body_that_is_not_json_is_refused(body):
    assert refusal(body) in {"not_json", "empty_body"}


@pytest.mark.parametrize("body", [BODY.decode().encode("utf-16"), plus(b'"\xff"'), b"\xed\xa0\x80"])
def test_a_body_that_is_not_utf8_is_refused_before_anything_else(body):
    assert refusal(body) == "not_json"


@pytest.mark.parametrize(
    "body",
    [
        plus(b"1e999"),
        plus(b"-1e999"),
        plus(b"1e-300"),
        plus(b"9223372036854775808"),
        plus(b"9" * 4000),
        nested(64),
        nested(200),
        nested(100_000),
    ],
    ids=lambda body: body[-24:].decode(),
)
def test_a_body_that_jsonb_cannot_hold_is_refused(body):
    assert refusal(body) in {"not_storable", "not_json"}


@pytest.mark.parametrize(
    "body",
    [
        plus(b'"\\u0000"'),
        plus(b'{"a\\u0000b":1}'),
        plus(b'"\\\\\\u0000"'),
        plus(b'"\\ud800"'),
        plus(b'"\\uDFFF"'),
        plus(b'"\\udc00\\ud800"'),
        plus(b'[[{"\\ud800":1}]]'),
    ],
    ids=lambda body: body[-24:].decode(),
)
def test_text_that_jsonb_cannot_hold_is_replaced(body):
    stored = json.dumps(read(body).payload, ensure_ascii=False)
    assert "\ufffd" in stored
    assert r"\u0000" not in stored.replace(r"\\", "")
    stored.encode()


@pytest.mark.parametrize(
    "body",
    [
        plus(b'"\\\\u0000"'),
        plus(b'"\\\\ud800"'),
        plus(b'"\\ud83d\\ude00"'),
        plus('"ज़ोया 😀"'.encode()),
        plus(b"9223372036854775807"),
        plus(b"-1.5e10"),
        nested(30),
    ],
    ids=lambda body: body[-24:].decode(),
)
def test_what_only_looks_like_it_is_taken(body):
    assert read(body).payload == json.loads(body)


def test_an_unknown_type_is_taken():
    assert read(encode(PAID | {"type": "some.new_thing"})).type == "some.new_thing"


def test_the_time_of_the_event_is_its_own_and_not_that_of_the_delivery():
    late = NOW + timedelta(days=3)
    assert read(BODY, at=late, now=late).occurred_at == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
