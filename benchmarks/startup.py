"""How long a person waits: the command line, the stack cold and warm, one résumé.

    make bench

Prints a table of medians over a few runs, and each as a ratio to the start of a bare Python. Times
are whole processes, so they include what the shell's user feels. Nothing is asserted.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

ROOT = Path(__file__).resolve().parent.parent
RESUMEBASE = ROOT / ".venv" / "bin" / "resumebase"
EXAMPLE = ROOT / "examples" / "resumes" / "backend-engineer.pdf"
RUNS = 5


def run(*command: object) -> None:
    """Run a command and insist that it succeeds."""
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True, capture_output=True)


def seconds(work: Callable[[], object]) -> float:
    """Return how long the work takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    state_dir = Path(tempfile.mkdtemp(prefix="resumebase-bench-")) / "state"
    stack = ("--state-dir", state_dir, "--port-base", free_base())

    def down() -> None:
        run(RESUMEBASE, "down", *stack[:2])

    def from_nothing() -> float:
        Stack(root=ROOT, state_dir=state_dir).destroy()
        measured = seconds(lambda: run(RESUMEBASE, "up", *stack))
        down()
        return measured

    def from_stopped(*without: str) -> float:
        measured = seconds(lambda: run(RESUMEBASE, "up", *stack, *without))
        down()
        return measured

    try:
        rows = {
            "python -c pass": [
                seconds(lambda: run(sys.executable, "-c", "pass")) for _ in range(RUNS)
            ],
            "resumebase --help": [seconds(lambda: run(RESUMEBASE, "--help")) for _ in range(RUNS)],
            "resumebase resume parse (PDF)": [
                seconds(lambda: run(RESUMEBASE, "resume", "parse", EXAMPLE, "--json"))
                for _ in range(RUNS)
            ],
            "up: from nothing to migrated": [from_nothing() for _ in range(3)],
            "up: stopped stack with data": [from_stopped() for _ in range(3)],
            "… without the HTTP service": [from_stopped("--without", "http") for _ in range(3)],
        }
        run(RESUMEBASE, "up", *stack)
        rows["up: running stack"] = [
            seconds(lambda: run(RESUMEBASE, "up", *stack)) for _ in range(RUNS)
        ]
        down()
    finally:
        Stack(root=ROOT, state_dir=state_dir).destroy()
        shutil.rmtree(state_dir.parent, ignore_errors=True)
    base = statistics.median(rows["python -c pass"])
    sys.stdout.write(f"{'':32}{'median s':>10}{'ratio':>8}\n")
    for name, times in rows.items():
        median = statistics.median(times)
        sys.stdout.write(f"{name:32}{median:>10.3f}{median / base:>8.1f}\n")


if __name__ == "__main__":
    main()
