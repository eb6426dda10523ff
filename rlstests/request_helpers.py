"""What the tests of requests have in common: a plan to ask on, a worker's moves, and the uses."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row, refused


def subscribe(db: Database, user: Actor, plan: str = "pro") -> Actor:
    """Put somebody on a plan."""
    sql = "update public.profiles set subscription_tier = %s where id = %s"
    db.query(SYSTEM, sql, plan, user.user_id)
    return user


def limit(db: Database, action: str, calls: int) -> None:
    """Allow this many calls of an action in an hour."""
    sql = (
        "insert into public.global_config as c (key, value) values ('rate_limits', %s) "
        "on conflict (key) do update set value = c.value || excluded.value"
    )
    db.query(SYSTEM, sql, json.dumps({action: {"limit": calls, "seconds": 3600}}))


# A worker's moves --------------------------------------------------------------------------------


def claim(db: Database, kind: str) -> Row:
    """Lease the one task of this kind."""
    return db.one(SERVICE, "select * from worker.claim_tasks('test', %s, 1, 60)", [kind])


def complete(db: Database, task: Row, result: object) -> None:
    sql = "select worker.complete_task(%s, %s, %s)"
    db.query(SERVICE, sql, task["id"], task["lease_token"], json.dumps(result))


def fail(db: Database, task: Row, error: str = "No luck.", *, retryable: bool = False) -> str:
    sql = "select worker.fail_task(%s, %s, %s, %s)"
    return str(db.value(SERVICE, sql, task["id"], task["lease_token"], error, retryable))


def work(db: Database, kind: str, result: object) -> None:
    """Claim the next task of this kind and complete it."""
    complete(db, claim(db, kind), result)


@contextmanager
def malformed() -> Iterator[None]:
    """Expect a result to be refused as one that no row can hold."""
    with refused("PT422", match="malformed"):
        yield


# What there is -----------------------------------------------------------------------------------


def live_tasks(db: Database, user: Actor) -> list[str]:
    """The kinds of somebody's tasks that wait or run."""
    sql = "select kind from queue.tasks where user_id = %s order by kind"
    return [row["kind"] for row in db.query(SYSTEM, sql, user.user_id)]


def uses(db: Database, user: Actor) -> list[str]:
    """The states of somebody's uses, oldest first."""
    sql = "select state from public.usage_events where user_id = %s order by created_at, id"
    return [row["state"] for row in db.query(SYSTEM, sql, user.user_id)]


def state_of_use(db: Database, user: Actor, operation: str) -> str:
    """The state of somebody's one use of an operation."""
    sql = "select state from public.usage_events where operation = %s"
    return str(db.value(user, sql, operation))


def used(db: Database, user: Actor, meter: str) -> int:
    """What a meter of somebody says."""
    return int(db.value(user, "select used from public.my_usage() where meter = %s", meter))
