"""Room privacy: leaving, staying and being purged at the same moment."""

import json
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.sessions import session
from rlstests.test_races import DEADLOCK, ROUNDS, at_once

CONFIRM = "select private.confirm_account_purge(%s)"


class Leaver:
    """A committed user whose time is up, seen by every session."""

    def __init__(self, db_url: str) -> None:
        self.db_url, self.user_id = db_url, uuid4()
        with session(db_url) as connection:
            connection.execute(
                "insert into auth.users (id, email) values (%s, %s)",
                (self.user_id, f"{self.user_id}@example.com"),
            )
            connection.execute(
                "update public.profiles set deleted_at = now() - interval '31 days' where id = %s",
                (self.user_id,),
            )

    def stay(self, connection: psycopg.Connection) -> None:
        connection.execute(
            "select set_config('role', 'authenticated', true), "
            "set_config('request.jwt.claim.sub', %s, true), "
            "set_config('request.jwt.claims', %s, true)",
            (str(self.user_id), json.dumps({"sub": str(self.user_id)})),
        )
        connection.execute("select public.cancel_account_deletion()")

    def confirm(self, connection: psycopg.Connection) -> bool:
        row = connection.execute(CONFIRM, (self.user_id,)).fetchone()
        assert row is not None
        return bool(row[0])

    def purge(self, connection: psycopg.Connection) -> None:
        connection.execute("select private.purge_account(%s)", (self.user_id,))

    def delete(self, connection: psycopg.Connection) -> None:
        connection.execute("delete from auth.users where id = %s", (self.user_id,))

    def touch_email(self, connection: psycopg.Connection) -> None:
        connection.execute(
            "update auth.users set email = %s where id = %s",
            (f"{uuid4()}@example.com", self.user_id),
        )

    def forget(self) -> None:
        """Leave nothing behind in the database of the other tests."""
        with session(self.db_url) as connection:
            self.delete(connection)


@pytest.fixture
def leaver(stack: StackStatus) -> Iterator[Leaver]:
    made = Leaver(stack.db_url)
    yield made
    made.forget()


@pytest.fixture
def two(stack: StackStatus) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    patience = "-c lock_timeout=200ms"
    with (
        psycopg.connect(stack.db_url, options=patience) as one,
        psycopg.connect(stack.db_url, options=patience) as other,
    ):
        yield one, other
        one.rollback()
        other.rollback()


def test_staying_while_the_purge_is_confirmed__waits_and_is_too_late(
    leaver: Leaver, two: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    worker, user = two
    assert leaver.confirm(worker) is True
    with pytest.raises(psycopg.errors.LockNotAvailable):
        leaver.stay(user)
    user.rollback()
    worker.commit()
    with pytest.raises(psycopg.Error) as caught:
        leaver.stay(user)
    assert caught.value.sqlstate == "PT409"


def test_purge_while_somebody_decides_to_stay__waits_and_keeps_the_account(
    leaver: Leaver, two: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    worker, user = two
    leaver.stay(user)
    with pytest.raises(psycopg.errors.LockNotAvailable):
        leaver.confirm(worker)
    worker.rollback()
    user.commit()
    assert leaver.confirm(worker) is False


def test_account_deleted_by_auth_while_it_is_purged__never_deadlocks(
    stack: StackStatus,
) -> None:
    for _ in range(ROUNDS):
        leaver = Leaver(stack.db_url)
        with session(stack.db_url) as connection:
            leaver.confirm(connection)
        outcomes = at_once(stack.db_url, leaver.purge, leaver.delete, leaver.touch_email)
        assert DEADLOCK not in outcomes
        assert outcomes[:2] == ["ok", "ok"]
        with session(stack.db_url) as connection:
            sql = "select count(*) from public.audit_logs where owner_id = %s and action = %s"
            found = connection.execute(sql, (leaver.user_id, "account.purge")).fetchone()
            assert found == (1,)
