"""A process is taken for the server of a data directory, for another, or for unknown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.stack import postmaster

NOBODY = 65534
WITHOUT_PTRACE = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
PROBE = """
import sys
from pathlib import Path
from cli.stack import postmaster
print(postmaster.serves(Path(sys.argv[1]), int(sys.argv[2])))
"""

Start = Callable[..., int]

as_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv"
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.fixture
def start() -> Iterator[Start]:
    """Give a way to start a program that calls itself what the test says, and waits."""
    children = []

    def run(*words: str, name: str = "postgres", cwd: Path = Path("/"), user: int = -1) -> int:
        child = subprocess.Popen(
            [name, "-c", "read line", *words],
            executable="/bin/sh",
            cwd=cwd,
            stdin=subprocess.PIPE,
            user=user if user >= 0 else None,
        )
        children.append(child)
        return child.pid

    yield run
    for child in children:
        child.kill()
        child.communicate()


def write_pid(data: Path, text: str) -> None:
    (data / "postmaster.pid").write_text(text)


def probe(data: Path, pid: int) -> str:
    """Ask as root without CAP_SYS_PTRACE, as in a container."""
    command = [*WITHOUT_PTRACE, sys.executable, "-c", PROBE, str(data), str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_server_pid__is_that_of_the_process_that_works_in_the_data(
    data: Path, start: Start
) -> None:
    pid = start(cwd=data)
    write_pid(data, f"{pid}\n{data}\n")
    assert postmaster.server_pid(data) == pid


def test_server_pid__is_none_for_another_program(data: Path, start: Start) -> None:
    write_pid(data, f"{start()}\n")
    assert postmaster.server_pid(data) is None


def test_server_pid__is_none_for_a_process_that_is_gone(data: Path) -> None:
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    write_pid(data, f"{child.pid}\n")
    assert postmaster.server_pid(data) is None
    assert not postmaster.exists(child.pid)


@pytest.mark.parametrize("text", [None, "", "half", "-1\n", "0\n"])
def test_pid_in_file__is_none_without_a_usable_number(data: Path, text: str | None) -> None:
    if text is not None:
        write_pid(data, text)
    assert postmaster.pid_in_file(data) is None


@as_root
def test_serves__without_ptrace_goes_by_owner_and_command_line(data: Path, start: Start) -> None:
    os.chown(data, NOBODY, NOBODY)
    assert probe(data, start("-D", str(data), user=NOBODY)) == "True"
    assert probe(data, start("-D", "/elsewhere", user=NOBODY)) == "False"
    assert probe(data, start("-D", str(data), name="sleep", user=NOBODY)) == "False"
    assert probe(data, start("-D", str(data), user=NOBODY - 1)) == "False"


@as_root
def test_serves__without_ptrace_says_when_it_cannot_tell(data: Path, start: Start) -> None:
    os.chown(data, NOBODY, NOBODY)
    assert probe(data, start(user=NOBODY)) == "None"
