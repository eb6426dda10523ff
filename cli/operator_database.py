"""The database of an environment, for commands that an operator gives: named, and asked politely.

What the database refuses (SQLSTATE PT4xx, with a message and a hint) becomes a CliError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow, dict_row

from cli.connection import database, explaining_login
from cli.environments import Environment
from cli.operator_view import SHORT_ID
from cli.output import CliError, ExitCode

CONNECT_SECONDS = 10
CODES = {"PT400": "refused", "PT403": "refused", "PT404": "not-found", "PT409": "conflict"}


@dataclass(frozen=True)
class Account:
    """Whom a command is about."""

    id: UUID
    email: str


@dataclass(frozen=True)
class OperatorDatabase:
    """One connection as the operator, who may call what admins may; each call commits."""

    session: psycopg.Connection[DictRow]

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Run one statement and return its rows. Raises CliError when the database refuses."""
        with _refusals_explained():
            return self.session.execute(statement.encode(), values).fetchall()

    def one(self, statement: str, *values: object) -> dict[str, Any]:
        """Run a statement that returns one row, and return it."""
        [row] = self.rows(statement, *values)
        return row

    def value(self, statement: str, *values: object) -> Any:
        """Run a statement that returns one value, and return it."""
        [value] = self.one(statement, *values).values()
        return value

    def find_account(self, user: str) -> Account:
        """Return the account of an id or of an e-mail address, whatever its case.

        Raises CliError `unknown-user`, with the accounts that come near.
        """
        user = user.strip()
        found = self.rows(
            "select id, email from public.profiles "
            "where id::text = lower(%s) or lower(email) = lower(%s)",
            user,
            user,
        )
        if len(found) == 1:
            return Account(found[0]["id"], found[0]["email"] or "")
        if found:
            ids = ", ".join(str(row["id"]) for row in found)
            message = f"{len(found)} accounts have the address {user}."
            raise CliError("ambiguous-user", message, f"Name one of these: {ids}", ExitCode.USAGE)
        raise CliError(
            "unknown-user", f"There is no account {user}.", self._suggest(user), ExitCode.FAILED
        )

    def find_subscription(self, account: Account, name: str) -> UUID:
        """Return our id of a subscription, by that id, its beginning, or the id of its provider.

        Raises CliError `unknown-subscription`, with those that the account has.
        """
        rows = self.rows(
            "select id, provider_subscription_id as name from public.subscriptions "
            "where user_id = %s order by created_at desc",
            account.id,
        )
        for row in rows:
            begins = len(name) >= SHORT_ID and str(row["id"]).startswith(name.lower())
            if begins or name == row["name"]:
                found: UUID = row["id"]
                return found
        known = ", ".join(str(row["name"] or row["id"]) for row in rows)
        raise CliError(
            "unknown-subscription",
            f"{account.email} has no subscription {name}.",
            f"There are: {known}" if known else "There is none at all.",
        )

    def _suggest(self, user: str) -> str:
        start = user.partition("@")[0]
        near = (
            self.rows("select email from public.report_find_accounts(%s)", start[:200])
            if len(start) >= 3
            else []
        )
        if near:
            return "Did you mean: " + ", ".join(row["email"] for row in near[:5])
        return "Name an e-mail address or a user id; resumebase demo makes a user to try with."


@contextmanager
def open_database(environment: Environment) -> Iterator[OperatorDatabase]:
    """Connect as the operator for the length of the block.

    Raises CliError `database-unreachable`, `database-login-failed` (auth), and what
    `connection.database` raises.
    """
    target = database(environment)
    with explaining_login(environment):
        session = _connect(target.url, target.psycopg_options())
    with session:
        yield OperatorDatabase(session)


def _connect(url: str, options: dict[str, Any]) -> psycopg.Connection[DictRow]:
    try:
        return psycopg.connect(
            url,
            connect_timeout=CONNECT_SECONDS,
            row_factory=dict_row,
            autocommit=True,
            application_name="resumebase",
            # A pooler between us and the database hands each transaction to another session.
            prepare_threshold=None,
            **options,
        )
    except psycopg.OperationalError as error:
        message = str(error).strip()
        if "authentication failed" in message or "does not exist" in message:
            hint = "Check db_url and SUPABASE_DB_PASSWORD."
            raise CliError("database-login-failed", message, hint, ExitCode.AUTH) from error
        hint = "Is it up, and db_url right? resumebase env check tells more."
        raise CliError("database-unreachable", message, hint) from error


@contextmanager
def _refusals_explained() -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedTable) as error:
        raise CliError(
            "migrations-missing",
            f"The database has not all that this command needs: {error.diag.message_primary}.",
            "Apply the migrations: resumebase db push",
            ExitCode.DRIFT,
        ) from error
    except psycopg.Error as error:
        code = CODES.get(error.sqlstate or "")
        if code is None:
            raise CliError(
                "database-failed",
                error.diag.message_primary or str(error).strip(),
                "Nothing was changed. Run it again with --debug to see where it happened.",
            ) from error
        raise CliError(
            code, error.diag.message_primary or "", error.diag.message_hint or ""
        ) from error
