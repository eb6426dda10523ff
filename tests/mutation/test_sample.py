"""A few mutants of different kinds, run the way `make mutants` runs all of them."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = 12


def run(*options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rlstests.mutation", *map(str, options)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_sample_of_mutants__is_noticed(tmp_path: Path) -> None:
    file, page = tmp_path / "found.json", tmp_path / "mutation.md"
    done = run("--sample", SAMPLE, "--json", file, "--markdown", page)
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    unnoticed = [r for r in found.get("results", []) if r["outcome"] != "killed"]
    assert (done.returncode, unnoticed) == (0, []), done.stdout + done.stderr
    assert len(found["results"]) == len({r["mutant"].partition(":")[0] for r in found["results"]})
    assert len(found["results"]) == SAMPLE
    assert "| all | 12 | 12 |" in page.read_text(encoding="utf-8")
