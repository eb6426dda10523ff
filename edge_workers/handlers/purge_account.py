"""`purge_account`: the files of a deleted account go, and then the database deletes its rows."""

from edge_workers.handlers.handler import Context
from edge_workers.handlers.purging import Purged, remove_files
from edge_workers.queue_client import Task


async def handle(task: Task, context: Context) -> Purged:
    """Remove every file in the folders of the account; `kept` when its owner came back."""
    return await remove_files(task, context)
