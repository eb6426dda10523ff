"""The worker of a stack: `resumebase worker run`, kept as a child."""

from __future__ import annotations

import signal
from collections.abc import Mapping

from cli.stack.own_process import OwnProcess

NAME = "worker"
STARTED = '"worker started"'
"""What it logs once its settings are right."""
START_SECONDS = 15.0
SETTLE_SECONDS = 0.3
"""A worker that cannot reach its backend ends within this time after saying that it started."""
# It finishes or hands back its task first, which a parse in its time limit may delay.
STOP_SIGNALS = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))


def process(variables: Mapping[str, str]) -> OwnProcess:
    """Return the worker as it should run; one that is silent but lives is taken as started."""
    return OwnProcess(
        name=NAME,
        command=("worker", "run"),
        variables=variables,
        is_up=lambda said: STARTED in said,
        patience_seconds=START_SECONDS,
        must_answer=False,
        settle_seconds=SETTLE_SECONDS,
    )
