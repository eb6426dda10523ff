"""The Postgres server of a stack: its data directory, its process, a connection to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from cli.output import CliError
from cli.stack import postmaster, processes
from cli.stack.account import Account
from cli.stack.binaries import PostgresBinaries
from cli.stack.layout import Layout

NAME = "postgres"
SUPERUSER = "supabase_admin"
START_SECONDS = 60.0
_RETRY_SECONDS = 20.0
# "Fast" shutdown first, then "immediate" (recovers at the next start), then the hard way.
STOP_SIGNALS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "wal_level": "logical",
    "password_encryption": "scram-sha-256",
    "idle_in_transaction_session_timeout": "10min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    # A data directory outlives power cuts, also in development.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}


@dataclass(frozen=True)
class Postgres:
    """One server: `binaries` on the data of `layout`, run as `account` (None: as ourselves)."""

    layout: Layout
    binaries: PostgresBinaries
    port: int
    account: Account | None = None

    def init(self, password: str) -> None:
        """Make the data directory with superuser `supabase_admin`; a no-op when there is one.

        It appears under its name only when complete. Raises CliError `initdb-failed`, OSError.
        """
        data = self.layout.postgres_data
        if data.exists():
            return
        fresh = data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        with self._password_file(password) as password_file:
            done = subprocess.run(
                [
                    *(self.binaries.program("initdb"), "-D", fresh, "-U", SUPERUSER),
                    *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"),
                    *("--data-checksums", *self.binaries.initdb_locale()),
                ],
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                **(self.account.popen_options() if self.account else {}),
            )
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise _failed(
                "initdb-failed", "Postgres could not make its data directory", done.stderr
            )
        fresh.rename(data)

    def start(self, password: str) -> processes.Record:
        """Start the server and wait until it answers.

        After a crash, old backends may hold the data for a moment: it tries again for a while.
        Raises CliError `postgres-failed` with the end of the log.
        """
        log = self.layout.log_file(NAME)
        self._drop_stale_pid_file()
        deadline = time.monotonic() + _RETRY_SECONDS
        while True:
            offset = processes.begin_log(log)
            record = self._spawn(log)
            if self.wait_ready(record, password):
                return record
            said = processes.said_since(log, offset)
            if "still in use" not in said or time.monotonic() > deadline:
                processes.stop(record, STOP_SIGNALS)
                processes.forget(self.layout.run_dir, NAME)
                raise _failed("postgres-failed", "Postgres did not start", said)
            time.sleep(0.2)

    def answers(self, password: str) -> bool:
        """Tell whether the server takes connections."""
        return answers(self.port, password)

    def connect(self, password: str) -> psycopg.Connection:
        """Open an autocommit connection as superuser; raises psycopg errors."""
        return connect(self.port, password)

    def _spawn(self, log: Path) -> processes.Record:
        settings = {**SETTINGS, "port": str(self.port)}
        if self.binaries.has_library("pg_stat_statements"):
            settings["shared_preload_libraries"] = "pg_stat_statements"
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return processes.spawn(
            NAME,
            [
                self.binaries.program("postgres"),
                "-D",
                self.layout.postgres_data,
                *options,
            ],
            run_dir=self.layout.run_dir,
            log=log,
            cwd=Path("/"),
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            account=self.account,
        )

    def wait_ready(self, record: processes.Record, password: str) -> bool:
        """Wait until the server answers; False if it ends, or is silent for START_SECONDS."""
        deadline = time.monotonic() + START_SECONDS
        while processes.is_alive(record) and time.monotonic() < deadline:
            if self.answers(password):
                return True
            time.sleep(0.03)
        return False

    def _drop_stale_pid_file(self) -> None:
        """Remove postmaster.pid when its pid now belongs to some other program of this user.

        Postgres itself copes with a pid that is gone (and then looks for backends that are left,
        for which it needs the file), but takes a recycled one for a server.
        Raises CliError `data-in-use` when the process cannot be told from a server.
        """
        data = self.layout.postgres_data
        pid = postmaster.pid_in_file(data)
        if pid is not None and postmaster.exists(pid) and postmaster.server_pid(data) is None:
            (data / "postmaster.pid").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _password_file(self, password: str) -> Iterator[Path]:
        """Hand the password to initdb in a file that only the user who runs it can read."""
        folder = Path(tempfile.mkdtemp(prefix=".init-", dir=self.layout.postgres_data.parent))
        try:
            file = folder / "password"
            file.touch(mode=0o600)
            file.write_text(password, encoding="ascii")
            if self.account is not None:
                os.chown(file, self.account.uid, self.account.gid)
                os.chown(folder, self.account.uid, self.account.gid)
            yield file
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def adopt(layout: Layout) -> processes.Record | None:
    """Record and return a server that runs on our data although its record was lost, or None.

    Raises CliError `data-in-use` when that cannot be told, OSError.
    """
    pid = postmaster.server_pid(layout.postgres_data)
    identity = None if pid is None else processes.identity_of(pid)
    if pid is None or identity is None:
        return None
    record = processes.Record(NAME, pid, identity)
    processes.save(layout.run_dir, record)
    return record


def answers(port: int, password: str) -> bool:
    """Tell whether the server on `port` takes connections of the superuser."""
    try:
        with connect(port, password):
            return True
    except psycopg.OperationalError:
        return False


def connect(port: int, password: str) -> psycopg.Connection:
    """Open an autocommit connection as superuser; raises psycopg errors."""
    with _without_libpq_variables():
        return psycopg.connect(
            host="127.0.0.1",
            port=port,
            user=SUPERUSER,
            password=password,
            dbname="postgres",
            sslmode="disable",
            connect_timeout=5,
            autocommit=True,
        )


@contextlib.contextmanager
def _without_libpq_variables() -> Iterator[None]:
    """Hide PGHOSTADDR, PGSERVICE, PGOPTIONS and the like, which are meant for other servers."""
    hidden = {name: value for name, value in os.environ.items() if name.startswith("PG")}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _failed(code: str, what: str, said: str) -> CliError:
    end = processes.last_lines(said)
    if "No space left on device" in said:
        return CliError(
            "no-disk-space",
            f"{what}: there is no space left on the disk. Your data is kept.\n{end}",
            "Free some space and run the command again, or use --state-dir on another disk.",
        )
    return CliError(code, f"{what}:\n{end}", "The whole story: resumebase logs postgres")
