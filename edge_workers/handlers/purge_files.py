"""`purge_files`: files go whose rows the retention policies or their owner deleted."""

from edge_workers.handlers.handler import Context
from edge_workers.handlers.purging import Purged, remove_files
from edge_workers.queue_client import Task


async def handle(task: Task, context: Context) -> Purged:
    """Remove the files that the task names, but for those that a résumé still uses."""
    return await remove_files(task, context)
