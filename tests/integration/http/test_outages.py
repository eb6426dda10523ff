"""Nothing that was answered with 200 is lost, whatever dies; the rest is sent again."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from cli.stack.ports import free_base
from cli.stack.services import stop_service
from cli.stack.supervisor import Stack

from .service import DEADLINE_SECONDS, Sent, Service, event, running, stored

ROOT = Path(__file__).parents[3]
WITHOUT = frozenset({"worker", "http"})


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose services may be stopped."""
    state_dir = tmp_path_factory.mktemp("outages") / "state"
    stack = Stack(root=ROOT, state_dir=state_dir, port_base=free_base())
    stack.up(without=WITHOUT)
    yield stack
    stack.destroy()


def send_all(service: Service, events: list[Sent]) -> list[int]:
    """Send all at once; 0 stands for no answer."""

    def send(sent: Sent) -> int:
        try:
            return service.send(sent).status_code
        except httpx.TransportError:
            return 0

    with ThreadPoolExecutor(max_workers=20) as threads:
        return list(threads.map(send, events))


def wait_for_webhooks(service: Service, count: int) -> None:
    """Wait until so many were answered."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    pause = threading.Event()
    while service.metric("resumebase_webhooks_total") < count:
        assert time.monotonic() < deadline
        pause.wait(0.005)


@pytest.mark.parametrize("name", ["postgres", "gateway"])
def test_stopped_backend__is_503_and_nothing_is_lost_when_it_is_back(
    own_stack: Stack, name: str
) -> None:
    status = own_stack.up(without=WITHOUT)
    events = [event("razorpay") for _ in range(10)] + [event("stripe") for _ in range(10)]
    with running(status) as service:
        assert send_all(service, events[:5]) == [200] * 5
        stop_service(own_stack.layout, name, lambda _step: None)
        assert send_all(service, events[5:]) == [503] * 15
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        assert httpx.get(f"{service.url}/readyz").status_code == 503
        own_stack.up(without=WITHOUT)
        assert send_all(service, events) == [200] * 20
    assert set(stored(own_stack.status(), *events).values()) == {1}


def test_killed_service__has_stored_all_that_it_answered(own_stack: Stack) -> None:
    status = own_stack.up(without=WITHOUT)
    events = [event("razorpay") for _ in range(300)]
    with running(status) as service, ThreadPoolExecutor(max_workers=1) as other:
        sending = other.submit(send_all, service, events)
        wait_for_webhooks(service, 50)
        service.process.kill()
        answers = sending.result(DEADLINE_SECONDS)
    assert 0 in answers, "it was killed too late to show anything"
    answered = [sent for sent, answer in zip(events, answers, strict=True) if answer == 200]
    assert len(answered) >= 50
    assert set(stored(status, *answered).values()) == {1}
    with running(status) as again:
        assert send_all(again, events) == [200] * len(events)
    assert set(stored(status, *events).values()) == {1}


def test_stopped_service__answers_what_it_had_taken_and_ends_well(own_stack: Stack) -> None:
    status = own_stack.up(without=WITHOUT)
    events = [event("razorpay") for _ in range(200)]
    with running(status) as service, ThreadPoolExecutor(max_workers=1) as other:
        sending = other.submit(send_all, service, events)
        wait_for_webhooks(service, 20)
        service.process.send_signal(signal.SIGTERM)
        answers = sending.result(DEADLINE_SECONDS)
        assert service.process.wait(DEADLINE_SECONDS) == 0
    # Refused connections have no answer; nothing that was taken was dropped.
    assert set(answers) <= {200, 0}
    answered = [sent for sent, answer in zip(events, answers, strict=True) if answer == 200]
    assert set(stored(status, *answered).values()) == {1}
    assert service.lines[-1]["event"] == "http stopped"
