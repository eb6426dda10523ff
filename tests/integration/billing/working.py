"""A worker of this process that works the queue of the stack empty."""

import asyncio
from collections.abc import Collection

from cli.stack.status import StackStatus
from edge_workers.handlers.handler import Context
from edge_workers.handlers.registry import HANDLERS
from edge_workers.queue_client import QueueClient
from edge_workers.runner.shutdown import Shutdown
from edge_workers.runner.worker import Worker
from edge_workers.settings import BillingSettings, Settings
from edge_workers.supabase_client import open_supabase_client


def work(stack: StackStatus, billing: BillingSettings, kinds: Collection[str]) -> dict[str, int]:
    """Work on tasks of these kinds until none is ready; gives how attempts ended."""
    return asyncio.run(_work(stack, billing, kinds))


async def _work(
    stack: StackStatus, billing: BillingSettings, kinds: Collection[str]
) -> dict[str, int]:
    settings = Settings(supabase_url=stack.api_url, supabase_secret_key=stack.secret_key)
    async with open_supabase_client(settings) as client:
        worker = Worker(
            queue=QueueClient(client, worker_name="test"),
            handlers={kind: HANDLERS[kind] for kind in kinds},
            context=Context(supabase=client, settings=settings, billing=billing),
            shutdown=Shutdown(),
            drain=True,
        )
        return {str(outcome): count for outcome, count in (await worker.run()).items()}
