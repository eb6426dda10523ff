"""A disk that really is full: said plainly, and the data survives."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cli.output import CliError
from cli.stack import preflight
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

from .conftest import WITHOUT_OWN, connect, make_project, query

MEGABYTES = 160


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of its own; only root can make one, and not in every container."""
    place = tmp_path / "disk"
    place.mkdir()
    options = f"size={MEGABYTES}m,mode=755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def small_stack(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stack]:
    """Give a stack whose data, too, is on the small disk."""
    modes = {folder: folder.stat().st_mode for folder in (tmp_path, *list(tmp_path.parents)[:2])}
    for folder in modes:
        folder.chmod(0o755)
    monkeypatch.setattr(preflight, "NEW_STACK_BYTES", 0)
    monkeypatch.setattr(preflight, "RUNNING_BYTES", 0)
    stack = Stack(
        root=make_project(tmp_path / "project"),
        state_dir=small_disk / "state",
        port_base=free_base(),
    )
    yield stack
    (small_disk / "filler").unlink(missing_ok=True)
    stack.destroy()
    for folder, mode in modes.items():
        folder.chmod(mode)


def fill(disk: Path, leave: int = 0) -> None:
    """Use up the disk, leaving `leave` bytes."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - leave
    with (disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free)


def test_up__on_a_full_disk_says_so_and_works_once_there_is_space(
    small_disk: Path, small_stack: Stack
) -> None:
    fill(small_disk, leave=8 * 1024 * 1024)
    with pytest.raises(CliError) as caught:
        small_stack.up(without=WITHOUT_OWN)
    assert caught.value.code == "no-disk-space"
    (small_disk / "filler").unlink()
    assert small_stack.up(without=WITHOUT_OWN).state == "running"


def test_disk_that_fills_up_later__loses_nothing_that_was_committed(
    small_disk: Path, small_stack: Stack
) -> None:
    status = small_stack.up(without=WITHOUT_OWN)
    with connect(status) as connection:
        connection.execute("insert into public.notes values (2, 'committed')")
    fill(small_disk)
    with pytest.raises(psycopg.Error), connect(status) as connection:
        connection.execute(
            "insert into public.notes select n, repeat('x', 1000)"
            " from generate_series(1000, 400000) n"
        )
    with pytest.raises(CliError) as caught:
        small_stack.down()
        small_stack.up(without=WITHOUT_OWN)
    assert caught.value.code == "no-disk-space"
    (small_disk / "filler").unlink()
    status = small_stack.up(without=WITHOUT_OWN)
    assert query(status, "select body from public.notes where id = 2") == [("committed",)]


def test_read_only_disk__is_named(small_disk: Path, small_stack: Stack) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    try:
        with pytest.raises(CliError) as caught:
            small_stack.up(without=WITHOUT_OWN)
    finally:
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert caught.value.code == "state-dir-not-writable"
    assert "--state-dir" in caught.value.hint
