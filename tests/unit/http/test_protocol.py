"""Connections that are too many, too slow or too talkative end; none of them waits for ever."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from .service import DEADLINE_SECONDS, FakeDatabase, Service, raw, running

GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /webhooks/razorpay HTTP/1.1\r\nhost: x\r\nx-signature: right\r\n"


@pytest.fixture(scope="module")
def impatient() -> Iterator[Service]:
    limits = {"header_timeout_seconds": 0.2, "keep_alive_seconds": 1, "max_header_bytes": 1024}
    with running(FakeDatabase(), **limits, max_connections=20) as service:
        yield service


@pytest.mark.parametrize(
    "parts",
    [[], [b"GET /healthz HTTP/1.1\r\nx-a: "], [b"\r\n"], [b"P"]],
    ids=["silent", "half a header", "empty line", "one byte"],
)
def test_request_that_does_not_come__is_ended(impatient: Service, parts: list[bytes]) -> None:
    answer = raw(impatient.port, *parts)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code": "request-timeout"' in answer


def test_slow_headers__do_not_get_more_time_by_coming_byte_by_byte(impatient: Service) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", impatient.port), DEADLINE_SECONDS) as connection:
        connection.settimeout(0.05)
        received = b""
        while not received and time.monotonic() < begun + DEADLINE_SECONDS:
            try:
                connection.sendall(b"x")
                received = connection.recv(1024)
            except TimeoutError:
                continue
    assert received.startswith(b"HTTP/1.1 40")


def test_bytes_after_an_answer__do_not_hold_the_connection(impatient: Service) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), DEADLINE_SECONDS) as connection:
        connection.sendall(GET)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 408")


def test_idle_connection__is_ended_after_a_while(impatient: Service) -> None:
    answer = raw(impatient.port, GET)
    assert answer.count(b"HTTP/1.1") == 1


def test_long_headers__are_431(impatient: Service) -> None:
    answer = raw(impatient.port, b"GET / HTTP/1.1\r\nx-a: " + b"a" * 2000)
    assert answer.startswith(b"HTTP/1.1 431")


def test_long_headers_after_many_requests__are_counted_anew(impatient: Service) -> None:
    with httpx.Client(base_url=impatient.url) as client:
        for _ in range(20):
            assert client.get("/healthz", headers={"x-a": "a" * 500}).status_code == 200


def test_large_body__does_not_count_as_headers(impatient: Service) -> None:
    body = b'{"id": "evt_1", "note": "' + b"x" * 100_000 + b'"}'
    head = POST + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert raw(impatient.port, head, body).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELLO\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ],
    ids=["TLS", "no HTTP", "no ASCII"],
)
def test_what_is_no_http__is_400_as_json(impatient: Service, garbage: bytes) -> None:
    answer = raw(impatient.port, garbage)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"code": "bad-request"' in answer


def test_two_lengths__are_refused(impatient: Service) -> None:
    head = POST + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    assert raw(impatient.port, head).startswith(b"HTTP/1.1 400")


def test_requests_in_one_piece__are_answered_in_turn(impatient: Service) -> None:
    last = b"GET /nope HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = raw(impatient.port, GET + GET + last)
    statuses = [line for line in answer.split(b"\r\n") if b"HTTP/1.1" in line]
    assert [status.split()[1] for status in statuses] == [b"200", b"200", b"404"] or [
        status.rpartition(b"HTTP/1.1 ")[2][:3] for status in statuses
    ] == [b"200", b"200", b"404"]


def test_upgrade__is_not_taken(impatient: Service) -> None:
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\n"
    answer = raw(impatient.port, head + b"upgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n")
    assert not answer.startswith(b"HTTP/1.1 101")


def test_too_many_connections__are_told_so_and_the_others_are_served() -> None:
    service = running(FakeDatabase(), max_connections=3)
    with service as running_service, ExitStack() as connections:
        client = connections.enter_context(httpx.Client(base_url=running_service.url))
        assert client.get("/healthz").status_code == 200
        for _ in range(2):
            address = ("127.0.0.1", running_service.port)
            connections.enter_context(socket.create_connection(address))
        assert raw(running_service.port).startswith(b"HTTP/1.1 503")
        assert client.get("/healthz").status_code == 200
