"""The worker as a process: its first line, its signals, its exit."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from edge_workers.handlers.registry import HANDLERS

from .backend import SECRET_KEY, Backend, Fault
from .fake_queue import DEADLINE_SECONDS, Queued

PROGRAM = (
    "from edge_workers.runner.process import run_worker_process\n"
    "from edge_workers.settings import Settings\n"
    "run_worker_process(Settings.from_environment())\n"
)


@contextmanager
def running_worker(backend: Backend, **variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "SUPABASE_URL": backend.url,
        "SUPABASE_SECRET_KEY": SECRET_KEY,
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def end_of(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Wait for the process to end; gives its log lines."""
    _, errors = process.communicate(timeout=2 * DEADLINE_SECONDS)
    assert SECRET_KEY not in errors
    return [json.loads(line) for line in errors.splitlines()]


def stuck_task(backend: Backend) -> Queued:
    """A task whose download gets no answer before the end of the test."""
    user = str(uuid.uuid4())
    backend.faults["download"].append(Fault.HANG)
    path = f"{user}/{uuid.uuid4()}.pdf"
    return backend.enqueue(
        "resume_parse", user_id=user, resume_id=str(uuid.uuid4()), file_path=path
    )


@pytest.mark.parametrize("wanted", [signal.SIGTERM, signal.SIGINT])
def test_signal__hands_the_running_task_back_and_ends_well(backend, wanted):
    task = stuck_task(backend)
    with running_worker(backend, RESUMEBASE_WORKER_SHUTDOWN_GRACE_SECONDS="0.1") as process:
        backend.wait_until(lambda: bool(backend.called("download")))
        process.send_signal(wanted)
        lines = end_of(process)
    assert process.returncode == 0
    assert (task.state, task.attempt) == ("ready", 0)
    events = [line["event"] for line in lines]
    assert events == [
        "worker started",
        "task started",
        "shutdown requested",
        "task released",
        "worker stopped",
    ]
    assert lines[2]["reason"] == wanted.name
    assert lines[4]["outcomes"] == {"released": 1}


def test_first_line__names_the_worker_its_kinds_and_its_concurrency(backend):
    with running_worker(backend, RESUMEBASE_WORKER_CONCURRENCY="3") as process:
        backend.wait_until(lambda: bool(backend.called("claim_tasks")))
        process.terminate()
        first, *_ = end_of(process)
    assert first["event"] == "worker started"
    assert (first["kinds"], first["concurrency"]) == (sorted(HANDLERS), 3)
    assert first["supabase_url"] == backend.url
    assert first["worker"] == backend.called("claim_tasks")[0].params["p_worker"]
    assert f":{process.pid}:" in first["worker"]


def test_second_signal__ends_the_process_at_once(backend):
    task = stuck_task(backend)
    with running_worker(backend, RESUMEBASE_WORKER_SHUTDOWN_GRACE_SECONDS="1000") as process:
        backend.wait_until(lambda: bool(backend.called("download")))
        process.terminate()
        assert process.stderr is not None
        # Its own word that the first signal has arrived.
        while "shutdown requested" not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        assert process.wait(DEADLINE_SECONDS) == -signal.SIGTERM
    assert task.state == "leased"


def test_idle_worker__ends_at_once_on_a_signal(backend):
    with running_worker(backend, RESUMEBASE_WORKER_POLL_MAX_SECONDS="1000") as process:
        backend.wait_until(lambda: len(backend.called("claim_tasks")) >= 3)
        process.terminate()
        lines = end_of(process)
    assert process.returncode == 0
    assert lines[-1]["event"] == "worker stopped"
