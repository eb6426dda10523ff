"""Client queries keep their plans on tables of ten thousand rows; `make plans` asks a million."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_client_queries__use_an_index_and_ask_for_the_caller_once() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.volume", "--users", "10500", "--resumes", "20000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("none\n") > 30, "positive control: every pattern was asked"
