"""Only processes that we started are recognised, and only those are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cli.stack import processes
from cli.stack.processes import Record

TERM_THEN_KILL = ((signal.SIGTERM, 0.3), (signal.SIGKILL, 5.0))

Spawn = Callable[[str], Record]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    records = []

    def start(code: str) -> Record:
        record = processes.spawn(
            "service",
            [sys.executable, "-c", code],
            run_dir=tmp_path,
            log=tmp_path / "service.log",
            cwd=tmp_path,
            env={"PATH": os.defpath},
        )
        records.append(record)
        return record

    yield start
    for record in records:
        processes.stop(record, ((signal.SIGKILL, 5.0),))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        pause.wait(0.02)


def says(tmp_path: Path, word: str) -> Callable[[], bool]:
    return lambda: word in processes.tail(tmp_path / "service.log")


SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "helper = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('helper', helper.pid, flush=True); time.sleep(600)"
)


def test_spawn__starts_a_session_of_its_own_and_records_it(spawn: Spawn, tmp_path: Path) -> None:
    record = spawn(SLEEP)
    assert processes.load(tmp_path, "service") == record
    assert processes.is_alive(record)
    assert os.getsid(record.pid) == record.pid
    wait_for(says(tmp_path, "up"))


def test_stop__ends_the_process_and_leaves_no_zombie(spawn: Spawn) -> None:
    record = spawn(SLEEP)
    processes.stop(record, TERM_THEN_KILL)
    assert not processes.is_alive(record)
    assert not psutil.pid_exists(record.pid)


def test_stop__kills_a_process_that_ignores_sigterm_together_with_its_helpers(
    spawn: Spawn, tmp_path: Path
) -> None:
    record = spawn(STUBBORN)
    wait_for(says(tmp_path, "helper"))
    helper = int(processes.tail(tmp_path / "service.log").split()[1])
    processes.stop(record, TERM_THEN_KILL)
    assert not processes.is_alive(record)
    wait_for(lambda: processes.identity_of(helper) is None)


def test_stop__never_signals_a_process_that_got_the_same_pid_later(spawn: Spawn) -> None:
    record = spawn(SLEEP)
    stale = replace(record, identity="an earlier boot:42")
    assert not processes.is_alive(stale)
    processes.stop(stale, TERM_THEN_KILL)
    assert processes.is_alive(record)


def test_is_alive__is_false_after_sigkill(spawn: Spawn) -> None:
    record = spawn(SLEEP)
    os.kill(record.pid, signal.SIGKILL)
    assert processes.wait_gone(record, 5.0)


def test_is_alive__is_false_for_a_zombie_of_somebody_else() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
        assert processes.identity_of(child.pid) is None
    finally:
        child.wait()


def test_identity__is_stable_and_differs_between_processes(spawn: Spawn) -> None:
    first, second = spawn(SLEEP), spawn(SLEEP)
    assert processes.identity_of(first.pid) == first.identity
    assert processes.identity_of(os.getpid()) == processes.identity_of(os.getpid())
    assert first.identity != processes.identity_of(os.getpid())
    assert processes.is_alive(second)


def test_identity__survives_a_command_name_with_spaces_and_parentheses(tmp_path: Path) -> None:
    program = tmp_path / "a) S (b"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([program, "600"])
    try:
        identity = processes.identity_of(child.pid)
        assert identity is not None
        assert identity == processes.identity_of(child.pid)
    finally:
        child.kill()
        child.wait()


def test_find_lost__knows_the_process_without_its_record(spawn: Spawn, tmp_path: Path) -> None:
    record = spawn(STUBBORN)
    wait_for(says(tmp_path, "helper"))
    processes.forget(tmp_path, "service")
    assert processes.find_lost(tmp_path, "service") == record
    assert processes.find_lost(tmp_path, "another service") is None
    assert processes.find_lost(tmp_path / "elsewhere", "service") is None
    processes.stop(record, TERM_THEN_KILL)
    assert processes.find_lost(tmp_path, "service") is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[1]", "5", "null", '{"name": 1, "wrong": 2}'),
        *('{"name": "service", "pid": "5", "identity": "x"}', '{"name": "service", "pid": 5}'),
        '{"name": "service", "pid": true, "identity": "x"}',
        '{"name": "service", "pid": 1.5, "identity": "x"}',
        '{"name": "service", "pid": -1, "identity": "x"}',
        '{"name": "service", "pid": null, "identity": "x"}',
        '{"name": "service", "pid": 5, "identity": ["x"]}',
        '{"name": "another", "pid": 5, "identity": "x"}',
        '{"name": "service", "pid": 5, "identity": "x", "more": 1}',
    ],
)
def test_load__takes_an_unreadable_record_for_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "service.json").write_text(text)
    assert processes.load(tmp_path, "service") is None


def test_forget__drops_the_record_and_may_be_repeated(tmp_path: Path) -> None:
    processes.save(tmp_path, Record("service", 1, "x"))
    processes.forget(tmp_path, "service")
    processes.forget(tmp_path, "service")
    assert processes.load(tmp_path, "service") is None


def test_begin_log__moves_a_long_log_aside(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    assert processes.begin_log(log) == 0
    log.write_text("short\n")
    assert processes.begin_log(log) == 6
    assert processes.said_since(log, 3) == "rt\n"
    with log.open("ab") as file:
        file.truncate(11 * 1024 * 1024)
    assert processes.begin_log(log) == 0
    assert not log.exists()
    assert (tmp_path / "service.log.1").exists()


def test_said_since__is_empty_while_there_is_no_log(tmp_path: Path) -> None:
    assert processes.said_since(tmp_path / "service.log", 0) == ""
    assert processes.tail(tmp_path / "service.log") == ""
