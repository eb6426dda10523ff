"""What single commands refuse, before anything is started."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from cli.connection import explaining_login
from cli.environments import select
from cli.output import CliError, ExitCode

Invoke = Callable[..., Result]


@pytest.mark.parametrize("name", ["docker", "staging", "production"])
@pytest.mark.parametrize(
    "words", [("worker", "run", "--drain"), ("env", "exec", "--secret")], ids=["worker", "exec"]
)
def test_missing_secret_key__names_the_file_it_belongs_into(
    invoke: Invoke, name: str, words: tuple[str, ...]
) -> None:
    end = ["--", "true"] if "exec" in words else []
    result = invoke(*words, "--env", name, *end)
    assert result.exit_code == ExitCode.AUTH
    assert "no secret key" in result.stderr
    assert f"SUPABASE_SECRET_KEY into .env.{name}" in result.stderr


def test_worker__announces_an_environment_that_is_not_the_embedded_stack(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESUMEBASE_PRODUCTION_SECRET_KEY", "not a key")
    result = invoke("worker", "run", "--drain", "--env", "production")
    assert result.exit_code != 0
    assert "target: production (hosted, PRODUCTION): https://api.example.com" in result.stderr


def test_worker__of_an_address_in_a_variable_announces_no_environment(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_URL", "https://api.example.com")
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "not a key")
    result = invoke("worker", "run", "--drain")
    assert result.exit_code != 0
    assert "target:" not in result.stderr


def test_unknown_task_kind__is_a_usage_error_that_names_the_known_ones(invoke: Invoke) -> None:
    result = invoke("worker", "run", "--kinds", "resume_parse,tea", "--json")
    assert result.exit_code == ExitCode.USAGE
    error = json.loads(result.stderr)
    assert error["code"] == "usage"
    assert "no task kind tea; known:" in error["message"]
    assert "resume_parse" in error["message"]


def test_resume_parse__refuses_a_named_pipe_without_waiting_for_it(
    invoke: Invoke, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "cv.pdf")
    result = invoke("resume", "parse", "cv.pdf", "--json")
    assert result.exit_code == 1
    error = json.loads(result.stderr)
    assert (error["code"], error["message"]) == ("not-a-file", "cv.pdf is no regular file.")


@pytest.mark.parametrize(
    ("name", "code"), [("/dev/zero", "not-a-file"), (".", "not-a-file"), ("x", "no-such-file")]
)
def test_resume_parse__refuses_what_is_no_file(invoke: Invoke, name: str, code: str) -> None:
    result = invoke("resume", "parse", name, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["code"] == code


def test_env_use__in_a_folder_that_is_in_the_way_says_which(invoke: Invoke, project: Path) -> None:
    (project / ".resumebase").write_text("a file")
    result = invoke("env", "use", "local", "--json")
    assert result.exit_code == 1
    error = json.loads(result.stderr)
    assert error["code"] == "system-error"
    assert ".resumebase" in error["message"]


@pytest.mark.parametrize(("name", "hinted"), [("docker", True), ("staging", False)])
def test_refused_login__has_the_embedded_stack_in_mind_only_for_docker(
    project: Path, name: str, hinted: bool
) -> None:
    refused = CliError("database-login-failed", "no", "Check the user.", ExitCode.AUTH)
    with pytest.raises(CliError) as caught, explaining_login(select(project, name)):
        raise refused
    assert (caught.value.code, caught.value.exit_code) == ("database-login-failed", 4)
    assert ("embedded stack may be listening" in caught.value.hint) is hinted
