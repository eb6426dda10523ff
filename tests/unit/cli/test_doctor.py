"""What doctor notices, each thing with its fix."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

import pytest

from cli.bootstrap import is_for_this_machine
from cli.checks import Check
from cli.doctor import (
    check_node,
    check_node_packages,
    check_ports,
    check_private,
    check_python,
    check_python_packages,
    check_space,
    check_state_dir,
    look_for_plpgsql_check,
)
from cli.output import CliError
from cli.plpgsql_check import HOW_TO_GET_IT, find_postgres
from cli.runtime import REPAIR
from cli.stack.layout import Layout
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

REPOSITORY = Path(__file__).parents[3]


def install(root: Path, **versions: str | None) -> None:
    """Make a lock file that wants version 1.0.0 of each package, and these versions installed."""
    packages: dict[str, dict[str, object]] = {"": {"name": "root"}}
    for name, version in versions.items():
        packages[f"node_modules/{name}"] = {"version": "1.0.0"}
        folder = root / "node_modules" / name
        folder.mkdir(parents=True)
        if version is not None:
            (folder / "package.json").write_text(json.dumps({"version": version}))
            (folder / "index.js").touch()
    (root / "package-lock.json").write_text(json.dumps({"packages": packages}))


def test_this_checkout__is_well() -> None:
    checks = [check_python(), check_python_packages(), check_node()]
    checks += [check_node_packages(REPOSITORY)]
    assert [check.state for check in checks] == ["ok"] * 4


def test_half_installed_node_modules__names_each_wrong_package(tmp_path: Path) -> None:
    install(tmp_path, fine="1.0.0", old="0.9.0", empty=None)
    check = check_node_packages(tmp_path)
    assert check.state == "failed"
    assert "old (0.9.0, not 1.0.0)" in check.detail
    assert "empty (missing, not 1.0.0)" in check.detail
    assert "fine" not in check.detail
    assert check.fix == REPAIR


def test_package_for_another_machine__need_not_be_there() -> None:
    other = "darwin" if sys.platform == "linux" else "linux"
    assert is_for_this_machine({"version": "1"})
    assert is_for_this_machine({"os": [sys.platform, other]})
    assert not is_for_this_machine({"os": [other]})
    assert not is_for_this_machine({"cpu": ["mips"]})
    assert not is_for_this_machine({"os": [sys.platform], "cpu": ["mips"]})


@pytest.mark.parametrize(("mode", "state"), [(0o600, "ok"), (0o644, "failed"), (0o620, "failed")])
def test_secrets_file__must_be_closed_to_others(tmp_path: Path, mode: int, state: str) -> None:
    file = tmp_path / "secrets.json"
    file.touch()
    file.chmod(mode)
    check = check_private("stack secrets", file)
    assert check.state == state
    assert check.fix == ("" if state == "ok" else f"chmod 600 {file}")


@pytest.mark.parametrize(("mode", "state"), [(0o700, "ok"), (0o755, "failed"), (0o770, "failed")])
def test_state_directory__must_be_closed_to_others(tmp_path: Path, mode: int, state: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    assert check_state_dir(Layout(folder)).state == state


def test_state_directory_that_is_not_there_yet__is_fine(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "a" / "b")
    assert check_state_dir(layout).state == "ok"
    assert check_space(layout).state == "ok"
    assert not (tmp_path / "a").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_state_directory_of_somebody_else__is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    check = check_state_dir(Layout(folder))
    assert check.state == "failed"
    assert "65534" in check.detail


def test_port_that_is_taken__is_an_error_that_offers_others(tmp_path: Path) -> None:
    base = free_base()
    stack = Stack(root=REPOSITORY, state_dir=tmp_path / "state", port_base=base)
    assert check_ports(stack) == Check(
        "ports", "ok", f"{base} free, {base + 1} free, {base + 2} free"
    )
    with socket.create_server(("127.0.0.1", base + 1)), pytest.raises(CliError) as caught:
        check_ports(stack)
    assert str(base + 1) in caught.value.message
    assert "--port-base" in caught.value.hint


def test_plpgsql_check__is_found_in_the_newest_postgres_that_has_it(tmp_path: Path) -> None:
    programs, shared = tmp_path / "lib", tmp_path / "share"
    assert find_postgres(programs, shared) is None
    for version in ("9.6", "14", "15", "16", "17", "common"):
        (programs / version / "bin").mkdir(parents=True)
        (programs / version / "bin" / "initdb").touch()
        (shared / version / "extension").mkdir(parents=True)
    for version in ("14", "15", "16"):
        (shared / version / "extension" / "plpgsql_check.control").touch()
    assert find_postgres(programs, shared) == programs / "16" / "bin"


def test_plpgsql_check__is_never_a_failure() -> None:
    check = look_for_plpgsql_check()
    assert check.state == "info"
    assert check.fix in {"", HOW_TO_GET_IT}
