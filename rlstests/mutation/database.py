"""A migrated and seeded server of our own, and a clone of its database for each mutant."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql

from cli.stack import gateway
from cli.stack.layout import silent
from cli.stack.ports import free_base
from cli.stack.services import stop_service
from cli.stack.status import StackStatus
from cli.stack.supervisor import Stack

ROOT = Path(__file__).resolve().parent.parent.parent
# Nobody stays connected to a database that is being cloned, so commands are given from elsewhere.
_ELSEWHERE = "template1"
_ORIGINAL = "postgres"


@dataclass(frozen=True)
class Original:
    """The database that every clone copies."""

    status: StackStatus

    def connect(self, name: str = _ORIGINAL) -> psycopg.Connection:
        """Connect to one database of the server as `postgres`, in autocommit mode."""
        return psycopg.connect(self.clone_status(name).db_url, autocommit=True)

    def clone_status(self, name: str) -> StackStatus:
        """Return what the tests know a stack by; there is no gateway in front of a clone."""
        server, _, _ = self.status.db_url.rpartition("/")
        return replace(self.status, db_url=f"{server}/{name}", api_url="")

    def clone(self, name: str) -> None:
        """Make a clone; takes a few hundredths of a second."""
        self._command("create database {} template {}", name, _ORIGINAL)

    def drop(self, name: str) -> None:
        """Drop a clone, whoever is connected to it; one that was never made is fine."""
        self._command("drop database if exists {} with (force)", name)

    def _command(self, command: str, *names: str) -> None:
        with self.connect(_ELSEWHERE) as connection:
            connection.execute(sql.SQL(command).format(*map(sql.Identifier, names)))


@contextmanager
def original() -> Iterator[Original]:
    """Start Postgres, migrated and seeded, with nobody connected; all of it is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="resumebase-mutants-"))
    stack = Stack(root=ROOT, state_dir=home / "state", port_base=free_base())
    try:
        status = stack.up(without=frozenset({"worker", "http"}))
        stop_service(stack.layout, gateway.NAME, silent)
        yield Original(status)
    finally:
        stack.destroy()
        shutil.rmtree(home, ignore_errors=True)
