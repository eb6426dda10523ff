"""What a new database gets before its first migration: roles, schemas, Auth and Storage.

Runs once per data directory and can be resumed. A marker inside the data directory says that it is
complete, so that it shares the fate of the data and never runs after migrations have closed what
it leaves open.
"""

from __future__ import annotations

from importlib import resources

import psycopg
from psycopg import sql

from cli.stack.layout import Layout, write_private
from cli.stack.secrets import StackSecrets

_MARKER = "resumebase.bootstrapped"


def is_done(layout: Layout) -> bool:
    """Tell whether the database has all that migrations build on."""
    return (layout.postgres_data / _MARKER).exists()


def mark_done(layout: Layout) -> None:
    """Remember that the database is ready for migrations; raises OSError."""
    write_private(layout.postgres_data / _MARKER, "")


def create_roles(connection: psycopg.Connection, secrets: StackSecrets) -> None:
    """Make roles, schemas and extensions as superuser; idempotent. Raises psycopg errors."""
    with connection.transaction():
        _run_file(connection, "roles.sql")
        for role, password in (
            ("postgres", secrets.postgres_password),
            ("gateway", secrets.gateway_password),
        ):
            # Sent as a SCRAM verifier: the password itself can then reach no log.
            verifier = connection.pgconn.encrypt_password(
                password.encode(), role.encode(), b"scram-sha-256"
            )
            connection.execute(
                sql.SQL("alter role {} password {}").format(
                    sql.Identifier(role), sql.Literal(verifier.decode())
                )
            )


def grant_gateway_schemas(connection: psycopg.Connection) -> None:
    """Grant on `auth` and `storage` what hosted grants; the gateway must have made them.

    Idempotent. Raises psycopg errors.
    """
    with connection.transaction():
        _run_file(connection, "gateway_grants.sql")


def _run_file(connection: psycopg.Connection, name: str) -> None:
    script = resources.files("cli.stack").joinpath(name).read_text(encoding="utf-8")
    connection.execute(script.encode())
