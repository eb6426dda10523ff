"""Removing the files of a purge task: the database says which, Storage removes them."""

from typing import Literal

import httpx
from pydantic import BaseModel, ConfigDict
from storage3.exceptions import StorageApiError

from edge_workers.errors import BackendRefused, BackendUnavailable
from edge_workers.handlers.handler import Context
from edge_workers.queue_client import QueueClient, Task

BATCH_SIZE = 100


class Purged(BaseModel):
    """What the database is told: all files are gone, or the account stays."""

    model_config = ConfigDict(frozen=True)

    status: Literal["purged", "kept"]
    removed: int


async def remove_files(task: Task, context: Context) -> Purged:
    """Remove what `worker.files_to_purge` names, and ask again until it names nothing.

    It asks right before it removes: an account may have been kept meanwhile. Doing it again does no
    harm, as files that are gone are not named any more. Raises BackendUnavailable when Storage does
    not answer, BackendRefused when it refuses or leaves the files where they are.
    """
    queue = QueueClient(context.supabase, worker_name="purge")
    removed = 0
    while True:
        wanted = await queue.files_to_purge(task)
        if wanted.status == "kept":
            return Purged(status="kept", removed=removed)
        if not wanted.files:
            return Purged(status="purged", removed=removed)
        before = removed
        for bucket, names in wanted.files.items():
            for start in range(0, len(names), BATCH_SIZE):
                removed += await _remove(context, bucket, names[start : start + BATCH_SIZE])
        if removed == before:
            raise BackendRefused("remove: Storage left every file where it was")


async def _remove(context: Context, bucket: str, names: list[str]) -> int:
    try:
        return len(await context.supabase.storage.from_(bucket).remove(names))
    except httpx.RequestError as error:
        raise BackendUnavailable(f"remove: {type(error).__name__}") from error
    except StorageApiError as error:
        raise BackendRefused(f"remove was refused with status {error.status}") from None
