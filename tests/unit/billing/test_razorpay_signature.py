"""Signatures of Razorpay: of these very bytes, by one of our secrets, and nothing a request can
hold makes the check fail in another way than by refusing it."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
import razorpay as sdk
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_workers.billing.razorpay_signature import check_signature, event_id_of, sign
from edge_workers.billing.webhooks import WebhookRefused

BODY = json.dumps({"event": "payment.captured", "note": "Zażółć"}, ensure_ascii=False).encode()
SECRET = "current secret"
OLD_SECRET = "secret of last week"
SIGNATURE = "x-razorpay-signature"
AT = datetime(2026, 3, 1, tzinfo=UTC)

QUICK = settings(max_examples=200, derandomize=True, deadline=None, database=None)


def hex_hmac(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def refusal(body, headers, secrets=(SECRET,)) -> str:
    with pytest.raises(WebhookRefused) as refused:
        check_signature(body, headers, secrets)
    assert refused.value.status == 400
    return refused.value.code


def sdk_accepts(body: bytes, signature: str, secret: str) -> bool:
    try:
        return bool(sdk.Utility().verify_webhook_signature(body.decode(), signature, secret))
    except sdk.errors.SignatureVerificationError:
        return False


def test_signature__is_the_hex_hmac_of_the_raw_body():
    check_signature(BODY, {SIGNATURE: hex_hmac(BODY, SECRET)}, [SECRET])


def test_sign__makes_the_headers_that_are_accepted():
    headers = sign(BODY, SECRET, event_id="EvSample000001", at=AT)
    check_signature(BODY, headers, [SECRET])
    assert event_id_of(headers) == "EvSample000001"
    assert headers["content-type"] == "application/json"


def test_rotation__a_retry_signed_with_the_previous_secret_is_accepted():
    headers = sign(BODY, OLD_SECRET, event_id="Ev1", at=AT)
    check_signature(BODY, headers, [SECRET, OLD_SECRET])
    assert refusal(BODY, headers, [SECRET]) == "wrong_signature"


def test_forged__a_signature_by_another_secret_is_refused():
    assert refusal(BODY, sign(BODY, "guess", event_id="Ev1", at=AT)) == "wrong_signature"


@pytest.mark.parametrize(
    "other",
    [
        BODY[:-1],
        BODY + b"\n",
        BODY.replace(b": ", b":"),
        json.dumps(json.loads(BODY)).encode(),
        b"",
    ],
    ids=["truncated", "extended", "other spaces", "the same JSON escaped", "empty"],
)
def test_changed_body__is_refused_even_if_it_means_the_same(other):
    assert refusal(other, {SIGNATURE: hex_hmac(BODY, SECRET)}) == "wrong_signature"


def test_missing_signature__is_refused():
    assert refusal(BODY, {}) == "missing_signature"


GOOD = hex_hmac(BODY, SECRET)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param("", id="empty"),
        pytest.param(GOOD[:-1], id="odd length"),
        pytest.param(GOOD[:-2], id="short"),
        pytest.param(GOOD + "0", id="long"),
        pytest.param(f"{GOOD},{GOOD}", id="twice"),
        pytest.param(f"{GOOD}, {'0' * 64}", id="with another"),
        pytest.param(f" {GOOD}", id="space before"),
        pytest.param(f"{GOOD}\n", id="newline after"),
        pytest.param(GOOD.upper(), id="upper case"),
        pytest.param(f"sha256={GOOD}", id="prefixed"),
        pytest.param(GOOD[:-1] + "é", id="accented"),
        pytest.param("\udcff" * 64, id="undecodable bytes"),
        pytest.param("١" * 64, id="digits of another script"),
        pytest.param("g" * 64, id="no hex"),
    ],
)
def test_malformed_signature__is_refused(signature):
    assert refusal(BODY, {SIGNATURE: signature}) == "malformed_signature"


@pytest.mark.parametrize("secrets", [(), ("",)])
def test_without_a_secret__nothing_is_accepted(secrets):
    assert refusal(BODY, {SIGNATURE: hex_hmac(BODY, "")}, secrets) == "not_configured"


def test_empty_secret__is_no_secret_beside_a_real_one():
    headers = {SIGNATURE: hex_hmac(BODY, "")}
    assert refusal(BODY, headers, [SECRET, ""]) == "wrong_signature"


def test_secret__may_be_of_any_characters():
    headers = sign(BODY, "sécret ✓", event_id="Ev1", at=AT)
    check_signature(BODY, headers, ["sécret ✓"])


def test_every_secret_is_compared__so_that_time_does_not_tell_which_it_was(monkeypatch):
    compared = []
    genuine = hmac.compare_digest

    def compare(expected, given):
        compared.append(expected)
        return genuine(expected, given)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    secrets = [SECRET, OLD_SECRET]
    check_signature(BODY, {SIGNATURE: hex_hmac(BODY, SECRET)}, secrets)
    assert compared == [hex_hmac(BODY, secret) for secret in secrets]


def test_refusal__tells_nothing_of_the_secret_or_the_right_signature():
    with pytest.raises(WebhookRefused) as refused:
        check_signature(BODY, {SIGNATURE: "0" * 64}, [SECRET])
    assert SECRET not in str(refused.value) and hex_hmac(BODY, SECRET) not in str(refused.value)


@pytest.mark.parametrize("event_id", ["", "a b", "é", "\x00", "Ev\n", "x" * 256])
def test_event_id__that_is_no_id_is_none(event_id):
    assert event_id_of({"x-razorpay-event-id": event_id}) is None


def test_event_id__may_be_missing_and_as_long_as_the_inbox_takes():
    assert event_id_of({}) is None
    assert event_id_of({"x-razorpay-event-id": "x" * 255}) == "x" * 255


# The official SDK -----------------------------------------------------------------------------


@QUICK
@given(
    body=st.text().map(str.encode),
    secret=st.text(min_size=1, max_size=20),
    signature=st.none() | st.text(st.characters(max_codepoint=126), max_size=70),
)
def test_sdk__accepts_the_same_signatures_of_text(body, secret, signature):
    signature = hex_hmac(body, secret) if signature is None else signature
    try:
        check_signature(body, {SIGNATURE: signature}, [secret])
        accepted = True
    except WebhookRefused:
        accepted = False
    assert accepted == sdk_accepts(body, signature, secret)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY, hex_hmac(BODY, SECRET)),
        (BODY.decode(), None),
        (BODY.decode(), "é" * 64),
    ],
    ids=["bytes", "no signature", "a signature that is not ASCII"],
)
def test_sdk__fails_with_a_type_error_where_we_accept_or_refuse(body, signature):
    """Why it is not used: each of these would become a 500, and Razorpay would try for a day."""
    with pytest.raises(TypeError):
        sdk.Utility().verify_webhook_signature(body, signature, SECRET)
