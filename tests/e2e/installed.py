"""The installed command, as a newcomer runs it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESUMEBASE = Path(sys.executable).with_name("resumebase")


def resumebase(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it in the project, on a wide terminal that is none."""
    return subprocess.run(
        [RESUMEBASE, *words],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "120", **variables},
        capture_output=True,
        text=True,
        timeout=180,
    )
