"""Detached children: starting them, recognising them again, stopping them.

A process is ours only if its pid *and* its start time match the record written when it was
started. A recycled pid is therefore never signalled.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from cli.stack.account import Account
from cli.stack.layout import write_private

_POLL_SECONDS = 0.02
_MARK = "RESUMEBASE_SERVICE"
_LOG_LIMIT_BYTES = 10 * 1024 * 1024

# Children of this very process have to be reaped by it, or they stay visible as zombies.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Record:
    """A process that we started: enough to know it again, in another command or after a crash."""

    name: str
    pid: int
    identity: str


def identity_of(pid: int) -> str | None:
    """Return what tells this process from any later one with the same pid; None if it is gone.

    On Linux that is the boot and the start time in clock ticks since boot, because the wall clock
    that psutil reports moves when the clock is corrected.
    """
    _reap(pid)
    try:
        process = psutil.Process(pid)
        if _has_ended(process):
            return None
        if sys.platform != "linux":
            return f"{process.create_time():.2f}"
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The command name, in parentheses, may itself hold spaces and parentheses.
        return f"{boot}:{stat.rpartition(')')[2].split()[19]}"
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


def is_alive(record: Record) -> bool:
    """Tell whether the recorded process, and no other with its pid, is running."""
    return identity_of(record.pid) == record.identity


def load(run_dir: Path, name: str) -> Record | None:
    """Return the record of service `name`, or None if there is none that can be read."""
    try:
        record = Record(**json.loads((run_dir / f"{name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    usable = (record.name, type(record.pid), type(record.identity)) == (name, int, str)
    return record if usable and record.pid > 0 else None


def save(run_dir: Path, record: Record) -> None:
    """Remember a process; raises OSError."""
    run_dir.mkdir(mode=0o700, exist_ok=True)
    write_private(run_dir / f"{record.name}.json", json.dumps(asdict(record)) + "\n")


def forget(run_dir: Path, name: str) -> None:
    """Drop the record of service `name`; idempotent."""
    (run_dir / f"{name}.json").unlink(missing_ok=True)


def spawn(
    name: str,
    argv: Sequence[str | Path],
    *,
    run_dir: Path,
    log: Path,
    cwd: Path,
    env: Mapping[str, str],
    account: Account | None = None,
) -> Record:
    """Start a detached process whose output goes to `log`, and record it.

    It gets its own session, so that Ctrl-C in the terminal reaches only us. `account` is the user
    to run it as, None for ourselves. Raises OSError.
    """
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            cwd=cwd,
            env={**env, _MARK: mark(run_dir, name)},
            start_new_session=True,
            **(account.popen_options() if account else {}),
        )
    finally:
        os.close(handle)
    _children[child.pid] = child
    record = Record(name, child.pid, identity_of(child.pid) or "ended")
    save(run_dir, record)
    return record


def find_lost(run_dir: Path, name: str) -> Record | None:
    """Return a process that `spawn` started and whose record was lost, or None.

    It carries a mark in its environment; its own helpers inherit that, but lead no session.
    """
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if not _has_mark(process, mark(run_dir, name)):
                continue
            identity = identity_of(process.pid)
            if identity is not None and os.getsid(process.pid) == process.pid:
                return Record(name, process.pid, identity)
    return None


def stop(record: Record, signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """End a process by each signal in turn, giving it the seconds that go with it.

    SIGKILL goes to the whole session, so that helpers of the process end with it. Does nothing
    when the process is no longer the recorded one.
    """
    for number, seconds in signals:
        if not is_alive(record):
            return
        try:
            if number == signal.SIGKILL:
                os.killpg(record.pid, number)
            else:
                os.kill(record.pid, number)
        except ProcessLookupError:
            pass  # it has just ended
        except PermissionError:
            return  # the caller sees that it lives on
        if wait_gone(record, seconds):
            return


def wait_gone(record: Record, seconds: float) -> bool:
    """Wait until the process has ended; False if it still runs after `seconds`."""
    deadline = time.monotonic() + seconds
    while is_alive(record):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def begin_log(log: Path) -> int:
    """Return the byte at which the log of a new process will begin; moves a long log aside."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size <= _LOG_LIMIT_BYTES:
            return log.stat().st_size
        log.replace(log.with_suffix(".log.1"))
    return 0


def said_since(log: Path, offset: int) -> str:
    """Return what a process has logged since `begin_log`; empty while there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(offset)
            return file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def last_lines(text: str, lines: int = 15) -> str:
    """Return the end of `text`: as much of a log as fits into an error message."""
    return "\n".join(text.strip().splitlines()[-lines:])


def tail(log: Path) -> str:
    """Return the last lines of a log, or an empty string if there is none."""
    size = log.stat().st_size if log.exists() else 0
    return last_lines(said_since(log, max(0, size - 16 * 1024)))


def mark(run_dir: Path, name: str) -> str:
    """Return what tells service `name` of this stack from every other process.

    `spawn` puts it into the environment. A program that takes it as an argument as well is found
    where the environment may not be read: as root without CAP_SYS_PTRACE.
    """
    return f"{name}:{run_dir}"


def _has_mark(process: psutil.Process, expected: str) -> bool:
    try:
        return process.environ().get(_MARK) == expected
    except psutil.AccessDenied:
        return any(word.endswith(f"={expected}") for word in process.cmdline())


def _has_ended(process: psutil.Process) -> bool:
    """Tell a zombie that is over from one whose other threads, and open ports, live on a moment."""
    if process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
        return False
    _reap(process.pid)
    threads = Path(f"/proc/{process.pid}/task")
    return not (threads.is_dir() and len(list(threads.iterdir())) > 1)


def _reap(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        _children.pop(pid, None)
