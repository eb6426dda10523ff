"""Root without CAP_SYS_PTRACE, as in a container, may not look into Postgres: nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from cli.stack import processes
from cli.stack.supervisor import Stack

from .conftest import query

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv"
)
WITHOUT_PTRACE = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
RUNNING = ("postgres", "gateway")


def run(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours as such a root."""
    return subprocess.run(
        [
            *(*WITHOUT_PTRACE, sys.executable, "-m", "cli.main", *words),
            *("--state-dir", str(stack.layout.state_dir), "--json"),
        ],
        cwd=stack.root,
        env={k: v for k, v in os.environ.items() if not k.startswith("RESUMEBASE_")},
        capture_output=True,
        text=True,
        timeout=120,
    )


def lose_records(stack: Stack) -> dict[str, processes.Record | None]:
    lost = {name: processes.load(stack.layout.run_dir, name) for name in RUNNING}
    for name in RUNNING:
        processes.forget(stack.layout.run_dir, name)
    return lost


def test_up__keeps_the_postgres_whose_record_was_lost(stack: Stack) -> None:
    lost = lose_records(stack)["postgres"]
    done = run(stack, "up", "--without", "worker,http")
    assert done.returncode == 0, done.stderr
    assert lost is not None
    assert processes.load(stack.layout.run_dir, "postgres") == lost
    assert (stack.layout.postgres_data / "postmaster.pid").exists()
    assert query(stack.status(), "select count(*) from public.notes where id = 1") == [(1,)]


def test_down__finds_what_a_root_with_all_rights_started(stack: Stack) -> None:
    lost = lose_records(stack)
    done = run(stack, "down")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"stopped": True})
    assert not [record for record in lost.values() if record and processes.is_alive(record)]


def test_unknown_process__is_neither_ignored_nor_harmed(stack: Stack) -> None:
    """As when Postgres was started by hand, without our command line."""
    stack.down()
    pid_file = stack.layout.postgres_data / "postmaster.pid"
    owner = stack.layout.postgres_data.stat().st_uid
    unknown = subprocess.Popen(
        ["postgres", "-c", "read line"],
        executable="/bin/sh",
        cwd="/",
        stdin=subprocess.PIPE,
        user=owner,
    )
    try:
        pid_file.write_text(f"{unknown.pid}\n")
        for words in (("down",), ("up", "--without", "worker,http")):
            done = run(stack, *words)
            error = json.loads(done.stderr.strip().splitlines()[-1])
            assert (done.returncode, error["code"]) == (1, "data-in-use"), done.stderr
            assert str(unknown.pid) in error["message"] + error["hint"]
            assert done.stdout == ""
        assert unknown.poll() is None
        assert pid_file.exists()
    finally:
        unknown.kill()
        unknown.communicate()
        pid_file.unlink()
