"""Migrations and seed data of the local database, applied by the official Supabase CLI."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from cli.stack.layout import OnStep
from cli.stack.supabase_config import seed_files
from cli.supabase_cli import SupabaseCli
from cli.target import Target

_FILE_NAME = re.compile(r"^(\d+)_.*\.sql$")


@dataclass(frozen=True)
class Pending:
    """What a database lacks: migration files in order, and seed files by `supabase/…` path."""

    migrations: tuple[str, ...]
    seeds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.migrations) + len(self.seeds)


def find_pending(root: Path, connection: psycopg.Connection) -> Pending:
    """Return the migrations that are not applied yet, and the seed files that are new or changed.

    Asks the database alone; the Supabase CLI is not started. Raises CliError, psycopg errors.
    """
    applied = dict(_rows(connection, "schema_migrations", "version", "version"))
    seeded = dict(_rows(connection, "seed_files", "path", "hash"))
    return Pending(
        migrations=tuple(
            file.name
            for file in sorted((root / "supabase" / "migrations").glob("*.sql"))
            if (match := _FILE_NAME.match(file.name)) and match.group(1) not in applied
        ),
        seeds=tuple(
            path
            for file in seed_files(root)
            if seeded.get(path := file.relative_to(root).as_posix())
            != hashlib.sha256(file.read_bytes()).hexdigest()
        ),
    )


def apply(
    root: Path, target: Target, connection: psycopg.Connection, pending: Pending, on_step: OnStep
) -> None:
    """Apply what is pending with `supabase db push`, and changed seed files once more.

    Each file is a transaction of its own: those before a failing one stay applied. Raises CliError
    `migration-failed` and others, as `SupabaseCli.push` does, and psycopg errors.
    """
    if pending.seeds and dict(_rows(connection, "seed_files", "path", "hash")):
        # The official CLI notes the new hash of a changed seed file without running it; it runs
        # those that it does not know.
        connection.execute(
            "delete from supabase_migrations.seed_files where path = any(%s)", [[*pending.seeds]]
        )
    SupabaseCli(root).push(target, on_line=on_step)


def _rows(
    connection: psycopg.Connection, table: str, key: str, value: str
) -> list[tuple[str, str]]:
    name = sql.Identifier("supabase_migrations", table)
    exists = connection.execute("select to_regclass(%s)", [f"supabase_migrations.{table}"])
    if exists.fetchone() == (None,):
        return []
    query = sql.SQL("select {}, {} from {}").format(
        sql.Identifier(key), sql.Identifier(value), name
    )
    return connection.execute(query).fetchall()
