"""Where keys and passwords come from, and where they must never go."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.connection import connect, database, find_secrets
from cli.environments import select
from cli.output import CliError
from cli.target import Target


def write_env_file(project: Path, text: str, mode: int = 0o600) -> None:
    file = project / ".env.staging"
    file.write_text(text)
    file.chmod(mode)


def secret_key(project: Path) -> tuple[str, str]:
    found = find_secrets(select(project, "staging"))["SECRET_KEY"]
    return found.value, found.source


def test_secret__own_variable_beats_file_beats_general_variable(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert secret_key(project) == ("", "")
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "general")
    assert secret_key(project) == ("general", "SUPABASE_SECRET_KEY")
    write_env_file(project, "SUPABASE_SECRET_KEY='of the $FILE' # new\n")
    assert secret_key(project) == ("of the $FILE", ".env.staging")
    monkeypatch.setenv("RESUMEBASE_STAGING_SECRET_KEY", "own")
    assert secret_key(project) == ("own", "RESUMEBASE_STAGING_SECRET_KEY")


def test_empty_secret__counts_as_not_set(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_env_file(project, "SUPABASE_SECRET_KEY=\n")
    monkeypatch.setenv("RESUMEBASE_STAGING_SECRET_KEY", "")
    assert secret_key(project) == ("", "")


def test_secret_file_open_to_others__is_used_with_one_warning_that_names_the_fix(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_env_file(project, "SUPABASE_SECRET_KEY=x\n", mode=0o644)
    assert secret_key(project)[0] == "x"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count(f"chmod 600 {project / '.env.staging'}") == 1


def test_closed_secret_file__gives_no_warning(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_env_file(project, "SUPABASE_SECRET_KEY=x\n")
    assert secret_key(project)[0] == "x"
    assert capsys.readouterr().err == ""


def test_secrets__do_not_show_in_a_repr(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("SECRET_KEY", "DB_PASSWORD"):
        monkeypatch.setenv(f"RESUMEBASE_STAGING_{key}", "hunter2")
    staging = select(project, "staging")
    assert connect(staging).secret_key == "hunter2"
    assert "hunter2" not in repr((connect(staging), find_secrets(staging)))


def test_docker__has_the_well_known_password_of_supabase_start(project: Path) -> None:
    assert database(select(project, "docker")).password == "postgres"


def test_database__without_a_password_says_where_to_put_it(project: Path) -> None:
    with pytest.raises(CliError) as caught:
        database(select(project, "staging"))
    assert caught.value.exit_code == 4
    assert ".env.staging" in caught.value.hint


def test_database__without_an_address_says_which_key_to_add(project: Path) -> None:
    with pytest.raises(CliError) as caught:
        database(select(project, "production"))
    assert caught.value.code == "no-database-url"
    assert "[environments.production]" in caught.value.hint


def test_embedded_stack_that_is_down__says_how_to_start_it(project: Path) -> None:
    with pytest.raises(CliError) as caught:
        connect(select(project, "local"))
    assert caught.value.code == "stack-not-running"
    assert "resumebase up" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "bare", "password"),
    [
        ("postgresql://u:p%40ss@h:5432/db", "postgresql://u@h:5432/db", "p@ss"),
        ("postgresql://u@h/db?sslmode=require", "postgresql://u@h/db?sslmode=require", ""),
        ("postgresql://u:a@b@h/db", "postgresql://u@h/db", "a@b"),
        ("postgresql://u:x@[::1]:5432/db", "postgresql://u@[::1]:5432/db", "x"),
        ("postgresql://h/db", "postgresql://h/db", ""),
    ],
)
def test_target__keeps_the_password_out_of_the_url(url: str, bare: str, password: str) -> None:
    target = Target.from_url(url)
    assert (target.url, target.password) == (bare, password)
    assert Target.from_url(url, "given").password == "given"


def test_target__does_without_tls_on_this_machine_only() -> None:
    here, there = Target("postgresql://u@127.0.0.1/db", "x"), Target("postgresql://u@h/db", "x")
    assert here.libpq() == {"PGPASSWORD": "x", "PGSSLMODE": "disable"}
    assert there.libpq() == {"PGPASSWORD": "x"}
    assert here.psycopg_options() == {"password": "x", "sslmode": "disable"}
    assert there.psycopg_options() == {"password": "x"}
