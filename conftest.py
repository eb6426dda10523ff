"""What every test of this project shares: one stack of our own, on free ports, for the session."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from cli.stack.status import StackStatus
from rlstests.own_stack import scratch_stack

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
    with scratch_stack() as status:
        yield status
