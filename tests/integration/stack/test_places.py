"""Where the data lies, and who owns it: as root, below closed directories, on other Postgres."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.output import CliError
from cli.stack import account as accounts
from cli.stack import binaries, processes
from cli.stack.account import postgres_account
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

from .conftest import WITHOUT_OWN, MakeStack, query

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
SYSTEM_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def postgres_process(stack: Stack) -> psutil.Process:
    record = processes.load(stack.layout.run_dir, "postgres")
    assert record is not None
    return psutil.Process(record.pid)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Give a directory that every user may pass through."""
    place = Path("/var/tmp") / f"resumebase-test-{os.getpid()}"
    place.mkdir(mode=0o755)
    yield place
    shutil.rmtree(place)


def test_files__are_closed_to_other_users(stack: Stack) -> None:
    """Only passage through the state directory is open, and only as root."""
    top = stat.S_IMODE(stack.layout.state_dir.stat().st_mode)
    assert top == (0o711 if os.geteuid() == 0 else 0o700)
    for path in stack.layout.state_dir.iterdir():
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    data = stack.layout.postgres_data
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


@as_root
def test_postgres__does_not_run_as_root(stack: Stack) -> None:
    account = postgres_account()
    assert account is not None
    process = postgres_process(stack)
    assert set(process.uids()) == {account.uid}
    assert set(process.gids()) == {account.gid}
    assert stack.layout.postgres_data.stat().st_uid == account.uid


@as_root
def test_open_directory__holds_the_data_itself(open_place: Path, make_stack: MakeStack) -> None:
    root = make_stack().root
    stack = Stack(root=root, state_dir=open_place / "state", port_base=free_base())
    try:
        stack.up(without=WITHOUT_OWN)
        assert not stack.layout.postgres_home.is_symlink()
        assert stack.layout.postgres_data.is_relative_to(open_place)
    finally:
        stack.destroy()


@as_root
def test_closed_directory__keeps_a_link_to_the_data(tmp_path: Path, make_stack: MakeStack) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    stack = make_stack("closed/state")
    status = stack.up(without=WITHOUT_OWN)
    assert stack.layout.postgres_home.is_symlink()
    assert stack.layout.postgres_data.is_relative_to(accounts.SHARED_DIR)
    assert query(status, "select body from public.notes") == [("seeded",)]
    stack.reset()
    assert query(status, "select body from public.notes") == [("seeded",)]
    assert stack.layout.postgres_home.is_symlink()


@as_root
def test_closed_programs__are_copied_once_to_where_postgres_may_go(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, open_place: Path
) -> None:
    """As when the checkout lies below /root."""
    monkeypatch.setattr(binaries, "SHARED_DIR", open_place / "shared")
    account = postgres_account()
    found = binaries.embedded(project)
    closed = tmp_path / "closed" / "native"
    closed.parent.mkdir(mode=0o700)
    shutil.copytree(found.bin_dir.parent, closed, symlinks=True)
    inside = binaries.PostgresBinaries(closed / "bin", found.version)
    copy = binaries.reachable_for(inside, account)
    assert copy.bin_dir == open_place / "shared" / f"postgres-{found.version}" / "bin"
    assert binaries.installed(copy.bin_dir).major == found.major
    before = copy.bin_dir.stat().st_ino
    assert binaries.reachable_for(inside, account) == copy
    assert copy.bin_dir.stat().st_ino == before
    assert len(list((open_place / "shared").iterdir())) == 1


@pytest.mark.skipif(not SYSTEM_POSTGRES, reason="no other Postgres is installed")
def test_other_postgres__runs_the_same_stack(make_stack: MakeStack) -> None:
    stack = make_stack(postgres_bin=SYSTEM_POSTGRES[0].parent)
    status = stack.up(without=WITHOUT_OWN)
    major = SYSTEM_POSTGRES[0].parts[-3]
    shown = query(status, "show server_version")[0][0]
    assert str(shown).startswith(f"{major}.")
    assert query(status, "select body from public.notes") == [("seeded",)]
    stack.down()
    with pytest.raises(CliError) as caught:
        Stack(root=stack.root, state_dir=stack.layout.state_dir).up(without=WITHOUT_OWN)
    assert caught.value.code == "postgres-version"


def test_lost_data__is_said_and_reset_starts_anew(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.up(without=WITHOUT_OWN)
    stack.down()
    place = stack.layout.postgres_home.resolve()
    shutil.rmtree(place)
    if stack.layout.postgres_home.is_symlink():
        with pytest.raises(CliError) as caught:
            stack.up(without=WITHOUT_OWN)
        assert caught.value.code == "data-missing"
    stack.reset()
    assert query(stack.up(without=WITHOUT_OWN), "select body from public.notes") == [("seeded",)]
