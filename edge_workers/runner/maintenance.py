"""The clock that reaps expired leases and runs the jobs of the database that are due."""

import asyncio
import random

from edge_workers import json_log
from edge_workers.errors import BackendUnavailable
from edge_workers.queue_client import QueueClient


async def maintain_once(queue: QueueClient) -> None:
    """One round. A failure is logged and left to the next round."""
    try:
        report = await queue.run_maintenance()
    except BackendUnavailable:
        # The claim loop meets the same outage and speaks of it once.
        return
    except Exception as error:
        # Whatever it is: a clock that stopped would be noticed by nobody.
        json_log.error("maintenance failed", exception=error)
        return
    if report.reaped or report.dead:
        json_log.warning("expired leases reaped", reaped=report.reaped, dead=report.dead)


async def maintain_forever(queue: QueueClient, *, every_seconds: float) -> None:
    """A round every so often, a little apart from other workers; runs until cancelled."""
    while True:
        await asyncio.sleep(every_seconds * random.uniform(0.8, 1.2))
        await maintain_once(queue)
