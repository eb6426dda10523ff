"""Which environment a command is about, and what `resumebase.toml` may say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from cli.environments import Embedded, Hosted, load, select
from cli.output import CliError

Invoke = Callable[..., Result]
REPOSITORY = Path(__file__).parents[3]


def chosen(invoke: Invoke, *words: str) -> tuple[str, str]:
    data = json.loads(invoke("env", "show", *words, "--json").stdout)
    return data["name"], data["chosen_by"]


def test_selection__falls_back_to_local(invoke: Invoke) -> None:
    assert chosen(invoke) == ("local", "default")


def test_selection__flag_beats_variable_beats_env_use(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invoke("env", "use", "docker").exit_code == 0
    assert chosen(invoke) == ("docker", "env use")
    monkeypatch.setenv("RESUMEBASE_ENV", "staging")
    assert chosen(invoke) == ("staging", "RESUMEBASE_ENV")
    assert chosen(invoke, "--env", "production") == ("production", "the command line")
    assert chosen(invoke, "production") == ("production", "the command line")


def test_env_use__refuses_a_name_that_does_not_exist_and_keeps_the_choice(invoke: Invoke) -> None:
    invoke("env", "use", "docker")
    result = invoke("env", "use", "nowhere", "--json")
    assert result.exit_code == 2
    error = json.loads(result.stderr)
    assert error["code"] == "unknown-environment"
    assert "local, docker, staging, production" in error["hint"]
    assert chosen(invoke) == ("docker", "env use")


def test_env_use__warns_when_the_variable_still_wins(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESUMEBASE_ENV", "staging")
    result = invoke("env", "use", "docker")
    assert result.exit_code == 0
    assert "RESUMEBASE_ENV=staging" in result.stderr


def test_stored_choice_that_was_removed__can_be_mended_with_the_same_commands(
    invoke: Invoke, project: Path
) -> None:
    invoke("env", "use", "docker")
    (project / "resumebase.toml").write_text('[environments.local]\nkind = "embedded"\n')
    result = invoke("env", "show")
    assert result.exit_code == 2
    assert "chosen by env use" in result.stderr
    assert invoke("env", "list").exit_code == 0
    assert invoke("env", "use", "local").exit_code == 0
    assert chosen(invoke) == ("local", "env use")


def test_env_show__rejects_two_different_names(invoke: Invoke) -> None:
    result = invoke("env", "show", "docker", "--env", "local", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stderr)["code"] == "usage"


def test_env_list__marks_the_chosen_one_and_production(invoke: Invoke) -> None:
    invoke("env", "use", "staging")
    rows = {row["name"]: row for row in json.loads(invoke("env", "list", "--json").stdout)}
    assert list(rows) == ["local", "docker", "staging", "production"]
    assert [name for name, row in rows.items() if row["chosen"]] == ["staging"]
    assert [name for name, row in rows.items() if row["production"]] == ["production"]
    text = invoke("env", "list").stdout
    assert "hosted, production" in text
    assert "→  staging" in text


def test_env_show__names_the_source_of_a_secret_and_never_its_value(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESUMEBASE_STAGING_SECRET_KEY", "sb_secret_very_private")
    for words in (("--json",), ()):
        result = invoke("env", "show", "staging", *words)
        assert "RESUMEBASE_STAGING_SECRET_KEY" in result.stdout
        assert "very_private" not in result.output
    secrets = json.loads(invoke("env", "show", "staging", "--json").stdout)["secrets"]
    assert secrets["SUPABASE_DB_PASSWORD"] == ""


def test_hosted__is_production_unless_it_says_otherwise(project: Path) -> None:
    found = load(project)
    assert isinstance(found["production"], Hosted) and found["production"].production
    assert isinstance(found["staging"], Hosted) and not found["staging"].production


def test_hosted_project_ref__gives_both_addresses(project: Path) -> None:
    staging = select(project, "staging")
    assert staging.api_url == "https://abcdefghijklmnopqrst.supabase.co"
    assert (
        staging.db_url == "postgresql://postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres"
    )


def test_embedded_state_dir__flag_beats_variable_beats_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert select(project).state_dir == project / ".resumebase" / "local"
    (project / "resumebase.toml").write_text(
        '[environments.local]\nkind = "embedded"\nstate_dir = "here"\nport_base = 60000\n'
    )
    assert select(project).state_dir == project / "here"
    assert select(project).port_base == 60000
    monkeypatch.setenv("RESUMEBASE_STATE_DIR", "/from/variable")
    assert select(project).state_dir == Path("/from/variable")
    assert select(project, state_dir=Path("/from/flag")).state_dir == Path("/from/flag")
    assert select(project, port_base=61000).port_base == 61000


def test_state_dir_flag__is_relative_to_the_working_directory(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "supabase")
    assert select(project, state_dir=Path("x")).state_dir == project / "supabase" / "x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[environments.a", "at end of document"),
        (
            '[environments.a]\nkind = "cloud"',
            "environments.a.kind must be one of: embedded, docker",
        ),
        ("[environments.a]", "environments.a.kind must be one of: embedded, docker, hosted"),
        (
            '[environments.a]\nkind = "embedded"\nport = 1',
            "environments.a.port is not a key here; allowed: kind, state_dir, port_base",
        ),
        ('[environments.a]\nkind = "embedded"\nport_base = 80', "environments.a.port_base: "),
        ('[environments.a]\nkind = "embedded"\nport_base = "x"', "environments.a.port_base: "),
        ('[environments.A_1]\nkind = "embedded"', "environments.A_1 is not a good name"),
        ('[environments.a]\nkind = "hosted"', "environments.a: needs project_ref, or api_url"),
        ('[environments.a]\nkind = "hosted"\nproject_ref = "x"', "environments.a.project_ref: "),
        (
            '[environments.a]\nkind = "hosted"\napi_url = "http://example.com"',
            "environments.a.api_url: must be an https:// address",
        ),
        (
            '[environments.a]\nkind = "hosted"\napi_url = "https://x.y"\ndb_url = "mysql://x/y"',
            "environments.a.db_url: must look like postgresql://",
        ),
        (
            '[environments.a]\nkind = "docker"\ndb_url = "postgresql://p@db.example.com/postgres"',
            'environments.a: is not on this machine; use kind = "hosted"',
        ),
        ('[environment.a]\nkind = "embedded"', "environment is not a key here"),
        ("environments = 3", "environments: "),
    ],
)
def test_project_file__every_mistake_names_its_key_and_what_is_allowed(
    project: Path, text: str, expected: str
) -> None:
    (project / "resumebase.toml").write_text(text)
    with pytest.raises(CliError) as caught:
        load(project)
    assert caught.value.code == "invalid-project-file"
    assert expected in caught.value.message
    assert str(project / "resumebase.toml") in caught.value.message
    assert "Value error" not in caught.value.message


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@h/db", "postgresql://u@h/db?password=hunter2"]
)
def test_project_file__refuses_a_password_without_repeating_it(project: Path, url: str) -> None:
    (project / "resumebase.toml").write_text(
        f'[environments.a]\nkind = "hosted"\napi_url = "https://x.y"\ndb_url = "{url}"'
    )
    with pytest.raises(CliError) as caught:
        load(project)
    assert "SUPABASE_DB_PASSWORD" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_project_file__reports_all_mistakes_at_once(project: Path) -> None:
    (project / "resumebase.toml").write_text(
        '[environments.a]\nkind = "cloud"\n[environments.b]\nkind = "embedded"\nport = 1'
    )
    with pytest.raises(CliError) as caught:
        load(project)
    assert "environments.a.kind" in caught.value.message
    assert "environments.b.port" in caught.value.message


def test_own_project_file__is_valid_and_starts_with_local() -> None:
    found = load(REPOSITORY)
    assert isinstance(found["local"], Embedded)
    assert found["docker"].kind == "docker"
