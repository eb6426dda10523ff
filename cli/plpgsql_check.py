"""plpgsql_check finds mistakes in functions that Postgres itself only notices when they run.

Hosted projects have the extension. The Postgres of the embedded stack does not, so its migrations
are checked on a scratch stack with a Postgres of the system, where there is one that has it.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg

from cli.connection import database
from cli.environments import Environment
from cli.output import CliError, note
from cli.stack import secrets
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack
from cli.supabase_cli import SupabaseCli
from cli.target import Target

SCHEMAS = ("public", "private", "worker", "queue")
OLDEST_POSTGRES = 15
HOW_TO_GET_IT = (
    "Debian and Ubuntu: apt-get install postgresql-15 postgresql-15-plpgsql-check (or a newer "
    "version), then run this again; it needs no configuration. Hosted projects have it: "
    "resumebase db lint --env NAME."
)


@dataclass(frozen=True)
class Outcome:
    """What the check came to; `detail` says on what it ran, or why it did not."""

    state: Literal["passed", "failed", "skipped"]
    detail: str
    findings: list[dict[str, Any]] = field(default_factory=list)


def find_postgres(
    programs: Path = Path("/usr/lib/postgresql"), shared: Path = Path("/usr/share/postgresql")
) -> Path | None:
    """Return the programs of the newest system Postgres that has the extension, or None.

    The defaults are where Debian's packages put them.
    """
    found = [
        int(folder.name)
        for folder in (programs.iterdir() if programs.is_dir() else ())
        if folder.name.isdigit()
        and int(folder.name) >= OLDEST_POSTGRES
        and (folder / "bin" / "initdb").exists()
        and (shared / folder.name / "extension" / "plpgsql_check.control").exists()
    ]
    return programs / str(max(found)) / "bin" if found else None


def check_functions(environment: Environment) -> Outcome:
    """Check every function of our schemas; never changes the environment's own database."""
    if environment.kind == "embedded":
        bin_dir = find_postgres()
        if bin_dir is None:
            return Outcome("skipped", "no Postgres of this system has the extension plpgsql_check")
        return _check_on_scratch(environment.root, bin_dir)
    return _check(environment.root, database(environment), environment.name)


def _check_on_scratch(root: Path, bin_dir: Path) -> Outcome:
    where = f"a scratch database of {bin_dir}"
    note(f"plpgsql_check: applying the migrations to {where}")
    try:
        with scratch_database(root, bin_dir) as target:
            return _check(root, target, where)
    except CliError as error:
        # A migration may use what only a newer Postgres has; `db push` is what judges that.
        return Outcome("skipped", f"{where} could not be made: {error.message}")


def _check(root: Path, target: Target, where: str) -> Outcome:
    try:
        findings = SupabaseCli(root).lint(target, SCHEMAS)
    except CliError as error:
        if "plpgsql_check" not in error.message:
            raise
        return Outcome("skipped", f"{where}: {error.message}")
    return Outcome("failed" if findings else "passed", f"on {where}", findings)


@contextlib.contextmanager
def scratch_database(root: Path, bin_dir: Path) -> Iterator[Target]:
    """Run a stack with all migrations and plpgsql_check for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="resumebase-lint-") as folder:
        # As root, Postgres runs as another user, who has to pass through here.
        Path(folder).chmod(0o711)
        state_dir = Path(folder) / "stack"
        stack = Stack(root=root, state_dir=state_dir, port_base=free_base(), postgres_bin=bin_dir)
        try:
            target = Target.from_url(stack.up(without=frozenset({"worker", "http"})).db_url)
            _create_extension(stack, target)
            yield target
        finally:
            stack.destroy()


def _create_extension(stack: Stack, target: Target) -> None:
    made = secrets.load(stack.layout)
    assert made is not None, "a stack that is up has secrets"
    options = {**target.psycopg_options(), "password": made.supabase_admin_password}
    with psycopg.connect(target.url, user="supabase_admin", **options) as session:
        session.execute("create extension plpgsql_check schema extensions")
