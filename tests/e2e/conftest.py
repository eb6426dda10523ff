"""One stack for all journeys; the first test finds nothing and starts it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

from .installed import ROOT


@pytest.fixture(scope="session")
def stack_options() -> Iterator[list[str]]:
    home = Path(tempfile.mkdtemp(prefix="resumebase-demo-"))
    with pytest.MonkeyPatch.context() as patch:
        # Most of what a journey takes is a worker that waits before it looks again.
        patch.setenv("RESUMEBASE_WORKER_POLL_MAX_SECONDS", "0.1")
        yield ["--state-dir", str(home / "state"), "--port-base", str(free_base())]
    Stack(root=ROOT, state_dir=home / "state").destroy()
    shutil.rmtree(home, ignore_errors=True)
