"""`up --foreground`: stay with the services, show what they log, stop them at the end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from cli.output import CliError
from cli.stack import processes
from cli.stack.status import StackStatus
from cli.stack.supervisor import Stack

_POLL_SECONDS = 0.3


def run_attached(
    stack: Stack,
    without: frozenset[str],
    *,
    on_step: Callable[[str], None],
    on_ready: Callable[[StackStatus], None],
) -> None:
    """Bring the stack up and stay until Ctrl-C or SIGTERM, then stop every service.

    Log lines go to `on_step` with the service's name before them. Raises CliError `service-died`
    when a service ends on its own; the others are stopped first.
    """
    with _stop_signals() as signals:
        logs = _LogFollower(stack.log_files())
        status = stack.up(without=without, on_step=on_step)
        signals.interrupt = False
        try:
            on_ready(status)
            while status.state == "running" and not signals.stop.wait(_POLL_SECONDS):
                for line in logs.new_lines():
                    on_step(line)
                status = stack.status()
        finally:
            stack.down(on_step=on_step)
    dead = [name for name, found in status.services.items() if found.state == "dead"]
    if dead and not signals.stop.is_set():
        raise CliError(
            "service-died",
            f"{dead[0]} ended on its own; the other services were stopped:\n"
            f"{processes.tail(stack.log_files()[dead[0]])}",
            f"The whole story: resumebase logs {dead[0]}",
        )


class _StopSignals:
    """SIGINT and SIGTERM: an interruption while the stack comes up, afterwards a wish to stop."""

    def __init__(self) -> None:
        self.interrupt = True
        self.stop = threading.Event()

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.stop.set()
        if self.interrupt:
            self.interrupt = False
            raise KeyboardInterrupt


@contextmanager
def _stop_signals() -> Iterator[_StopSignals]:
    handler = _StopSignals()
    previous = {
        number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield handler
    finally:
        for number, old in previous.items():
            signal.signal(number, old)


class _LogFollower:
    """Reads what was added to log files since it last looked, or since it was made."""

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files
        self._offsets = {name: _size(file) for name, file in files.items()}

    def new_lines(self) -> Iterator[str]:
        """Yield complete new lines, each after the name of its service."""
        for name, file in self._files.items():
            size = _size(file)
            if size < self._offsets[name]:
                self._offsets[name] = 0
            if size == self._offsets[name]:
                continue
            with file.open("rb") as handle:
                handle.seek(self._offsets[name])
                complete = handle.read().rpartition(b"\n")
            self._offsets[name] += len(complete[0]) + len(complete[1])
            for line in complete[0].decode("utf-8", errors="replace").splitlines():
                yield f"{name:>8} | {line}"


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
