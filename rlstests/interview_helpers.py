"""What the tests of room interviews have in common: interviews, and what a worker says in them."""

from uuid import UUID, uuid4

from rlstests.actors import SYSTEM, Actor, Database, Row
from rlstests.request_helpers import work

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


def questioned(db: Database, user: Actor, **arguments: object) -> UUID:
    """An interview whose first question was asked and not answered."""
    session = start(db, user, **arguments)["id"]
    assert isinstance(session, UUID)
    work(db, "interview_reply", REPLY)
    return session


def answered(db: Database, user: Actor, **arguments: object) -> UUID:
    """An interview in which one question was asked and answered; the AI has not replied yet."""
    session = questioned(db, user, **arguments)
    say(db, user, session)
    return session


def record(db: Database, user: Actor, bucket: str = "interview-audio") -> str:
    """Put a recording into the bucket the way Storage does: a row in storage.objects."""
    path = f"{user.user_id}/{uuid4()}.webm"
    sql = "insert into storage.buckets (id, name) values (%s, %s) on conflict do nothing"
    db.query(SYSTEM, sql, bucket, bucket)
    db.query(SYSTEM, "insert into storage.objects (bucket_id, name) values (%s, %s)", bucket, path)
    return path


def end(db: Database, user: Actor, how: str, session: UUID | None) -> Row:
    """End an interview: how is complete or cancel."""
    return db.one(user, f"select * from public.{how}_interview(%s)", session)


def delete(db: Database, user: Actor, session: UUID) -> int:
    return db.affected(user, "delete from public.interview_sessions where id = %s", session)
