"""One attempt at one task: handle it while the lease is kept, then tell the queue how it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from time import monotonic
from typing import Any, TypeVar

from pydantic import BaseModel

from edge_workers import json_log
from edge_workers.errors import (
    BackendUnavailable,
    ResumebaseError,
    RetryLater,
    StaleLease,
    TaskFailed,
)
from edge_workers.handlers.handler import Context, Handler
from edge_workers.queue_client import QueueClient, Task
from edge_workers.runner.backoff import Backoff, wait_for_event
from edge_workers.runner.lease import Lease
from edge_workers.runner.shutdown import Shutdown

_T = TypeVar("_T")

OUR_FAULT = "Something went wrong on our side. Please try again later."
NO_ANSWER = "Our storage did not answer. Please try again later."
TOO_SLOW = "This took too long and was stopped. Please try again later."


class Outcome(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    RETRY = "retry"  # failed; the queue tries again
    DEAD = "dead"  # failed for good
    RELEASED = "released"  # handed back at a shutdown
    DROPPED = "dropped"  # the lease was lost: somebody else has the task
    UNDELIVERED = "undelivered"  # the queue could not be told; the reaper takes the task back


class TaskRun:
    """Runs one claimed task to its end."""

    def __init__(
        self,
        task: Task,
        handler: Handler,
        context: Context,
        *,
        queue: QueueClient,
        lease: Lease,
        shutdown: Shutdown,
    ) -> None:
        self._task = task
        self._handler = handler
        self._context = context
        self._queue = queue
        self._lease = lease
        self._shutdown = shutdown
        self._started_at = monotonic()

    async def run(self) -> Outcome:
        """Handle the task and report the outcome; raises nothing that the handler raised."""
        try:
            outcome = await self._handle_and_report()
        except StaleLease:
            # After a lost answer this can also mean that the first try was stored.
            outcome = Outcome.DROPPED
        except ResumebaseError as error:
            json_log.error("queue not told", exception=error, **self._task.log_fields())
            outcome = Outcome.UNDELIVERED
        duration_ms = round((monotonic() - self._started_at) * 1000)
        json_log.info(f"task {outcome}", **self._task.log_fields(), duration_ms=duration_ms)
        return outcome

    async def _handle_and_report(self) -> Outcome:
        if self._shutdown.requested.is_set():
            return await self._release()
        json_log.info("task started", **self._task.log_fields())
        work = asyncio.ensure_future(self._handler(self._task, self._context))
        lease_lost = asyncio.create_task(self._lease.keep())
        hand_back = asyncio.create_task(self._shutdown.hand_back.wait())
        watched: set[asyncio.Future[Any]] = {work, lease_lost, hand_back}
        limit = self._context.settings.task_timeout_seconds
        try:
            ended, _ = await asyncio.wait(
                watched, timeout=limit, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for each in watched:
                each.cancel()
            await asyncio.gather(*watched, return_exceptions=True)
        if work in ended:
            return await self._report_end_of(work)
        if lease_lost in ended:
            lease_lost.result()
            return Outcome.DROPPED
        if hand_back in ended:
            return await self._release()
        return await self._fail(RetryLater(TOO_SLOW))

    async def _report_end_of(self, work: asyncio.Future[BaseModel]) -> Outcome:
        try:
            result = work.result().model_dump(mode="json")
        except (Exception, asyncio.CancelledError) as error:
            # Nobody here cancelled it, so a cancellation is the handler's own fault as well.
            return await self._fail(error)
        try:
            await self._report(lambda: self._queue.complete(self._task, result))
        except (BackendUnavailable, StaleLease):
            raise
        except Exception as error:
            return await self._fail(error)
        return Outcome.DONE

    async def _fail(self, error: BaseException) -> Outcome:
        fields = self._task.log_fields()
        if isinstance(error, TaskFailed):
            message, retryable = str(error), error.retryable
            json_log.info("attempt failed", **fields, reason=type(error).__name__)
        elif isinstance(error, BackendUnavailable):
            message, retryable = NO_ANSWER, True
            json_log.warning("attempt failed", **fields, reason=str(error))
        else:
            message, retryable = OUR_FAULT, True
            json_log.error("attempt failed", exception=error, **fields)
        return Outcome(
            await self._report(
                lambda: self._queue.fail(self._task, error=message, retryable=retryable)
            )
        )

    async def _release(self) -> Outcome:
        await self._report(lambda: self._queue.release(self._task))
        return Outcome.RELEASED

    async def _report(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Make the call until it is answered, for as long as the lease lives."""
        settings = self._context.settings
        retry = Backoff(settings.retry_min_seconds, settings.retry_max_seconds)
        while True:
            last_time = self._shutdown.hand_back.is_set()
            try:
                async with asyncio.timeout(max(self._lease.remaining(), 0)):
                    return await call()
            except TimeoutError:
                raise BackendUnavailable("the lease ended before the queue answered") from None
            except BackendUnavailable:
                pause = retry.next_pause()
                if last_time or pause >= self._lease.remaining():
                    raise
            await wait_for_event(self._shutdown.hand_back, pause)
