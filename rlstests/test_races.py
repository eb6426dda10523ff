"""What two sessions do at the same moment: nobody waits for ever, nothing is counted twice."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.sessions import OPTIONS, session

DEADLOCK = "40P01"
ROUNDS = 6


class Account:
    """A committed user with an uploaded résumé, seen by every session."""

    def __init__(self, db_url: str) -> None:
        self.db_url = db_url
        self.user_id, self.resume_id = uuid4(), uuid4()
        path = f"{self.user_id}/{uuid4()}.pdf"
        with session(db_url) as connection:
            connection.execute(
                "insert into auth.users (id, email) values (%s, %s)",
                (self.user_id, f"{self.user_id}@example.com"),
            )
            connection.execute(
                "insert into storage.objects (bucket_id, name) values ('resumes', %s)", (path,)
            )
            connection.execute(
                "insert into public.resumes (id, user_id, file_path) values (%s, %s, %s)",
                (self.resume_id, self.user_id, path),
            )

    def request(self, connection: psycopg.Connection) -> None:
        connection.execute(
            "select set_config('role', 'authenticated', true), "
            "set_config('request.jwt.claim.sub', %s, true), "
            "set_config('request.jwt.claims', %s, true)",
            (str(self.user_id), json.dumps({"sub": str(self.user_id)})),
        )
        connection.execute("select public.request_resume_parse(%s)", (self.resume_id,))

    def claim(self) -> tuple[UUID, UUID]:
        """Lease this account's task, and no other."""
        with session(self.db_url) as connection:
            row = connection.execute(
                "update queue.tasks set lease_token = gen_random_uuid(), attempt = 1, "
                "lease_expires_at = now() + interval '1 min' where user_id = %s "
                "returning id, lease_token",
                (self.user_id,),
            ).fetchone()
        assert row is not None
        return row[0], row[1]

    def delete(self, connection: psycopg.Connection) -> None:
        connection.execute("delete from auth.users where id = %s", (self.user_id,))


def at_once(db_url: str, *actions: Callable[[psycopg.Connection], None]) -> list[str]:
    """Run each action in a session of its own at the same moment; gives "ok" or the SQLSTATE."""
    barrier = threading.Barrier(len(actions))

    def act(action: Callable[[psycopg.Connection], None]) -> str:
        try:
            # Never a shared session: one that has run the triggers before is through in a moment,
            # where a new one takes its time in each, and what may collide does so.
            with psycopg.connect(db_url, options=OPTIONS) as connection:
                barrier.wait(30)
                action(connection)
        except psycopg.Error as error:
            return str(error.sqlstate)
        return "ok"

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


@pytest.fixture
def account(stack: StackStatus) -> Iterator[Account]:
    made = Account(stack.db_url)
    yield made
    with session(stack.db_url) as connection:
        made.delete(connection)


def complete(task: UUID, token: UUID) -> Callable[[psycopg.Connection], None]:
    result = {
        "parsed_data": {},
        "extracted_text": "",
        "file_sha256": "ab" * 32,
        "file_size_bytes": 1,
        "warnings": [],
    }

    def run(connection: psycopg.Connection) -> None:
        connection.execute(
            "select worker.complete_task(%s, %s, %s)", (task, token, json.dumps(result))
        )

    return run


def test_account_deleted_while_its_task_completes__never_deadlocks(stack: StackStatus) -> None:
    for _ in range(ROUNDS):
        account = Account(stack.db_url)
        with session(stack.db_url) as connection:
            account.request(connection)
        done, deleted = at_once(stack.db_url, complete(*account.claim()), account.delete)
        assert deleted == "ok"
        assert done in ("ok", "PT409")


def test_account_deleted_while_it_asks__never_deadlocks(stack: StackStatus) -> None:
    for _ in range(ROUNDS):
        account = Account(stack.db_url)
        asked, deleted = at_once(stack.db_url, account.request, account.delete)
        assert deleted == "ok"
        assert asked != DEADLOCK


def test_requests_at_once__queue_one_task_and_count_one_use(account: Account) -> None:
    assert at_once(account.db_url, *[account.request] * 4) == ["ok"] * 4
    with session(account.db_url) as connection:
        sql = "select count(*) from {} where user_id = %s"
        for table in ("queue.tasks", "public.usage_events"):
            row = connection.execute(sql.format(table), (account.user_id,)).fetchone()
            assert row == (1,), table


def test_completions_at_once__end_the_task_once(account: Account) -> None:
    with session(account.db_url) as connection:
        account.request(connection)
    finish = complete(*account.claim())
    assert sorted(at_once(account.db_url, finish, finish)) == ["PT409", "ok"]


def test_partition_of_a_busy_table__waits_for_the_next_round(stack: StackStatus) -> None:
    month = "2035-01-01"
    sql = "select private.try_month_partition('public.usage_events', 'created_at', %s)"
    with session(stack.db_url) as reader, session(stack.db_url) as maker:
        reader.execute("select count(*) from public.usage_events")
        assert maker.execute(sql, (month,)).fetchone() == (0,)
        reader.rollback()
        assert maker.execute(sql, (month,)).fetchone() == (1,)
        maker.rollback()
