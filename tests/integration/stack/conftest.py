"""Real stacks in temporary directories, on free ports, gone again afterwards."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
import psycopg
import pytest
from supabase import Client, ClientOptions, create_client

from cli.stack.ports import free_base
from cli.stack.status import StackStatus
from cli.stack.supervisor import Stack

REPOSITORY = Path(__file__).parents[3]
WITHOUT_OWN = frozenset({"worker", "http"})

CONFIG = """\
project_id = "stack-tests"
[api]
schemas = ["public", "worker"]
[db]
major_version = 17
[db.seed]
sql_paths = ["./seed.sql"]
[auth]
minimum_password_length = 8
"""
MIGRATION = """\
create table public.notes (id integer primary key, body text not null);
create schema worker;
"""
SEED = "insert into public.notes values (1, 'seeded') on conflict do nothing;\n"


class MakeStack(Protocol):
    def __call__(self, name: str = ..., **options: Any) -> Stack: ...


def make_project(folder: Path) -> Path:
    """Make a project with one migration and one seed file, on the repository's node_modules."""
    (folder / "supabase" / "migrations").mkdir(parents=True)
    (folder / "resumebase.toml").write_text('[environments.local]\nkind = "embedded"\n')
    (folder / "supabase" / "config.toml").write_text(CONFIG)
    (folder / "supabase" / "seed.sql").write_text(SEED)
    add_migration(folder, "20260101000000_notes.sql", MIGRATION)
    (folder / "node_modules").symlink_to(REPOSITORY / "node_modules")
    return folder


def add_migration(root: Path, name: str, text: str) -> None:
    (root / "supabase" / "migrations" / name).write_text(text)


def connect(status: StackStatus) -> psycopg.Connection[tuple[Any, ...]]:
    """Open an autocommit connection as `postgres`, which is no superuser."""
    return psycopg.connect(status.db_url, sslmode="disable", autocommit=True)


@contextmanager
def supabase(status: StackStatus, key: str) -> Iterator[Client]:
    """Give the official Python client, which parses every timestamp of Auth."""
    # With an HTTP client of ours, because supabase makes its own in a way it calls deprecated.
    with httpx.Client(timeout=30) as http_client:
        options = ClientOptions(httpx_client=http_client, auto_refresh_token=False)
        yield create_client(status.api_url, key, options)


def query(status: StackStatus, statement: str) -> list[tuple[Any, ...]]:
    with connect(status) as connection:
        return connection.execute(statement.encode()).fetchall()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait until `condition` holds; fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for: {what}"
        pause.wait(0.02)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def make_stack(tmp_path: Path, project: Path) -> Iterator[MakeStack]:
    """Give stacks of this test; a second one of the same name is the same stack seen anew."""
    made: dict[str, Stack] = {}

    def make(name: str = "state", **options: Any) -> Stack:
        options = {"root": project, "port_base": free_base(), **options}
        if name in made:
            options["port_base"] = None
        stack = Stack(state_dir=tmp_path / name, **options)
        made.setdefault(name, stack)
        return stack

    yield make
    for stack in made.values():
        stack.destroy()
        shutil.rmtree(stack.layout.state_dir, ignore_errors=True)


@pytest.fixture(scope="module")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give one running stack for all tests of a module that leave it as it was."""
    folder = tmp_path_factory.mktemp("shared")
    stack = Stack(
        root=make_project(folder / "project"),
        state_dir=folder / "state",
        port_base=free_base(),
    )
    stack.up(without=WITHOUT_OWN)
    yield stack
    stack.destroy()


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """Give the shared stack, up. Its project is `stack.root`; tests may add to both."""
    shared_stack.up(without=WITHOUT_OWN)
    return shared_stack
