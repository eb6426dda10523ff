"""The worker RPC through the real Supabase client: what is sent, and what answers become."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from edge_workers.errors import BackendRefused, BackendUnavailable, StaleLease
from edge_workers.queue_client import MAX_ERROR_LENGTH, QueueClient, Task, storable
from edge_workers.supabase_client import open_supabase_client

from .backend import SECRET_KEY, Backend, Fault
from .bench import quick_settings


def ask(backend: Backend, question: Callable[[QueueClient], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with open_supabase_client(quick_settings(backend)) as client:
            return await question(QueueClient(client, worker_name="tester"))

    return asyncio.run(run())


def claim(backend: Backend, *, seconds: int = 60) -> Task:
    [task] = ask(backend, lambda queue: queue.claim(["echo"], limit=1, lease_seconds=seconds))
    return task


def test_request__carries_the_secret_key_alone_and_asks_for_the_worker_schema(backend):
    ask(backend, lambda queue: queue.run_maintenance())
    [call] = backend.called("run_maintenance")
    assert call.headers["apikey"] == SECRET_KEY
    assert call.headers["authorization"] == f"Bearer {SECRET_KEY}"
    assert call.headers["content-profile"] == "worker"
    assert call.headers["x-client-info"] == "resumebase-worker"


def test_claim__gives_typed_tasks(backend):
    queued = backend.enqueue("echo", user_id="6b0e7f1e-3f43-4bd4-a0b3-2a5a8a5b2f2c", say="hi")
    task = claim(backend)
    assert (str(task.id), task.kind, task.payload) == (queued.id, "echo", {"say": "hi"})
    assert (str(task.user_id), task.attempt, task.max_attempts) == (queued.user_id, 1, 5)
    assert task.lease_expires_at.tzinfo is not None


def test_extend__gives_the_new_end_of_the_lease(backend):
    backend.enqueue("echo")
    task = claim(backend)
    new_end = ask(backend, lambda queue: queue.extend(task, lease_seconds=600))
    assert new_end > task.lease_expires_at


def test_complete__stores_the_result_without_what_postgres_cannot_hold(backend):
    queued = backend.enqueue("echo")
    task = claim(backend)
    result = {"te\0xt": ["a\0b", "\ud83d lone", "emoji 😀 stays", 1, None, True]}
    ask(backend, lambda queue: queue.complete(task, result))
    assert queued.result == {"text": ["ab", " lone", "emoji 😀 stays", 1, None, True]}


def test_fail__sends_a_storable_message_of_bounded_length(backend):
    queued = backend.enqueue("echo")
    task = claim(backend)
    answer = ask(
        backend, lambda queue: queue.fail(task, error="\0no" + "!" * 9999, retryable=False)
    )
    assert answer == "dead"
    assert queued.error == ("no" + "!" * 9999)[:MAX_ERROR_LENGTH]


def test_release__puts_the_task_back(backend):
    queued = backend.enqueue("echo")
    task = claim(backend)
    ask(backend, lambda queue: queue.release(task))
    assert (queued.state, queued.attempt) == ("ready", 0)


@pytest.mark.parametrize(
    "question",
    [
        lambda queue, task: queue.extend(task, lease_seconds=60),
        lambda queue, task: queue.complete(task, {}),
        lambda queue, task: queue.fail(task, error="no", retryable=True),
        lambda queue, task: queue.release(task),
    ],
    ids=["extend", "complete", "fail", "release"],
)
def test_stale_lease__is_told_by_every_call_about_a_task(backend, question):
    queued = backend.enqueue("echo")
    task = claim(backend)
    backend.take_lease_away(queued.id)
    with pytest.raises(StaleLease):
        ask(backend, lambda queue: question(queue, task))
    assert (queued.state, queued.result, queued.error) == ("leased", None, None)


@pytest.mark.parametrize(
    "fault",
    [Fault.ERROR_500, Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.GARBAGE, Fault.BAD_GZIP],
)
def test_missing_answer__is_unavailable(backend, fault):
    backend.faults["run_maintenance"].append(fault)
    with pytest.raises(BackendUnavailable) as caught:
        ask(backend, lambda queue: queue.run_maintenance())
    assert "private" not in str(caught.value)


def test_garbage__is_taken_for_no_answer_by_the_calls_that_end_a_task(backend):
    backend.enqueue("echo")
    task = claim(backend)
    for name in ("complete_task", "fail_task", "release_task"):
        backend.faults[name].append(Fault.GARBAGE)
    for question in (
        lambda queue: queue.complete(task, {}),
        lambda queue: queue.fail(task, error="no", retryable=True),
        lambda queue: queue.release(task),
    ):
        with pytest.raises(BackendUnavailable):
            ask(backend, question)


def test_closed_port__is_unavailable(backend):
    backend.stop()
    with pytest.raises(BackendUnavailable, match="ConnectError"):
        ask(backend, lambda queue: queue.run_maintenance())


def test_refusal__names_the_code_and_nothing_of_the_row(backend):
    backend.faults["run_maintenance"].append(Fault.REFUSE)
    with pytest.raises(BackendRefused, match="42501") as caught:
        ask(backend, lambda queue: queue.run_maintenance())
    assert "private" not in str(caught.value)


def test_answer_of_another_schema__is_refused_rather_than_repeated(backend):
    backend.enqueue("echo", user_id="not a uuid")
    with pytest.raises(BackendRefused, match="shape"):
        claim(backend)


def test_redirect__does_not_carry_the_key_to_another_host(backend):
    elsewhere = Backend()
    backend.elsewhere = elsewhere.url
    backend.faults["run_maintenance"].append(Fault.REDIRECT)
    try:
        with pytest.raises(BackendRefused):
            ask(backend, lambda queue: queue.run_maintenance())
    finally:
        elsewhere.stop()
    assert not elsewhere.calls


def test_proxy_of_the_environment__is_not_used_for_a_loopback_backend(backend, monkeypatch):
    # A proxy would see the secret key in the clear; this one would also not answer.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert ask(backend, lambda queue: queue.run_maintenance())


@pytest.mark.parametrize(
    "value", ["", "plain", "日本語", {"a": [{"b": "c"}]}, [], None, 1.5, False]
)
def test_storable__leaves_good_values_as_they_are(value):
    assert storable(value) == value
