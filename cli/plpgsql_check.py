"""plpgsql_check finds mistakes in functions that Postgres itself only notices when they run.

Hosted projects have the extension. The Postgres of the embedded stack does not, so its migrations
are checked on a scratch stack with a Postgres of the system, where there is one that has it.
"""

from __future__ import annotations

import contextlib
import tempfile
import tomllib
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
# How Postgres says that the files of the extension are not on its machine.
ABSENT = (
    'extension "plpgsql_check" is not available',
    "plpgsql_check.control",
)
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
    """Check every function of our schemas; never changes the environment's own database.

    `skipped` means that no database with the extension could be found, and nothing else does.
    """
    if environment.kind != "embedded":
        return _check(environment.root, database(environment), environment.name)
    target = _running_database(environment)
    if target is not None and _has_extension(target):
        return _check(environment.root, target, environment.name)
    bin_dir = find_postgres()
    if bin_dir is None:
        return Outcome("skipped", "no Postgres of this system has the extension plpgsql_check")
    return _check_on_scratch(environment.root, bin_dir)


def _running_database(environment: Environment) -> Target | None:
    try:
        return database(environment)
    except CliError as error:
        if error.code != "stack-not-running":
            raise
        return None


def _has_extension(target: Target) -> bool:
    """Tell whether this login can use plpgsql_check: it is made, or we may make it."""
    with psycopg.connect(target.url, **target.psycopg_options()) as session:
        found = session.execute("""
            select 1 from pg_available_extensions e, pg_roles r
            where e.name = 'plpgsql_check' and r.rolname = current_user
                and (e.installed_version is not null or r.rolsuper)
        """)
        return found.fetchone() is not None


def _check_on_scratch(root: Path, bin_dir: Path) -> Outcome:
    where = f"a scratch database of {bin_dir}"
    note(f"plpgsql_check: applying the migrations to {where}")
    try:
        with scratch_database(root, bin_dir) as target:
            return _check(root, target, where)
    except CliError as error:
        if error.code != "migration-failed":
            raise
        return Outcome("failed", f"on {where}: {error.message}{_about_version(root, bin_dir)}")


def _about_version(root: Path, bin_dir: Path) -> str:
    """Say so when the scratch Postgres is older than the one the migrations are written for."""
    found = int(bin_dir.parent.name)
    config = tomllib.loads((root / "supabase" / "config.toml").read_text("utf-8"))
    wanted = int(config.get("db", {}).get("major_version", found))
    if found >= wanted:
        return ""
    return f" (this is Postgres {found}; supabase/config.toml has major_version {wanted})"


def _check(root: Path, target: Target, where: str) -> Outcome:
    try:
        findings = SupabaseCli(root).lint(target, SCHEMAS)
    except CliError as error:
        if not any(sign in error.message for sign in ABSENT):
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
            create_extension(stack, target)
            yield target
        finally:
            stack.destroy()


def create_extension(stack: Stack, target: Target) -> None:
    """Make plpgsql_check in a stack whose Postgres has it; only a superuser may."""
    made = secrets.load(stack.layout)
    assert made is not None, "a stack that is up has secrets"
    options = {**target.psycopg_options(), "password": made.supabase_admin_password}
    with psycopg.connect(target.url, user="supabase_admin", **options) as session:
        session.execute("create extension plpgsql_check schema extensions")
