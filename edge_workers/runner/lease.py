"""The right to work on a task, and keeping it while the work goes on."""

import asyncio
from time import monotonic

from edge_workers import json_log
from edge_workers.errors import ResumebaseError, StaleLease
from edge_workers.queue_client import QueueClient, Task
from edge_workers.runner.backoff import Backoff


class Lease:
    """A lease by this machine's monotonic clock, so a wrong wall clock does no harm.

    It is counted from before the request that granted it and thus ends here no later than in the
    database.
    """

    def __init__(self, queue: QueueClient, task: Task, *, seconds: int, granted_at: float) -> None:
        self._queue = queue
        self._task = task
        self._seconds = seconds
        self._ends_at = granted_at + seconds

    def remaining(self) -> float:
        """Seconds until it ends; negative afterwards."""
        return self._ends_at - monotonic()

    async def keep(self) -> None:
        """Extend the lease at each third of its length; returns only when it is lost."""
        third = self._seconds / 3
        retry = Backoff(third / 8, third / 2)
        # Part of the first third has gone by since the lease was granted.
        pause = self.remaining() - 2 * third
        while True:
            await asyncio.sleep(max(pause, 0))
            asked_at = monotonic()
            try:
                async with asyncio.timeout(min(third, self.remaining())):
                    await self._queue.extend(self._task, lease_seconds=self._seconds)
            except StaleLease:
                return
            except (ResumebaseError, TimeoutError) as error:
                if self.remaining() <= 0:
                    return
                cause = str(error) or "no answer in time"
                json_log.warning("lease not extended", **self._task.log_fields(), cause=cause)
                pause = min(retry.next_pause(), self.remaining())
            else:
                self._ends_at = asked_at + self._seconds
                retry.reset()
                pause = third
