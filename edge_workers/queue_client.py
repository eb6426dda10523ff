"""The task queue as the workers see it: one typed method per `worker.*` function."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, TypeVar
from uuid import UUID

import httpx
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
)
from supabase import AsyncClient, PostgrestAPIError

from edge_workers.billing.changes import Provider, ProviderId
from edge_workers.errors import BackendRefused, BackendUnavailable, StaleLease

_Answer = TypeVar("_Answer")

AfterFailure: TypeAlias = Literal["retry", "dead"]

STALE_LEASE_CODE = "PT409"
MAX_ERROR_LENGTH = 500


class Task(BaseModel):
    """A claimed task. Whoever holds `lease_token` may finish it until `lease_expires_at`."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    kind: str
    payload: dict[str, JsonValue]
    user_id: UUID | None
    attempt: int
    max_attempts: int
    lease_token: UUID
    lease_expires_at: AwareDatetime

    def log_fields(self) -> dict[str, str | int]:
        """What every log line about this task carries."""
        return {"task_id": str(self.id), "kind": self.kind, "attempt": self.attempt}


class MaintenanceReport(BaseModel):
    """What one round of maintenance did: tasks put back, tasks given up, jobs that ran."""

    model_config = ConfigDict(frozen=True)

    reaped: int = 0
    dead: int = 0
    jobs: tuple[str, ...] = ()


class FilesToPurge(BaseModel):
    """What a purge task has to remove right now, as names by bucket; nothing when it is `kept`."""

    model_config = ConfigDict(frozen=True)

    status: Literal["confirmed", "kept"]
    files: dict[str, list[str]]


class CheckoutToReconcile(BaseModel):
    """A checkout that may have been paid without our hearing of it."""

    model_config = ConfigDict(frozen=True)

    checkout_id: ProviderId
    kind: Literal["subscription", "tokens"]


class SubscriptionsToReconcile(BaseModel):
    """What a reconcile task has to fetch, by the ids of the provider."""

    model_config = ConfigDict(frozen=True)

    provider: Provider
    subscription_ids: tuple[ProviderId, ...]
    checkouts: tuple[CheckoutToReconcile, ...]


class WebhookEvent(BaseModel):
    """An event of a payment provider, as its task reads it from the inbox."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    provider: Provider
    type: str
    payload: dict[str, JsonValue]
    occurred_at: AwareDatetime
    received_at: AwareDatetime
    attempts: int


_TASKS = TypeAdapter(list[Task])
_MOMENT = TypeAdapter(AwareDatetime)
_DONE: TypeAdapter[Literal["done"]] = TypeAdapter(Literal["done"])
_AFTER_FAILURE: TypeAdapter[AfterFailure] = TypeAdapter(AfterFailure)
_REPORT = TypeAdapter(MaintenanceReport)
_FILES_TO_PURGE = TypeAdapter(FilesToPurge)
_TO_RECONCILE = TypeAdapter(SubscriptionsToReconcile)
_WEBHOOK_EVENT = TypeAdapter(WebhookEvent)
# A function that returns void answers null, or nothing, which postgrest reads as an empty list.
_NOTHING: TypeAdapter[None | list[Any]] = TypeAdapter(
    None | Annotated[list[Any], Field(max_length=0)]
)


class QueueClient:
    """The `worker` schema's functions.

    Every method raises BackendUnavailable when the same call may work later, StaleLease when the
    task has gone to somebody else (nothing was changed), and BackendRefused for everything else.
    """

    def __init__(self, client: AsyncClient, *, worker_name: str) -> None:
        self._worker = client.schema("worker")
        self._worker_name = worker_name

    async def claim(self, kinds: Collection[str], *, limit: int, lease_seconds: int) -> list[Task]:
        """Up to `limit` ready tasks of these kinds, each leased to this worker."""
        return await self._call(
            _TASKS,
            "claim_tasks",
            p_worker=self._worker_name,
            p_kinds=sorted(kinds),
            p_limit=limit,
            p_lease_seconds=lease_seconds,
        )

    async def extend(self, task: Task, *, lease_seconds: int) -> datetime:
        """Keep the lease for `lease_seconds` from now; gives its new end."""
        return await self._call(
            _MOMENT, "extend_lease", **_lease_of(task), p_lease_seconds=lease_seconds
        )

    async def complete(self, task: Task, result: JsonValue) -> None:
        """Store the result and close the task, in one transaction."""
        await self._call(_DONE, "complete_task", **_lease_of(task), p_result=storable(result))

    async def fail(self, task: Task, *, error: str, retryable: bool) -> AfterFailure:
        """End this attempt with a message for the user; gives what becomes of the task."""
        message = storable(error)[:MAX_ERROR_LENGTH]
        return await self._call(
            _AFTER_FAILURE, "fail_task", **_lease_of(task), p_error=message, p_retryable=retryable
        )

    async def release(self, task: Task) -> None:
        """Hand the task back unfinished; the attempt does not count."""
        await self._call(_NOTHING, "release_task", **_lease_of(task))

    async def files_to_purge(self, task: Task) -> FilesToPurge:
        """Ask which files to remove. After `confirmed` an account cannot be kept any more."""
        return await self._call(_FILES_TO_PURGE, "files_to_purge", **_lease_of(task))

    async def subscriptions_to_reconcile(self, task: Task) -> SubscriptionsToReconcile:
        """Ask which subscriptions and checkouts of the task are still there to fetch."""
        return await self._call(_TO_RECONCILE, "subscriptions_to_reconcile", **_lease_of(task))

    async def webhook_event(self, task: Task) -> WebhookEvent:
        """Read the event that the task is to apply."""
        return await self._call(_WEBHOOK_EVENT, "webhook_event", **_lease_of(task))

    async def run_maintenance(self) -> MaintenanceReport:
        """Put expired leases back into the queue and run the jobs that are due."""
        return await self._call(_REPORT, "run_maintenance")

    async def _call(self, answer: TypeAdapter[_Answer], function: str, **params: Any) -> _Answer:
        try:
            response = await self._worker.rpc(function, params).execute()
        except httpx.RequestError as error:
            # Also an answer that cannot be decoded, as from a proxy in between.
            raise BackendUnavailable(f"{function}: {type(error).__name__}") from error
        except PostgrestAPIError as error:
            # Only the code: message and details may quote what was in the row.
            if error.code == STALE_LEASE_CODE:
                raise StaleLease(f"{function}: the lease of this task has ended") from None
            raise BackendRefused(f"{function} was refused with code {error.code}") from None
        try:
            return answer.validate_python(response.data)
        except ValidationError:
            if isinstance(response.data, list | dict):
                raise BackendRefused(f"{function} answered in another schema's shape") from None
            # A proxy's or a starting gateway's page, sent with status 200.
            raise BackendUnavailable(f"{function}: the answer was not understood") from None


def _lease_of(task: Task) -> dict[str, str]:
    return {"p_task_id": str(task.id), "p_lease_token": str(task.lease_token)}


_Json = TypeVar("_Json", bound=JsonValue)


def storable(value: _Json) -> _Json:
    """The same JSON value without what Postgres cannot hold in text and jsonb.

    That is the NUL character and unpaired surrogates; documents contain both.
    """
    cleaned: Any = value
    if isinstance(value, str):
        cleaned = "".join(c for c in value if c != "\0" and not "\ud800" <= c <= "\udfff")
    elif isinstance(value, list):
        cleaned = [storable(each) for each in value]
    elif isinstance(value, dict):
        cleaned = {storable(key): storable(each) for key, each in value.items()}
    result: _Json = cleaned
    return result
