"""One command at a time changes a stack; the other is told whom it waits for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.output import CliError
from cli.stack.lock import exclusive

HOLDER = """
import sys
from pathlib import Path
from cli.stack.lock import exclusive
with exclusive(Path(sys.argv[1]), "reset", print):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.communicate()


def test_lock__says_who_holds_it_when_the_wait_is_over(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    steps: list[str] = []
    with pytest.raises(CliError) as caught, exclusive(tmp_path / "lock", "up", steps.append, 0.2):
        pytest.fail("the lock was given twice")
    assert caught.value.code == "stack-busy"
    assert f"resumebase reset (pid {holder.pid})" in caught.value.message
    assert steps == [f"waiting for resumebase reset (pid {holder.pid})"]


def test_lock__is_free_again_as_soon_as_its_holder_is_killed(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    def kill(_step: str) -> None:
        holder.kill()

    with exclusive(tmp_path / "lock", "up", kill, 10.0):
        assert holder.wait(5) == -9


def test_lock__is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), exclusive(tmp_path / "lock", "up", print):
        raise ValueError("inside")
    with exclusive(tmp_path / "lock", "up", print, 0.0):
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
