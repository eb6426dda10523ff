"""The worker of a stack: `resumebase worker run`, kept as a child."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cli.output import CliError
from cli.stack import processes
from cli.stack.layout import Layout
from cli.stack.secrets import StackSecrets

NAME = "worker"
STARTED = '"worker started"'
"""What it logs once its settings are right."""
START_SECONDS = 15.0
SETTLE_SECONDS = 0.3
"""A worker that cannot reach its backend ends within this time after saying that it started."""
# It finishes or hands back its task first, which a parse in its time limit may delay.
STOP_SIGNALS = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))


@dataclass(frozen=True)
class Worker:
    """One worker for the API at `api_url`, in the project at `root`."""

    layout: Layout
    root: Path
    secrets: StackSecrets
    api_url: str

    def start(self) -> processes.Record:
        """Start it and wait until it says that it works; raises CliError `worker-failed`, OSError.

        One that is silent for START_SECONDS but lives on is taken as started.
        """
        log = self.layout.log_file(NAME)
        offset = processes.begin_log(log)
        record = processes.spawn(
            NAME,
            _command(processes.mark(self.layout.run_dir, NAME)),
            run_dir=self.layout.run_dir,
            log=log,
            cwd=self.root,
            env={
                **os.environ,
                "SUPABASE_URL": self.api_url,
                "SUPABASE_SECRET_KEY": self.secrets.secret_key,
                "PYTHONUNBUFFERED": "1",
            },
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and STARTED not in processes.said_since(log, offset):
            if processes.wait_gone(record, 0.05):
                break
        if processes.wait_gone(record, SETTLE_SECONDS):
            processes.forget(self.layout.run_dir, NAME)
            said = processes.last_lines(processes.said_since(log, offset))
            raise CliError(
                "worker-failed",
                f"The worker ended right after its start:\n{said}",
                "The whole story: resumebase logs worker. To go on without it: "
                "resumebase up --without worker",
            )
        return record


def _command(mark: str) -> list[str]:
    # The option means nothing to Python: it is only there to recognise the process.
    python = [sys.executable, "-X", f"service={mark}"]
    script = Path(sys.executable).with_name("resumebase")
    program = [str(script)] if script.exists() else ["-m", "cli.main"]
    return [*python, *program, "worker", "run"]
