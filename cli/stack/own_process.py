"""A service that is a `resumebase` command of its own: the worker, the HTTP service."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.output import CliError
from cli.stack import processes
from cli.stack.layout import Layout

POLL_SECONDS = 0.05
TITLES = {"worker": "worker", "http": "HTTP service"}


@dataclass(frozen=True)
class OwnProcess:
    """How to start one and how to see that it has started.

    `command` are the words after `resumebase`, `variables` its whole environment. `is_up` is asked,
    with what it has logged so far, whether it works; after `patience_seconds` without a yes the
    process has failed, if `must_answer`, or is taken as started. One that ends within
    `settle_seconds` after its yes has failed too.
    """

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    is_up: Callable[[str], bool]
    patience_seconds: float
    must_answer: bool
    settle_seconds: float = 0.0


@dataclass(frozen=True)
class Starting:
    """A process that was started; it may take a moment until it works, or end at once."""

    process: OwnProcess
    record: processes.Record
    layout: Layout
    log_offset: int

    def wait(self) -> None:
        """Wait until it works; raises CliError `<name>-failed` with what it said last."""
        one, log = self.process, self.layout.log_file(self.process.name)
        deadline = time.monotonic() + one.patience_seconds
        ended, works = False, False
        while not (ended or works) and time.monotonic() < deadline:
            works = one.is_up(processes.said_since(log, self.log_offset))
            ended = not works and processes.wait_gone(self.record, POLL_SECONDS)
        if ended or processes.wait_gone(self.record, one.settle_seconds):
            self._fail(log, "ended right after its start")
        if one.must_answer and not works:
            self._fail(log, f"did not answer within {one.patience_seconds:.0f} seconds")

    def _fail(self, log: Path, how: str) -> None:
        name = self.process.name
        if not processes.is_alive(self.record):
            processes.forget(self.layout.run_dir, name)
        said = processes.last_lines(processes.said_since(log, self.log_offset))
        raise CliError(
            f"{name}-failed",
            f"The {TITLES[name]} {how}:\n{said}",
            f"The whole story: resumebase logs {name}. To go on without it: "
            f"resumebase up --without {name}",
        )


def start(process: OwnProcess, *, layout: Layout, root: Path) -> Starting:
    """Start it in the project at `root`, without waiting; raises OSError."""
    log = layout.log_file(process.name)
    offset = processes.begin_log(log)
    record = processes.spawn(
        process.name,
        _command(processes.mark(layout.run_dir, process.name), process.command),
        run_dir=layout.run_dir,
        log=log,
        cwd=root,
        env=process.variables,
    )
    return Starting(process, record, layout, offset)


def _command(mark: str, words: tuple[str, ...]) -> list[str]:
    # The option means nothing to Python: it is only there to recognise the process.
    python = [sys.executable, "-X", f"service={mark}"]
    script = Path(sys.executable).with_name("resumebase")
    program = [str(script)] if script.exists() else ["-m", "cli.main"]
    return [*python, *program, *words]
