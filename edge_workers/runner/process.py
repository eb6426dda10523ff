"""A worker as a process: settings, client, signals and logs put together."""

import asyncio
import os
import secrets
import socket
from collections.abc import Collection, Mapping

from edge_workers import json_log
from edge_workers.errors import ConfigurationError, ResumebaseError
from edge_workers.handlers.handler import Context, Handler
from edge_workers.handlers.registry import HANDLERS
from edge_workers.queue_client import QueueClient
from edge_workers.runner.shutdown import Shutdown
from edge_workers.runner.task_run import Outcome
from edge_workers.runner.worker import Worker
from edge_workers.settings import BillingSettings, Settings
from edge_workers.supabase_client import open_supabase_client


def run_worker_process(
    settings: Settings,
    *,
    billing: BillingSettings | None = None,
    kinds: Collection[str] = (),
    drain: bool = False,
) -> Mapping[Outcome, int]:
    """Be a worker until SIGTERM or SIGINT, or, with `drain`, until no ready task is left.

    `billing` are the accounts at the payment providers, those of the environment without it.
    `kinds` narrows the work to these task kinds; empty means all. Logs JSON lines to stderr. Gives
    how many attempts ended in which way. Raises ConfigurationError for unknown kinds and for an
    address, a key or a database that cannot work, and BackendUnavailable when a draining worker
    has waited for the backend too long.
    """
    handlers = _handlers_of(kinds)
    billing = billing or BillingSettings.from_environment()
    json_log.configure(
        secrets=[settings.supabase_secret_key.get_secret_value(), *billing.secrets()]
    )
    return asyncio.run(_work(settings, billing, handlers, drain=drain))


def _handlers_of(kinds: Collection[str]) -> Mapping[str, Handler]:
    if unknown := sorted(set(kinds) - HANDLERS.keys()):
        known = ", ".join(sorted(HANDLERS))
        raise ConfigurationError(f"unknown task kind {', '.join(unknown)}; known: {known}")
    return {kind: HANDLERS[kind] for kind in (kinds or HANDLERS)}


def _worker_name() -> str:
    # A process id comes again after a crash or in another container of the same name.
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


async def _work(
    settings: Settings,
    billing: BillingSettings,
    handlers: Mapping[str, Handler],
    *,
    drain: bool,
) -> Mapping[Outcome, int]:
    shutdown = Shutdown()
    shutdown.listen_to_signals()
    name = _worker_name()
    json_log.info(
        "worker started",
        worker=name,
        supabase_url=settings.supabase_url,
        kinds=sorted(handlers),
        concurrency=settings.concurrency,
        drain=drain,
    )
    try:
        async with open_supabase_client(settings) as client:
            worker = Worker(
                queue=QueueClient(client, worker_name=name),
                handlers=handlers,
                context=Context(supabase=client, settings=settings, billing=billing),
                shutdown=shutdown,
                drain=drain,
            )
            outcomes = await worker.run()
    except ResumebaseError as error:
        json_log.error("worker stopped", worker=name, exception=error)
        raise
    json_log.info("worker stopped", worker=name, outcomes=dict(outcomes))
    return outcomes
