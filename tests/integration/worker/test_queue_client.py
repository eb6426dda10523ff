"""The typed calls against the real functions: what the unit tests' backend claims must be true."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edge_workers.errors import BackendRefused, StaleLease
from edge_workers.queue_client import QueueClient, Task
from edge_workers.settings import Settings
from edge_workers.supabase_client import open_supabase_client

from .documents import resume_document, upload_resume

KINDS = ["resume_parse"]


@pytest.fixture
def ask(stack):
    """A function that puts one question to the queue of the stack."""
    settings = Settings(supabase_url=stack.api_url, supabase_secret_key=stack.secret_key)

    async def run(question: Callable[[QueueClient], Awaitable[Any]]) -> Any:
        async with open_supabase_client(settings) as client:
            return await question(QueueClient(client, worker_name="tester"))

    return lambda question: asyncio.run(run(question))


@pytest.fixture
def resume_id(user):
    """A résumé whose reading has been asked for."""
    wanted = upload_resume(user, resume_document("Jane Roe"))
    user.request_parse(wanted)
    return wanted


@pytest.fixture
def task(ask, resume_id) -> Task:
    """The task of that résumé, claimed."""
    tasks = ask(lambda queue: queue.claim(KINDS, limit=100, lease_seconds=60))
    [mine] = [each for each in tasks if each.payload["resume_id"] == resume_id]
    return mine


def result(text: str) -> dict[str, Any]:
    return {
        "parsed_data": {"basics": {"name": text}},
        "extracted_text": text,
        "file_sha256": "0" * 64,
        "file_size_bytes": 5,
        "warnings": [text],
    }


def test_claim__leases_the_task_with_its_payload(user, task, resume_id):
    assert (task.kind, str(task.user_id), task.attempt) == ("resume_parse", user.user_id, 1)
    assert set(task.payload) == {"resume_id", "file_path", "file_name"}
    lease = task.lease_expires_at - datetime.now(UTC)
    assert timedelta(seconds=30) < lease <= timedelta(seconds=60)
    assert user.resume(resume_id)["parse_status"] == "processing"


def test_extend__moves_the_end_of_the_lease(ask, task):
    assert ask(lambda queue: queue.extend(task, lease_seconds=600)) > task.lease_expires_at


def test_complete__stores_what_postgres_can_hold_of_any_text(ask, task, user, resume_id):
    ask(lambda queue: queue.complete(task, result("a\0b \ud83d 😀")))
    row = user.resume(resume_id)
    assert row["parse_status"] == "completed"
    assert row["parsed_data"] == {"basics": {"name": "ab  😀"}}
    assert row["extracted_text"] == "ab  😀"


def test_fail__gives_what_becomes_of_the_task(ask, task, user, resume_id):
    assert ask(lambda queue: queue.fail(task, error="later", retryable=True)) == "retry"
    assert user.resume(resume_id)["parse_status"] == "pending"


def test_fail_for_good__tells_the_user(ask, task, user, resume_id):
    assert ask(lambda queue: queue.fail(task, error="A scan.", retryable=False)) == "dead"
    row = user.resume(resume_id)
    assert (row["parse_status"], row["parse_error"]) == ("failed", "A scan.")


def test_release__gives_the_attempt_back(ask, task, resume_id):
    ask(lambda queue: queue.release(task))
    again = ask(lambda queue: queue.claim(KINDS, limit=100, lease_seconds=60))
    assert [each.attempt for each in again if each.payload["resume_id"] == resume_id] == [1]


@pytest.mark.parametrize(
    "question",
    [
        lambda queue, task: queue.extend(task, lease_seconds=60),
        lambda queue, task: queue.complete(task, result("too late")),
        lambda queue, task: queue.fail(task, error="too late", retryable=False),
        lambda queue, task: queue.release(task),
    ],
    ids=["extend", "complete", "fail", "release"],
)
def test_finished_task__has_no_lease_any_more(ask, task, user, resume_id, question):
    ask(lambda queue: queue.complete(task, result("first")))
    finished = user.resume(resume_id)
    with pytest.raises(StaleLease):
        ask(lambda queue: question(queue, task))
    assert user.resume(resume_id) == finished


def test_maintenance__answers_with_counts(ask):
    report = ask(lambda queue: queue.run_maintenance())
    assert report.reaped >= 0
    assert report.dead >= 0


def test_lease_out_of_bounds__is_refused(ask):
    with pytest.raises(BackendRefused, match="PT400"):
        ask(lambda queue: queue.claim(KINDS, limit=1, lease_seconds=1))
