"""What a webhook's body may hold is what Postgres can store: the same line is drawn on both sides,
or an event that was signed and refused nowhere would end as a server error, again and again."""

import json

import psycopg
import pytest

from edge_workers.billing.bodies import MAX_BYTES, MAX_DEPTH, read_object
from edge_workers.billing.webhooks import WebhookRefused

INBOX_BYTES = 1_048_576


@pytest.fixture(scope="module")
def postgres(stack):
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        yield connection


def stored_bytes(postgres, text: str) -> int:
    """How much room private.webhook_events would say that the payload takes."""
    (size,) = postgres.execute("select octet_length((%s::text::jsonb)::text)", [text]).fetchone()
    return size


def filled(item: bytes) -> bytes:
    """An object with as many of the item as a body may have."""
    grown = len(json.dumps(json.loads(item)).encode()) + len(", ")
    return b'{"a":[' + b",".join([item] * ((MAX_BYTES - 20) // grown)) + b"]}"


@pytest.mark.parametrize(
    "item",
    [
        b"1",
        b"-1.5",
        b"1e-9",
        b"-1.234567890123456e-9",
        b"1e15",
        b"9223372036854775807",
        b'"\\ud83d\\ude00"',
        b'"\\u0001"',
        b'"\\u001f\\u007f\\"\\\\"',
        '"é"'.encode(),
        b'"' + b"x" * 500_000 + b'"',
        b'{"":[]}',
    ],
    ids=lambda item: item[:20].decode(),
)
def test_fullest_body_that_is_read__fits_into_the_inbox(postgres, item):
    body = filled(item)
    value = read_object(body)
    # Both ways in: as it came, and as the workers write it.
    assert stored_bytes(postgres, body.decode()) <= INBOX_BYTES
    assert stored_bytes(postgres, json.dumps(value)) <= INBOX_BYTES


def test_deepest_body_that_is_read__can_be_stored(postgres):
    body = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert read_object(body)
    assert stored_bytes(postgres, body.decode())


@pytest.mark.parametrize("part", ['"\\u0000"', '"\\ud800"', '{"\\udc00": 1}'])
def test_text_that_postgres_refuses__is_replaced_before(postgres, part):
    text = f'{{"a": {part}}}'
    with pytest.raises(psycopg.DataError):
        stored_bytes(postgres, text)
    assert stored_bytes(postgres, json.dumps(read_object(text.encode())))


@pytest.mark.parametrize("part", ["NaN", "1e400000"])
def test_what_postgres_refuses__is_refused_before(postgres, part):
    text = f'{{"a": {part}}}'
    with pytest.raises(psycopg.DataError):
        stored_bytes(postgres, text)
    with pytest.raises(WebhookRefused):
        read_object(text.encode())
