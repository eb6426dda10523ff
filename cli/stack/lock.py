"""One command at a time may change a stack; others wait for it, and are told for whom."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.output import CliError
from cli.stack.layout import OnStep

WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.1


@contextmanager
def exclusive(
    lock_file: Path,
    purpose: str,
    on_step: OnStep,
    wait_seconds: float = WAIT_SECONDS,
) -> Iterator[None]:
    """Hold the lock of a stack for the length of a `with` block.

    The kernel frees it when the process ends, however it ends. Raises CliError `stack-busy` when
    another command still holds it after `wait_seconds`.
    """
    handle = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(handle, on_step, wait_seconds)
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"pid": os.getpid(), "purpose": purpose}).encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _acquire(handle: int, on_step: OnStep, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    announced = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = _holder(handle)
        if not announced:
            on_step(f"waiting for {holder}")
            announced = True
        if time.monotonic() > deadline:
            raise CliError(
                "stack-busy",
                f"This stack is being changed by {holder}.",
                "Wait until it has finished, or stop it, and run this again.",
            )
        time.sleep(_POLL_SECONDS)


def _holder(handle: int) -> str:
    try:
        raw = json.loads(os.pread(handle, 4096, 0))
        return f"resumebase {raw['purpose']} (pid {raw['pid']})"
    except (ValueError, KeyError, TypeError):
        return "another command"
