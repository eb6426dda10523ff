"""What is missing on this machine is said before anything is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli import runtime
from cli.output import CliError
from cli.stack import preflight
from cli.stack.layout import Layout

REPOSITORY = Path(preflight.__file__).parents[2]


def test_check_python__names_both_versions() -> None:
    with pytest.raises(CliError) as caught:
        preflight.check_python((3, 10, 12))
    assert caught.value.code == "python-too-old"
    assert "3.10.12" in caught.value.message
    assert "3.11" in caught.value.message
    preflight.check_python((3, 11, 0))
    preflight.check_python()


def test_check_node_modules__names_the_package_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        preflight.check_node_modules(tmp_path)
    assert caught.value.code == "node-modules-incomplete"
    assert "@supabase/lite" in caught.value.message
    assert caught.value.hint == f"Run: {runtime.REPAIR}"


def test_check_node_modules__notices_a_half_installed_package(tmp_path: Path) -> None:
    for relative in preflight.NODE_FILES:
        (tmp_path / "node_modules" / relative).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "node_modules" / relative).touch()
    preflight.check_node_modules(tmp_path)
    (tmp_path / "node_modules" / "postgres/src/index.js").unlink()
    with pytest.raises(CliError, match="postgres"):
        preflight.check_node_modules(tmp_path)


def test_check_node_modules__accepts_those_of_the_repository() -> None:
    preflight.check_node_modules(REPOSITORY)


def test_check_space__says_how_much_is_free_and_how_much_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(preflight, "NEW_STACK_BYTES", free + 2**40)
    with pytest.raises(CliError) as caught:
        preflight.check_space(Layout(tmp_path))
    assert caught.value.code == "no-disk-space"
    assert f"{(free + 2**40) // 2**20} MB" in caught.value.message


def test_check_space__asks_less_of_a_stack_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "NEW_STACK_BYTES", 2**60)
    Layout(tmp_path).postgres_data.mkdir(parents=True)
    preflight.check_space(Layout(tmp_path))
