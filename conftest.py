"""What every test of this project shares: one stack of our own, on free ports, for the session."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.stack.status import StackStatus
from cli.stack.supervisor import Stack

ROOT = Path(__file__).parent
PORTS_OF_A_STACK = 3


def free_port_base() -> int:
    """Return the first of three ports in a row that nobody uses on loopback."""
    while True:
        with ExitStack() as probes:
            first = probes.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            base = int(first.getsockname()[1])
            try:
                for offset in range(1, PORTS_OF_A_STACK):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", base + offset))
            except (OSError, OverflowError):
                continue
            return base


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
