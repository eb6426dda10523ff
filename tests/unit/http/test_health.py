"""Alive, ready, metrics, and who may read them."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge_workers.http import health

from .service import FakeDatabase, Service, running

SIGNED = {"x-signature": "right"}
PATH = "/webhooks/razorpay"


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_alive__also_without_a_backend(http: httpx.Client, database: FakeDatabase) -> None:
    database.fail_with = httpx.ConnectError("down")
    answer = http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert http.head("/healthz").status_code == 200
    assert not database.calls


def test_ready__asks_the_inbox_once_for_many_questions() -> None:
    database = FakeDatabase()
    with running(database) as service, httpx.Client(base_url=service.url) as client:
        answers = [client.get("/readyz") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert database.calls == [[]]


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("down"),
        httpx.Response(500, json={}),
        httpx.Response(404, json={"code": "PGRST202"}),
        httpx.Response(200, text="<html>"),
    ],
)
def test_not_ready__while_the_inbox_cannot_be_written_and_ready_again_afterwards(
    monkeypatch: pytest.MonkeyPatch, failure: Exception | httpx.Response
) -> None:
    monkeypatch.setattr(health, "_FRESH_SECONDS", -1.0)
    database = FakeDatabase()
    database.fail_with = failure
    with running(database) as service, httpx.Client(base_url=service.url) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not-ready")
        database.fail_with = None
        assert client.get("/readyz").status_code == 200


def test_not_ready__when_the_backend_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PATIENCE_SECONDS", 0.05)
    database = FakeDatabase()
    database.let_go.clear()
    with running(database) as service:
        assert httpx.get(f"{service.url}/readyz").status_code == 503


def test_metrics__count_what_happened() -> None:
    database = FakeDatabase()
    with running(database) as service, httpx.Client(base_url=service.url) as client:
        for content in (b'{"id": "a"}', b'{"id": "a"}', b'{"id": "b"}'):
            client.post(PATH, content=content, headers=SIGNED)
        client.post(PATH, content=b"{}")
        database.fail_with = httpx.ConnectError("down")
        client.post(PATH, content=b"{}", headers=SIGNED)
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    webhooks = "resumebase_webhooks_total"
    assert found[webhooks, "stored", "razorpay"] == 2
    assert found[webhooks, "duplicate", "razorpay"] == 1
    assert found[webhooks, "refused", "razorpay"] == 1
    assert found[webhooks, "unavailable", "razorpay"] == 1
    refusals = "resumebase_webhook_refusals_total"
    assert found[refusals, "bad-signature", "razorpay"] == 1
    assert found[refusals, "inbox-unreachable", "razorpay"] == 1
    assert found["resumebase_webhook_duration_seconds_count", "razorpay"] == 5
    assert found["resumebase_inbox_call_events_sum",] == 4
    assert found["resumebase_inbox_call_seconds_count",] == 4
    assert found["resumebase_inbox_waiting_events",] == 0
    assert "process_resident_memory_bytes" in answer.text


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
def test_metrics__are_hidden_from_who_comes_through_a_proxy(http: httpx.Client, name: str) -> None:
    answer = http.get("/metrics", headers={name: "203.0.113.9"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert http.get("/metrics").status_code == 200


def test_metrics__with_a_token_set_ask_everybody_for_it() -> None:
    token = "0123456789abcdef"
    with running(FakeDatabase(), metrics_token=token) as service:

        def status(**headers: str) -> int:
            return httpx.get(f"{service.url}/metrics", headers=headers).status_code

        assert status() == 404
        assert status(authorization="Bearer wrong") == 404
        assert status(authorization=f"Bearer {token}") == 200
        forwarded = {"x-forwarded-for": "203.0.113.9", "authorization": f"Bearer {token}"}
        assert status(**forwarded) == 200


def test_unknown_path__is_404(service: Service) -> None:
    assert httpx.get(f"{service.url}/metrics/").status_code == 404
