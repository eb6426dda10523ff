"""A database of our own for commands that read the catalogue: migrated, seeded, gone afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.rows import DictRow, dict_row

from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

ROOT = Path(__file__).parent.parent


@contextmanager
def migrated_database() -> Iterator[psycopg.Connection[DictRow]]:
    """Start a stack, and give a connection to its database."""
    home = Path(tempfile.mkdtemp(prefix="resumebase-catalogue-"))
    stack = Stack(root=ROOT, state_dir=home / "state", port_base=free_base())
    try:
        status = stack.up(without=frozenset({"worker", "http"}))
        with psycopg.connect(status.db_url, row_factory=dict_row) as connection:
            yield connection
    finally:
        stack.destroy()
        shutil.rmtree(home, ignore_errors=True)
