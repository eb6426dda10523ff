"""The gate in front of a change: who may pass without a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.environments import select
from cli.output import CliError
from cli.safety import announce, approve


def passes(project: Path, name: str, confirm: str | None = None, yes: bool = False) -> bool:
    try:
        approve(select(project, name), "Apply 1 migration", confirm=confirm, yes=yes, as_json=True)
    except CliError as error:
        assert (error.code, error.exit_code) == ("not-confirmed", 3)
        assert "Nothing was changed" in error.message
        assert f"--confirm {name}" in error.hint
        return False
    return True


@pytest.mark.parametrize("name", ["local", "docker"])
def test_local_environment__needs_no_confirmation(project: Path, name: str) -> None:
    assert passes(project, name)


def test_staging__takes_yes_or_its_name(project: Path) -> None:
    assert not passes(project, "staging")
    assert passes(project, "staging", yes=True)
    assert passes(project, "staging", confirm="staging")
    assert not passes(project, "staging", confirm="production", yes=True)


def test_production__takes_only_its_name(project: Path) -> None:
    assert not passes(project, "production")
    assert not passes(project, "production", yes=True)
    assert not passes(project, "production", confirm="Production")
    assert not passes(project, "production", confirm="")
    assert passes(project, "production", confirm="production")


def test_announcement__names_a_remote_target_on_stderr_and_no_local_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(select(project, "local"))
    announce(select(project, "docker"))
    assert capsys.readouterr().err == ""
    announce(select(project, "production"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "production (hosted, PRODUCTION): https://api.example.com" in captured.err
