"""Signed webhooks of both providers, over a real socket into a real inbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from cli.stack.status import StackStatus

from .service import SECRETS, SIGNERS, Sent, Service, count_events, event, running, stored

PROVIDERS = ("razorpay", "stripe")


@pytest.fixture(scope="module")
def service(inbox: StackStatus) -> Iterator[Service]:
    with running(inbox) as started:
        yield started


@pytest.mark.parametrize("provider", PROVIDERS)
def test_event__is_in_the_inbox_with_a_task_once_it_is_answered(
    inbox: StackStatus, service: Service, provider: str
) -> None:
    sent = event(provider)
    answer = service.send(sent)
    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
    with psycopg.connect(inbox.db_url, sslmode="disable") as connection:
        row = connection.execute(
            "select w.provider, w.payload, w.status, t.id is not null"
            " from private.webhook_events w left join queue.tasks t"
            " on t.kind = 'webhook' and t.payload ->> 'webhook_event_id' = w.id::text"
            " where w.event_id = %s",
            [sent.event_id],
        ).fetchone()
    assert row is not None
    assert row == (provider, json.loads(sent.body), "received", True)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_event_sent_again__is_a_duplicate(
    inbox: StackStatus, service: Service, provider: str
) -> None:
    sent = event(provider)
    answers = [service.send(sent).json()["status"] for _ in range(3)]
    assert answers == ["stored", "duplicate", "duplicate"]
    assert stored(inbox, sent) == {sent.event_id: 1}


def test_razorpay_body_under_another_id__is_a_duplicate(
    inbox: StackStatus, service: Service
) -> None:
    sent = event("razorpay")
    service.send(sent)
    other = {"x-razorpay-event-id": "evt_of_somebody_else"}
    assert service.send(sent, **other).json() == {"status": "duplicate"}
    assert stored(inbox, sent, replace(sent, event_id="evt_of_somebody_else")) == {
        sent.event_id: 1,
        "evt_of_somebody_else": 0,
    }


def forged(sent: Sent) -> Sent:
    headers = {
        name: value[:-4] + "0000" if "signature" in name else value
        for name, value in sent.headers.items()
    }
    return replace(sent, headers=headers)


TAMPERED: dict[str, Callable[[Sent], Sent]] = {
    "forged": forged,
    "truncated": lambda sent: replace(sent, body=sent.body[:-1]),
    "extended": lambda sent: replace(sent, body=sent.body + b" "),
    "re-encoded": lambda sent: replace(sent, body=json.dumps(json.loads(sent.body)).encode()),
    "UTF-16": lambda sent: replace(sent, body=sent.body.decode().encode("utf-16")),
    "without a body": lambda sent: replace(sent, body=b""),
    "without headers": lambda sent: replace(sent, headers={}),
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("how", TAMPERED)
def test_tampered_event__is_refused_and_leaves_nothing(
    inbox: StackStatus, service: Service, provider: str, how: str
) -> None:
    before = count_events(inbox)
    answer = service.send(TAMPERED[how](event(provider)))
    assert 400 <= answer.status_code < 500
    assert set(answer.json()) == {"code", "message", "hint"}
    assert count_events(inbox) == before


@pytest.mark.parametrize("provider", PROVIDERS)
def test_event_of_another_secret__is_refused(
    inbox: StackStatus, service: Service, provider: str
) -> None:
    other = {"razorpay": "stripe", "stripe": "razorpay"}[provider]
    sent = event(provider, secret=SECRETS[other])
    assert 400 <= service.send(sent).status_code < 500
    assert stored(inbox, sent) == {sent.event_id: 0}


@pytest.mark.parametrize("minutes", [-6, 6], ids=["stale", "future"])
def test_stripe_signature_of_another_time__is_refused(
    inbox: StackStatus, service: Service, minutes: int
) -> None:
    sent = event("stripe", signed_at=datetime.now(UTC) + timedelta(minutes=minutes))
    assert 400 <= service.send(sent).status_code < 500
    assert stored(inbox, sent) == {sent.event_id: 0}


def test_signed_body_that_is_no_event__is_refused(inbox: StackStatus, service: Service) -> None:
    before = count_events(inbox)
    for body in (b"[]", b"null", b"{}", b'{"event": 1}', b"\xff", b"{" * 10_000):
        at = datetime.now(UTC)
        for provider in PROVIDERS:
            headers = SIGNERS[provider].sign(body, SECRETS[provider], event_id="evt_x", at=at)
            answer = service.send(Sent(provider, body, headers, "evt_x"))
            assert 400 <= answer.status_code < 500, (provider, body[:20])
    assert count_events(inbox) == before


def test_large_body__is_413_with_a_length_and_without(service: Service) -> None:
    large = b"x" * (512 * 1024 + 1)
    for content in (large, iter([large])):
        answer = httpx.post(f"{service.url}/webhooks/stripe", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_many_at_once__are_stored_in_few_calls(inbox: StackStatus, service: Service) -> None:
    events = [event("razorpay") for _ in range(100)] + [event("stripe") for _ in range(100)]
    before = service.metric("resumebase_inbox_call_events_count")
    with ThreadPoolExecutor(max_workers=50) as threads:
        answers = list(threads.map(service.send, events))
    assert {answer.status_code for answer in answers} == {200}
    assert set(stored(inbox, *events).values()) == {1}
    assert service.metric("resumebase_inbox_call_events_count") - before < 100


def test_log__has_neither_bodies_nor_signatures_nor_secrets(service: Service) -> None:
    sent = event("stripe")
    service.send(sent)
    service.send(forged(sent))
    log = json.dumps(service.lines)
    assert "webhook refused" in log
    for private in (*SECRETS.values(), sent.headers["stripe-signature"][-20:], sent.event_id):
        assert private not in log


def test_ready__in_front_of_the_stack(service: Service) -> None:
    assert httpx.get(f"{service.url}/readyz").json() == {"status": "ready"}


def test_not_ready__with_a_key_that_is_not_accepted(inbox: StackStatus) -> None:
    with running(inbox, SUPABASE_SECRET_KEY="sb_secret_of_another_project") as service:
        assert httpx.get(f"{service.url}/readyz").status_code == 503
        answer = service.send(event("razorpay"))
        assert (answer.status_code, answer.json()["code"]) == (503, "inbox-misconfigured")


def test_rotation__takes_both_secrets_then_only_the_new_one(inbox: StackStatus) -> None:
    new = {"RAZORPAY_WEBHOOK_SECRET": "new-secret", "STRIPE_WEBHOOK_SECRET": "whsec_new"}
    previous = {f"{name}_WEBHOOK_SECRET_PREVIOUS".upper(): old for name, old in SECRETS.items()}
    with running(inbox, **new, **previous) as service:
        for provider, secret in (("razorpay", "new-secret"), ("stripe", "whsec_new")):
            assert service.send(event(provider, secret=secret)).status_code == 200
            assert service.send(event(provider)).status_code == 200
    with running(inbox, **new) as service:
        for provider in PROVIDERS:
            assert 400 <= service.send(event(provider)).status_code < 500
