"""Data on stdout, everything else on stderr, and no failure without a code and a way out."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.command_line import ResumebaseGroup
from cli.output import CliError, ExitCode, JsonOption, console, emit, note
from edge_workers.errors import BackendUnavailable

FAILURES: dict[str, BaseException] = {
    "rights": PermissionError(errno.EACCES, "Permission denied", "/etc/x"),
    "full": OSError(errno.ENOSPC, "No space left on device", "/data/y"),
    "read-only": OSError(errno.EROFS, "Read-only file system", "/data/z"),
    "odd": OSError(errno.ENAMETOOLONG, "File name too long", "/data/w"),
    "ctrl-c": KeyboardInterrupt(),
    "no-package": ModuleNotFoundError("No module named 'psutil'", name="psutil"),
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


@pytest.mark.parametrize(
    ("how", "code", "exit_code", "said", "hint"),
    [
        ("rights", "no-permission", 1, "/etc/x: Permission denied.", "who owns it"),
        ("full", "no-disk-space", 1, "/data/y: No space left on device.", "Free some space"),
        ("read-only", "read-only-file-system", 1, "/data/z: Read-only file", "--state-dir"),
        ("odd", "system-error", 1, "/data/w: File name too long.", "rights"),
        ("ctrl-c", "interrupted", 3, "Interrupted.", "Run it again"),
        ("no-package", "python-package-missing", 1, "psutil", "make setup"),
    ],
)
def test_failure_of_the_system__has_a_code_and_a_fix(
    how: str, code: str, exit_code: int, said: str, hint: str
) -> None:
    result = run("end", how, "--json")
    error = json.loads(result.stderr)
    assert (result.exit_code, error["code"]) == (exit_code, code)
    assert said in error["message"]
    assert hint in error["hint"]


RESUMEBASE = Path(sys.executable).with_name("resumebase")
ROOT = Path(__file__).parents[3]


def test_ctrl_c_in_a_slow_command__is_an_error_in_json_and_no_traceback() -> None:
    with subprocess.Popen(
        [RESUMEBASE, "db", "lint", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        assert child.stderr.readline().startswith("style: checking")
        child.send_signal(signal.SIGINT)
        out, said = child.communicate(timeout=60)
    assert (child.returncode, out) == (3, "")
    assert json.loads(said.splitlines()[-1])["code"] == "interrupted"
    assert "Traceback" not in said


INTERRUPTED_IMPORT = """
import os, signal, sys
class CtrlC:
    def find_spec(self, name, *_):
        if name == "cli.commands.db":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, CtrlC())
sys.argv = ["resumebase", "status", "--json"]
from cli.main import run
run()
"""


def test_ctrl_c_while_the_commands_are_loaded__is_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert json.loads(done.stderr)["code"] == "interrupted"


def test_python_package_that_is_missing__is_named_with_the_fix() -> None:
    code = "import sys; sys.modules['pydantic'] = None; sys.argv[1:] = ['status', '--json']; "
    done = subprocess.run(
        [sys.executable, "-c", code + "from cli.main import run; run()"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    error = json.loads(done.stderr)
    assert error["code"] == "python-package-missing"
    assert "pydantic" in error["message"]
    assert "make setup" in error["hint"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has the device that is full")
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_full_stdout__is_an_error_and_nothing_more(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [RESUMEBASE, "env", "list", *words],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Exception ignored" not in done.stderr
