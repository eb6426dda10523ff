"""What the tests of room interviews have in common: people who may practise, and a worker."""

import json
from uuid import UUID, uuid4

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row

FACTS = {
    "ai_provider": "offline",
    "model_used": "test",
    "tokens_used": 7,
    "processing_time_ms": 120,
    "estimated_cost": 0.25,
}
REPLY = FACTS | {"message": "Tell me about yourself."}
FEEDBACK = FACTS | {
    "score": 82,
    "feedback": "Clear and honest.",
    "strengths": ["Structure"],
    "improvements": ["Numbers"],
}


def subscribe(db: Database, user: Actor, plan: str = "pro") -> Actor:
    """Put somebody on a plan with interviews; the free one has none."""
    sql = "update public.profiles set subscription_tier = %s where id = %s"
    db.query(SYSTEM, sql, plan, user.user_id)
    return user


def start(db: Database, user: Actor, **arguments: object) -> Row:
    """Start an interview; arguments are those of the RPC, without p_."""
    names = {"session_type": "chat"} | arguments
    given = ", ".join(f"p_{name} => %s" for name in names)
    return db.one(user, f"select * from public.start_interview({given})", *names.values())


def say(db: Database, user: Actor, session: UUID, message: str = "I build things.") -> Row:
    return db.one(user, "select * from public.say(%s, %s)", session, message)


def session_row(db: Database, session: UUID) -> Row:
    return db.one(SYSTEM, "select * from public.interview_sessions where id = %s", session)


def turns(db: Database, user: Actor, session: UUID) -> list[Row]:
    sql = "select * from public.interview_turns where session_id = %s order by turn_number"
    return db.query(user, sql, session)


def claim(db: Database, kind: str) -> Row:
    return db.one(SERVICE, "select * from worker.claim_tasks('test', %s, 1, 60)", [kind])


def finish(db: Database, task: Row, result: object) -> None:
    sql = "select worker.complete_task(%s, %s, %s)"
    db.query(SERVICE, sql, task["id"], task["lease_token"], json.dumps(result))


def fail(db: Database, task: Row, error: str = "No luck.", *, retryable: bool = False) -> str:
    sql = "select worker.fail_task(%s, %s, %s, %s)"
    return str(db.value(SERVICE, sql, task["id"], task["lease_token"], error, retryable))


def work(db: Database, kind: str, result: object) -> None:
    """Claim the next task of this kind and complete it."""
    finish(db, claim(db, kind), result)


def answered(db: Database, user: Actor, **arguments: object) -> UUID:
    """An interview in which one question was asked and answered; the AI has not replied yet."""
    session = start(db, user, **arguments)["id"]
    assert isinstance(session, UUID)
    work(db, "interview_reply", REPLY)
    say(db, user, session)
    return session


def state_of_use(db: Database, user: Actor, operation: str) -> str:
    sql = "select state from public.usage_events where operation = %s"
    return str(db.value(user, sql, operation))


def used(db: Database, user: Actor, meter: str) -> int:
    return int(db.value(user, "select used from public.my_usage() where meter = %s", meter))


def live_tasks(db: Database, user: Actor) -> list[str]:
    sql = "select kind from queue.tasks where user_id = %s order by kind"
    return [row["kind"] for row in db.query(SYSTEM, sql, user.user_id)]


def record(db: Database, user: Actor, bucket: str = "interview-audio") -> str:
    """Put a recording into the bucket the way Storage does: a row in storage.objects."""
    path = f"{user.user_id}/{uuid4()}.webm"
    sql = "insert into storage.buckets (id, name) values (%s, %s) on conflict do nothing"
    db.query(SYSTEM, sql, bucket, bucket)
    db.query(SYSTEM, "insert into storage.objects (bucket_id, name) values (%s, %s)", bucket, path)
    return path


def limit(db: Database, action: str, calls: int) -> None:
    """Allow this many calls of an action in an hour."""
    sql = (
        "insert into public.global_config as c (key, value) values ('rate_limits', %s) "
        "on conflict (key) do update set value = c.value || excluded.value"
    )
    db.query(SYSTEM, sql, json.dumps({action: {"limit": calls, "seconds": 3600}}))


def end(db: Database, user: Actor, how: str, session: UUID | None) -> Row:
    """End an interview: how is complete or cancel."""
    return db.one(user, f"select * from public.{how}_interview(%s)", session)


def delete(db: Database, user: Actor, session: UUID) -> int:
    return db.affected(user, "delete from public.interview_sessions where id = %s", session)
