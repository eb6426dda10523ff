"""What every test of this project shares: one stack of our own, on free ports, for the session."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.stack.status import StackStatus
from cli.stack.supervisor import Stack
from tests.ports import free_port_base

ROOT = Path(__file__).parent


@pytest.fixture(scope="session")
def stack() -> Iterator[StackStatus]:
    """Postgres and the gateway, migrated and seeded; no worker runs, tests start their own."""
    home = Path(tempfile.mkdtemp(prefix="resumebase-tests-"))
    stack = Stack(root=ROOT, state_dir=home / "state", port_base=free_port_base())
    try:
        yield stack.up(without=frozenset({"worker", "http"}))
    finally:
        stack.down()
        shutil.rmtree(home, ignore_errors=True)
