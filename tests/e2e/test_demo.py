"""`resumebase demo`, as a newcomer runs it: one command from nothing to a read résumé."""

import json
from pathlib import Path

from tests.unit.documents.made import scanned_pdf

from .installed import resumebase

ROOT = Path(__file__).parents[2]


def test_demo__shows_each_step_and_the_resume(stack_options: list[str]) -> None:
    done = resumebase("demo", *stack_options)
    assert done.returncode == 0, done.stderr
    for line in (
        "Signed up through Auth",
        "ai_actions: 0 of 5 used",
        "ai_actions: 1 of 5 used",
        "completed",
        "PT402",
        "What to try next",
    ):
        assert line in done.stdout
    assert "Traceback" not in done.stderr


def test_demo_again__is_a_new_user_on_the_same_stack(stack_options: list[str]) -> None:
    done = resumebase("demo", *stack_options, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    truth = json.loads((ROOT / "examples/resumes/backend-engineer.json").read_text("utf-8"))
    assert told["resume"]["basics"]["name"] == truth["basics"]["name"]
    assert told["resume"]["basics"]["email"] == truth["basics"]["email"]
    assert len(told["resume"]["work"]) == len(truth["work"])
    assert [step["title"] for step in told["steps"]][:2] == [
        "The stack is up",
        "Signed up through Auth",
    ]


def test_demo_behind_a_proxy__talks_to_this_machine_directly(stack_options: list[str]) -> None:
    nowhere = "http://127.0.0.1:9"
    done = resumebase("demo", *stack_options, HTTP_PROXY=nowhere, ALL_PROXY=nowhere)
    assert done.returncode == 0, done.stderr


def test_demo_with_a_file_that_cannot_be_read__says_why(
    stack_options: list[str], tmp_path: Path
) -> None:
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(scanned_pdf())
    done = resumebase("demo", str(scan), *stack_options, "--json")
    assert done.returncode == 1
    error = json.loads(done.stderr[done.stderr.index('{"code"') :])
    assert error["code"] == "parse-failed"
    assert "scan" in error["message"]


def test_demo_with_a_file_that_is_none__says_so(stack_options: list[str]) -> None:
    done = resumebase("demo", "no-such-file.pdf", *stack_options)
    assert done.returncode == 2
    assert "no-such-file.pdf is not a PDF or DOCX file" in done.stderr
