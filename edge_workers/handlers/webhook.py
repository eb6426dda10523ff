"""`webhook`: an event of a payment provider becomes changes, which the database applies."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from edge_workers.billing.changes import MalformedEvent, Normalised, Provider
from edge_workers.errors import TaskFailed
from edge_workers.handlers.handler import Context
from edge_workers.queue_client import QueueClient, Task


class _Normaliser(Protocol):
    def __call__(self, event_type: str, payload: Mapping[str, Any], /) -> Normalised: ...


async def handle(task: Task, context: Context) -> Normalised:
    """Fetch the task's event and say what it means.

    Raises TaskFailed for an event that is not what its provider documents: it stays in the inbox,
    failed, until somebody replays it.
    """
    event = await QueueClient(context.supabase, worker_name="webhook").webhook_event(task)
    try:
        return _normaliser(event.provider)(event.type, event.payload)
    except MalformedEvent as error:
        raise TaskFailed(f"Malformed {event.type}: {error}") from error


def _normaliser(provider: Provider) -> _Normaliser:
    # Late, so that a worker that never sees an event of a provider does not load its module.
    normalise: _Normaliser = import_module(f"edge_workers.billing.{provider}").normalise
    return normalise
