"""The worker: claims tasks in batches, runs them side by side, and stops without losing any."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from time import monotonic

from edge_workers import json_log
from edge_workers.errors import (
    BackendRefused,
    BackendUnavailable,
    ConfigurationError,
    ResumebaseError,
)
from edge_workers.handlers.handler import Context, Handler
from edge_workers.queue_client import QueueClient, Task
from edge_workers.runner.backoff import Backoff, wait_for_event
from edge_workers.runner.lease import Lease
from edge_workers.runner.maintenance import maintain_forever, maintain_once
from edge_workers.runner.outage import Outage
from edge_workers.runner.shutdown import Shutdown
from edge_workers.runner.task_run import Outcome, TaskRun


class Worker:
    """Works on the tasks of `handlers` until a shutdown is requested.

    With `drain` it also ends once no ready task is left and nothing runs here; tasks that are
    scheduled for later, such as retries, do not keep it.
    """

    def __init__(
        self,
        *,
        queue: QueueClient,
        handlers: Mapping[str, Handler],
        context: Context,
        shutdown: Shutdown,
        drain: bool = False,
    ) -> None:
        self._queue = queue
        self._handlers = handlers
        self._context = context
        self._settings = context.settings
        self._shutdown = shutdown
        self._drain = drain
        self._running: set[asyncio.Task[None]] = set()
        self._outcomes: Counter[Outcome] = Counter()
        self._has_claimed_before = False
        self._outage = Outage(
            first_pause=self._settings.retry_min_seconds,
            longest_pause=self._settings.retry_max_seconds,
        )

    async def run(self) -> Mapping[Outcome, int]:
        """Work until asked to stop; gives how many attempts ended in which way.

        Raises ConfigurationError when the very first claim is refused, and BackendUnavailable
        when a draining worker has missed the backend for `drain_patience_seconds`.
        """
        # Before the first claim, so that a worker that starts to drain sees expired leases too.
        await maintain_once(self._queue)
        clock = asyncio.create_task(
            maintain_forever(self._queue, every_seconds=self._settings.maintenance_seconds)
        )
        try:
            await self._claim_until_told_to_stop()
        finally:
            clock.cancel()
            await asyncio.gather(clock, return_exceptions=True)
            await self._finish_or_hand_back()
        return self._outcomes

    async def _claim_until_told_to_stop(self) -> None:
        settings = self._settings
        idle = Backoff(settings.poll_min_seconds, settings.poll_max_seconds)
        while not self._shutdown.requested.is_set():
            self._forget_ended()
            free = settings.concurrency - len(self._running)
            if free == 0:
                await self._wait_for_a_change(None)
                continue
            claimed = await self._try_to_claim(free)
            if claimed is None:
                continue
            if claimed:
                idle.reset()
            elif self._drain and not self._running:
                return
            if claimed < free:
                await self._wait_for_a_change(idle.next_pause())

    async def _try_to_claim(self, limit: int) -> int | None:
        """Claim and start up to `limit` tasks. None, after a pause, when the backend is away."""
        seconds = self._settings.lease_seconds
        asked_at = monotonic()
        try:
            tasks = await self._queue.claim(
                self._handlers.keys(), limit=limit, lease_seconds=seconds
            )
        except BackendRefused as error:
            if not self._has_claimed_before:
                raise ConfigurationError(_refusal_advice(error)) from error
            await self._sit_out(error)
            return None
        except BackendUnavailable as error:
            await self._sit_out(error)
            return None
        self._outage.over()
        self._has_claimed_before = True
        for task in tasks:
            self._start(task, asked_at)
        return len(tasks)

    async def _sit_out(self, error: ResumebaseError) -> None:
        pause = self._outage.missed(error)
        if self._drain and self._outage.lasted() > self._settings.drain_patience_seconds:
            raise BackendUnavailable(f"gave up: {error}") from error
        await wait_for_event(self._shutdown.requested, pause)

    def _start(self, task: Task, granted_at: float) -> None:
        lease = Lease(
            self._queue, task, seconds=self._settings.lease_seconds, granted_at=granted_at
        )
        run = TaskRun(
            task,
            self._handlers[task.kind],
            self._context,
            queue=self._queue,
            lease=lease,
            shutdown=self._shutdown,
        )
        self._running.add(asyncio.create_task(self._count(run), name=f"task {task.id}"))

    async def _count(self, run: TaskRun) -> None:
        self._outcomes[await run.run()] += 1

    async def _wait_for_a_change(self, seconds: float | None) -> None:
        """Until a task ends, a shutdown is requested, or the time is up."""
        shutdown = asyncio.create_task(self._shutdown.requested.wait())
        await asyncio.wait(
            {shutdown, *self._running}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        shutdown.cancel()

    async def _finish_or_hand_back(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=self._settings.shutdown_grace_seconds)
        self._shutdown.hand_back.set()
        if self._running:
            await asyncio.wait(self._running)
        self._forget_ended()

    def _forget_ended(self) -> None:
        for run in [run for run in self._running if run.done()]:
            self._running.discard(run)
            if not run.cancelled() and (error := run.exception()):
                json_log.error("runner failed", exception=error)


def _refusal_advice(error: BackendRefused) -> str:
    return (
        f"{error}. Check that SUPABASE_SECRET_KEY belongs to SUPABASE_URL and that the migrations "
        "are applied (`resumebase db status`)."
    )
