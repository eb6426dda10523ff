"""What every test of this project shares: one stack of our own, on free ports, for the session."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from cli.stack.ports import free_base
from cli.stack.status import StackStatus
from cli.stack.supervisor import Stack

ROOT = Path(__file__).parent

# The suite tries the same examples each time. `--hypothesis-profile=thorough` tries many new ones.
settings.register_profile("suite", derandomize=True, database=None, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("suite")


# A shell starts background jobs with SIGINT ignored, and every process that the tests start would
# inherit that: those that test Ctrl-C need it heard.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def stack() -> Iterator[StackStatus]:
    """Postgres and the gateway, migrated and seeded; no worker runs, tests start their own."""
    home = Path(tempfile.mkdtemp(prefix="resumebase-tests-"))
    stack = Stack(root=ROOT, state_dir=home / "state", port_base=free_base())
    try:
        yield stack.up(without=frozenset({"worker", "http"}))
    finally:
        stack.destroy()
        shutil.rmtree(home, ignore_errors=True)
