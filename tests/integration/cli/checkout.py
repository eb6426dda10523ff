"""Checkouts with a running stack of their own, and the installed command as a real process."""

from __future__ import annotations

import json
import os
import pty
import select as io_select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from cli.stack.ports import free_base
from cli.stack.status import StackStatus
from cli.stack.supervisor import Stack

REPOSITORY = Path(__file__).parents[3]
RESUMEBASE = Path(sys.executable).with_name("resumebase")
DEADLINE_SECONDS = 60

PROJECT_FILE = """
[environments.local]
kind = "embedded"
port_base = {port_base}

[environments.staging]
kind = "hosted"
api_url = "http://127.0.0.1:{port_base}"
db_url = "postgresql://postgres@127.0.0.1:{postgres_port}/postgres"
production = false

[environments.production]
kind = "hosted"
api_url = "http://127.0.0.1:{port_base}"
db_url = "postgresql://postgres@127.0.0.1:{postgres_port}/postgres"
"""


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def data(self) -> Any:
        return json.loads(self.stdout)

    @property
    def error(self) -> dict[str, str]:
        """The error of JSON mode: the last line of stderr, after the notes."""
        found: dict[str, str] = json.loads(self.stderr.splitlines()[-1])
        return found


@dataclass
class Checkout:
    """A copy of the project; `staging` and `production` are its own stack, reached as if remote."""

    root: Path
    stack: Stack
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> StackStatus:
        return self.stack.status()

    @property
    def migrations(self) -> Path:
        return self.root / "supabase" / "migrations"

    def run(self, *words: str, **variables: str) -> Answer:
        done = subprocess.run(
            [RESUMEBASE, *words],
            cwd=self.root,
            env={**os.environ, **self.variables, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def run_on_terminal(self, *words: str, typed: str) -> tuple[int, str]:
        """Run on a terminal, type once it asks; returns exit code and all that was shown."""
        keyboard, terminal = pty.openpty()
        # The first terminal that the leader of a session opens controls it, so that ^C interrupts.
        opening = 'tty=$1; shift; exec "$@" <"$tty" >"$tty" 2>&1'
        child = subprocess.Popen(
            ["/bin/sh", "-c", opening, "sh", os.ttyname(terminal), RESUMEBASE, *words],
            cwd=self.root,
            env={**os.environ, **self.variables},
            start_new_session=True,
        )
        try:
            shown = _read_until(keyboard, (": ",), child)
            os.write(keyboard, typed.encode())
            shown += _read_until(keyboard, (), child)
            return child.wait(DEADLINE_SECONDS), shown
        finally:
            child.kill()
            child.wait()
            os.close(keyboard)
            os.close(terminal)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.status.db_url, sslmode="disable", autocommit=True) as session:
            return session.execute(statement.encode()).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.status.db_url, sslmode="disable", autocommit=True) as session:
            session.execute(statement.encode())

    def add_migration(self, name: str, text: str) -> Path:
        """Write a migration through `db new`, so that it is the newest."""
        path = self.root / self.run("db", "new", name, "--json").data["path"]
        path.write_text(text)
        return path


def _read_until(keyboard: int, marks: tuple[str, ...], child: subprocess.Popen[bytes]) -> str:
    """Read what the terminal shows until it ends with one of the marks, or the program is over."""
    shown = b""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if io_select.select([keyboard], [], [], 0.1)[0]:
            try:
                shown += os.read(keyboard, 4096)
            except OSError:  # the other side was closed
                break
        elif child.poll() is not None or (marks and shown.decode().endswith(marks)):
            break
    return shown.decode()


@contextmanager
def make_checkout(*, with_migrations: bool = True) -> Iterator[Checkout]:
    """Make a checkout with its stack up, for the length of the block.

    Without migrations it has no seed either, and its database is as a new project's.
    """
    folder = Path(tempfile.mkdtemp(prefix="resumebase-cli-"))
    # As root, Postgres runs as another user, who has to pass through here.
    folder.chmod(0o711)
    base = free_base()
    try:
        ignored = shutil.ignore_patterns(".temp", "types")
        shutil.copytree(REPOSITORY / "supabase", folder / "supabase", ignore=ignored)
        if not with_migrations:
            for file in (folder / "supabase" / "migrations").iterdir():
                file.unlink()
            (folder / "supabase" / "seed.sql").write_text("select 1;\n")
        shutil.copy(REPOSITORY / ".sqlfluff", folder)
        shutil.copy(REPOSITORY / "package-lock.json", folder)
        (folder / "node_modules").symlink_to(REPOSITORY / "node_modules")
        text = PROJECT_FILE.format(port_base=base, postgres_port=base + 1)
        (folder / "resumebase.toml").write_text(text)
        stack = Stack(root=folder, state_dir=folder / ".resumebase" / "local", port_base=base)
        try:
            status = stack.up(without=frozenset({"worker", "http"}))
            yield Checkout(folder, stack, remote_secrets(status))
        finally:
            stack.down()
    finally:
        shutil.rmtree(folder)


def remote_secrets(status: StackStatus) -> dict[str, str]:
    """What a developer would have set for the two remote environments."""
    password = status.db_url.partition("postgres:")[2].partition("@")[0]
    keys = {
        "SECRET_KEY": status.secret_key,
        "PUBLISHABLE_KEY": status.publishable_key,
        "DB_PASSWORD": password,
    }
    return {
        f"RESUMEBASE_{name}_{key}": value
        for name in ("STAGING", "PRODUCTION")
        for key, value in keys.items()
    }
