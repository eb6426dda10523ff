"""The official CLI, called for real where no database is needed."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from cli.output import CliError
from cli.supabase_cli import Finished, SupabaseCli, child_environment, explain, parse
from cli.target import Target

REPOSITORY = Path(__file__).parents[3]
NOWHERE = Target("postgresql://postgres@127.0.0.1:1/postgres", "hunter2")


def with_config(folder: Path, text: str) -> SupabaseCli:
    (folder / "supabase").mkdir(exist_ok=True)
    (folder / "supabase" / "config.toml").write_text(text)
    return SupabaseCli(REPOSITORY, workdir=folder)


def test_config__gives_the_official_cli_no_warning() -> None:
    assert SupabaseCli(REPOSITORY).config_warnings() == []


def test_unknown_key_in_the_config__would_be_noticed(tmp_path: Path) -> None:
    own = (REPOSITORY / "supabase" / "config.toml").read_text()
    mistyped = own.replace("max_rows =", "max_rowz =")
    assert mistyped != own
    warnings = with_config(tmp_path, mistyped).config_warnings()
    assert len(warnings) == 1
    assert "api.max_rowz" in warnings[0]


def test_broken_config__is_named(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        with_config(tmp_path, "[api\n").migrations(NOWHERE)
    assert caught.value.code == "supabase-config-invalid"


def test_database_that_does_not_answer__gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        with_config(tmp_path, "").migrations(NOWHERE)
    assert caught.value.code == "database-unreachable"
    assert "resumebase up" in caught.value.hint
    assert "hunter2" not in caught.value.message


def test_password__travels_in_the_environment_and_not_in_the_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = tmp_path / "recorder"
    recorder.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\nenv > {tmp_path}/environment\n'
        'read answer && echo "stdin has something" >&2\n'
        'echo \'{"upToDate":true,"migrations":[],"seeds":[]}\'\n'
    )
    recorder.chmod(recorder.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("SUPABASE_CLI_BINARY_OVERRIDE", str(recorder))
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("SUPABASE_DB_PASSWORD", "of another environment")
    assert SupabaseCli(REPOSITORY).push(NOWHERE).up_to_date
    arguments = (tmp_path / "arguments").read_text()
    environment = (tmp_path / "environment").read_text().splitlines()
    assert f"--remote={NOWHERE.url}" in arguments
    assert "hunter2" not in arguments
    assert "PGPASSWORD=hunter2" in environment
    assert "PGSSLMODE=disable" in environment
    assert "SUPABASE_TELEMETRY_DISABLED=1" in environment
    assert not [line for line in environment if line.startswith(("PGHOST=", "SUPABASE_DB_PASS"))]


def test_child_environment__keeps_what_the_user_says_about_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "/ca.pem")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    environment = child_environment(Target("postgresql://u@h/db"))
    assert (environment["PGSSLROOTCERT"], environment["PGSSLMODE"]) == ("/ca.pem", "verify-full")


def test_missing_package__points_to_setup(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "supabase", tmp_path / "supabase")
    with pytest.raises(CliError) as caught:
        SupabaseCli(tmp_path).config_warnings()
    assert caught.value.code == "node-modules-incomplete"
    assert "make setup" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (
            {
                "code": "DbConnectError",
                "message": "server error (FATAL: password authentication failed (SQLSTATE 28P01))",
            },
            "database-login-failed",
            4,
        ),
        (
            {"code": "DbConnectError", "message": "Tenant or user not found"},
            "database-login-failed",
            4,
        ),
        ({"code": "DbConnectError", "message": "ECONNREFUSED"}, "database-unreachable", 1),
        ({"code": "DbPushMissingLocalError", "message": "x"}, "migration-drift", 5),
        (
            {"code": "DbPushMissingRemoteError", "message": "x", "suggestion": "Rerun:\na.sql\n"},
            "migration-out-of-order",
            5,
        ),
        ({"code": "DbPushApplyError", "message": "ERROR: x"}, "migration-failed", 1),
        ({"code": "SomethingNew", "message": "x"}, "supabase-cli-failed", 1),
        ({}, "supabase-cli-failed", 1),
    ],
)
def test_errors_of_the_official_cli__become_ours(
    error: dict[str, str], code: str, exit_code: int
) -> None:
    done = Finished(1, "", "Applying migration 1_a.sql...\nApplying migration 2_b.sql...\n")
    explained = explain({"_tag": "Error", "error": error}, done)
    assert (explained.code, explained.exit_code) == (code, exit_code)
    assert explained.message
    if code == "migration-failed":
        assert explained.message == "2_b.sql: ERROR: x"
    if code == "migration-out-of-order":
        assert "a.sql" in explained.message


def test_answer__is_the_last_line_of_stdout() -> None:
    assert parse(Finished(0, f"chatter\n{json.dumps({'a': 1})}\n", "")) == {"a": 1}
    assert parse(Finished(0, "no json", "")) == {}
    assert parse(Finished(0, "[1]", "")) == {}
