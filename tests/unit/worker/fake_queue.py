"""The task queue of the unit tests: the contract of the worker RPC, in memory."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

DEADLINE_SECONDS = 10


@dataclass
class Queued:
    """A task of the fake queue."""

    id: str
    kind: str
    payload: dict[str, Any]
    user_id: str | None
    attempt: int = 0
    lease_token: str | None = None
    lease_ends_at: float = 0
    state: str = "ready"
    result: Any = None
    error: str | None = None
    worker: str | None = None


class Stale(Exception):
    """The lease token is not the task's."""


class Queue:
    """Tasks, and the functions of schema `worker`; tests/integration holds the real ones."""

    def __init__(self) -> None:
        self.tasks: dict[str, Queued] = {}
        self._changed = threading.Condition()

    def enqueue(self, kind: str, *, user_id: str | None = None, **payload: Any) -> Queued:
        task = Queued(str(uuid.uuid4()), kind, payload, user_id)
        with self._changed:
            self.tasks[task.id] = task
            self._changed.notify_all()
        return task

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a state of the backend; fails after DEADLINE_SECONDS."""
        with self._changed:
            assert self._changed.wait_for(condition, DEADLINE_SECONDS), "it never came to that"

    def take_lease_away(self, task_id: str) -> None:
        with self._changed:
            self.tasks[task_id].lease_token = str(uuid.uuid4())

    def answer(self, name: str, params: dict[str, Any]) -> Any:
        """Do what the SQL function of this name does."""
        with self._changed:
            result = getattr(self, f"_{name}")(**params)
            self._changed.notify_all()
            return result

    def _claim_tasks(
        self, p_worker: str, p_kinds: list[str], p_limit: int, p_lease_seconds: int
    ) -> list[dict[str, Any]]:
        ready = [t for t in self.tasks.values() if t.state == "ready" and t.kind in p_kinds]
        for task in ready[:p_limit]:
            task.state, task.worker = "leased", p_worker
            task.attempt += 1
            task.lease_token = str(uuid.uuid4())
            task.lease_ends_at = monotonic() + p_lease_seconds
        return [_row(task, p_lease_seconds) for task in ready[:p_limit]]

    def _leased(self, task_id: str, lease_token: str) -> Queued:
        task = self.tasks[task_id]
        if task.state != "leased" or task.lease_token != lease_token:
            raise Stale(task_id)
        return task

    def _extend_lease(self, p_task_id: str, p_lease_token: str, p_lease_seconds: int) -> str:
        self._leased(p_task_id, p_lease_token).lease_ends_at = monotonic() + p_lease_seconds
        return _moment(p_lease_seconds)

    def _complete_task(self, p_task_id: str, p_lease_token: str, p_result: Any) -> str:
        task = self._leased(p_task_id, p_lease_token)
        task.state, task.result = "done", p_result
        return "done"

    def _fail_task(
        self, p_task_id: str, p_lease_token: str, p_error: str, p_retryable: bool
    ) -> str:
        task = self._leased(p_task_id, p_lease_token)
        task.error = p_error
        task.state = "scheduled" if p_retryable else "dead"
        return "retry" if p_retryable else "dead"

    def _release_task(self, p_task_id: str, p_lease_token: str) -> None:
        task = self._leased(p_task_id, p_lease_token)
        task.state = "ready"
        task.attempt -= 1

    def _run_maintenance(self) -> dict[str, int]:
        expired = [
            task
            for task in self.tasks.values()
            if task.state == "leased" and task.lease_ends_at < monotonic()
        ]
        for task in expired:
            task.state = "ready"
        return {"reaped": len(expired), "dead": 0, "jobs": []}


def _moment(seconds_from_now: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds_from_now)).isoformat()


def _row(task: Queued, lease_seconds: int) -> dict[str, Any]:
    return {
        "id": task.id,
        "kind": task.kind,
        "payload": task.payload,
        "user_id": task.user_id,
        "attempt": task.attempt,
        "max_attempts": 5,
        "lease_token": task.lease_token,
        "lease_expires_at": _moment(lease_seconds),
    }
