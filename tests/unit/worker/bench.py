"""A worker on the workbench: the real one, with handlers and timings of the test's choice."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import BaseModel

from edge_workers.handlers.handler import Context, Handler
from edge_workers.queue_client import QueueClient, Task
from edge_workers.runner.shutdown import Shutdown
from edge_workers.runner.task_run import Outcome
from edge_workers.runner.worker import Worker
from edge_workers.settings import Settings
from edge_workers.supabase_client import open_supabase_client

from .backend import SECRET_KEY, Backend
from .fake_queue import DEADLINE_SECONDS

Meanwhile = Callable[[Shutdown], Awaitable[None]]


class Echo(BaseModel):
    """A result that repeats the payload."""

    said: Any


async def echo(task: Task, _context: Context) -> Echo:
    return Echo(said=task.payload.get("say"))


def quick_settings(backend: Backend, **changes: Any) -> Settings:
    """Settings with short pauses. `changes` may go below what a real worker accepts."""
    settings = Settings(supabase_url=backend.url, supabase_secret_key=SECRET_KEY)
    quick = {
        "poll_min_seconds": 0.01,
        "poll_max_seconds": 0.05,
        "retry_min_seconds": 0.01,
        "retry_max_seconds": 0.05,
        "shutdown_grace_seconds": 5.0,
    }
    return settings.model_copy(update=quick | changes)


def work(
    backend: Backend,
    handlers: Mapping[str, Handler],
    *,
    meanwhile: Meanwhile | None = None,
    **changes: Any,
) -> Mapping[Outcome, int]:
    """Run a worker: until the queue is drained, or beside `meanwhile`, which asks it to stop."""
    return asyncio.run(_work(quick_settings(backend, **changes), handlers, meanwhile))


async def _work(
    settings: Settings, handlers: Mapping[str, Handler], meanwhile: Meanwhile | None
) -> Mapping[Outcome, int]:
    shutdown = Shutdown()
    async with asyncio.timeout(3 * DEADLINE_SECONDS), open_supabase_client(settings) as client:
        worker = Worker(
            queue=QueueClient(client, worker_name="bench"),
            handlers=handlers,
            context=Context(supabase=client, settings=settings),
            shutdown=shutdown,
            drain=meanwhile is None,
        )
        if meanwhile is None:
            return await worker.run()
        outcomes, _ = await asyncio.gather(worker.run(), meanwhile(shutdown))
        return outcomes


async def until(backend: Backend, condition: Callable[[], bool]) -> None:
    """Wait for a state of the backend without stopping the worker."""
    await asyncio.to_thread(backend.wait_until, condition)
