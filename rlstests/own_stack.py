"""Stacks that nobody else uses: migrated, seeded, gone afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.rows import DictRow, dict_row

from cli.stack.ports import free_base
from cli.stack.status import StackStatus
from cli.stack.supervisor import Stack

ROOT = Path(__file__).parent.parent


@contextmanager
def scratch_stack() -> Iterator[StackStatus]:
    """Start Postgres and the gateway on free ports, migrated and seeded; gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="resumebase-tests-"))
    stack = Stack(root=ROOT, state_dir=home / "state", port_base=free_base())
    try:
        yield stack.up(without=frozenset({"worker", "http"}))
    finally:
        stack.destroy()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def migrated_database() -> Iterator[psycopg.Connection[DictRow]]:
    """Start a stack, and give a connection to its database."""
    with (
        scratch_stack() as status,
        psycopg.connect(status.db_url, row_factory=dict_row) as connection,
    ):
        yield connection
