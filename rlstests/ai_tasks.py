"""What the tests of AI requests share: somebody with a résumé and a job, and a worker's moves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row, refused

FACTS = {
    "ai_provider": "offline",
    "model_used": "offline-1",
    "tokens_used": 1200,
    "processing_time_ms": 340,
    "estimated_cost": 0.001234,
}
CONTENT = {"personalInfo": {"name": "Ada Lovelace"}, "summary": "Engineer."}


def entitle(db: Database, user: Actor) -> None:
    """Give somebody a plan without limits."""
    db.query(
        SYSTEM,
        "update public.profiles set subscription_tier = 'unlimited' where id = %s",
        user.user_id,
    )


def add_resume(db: Database, user: Actor, content: object = None) -> UUID:
    resume = db.value(
        user,
        "insert into public.resumes (title, content) values ('Engineer', %s) returning id",
        json.dumps(CONTENT if content is None else content),
    )
    assert isinstance(resume, UUID)
    return resume


def add_job(db: Database, user: Actor, description: str | None = "Engines, analytical.") -> UUID:
    job = db.value(
        user,
        "insert into public.jobs (title, company, description) "
        "values ('Programmer', 'Babbage & Co', %s) returning id",
        description,
    )
    assert isinstance(job, UUID)
    return job


def claim(db: Database, kind: str) -> Row:
    """Lease the one task of this kind."""
    return db.one(SERVICE, "select * from worker.claim_tasks('test', %s, 1, 60)", [kind])


def complete(db: Database, task: Row, result: object) -> None:
    db.query(
        SERVICE,
        "select worker.complete_task(%s, %s, %s)",
        task["id"],
        task["lease_token"],
        json.dumps(result),
    )


def fail(db: Database, task: Row, error: str = "No luck.", *, retryable: bool = False) -> str:
    sql = "select worker.fail_task(%s, %s, %s, %s)"
    return str(db.value(SERVICE, sql, task["id"], task["lease_token"], error, retryable))


def tasks_of(db: Database, user: Actor) -> int:
    return int(
        db.value(SYSTEM, "select count(*) from queue.tasks where user_id = %s", user.user_id)
    )


def uses(db: Database, user: Actor) -> list[str]:
    """The states of somebody's uses, oldest first."""
    rows = db.query(
        SYSTEM,
        "select state from public.usage_events where user_id = %s order by created_at, id",
        user.user_id,
    )
    return [row["state"] for row in rows]


@contextmanager
def malformed() -> Iterator[None]:
    """Expect a result to be refused as one that no row can hold."""
    with refused("PT422", match="malformed"):
        yield
