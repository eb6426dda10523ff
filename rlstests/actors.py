"""Who acts in a test, and one transaction in which they act.

The people vanish with the transaction they were made in:

    owner      has the rows that a test is about
    stranger   another signed-in user
    admin      a signed-in user listed in admin_users
    anon       nobody is signed in
    service    the workers' role, with the secret key
    leaving    the owner, after asking for the account to be deleted
    blocked    the owner, after an operator blocked the account
    deleted    the token of an account that is gone
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.rows import DictRow

Row = dict[str, Any]


@dataclass(frozen=True)
class Actor:
    """A database role, and the user whose access token it carries."""

    name: str
    role: str
    user_id: UUID | None = None

    @property
    def claims(self) -> str:
        """The claims of the access token, as PostgREST hands them to the database."""
        return json.dumps({"sub": str(self.user_id), "role": self.role} if self.user_id else {})


@lru_cache(maxsize=256)
def becoming(actor: Actor) -> bytes:
    """The command with which the session acts as somebody until it is told otherwise."""
    settings = {
        "role": actor.role,
        "request.jwt.claims": actor.claims,
        # The gateway's auth.uid() reads this older setting, hosted Supabase reads both.
        "request.jwt.claim.sub": str(actor.user_id) if actor.user_id else "",
    }
    calls = (
        sql.SQL("set_config({}, {}, true)").format(name, value) for name, value in settings.items()
    )
    return sql.SQL("select {}").format(sql.SQL(", ").join(calls)).as_bytes()


SYSTEM = Actor("system", "postgres")
ANON = Actor("anon", "anon")
SERVICE = Actor("service", "service_role")


class Database:
    """One transaction in which several actors take turns; nothing of it is kept."""

    def __init__(self, connection: psycopg.Connection[DictRow]) -> None:
        self.connection = connection

    @contextmanager
    def acting(self, actor: Actor) -> Iterator[psycopg.Connection[DictRow]]:
        """Act as somebody. What fails inside is undone; the transaction goes on."""
        if self.connection.info.transaction_status == TransactionStatus.IDLE:
            # Nothing has begun, on a connection that commits: this is a transaction of its own.
            with self.connection.transaction(), self.acting(actor) as connection:
                yield connection
            return
        # Half of all that the suite does is this: what goes together is one round trip.
        self._run(b"savepoint acting; " + becoming(actor))
        try:
            yield self.connection
            self._run(b"reset role; release savepoint acting")
        except BaseException:
            if not self.connection.closed:
                self._run(b"rollback to savepoint acting; release savepoint acting")
            raise

    def _run(self, commands: bytes) -> None:
        """Run commands that cannot fail and whose answers nobody wants."""
        result = self.connection.pgconn.exec_(commands)
        if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            raise psycopg.InternalError(result.error_message.decode())

    def query(self, actor: Actor, sql: str, *values: object) -> list[Row]:
        """Run one statement as somebody and return its rows."""
        with self.acting(actor) as connection:
            cursor = connection.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def one(self, actor: Actor, sql: str, *values: object) -> Row:
        """Run one statement that returns exactly one row."""
        rows = self.query(actor, sql, *values)
        assert len(rows) == 1, f"{len(rows)} rows from {sql!r}"
        return rows[0]

    def value(self, actor: Actor, sql: str, *values: object) -> Any:
        """Run one statement that returns exactly one value."""
        (value,) = self.one(actor, sql, *values).values()
        return value

    def affected(self, actor: Actor, sql: str, *values: object) -> int:
        """Run one statement and return how many rows it changed."""
        with self.acting(actor) as connection:
            return connection.execute(sql, values).rowcount

    def add_user(self, name: str, metadata: object = None) -> Actor:
        """Sign somebody up, the way Auth does it: a row in auth.users."""
        user_id = uuid4()
        self.query(
            SYSTEM,
            "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s)",
            user_id,
            f"{name}-{user_id.hex[:8]}@example.com",
            json.dumps({} if metadata is None else metadata),
        )
        return Actor(name, "authenticated", user_id)

    def add_admin(self, name: str) -> Actor:
        """Sign somebody up and make them an admin."""
        actor = self.add_user(name)
        self.query(
            SYSTEM,
            "insert into public.admin_users (user_id, email) values (%s, 'admin@example.com')",
            actor.user_id,
        )
        return actor

    def add_deleted_user(self, name: str) -> Actor:
        """Sign somebody up and delete the account; the access token outlives it."""
        actor = self.add_user(name)
        self.query(SYSTEM, "delete from auth.users where id = %s", actor.user_id)
        return actor

    def make_inactive(self, identity: str, actor: Actor) -> None:
        """Make an account one that is leaving or blocked."""
        self.query(
            SYSTEM,
            f"update public.profiles set {INACTIVE_BY[identity]} where id = %s",
            actor.user_id,
        )


INACTIVE_BY = {"leaving": "deleted_at = now()", "blocked": "is_active = false"}


@contextmanager
def refused(
    sqlstate: str, match: str | None = None
) -> Iterator[pytest.ExceptionInfo[psycopg.Error]]:
    """Expect the database to refuse with this SQLSTATE, and a message that matches."""
    with pytest.raises(psycopg.Error, match=match) as caught:
        yield caught
    assert caught.value.sqlstate == sqlstate, str(caught.value)


NO_GRANT = "permission denied"
POLICY = "row-level security"
