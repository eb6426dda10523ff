"""Data on stdout, everything else on stderr, and no failure without a code and a way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.main import ResumebaseGroup
from cli.output import CliError, ExitCode, JsonOption, console, emit, note
from edge_workers.errors import BackendUnavailable

FAILURES = {
    "known": CliError("port-in-use", "Port 1 is taken [by init].", "Take another.", ExitCode.DRIFT),
    "unknown": RuntimeError("the disk [sda] is gone"),
    "backend": BackendUnavailable("answered 503"),
}

sample = typer.Typer(cls=ResumebaseGroup)
sample.callback()(lambda: None)


@sample.command()
def end(how: str, as_json: JsonOption = False) -> None:
    if how in FAILURES:
        raise FAILURES[how]
    if how == "prompt":
        typer.prompt("never answered")
    note("working on a[0]")
    emit({"é": 1}, as_json=as_json, render=lambda: console.print("file.sql:100: done"))


def run(*words: str) -> Result:
    return CliRunner().invoke(sample, list(words))


def test_emit__json_is_all_of_stdout_and_notes_are_on_stderr() -> None:
    result = run("end", "well", "--json")
    assert json.loads(result.stdout) == {"é": 1}
    assert result.stderr == "working on a[0]\n"


def test_emit__people_get_the_text_as_it_is() -> None:
    assert run("end", "well").stdout == "file.sql:100: done\n"


def test_error__shows_message_and_fix_and_leaves_with_its_code() -> None:
    result = run("end", "known")
    assert result.exit_code == 5
    assert result.stdout == ""
    assert result.stderr == "error: Port 1 is taken [by init].\nfix: Take another.\n"


def test_error__is_one_json_object_on_stderr_in_json_mode() -> None:
    result = run("end", "known", "--json")
    assert (result.exit_code, result.stdout) == (5, "")
    assert json.loads(result.stderr) == {
        "code": "port-in-use",
        "message": "Port 1 is taken [by init].",
        "hint": "Take another.",
    }


def test_unexpected_error__hides_the_traceback() -> None:
    result = run("end", "unknown")
    assert result.exit_code == 1
    assert "RuntimeError: the disk [sda] is gone" in result.stderr
    assert "Traceback" not in result.stderr
    assert "--debug" in result.stderr


@pytest.mark.parametrize("words", [("--debug", "end", "unknown"), ("end", "unknown", "--debug")])
def test_unexpected_error__shows_the_traceback_with_debug_anywhere(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_error_of_the_workers__gets_a_code_from_its_name() -> None:
    result = run("end", "backend", "--json")
    assert json.loads(result.stderr)["code"] == "backend-unavailable"


def test_end_of_input_at_a_prompt__is_a_cancellation() -> None:
    assert run("end", "prompt").exit_code == 3


@pytest.mark.parametrize(
    "words", [("env", "show", "--nope"), ("env", "nope"), ("logs", "-n", "many"), ("env", "use")]
)
def test_usage_error__is_json_too(invoke: Callable[..., Result], words: tuple[str, ...]) -> None:
    result = invoke(*words, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    error = json.loads(result.stderr)
    assert error["code"] == "usage"
    assert error["message"]
    assert error["hint"].startswith("See: ")
    assert error["hint"].endswith(" --help")


def test_usage_error__is_readable(invoke: Callable[..., Result]) -> None:
    result = invoke("env", "show", "--nope")
    assert result.exit_code == 2
    assert "No such option: --nope" in result.stderr


def test_outside_a_project__says_so_with_a_hint(
    invoke: Callable[..., Result],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    result = invoke("env", "list", "--json")
    assert result.exit_code == 1
    error = json.loads(result.stderr)
    assert error["code"] == "no-project"
    assert "clone" in error["hint"]


def test_inside_a_folder_of_the_project__works_the_same(
    invoke: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = invoke("env", "list", "--json").stdout
    monkeypatch.chdir(project / "supabase" / "migrations")
    assert invoke("env", "list", "--json").stdout == above != ""


def test_version__is_that_of_the_package(invoke: Callable[..., Result]) -> None:
    result = invoke("--version")
    assert result.exit_code == 0
    assert result.stdout.strip().count(".") == 2
