"""What a webhook is answered: 200 once it is durable, 4xx for what is none, 503 for later."""

import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from .service import DEADLINE_SECONDS, FakeDatabase, Service, raw, running

SIGNED = {"x-signature": "right"}
PATH = "/webhooks/razorpay"


def body(number: int = 1, **more: object) -> bytes:
    return json.dumps({"id": f"evt_{number}", **more}).encode()


def test_event__is_answered_once_it_is_stored(http: httpx.Client, database: FakeDatabase) -> None:
    answer = http.post(PATH, content=body(), headers=SIGNED)
    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
    [event] = database.events()
    assert (event["event_id"], event["payload"]) == ("evt_1", {"id": "evt_1"})


def test_event_sent_twice__is_a_duplicate(http: httpx.Client, database: FakeDatabase) -> None:
    answers = [http.post(PATH, content=body(), headers=SIGNED).json() for _ in range(2)]
    assert answers == [{"status": "stored"}, {"status": "duplicate"}]
    assert len(database.hashes) == 1


def test_answer__names_no_server_and_may_not_be_kept(http: httpx.Client) -> None:
    answer = http.post(PATH, content=body(), headers=SIGNED)
    assert "server" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


def test_body_in_chunks__is_read_whole(http: httpx.Client, database: FakeDatabase) -> None:
    whole = body(note="x" * 1000)

    def chunks() -> Iterator[bytes]:
        yield from (whole[start : start + 100] for start in range(0, len(whole), 100))

    answer = http.post(PATH, content=chunks(), headers=SIGNED)
    assert answer.status_code == 200
    assert database.events()[0]["payload"]["note"] == "x" * 1000


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        (body(), {}, "bad-signature"),
        (body(), {"x-signature": "wrong"}, "bad-signature"),
        (b"", {"x-signature": ""}, "bad-signature"),
        # A reader that fails on its own is no reason for a 5xx either.
        (b"{", SIGNED, "not-understood"),
        (b"", SIGNED, "not-understood"),
        (b'{"id": "e", "x": "\\ud800"}', SIGNED, "not-understood"),
        (b"[" * 100_000, SIGNED, "too-large"),
    ],
)
def test_malformed_request__is_a_4xx_that_stores_nothing(
    http: httpx.Client, database: FakeDatabase, content: bytes, headers: dict[str, str], code: str
) -> None:
    answer = http.post(PATH, content=content, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code
    assert set(answer.json()) == {"code", "message", "hint"}
    assert not database.calls


def test_signature_sent_twice__is_not_taken_for_either(
    http: httpx.Client, database: FakeDatabase
) -> None:
    twice = [("x-signature", "right"), ("x-signature", "wrong")]
    assert http.post(PATH, content=body(), headers=twice).status_code == 400
    assert not database.calls


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [2049, 4096, 9000, 100_000])
def test_large_body__is_413_however_it_is_sent(
    http: httpx.Client, database: FakeDatabase, is_chunked: bool, size: int
) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b"x" * min(1000, size - start) for start in range(0, size, 1000))

    content = chunks() if is_chunked else b"x" * size
    try:
        answer = http.post(PATH, content=content, headers=SIGNED)
    except httpx.WriteError:
        # Far above the limit nobody reads on; the client may still be writing then.
        assert size > 4 * 2048
    else:
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert answer.headers["connection"] == "close"
    assert not database.calls


def test_largest_body__is_taken(http: httpx.Client, database: FakeDatabase) -> None:
    content = body(note="x" * (2048 - len(body(note=""))))
    assert len(content) == 2048
    assert http.post(PATH, content=content, headers=SIGNED).status_code == 200
    assert len(database.hashes) == 1


def test_body_that_does_not_come__is_408(service: Service, database: FakeDatabase) -> None:
    head = b"POST /webhooks/razorpay HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"
    answer = raw(service.port, head, b"only this")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code": "request-timeout"' in answer
    assert not database.calls


def test_client_that_goes_away_in_its_body__is_refused_in_the_metrics_only(
    service: Service, database: FakeDatabase
) -> None:
    before = service.metrics.outcomes["refused"]
    head = b"POST /webhooks/razorpay HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(head + b"half")
    raw(service.port, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert service.metrics.outcomes["refused"] == before + 1
    assert not database.calls


def test_provider_without_a_secret__is_404_and_says_what_to_set(http: httpx.Client) -> None:
    answer = http.post("/webhooks/stripe", content=body(), headers={"x-signature": ""})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-configured")
    assert "STRIPE_WEBHOOK_SECRET" in answer.json()["hint"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
def test_other_method__is_405(http: httpx.Client, database: FakeDatabase, method: str) -> None:
    answer = http.request(method, PATH, headers=SIGNED)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert not database.calls


@pytest.mark.parametrize(
    "path",
    ["/", "/webhooks", "/webhooks/", "/webhooks/paypal", PATH + "/", "/docs", "/openapi.json"],
)
def test_unknown_route__is_404_as_json(http: httpx.Client, path: str) -> None:
    answer = http.post(path, content=body(), headers=SIGNED)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not-found"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (httpx.ConnectError("refused"), "inbox-unreachable"),
        (httpx.ReadTimeout("slow"), "inbox-unreachable"),
        (httpx.Response(500, json={"code": "XX000"}), "inbox-unavailable"),
        (httpx.Response(503, text="starting"), "inbox-unavailable"),
        (httpx.Response(404, json={"code": "PGRST202"}), "inbox-misconfigured"),
        (httpx.Response(403, json={"code": "42501"}), "inbox-misconfigured"),
        (httpx.Response(200, text="<html>"), "inbox-unavailable"),
        (httpx.Response(200, json=[]), "inbox-unavailable"),
        (RuntimeError("a bug"), "inbox-failed"),
    ],
)
def test_inbox_that_cannot_be_written__is_503_and_the_next_try_works(
    http: httpx.Client, database: FakeDatabase, failure: Exception | httpx.Response, code: str
) -> None:
    database.fail_with = failure
    answer = http.post(PATH, content=body(), headers=SIGNED)
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert answer.headers["retry-after"] == "5"
    database.fail_with = None
    assert http.post(PATH, content=body(), headers=SIGNED).json() == {"status": "stored"}


def test_event_that_the_database_refuses__is_422(
    http: httpx.Client, database: FakeDatabase
) -> None:
    database.fail_with = httpx.Response(400, json={"code": "PT422", "message": "private"})
    answer = http.post(PATH, content=body(), headers=SIGNED)
    assert (answer.status_code, answer.json()["code"]) == (422, "not-storable")
    assert "private" not in answer.text


def test_concurrent_events__share_calls(database: FakeDatabase, service: Service) -> None:
    database.let_go.clear()
    statuses: list[int] = []

    def send(number: int) -> None:
        answer = httpx.post(service.url + PATH, content=body(number), headers=SIGNED, timeout=20)
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    registry, calls = service.metrics.registry, service.settings.max_inbox_calls
    while (
        len(database.calls) < calls
        or len(database.events())
        + (registry.get_sample_value("resumebase_inbox_waiting_events") or 0)
        < 40
    ):
        threads[0].join(0.01)
    database.let_go.set()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert statuses == [200] * 40
    assert len(database.hashes) == 40
    assert len(database.calls) == calls + 1


def test_shutdown__answers_what_it_had_taken() -> None:
    database = FakeDatabase()
    with running(database) as service:
        database.let_go.clear()
        answers: list[httpx.Response] = []

        def send() -> None:
            answers.append(httpx.post(service.url + PATH, content=body(), headers=SIGNED))

        sender = threading.Thread(target=send)
        sender.start()
        while not database.calls:
            sender.join(0.01)
        service.begin_to_stop()
        database.let_go.set()
        sender.join(DEADLINE_SECONDS)
    assert [answer.json() for answer in answers] == [{"status": "stored"}]
    assert len(database.hashes) == 1
