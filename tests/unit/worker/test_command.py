"""`resumebase worker run`, as far as it comes without a stack."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .backend import SECRET_KEY, Backend


def resumebase(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    without = {name: value for name, value in os.environ.items() if "SUPABASE" not in name}
    command = Path(sys.executable).with_name("resumebase")
    return subprocess.run(
        [command, *arguments],
        env={**without, **variables},
        capture_output=True,
        text=True,
        timeout=30,
        cwd=Path(__file__).parent,
    )


def variables(backend: Backend, **more: str) -> dict[str, str]:
    return {"SUPABASE_URL": backend.url, "SUPABASE_SECRET_KEY": SECRET_KEY, **more}


def error_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return json.loads(done.stderr.splitlines()[-1])


def test_drain__of_an_empty_queue_ends_well_and_reports(backend):
    done = resumebase("worker", "run", "--drain", "--json", **variables(backend))
    assert (done.returncode, json.loads(done.stdout)) == (0, {"outcomes": {}})


def test_options__reach_the_worker(backend):
    arguments = ["--drain", "--kinds", " resume_parse ,", "--concurrency", "2"]
    done = resumebase("worker", "run", *arguments, **variables(backend))
    assert done.returncode == 0
    [claim] = backend.called("claim_tasks")
    assert (claim.params["p_kinds"], claim.params["p_limit"]) == (["resume_parse"], 2)


def test_unknown_kind__is_refused_with_the_known_ones(backend):
    done = resumebase("worker", "run", "--kinds", "dishes", "--json", **variables(backend))
    assert done.returncode == 2
    assert error_of(done)["code"] == "usage"
    assert "resume_parse" in error_of(done)["message"]
    assert not backend.calls


@pytest.mark.parametrize("key", ["", "sb_publishable_hunter2"])
def test_wrong_key__is_explained_before_anything_is_sent(backend, key):
    done = resumebase("worker", "run", "--json", **variables(backend, SUPABASE_SECRET_KEY=key))
    assert done.returncode == 1
    assert error_of(done)["message"].startswith("SUPABASE_SECRET_KEY")
    assert "hunter2" not in done.stderr
    assert not backend.calls


def test_without_an_address__it_is_the_chosen_stack_that_must_run(tmp_path):
    done = resumebase("worker", "run", "--json", "--state-dir", str(tmp_path / "none"))
    assert done.returncode == 1
    assert error_of(done)["code"] == "stack-not-running"


def test_drain_without_a_backend__fails_after_its_patience(backend):
    backend.stop()
    done = resumebase(
        "worker",
        "run",
        "--drain",
        "--json",
        **variables(backend, RESUMEBASE_WORKER_DRAIN_PATIENCE_SECONDS="0"),
    )
    assert done.returncode == 1
    assert error_of(done)["code"] == "backend-unavailable"


def test_help__has_a_sentence_and_an_example():
    done = resumebase("worker", "run", "--help")
    assert done.returncode == 0
    assert "resumebase worker run --drain" in done.stdout
