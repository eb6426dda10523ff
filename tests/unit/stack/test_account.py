"""As root, Postgres gets a user of its own; as anybody else it runs as ourselves."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.stack.account import SHARED_DIR, Account, postgres_account
from cli.stack.home import outside_place, prepare
from cli.stack.layout import Layout

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def account() -> Account:
    found = postgres_account()
    assert found is not None
    return found


@pytest.mark.skipif(os.geteuid() == 0, reason="needs an ordinary user")
def test_postgres_account__is_nobody_else_for_an_ordinary_user() -> None:
    assert postgres_account() is None


@as_root
def test_postgres_account__is_unprivileged_and_the_same_each_time(account: Account) -> None:
    assert account.uid != 0
    assert account.gid != 0
    assert postgres_account() == account


@as_root
def test_postgres_account__of_existing_data_is_its_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 23456)
    found = postgres_account(tmp_path)
    assert found is not None
    assert (found.uid, found.gid) == (12345, 23456)
    assert postgres_account(tmp_path / "none yet") == postgres_account()


@as_root
def test_popen_options__leave_no_group_of_root(account: Account) -> None:
    said = subprocess.run(
        ["/bin/sh", "-c", "id -u; id -G"],
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
        **account.popen_options(),
    ).stdout.split()
    assert said[0] == str(account.uid)
    assert "0" not in said[1:]


@as_root
def test_can_enter__is_tried_and_not_guessed(account: Account, tmp_path: Path) -> None:
    assert account.can_enter(Path("/"))
    closed = tmp_path / "closed"
    inside = closed / "inside"
    inside.mkdir(parents=True)
    inside.chmod(0o755)
    closed.chmod(0o700)
    assert not account.can_enter(inside)


@as_root
def test_prepare__puts_the_data_outside_a_closed_directory(
    account: Account, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    layout = Layout(tmp_path)
    place = outside_place(layout)
    prepare(layout, account)
    try:
        assert layout.postgres_home.readlink() == place
        assert place.parent == SHARED_DIR
        assert (place.stat().st_uid, place.stat().st_mode & 0o777) == (account.uid, 0o700)
        assert account.can_enter(place)
        assert (place / "belongs-to").read_text() == f"{tmp_path}\n"
    finally:
        shutil.rmtree(place)


@as_root
def test_prepare__leaves_what_a_moved_state_directory_has_outside(
    account: Account, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    layout = Layout(tmp_path)
    left = outside_place(layout)
    (left / "data").mkdir(parents=True)
    (left / "data" / "PG_VERSION").write_text("17")
    place = outside_place(layout)
    try:
        prepare(layout, account)
        assert layout.postgres_home.readlink() == place != left
        assert (left / "data" / "PG_VERSION").read_text() == "17"
    finally:
        shutil.rmtree(left)
        shutil.rmtree(place, ignore_errors=True)
