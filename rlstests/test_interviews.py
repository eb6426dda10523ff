"""Room interviews: who asks, how an interview starts, and how both sides take turns."""

from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SYSTEM, Actor, Database, refused
from rlstests.interview_helpers import REPLY, questioned, say, session_row, start, turns
from rlstests.request_helpers import claim, limit, live_tasks, subscribe, used, work


@pytest.fixture
def owner(db: Database) -> Actor:
    return subscribe(db, db.add_user("owner"))


@pytest.fixture
def session(db: Database, owner: Actor) -> UUID:
    """An interview whose first question was asked."""
    return questioned(db, owner)


def add_job(db: Database, user: Actor, **columns: object) -> UUID:
    values = {"title": "Baker", "description": "Bread.", "deleted_at": None} | columns
    made = db.value(
        SYSTEM,
        "insert into public.jobs (user_id, title, description, deleted_at) "
        "values (%s, %s, %s, %s) returning id",
        user.user_id,
        *values.values(),
    )
    assert isinstance(made, UUID)
    return made


# Interviewers ------------------------------------------------------------------------------------


def test_interviewers__are_six_and_active_ones_are_read_by_signed_in_users(
    db: Database, owner: Actor
) -> None:
    sql = "select id, name, title, company, experience, specialty, description from interviewers"
    assert len(rows := db.query(owner, sql)) == 6
    assert all(all(row.values()) for row in rows)
    db.query(
        SYSTEM, "update public.interviewers set is_active = false where id = %s", rows[0]["id"]
    )
    assert rows[0] not in db.query(owner, sql)
    with refused("42501", match=NO_GRANT):
        db.query(ANON, sql)


def test_interviewer_who_left__is_forgotten_by_the_interview(db: Database, owner: Actor) -> None:
    interviewer = db.query(SYSTEM, "select id from public.interviewers limit 1")[0]["id"]
    made = start(db, owner, interviewer_id=interviewer)
    assert made["interviewer_id"] == interviewer
    db.query(SYSTEM, "delete from public.interviewers where id = %s", interviewer)
    assert session_row(db, made["id"])["interviewer_id"] is None


# Start -------------------------------------------------------------------------------------------


def test_start__counts_one_use_and_queues_the_first_question(db: Database, owner: Actor) -> None:
    made = start(db, owner, role_type=" backend ", job_title="", total_questions=3)
    assert (made["status"], made["reply_status"]) == ("active", "pending")
    assert (made["role_type"], made["job_title"], made["total_questions"]) == ("backend", None, 3)
    assert used(db, owner, "interviews") == 1
    task = claim(db, "interview_reply")
    assert task["payload"] == {"session_id": str(made["id"]), "is_last": False}
    # The interview is the use, not the reply.
    sql = "select usage_event_id from queue.tasks where id = %s"
    assert db.value(SYSTEM, sql, task["id"]) is None
    assert session_row(db, made["id"])["reply_status"] == "processing"


def test_start_of_a_tracked_job__takes_over_its_texts(db: Database, owner: Actor) -> None:
    job = add_job(db, owner)
    first = start(db, owner, job_id=job)
    assert (first["job_title"], first["job_description"]) == ("Baker", "Bread.")
    second = start(db, owner, job_id=job, job_title="Miller", job_description="Flour.")
    assert (second["job_title"], second["job_description"]) == ("Miller", "Flour.")
    db.query(SYSTEM, "delete from public.jobs where id = %s", job)
    assert session_row(db, first["id"])["job_id"] is None
    assert session_row(db, first["id"])["user_id"] == owner.user_id


def test_start__refuses_jobs_and_interviewers_that_are_not_there(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    trashed = add_job(db, owner, deleted_at="2026-01-01")
    for job in (add_job(db, stranger), trashed, uuid4()):
        with refused("PT404", match=str(job)):
            start(db, owner, job_id=job)
    gone = db.query(
        SYSTEM,
        "update public.interviewers set is_active = false where name = 'Tom Adeyemi' returning id",
    )[0]["id"]
    for interviewer in (gone, uuid4()):
        with refused("PT404", match=str(interviewer)):
            start(db, owner, interviewer_id=interviewer)
    assert used(db, owner, "interviews") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"session_type": "video"},
        {"session_type": None},
        {"total_questions": 0},
        {"total_questions": 31},
        {"role_type": "x" * 201},
        {"job_title": "x" * 201},
        {"job_description": "x" * 20001},
    ],
)
def test_start__refuses_values_that_cannot_be(
    db: Database, owner: Actor, arguments: dict[str, object]
) -> None:
    with refused("PT422"):
        start(db, owner, **arguments)
    assert used(db, owner, "interviews") == 0


def test_start__takes_the_longest_values(db: Database, owner: Actor) -> None:
    made = start(
        db,
        owner,
        session_type="resume_analyzer",
        total_questions=30,
        role_type="x" * 200,
        job_title="x" * 200,
        job_description="x" * 20000,
    )
    assert len(made["job_description"]) == 20000
    assert start(db, owner, session_type="voice", total_questions=None)["total_questions"] == 10


def test_start_again_with_the_same_key__is_the_same_interview(db: Database, owner: Actor) -> None:
    first = start(db, owner, idempotency_key="k")
    assert start(db, owner, idempotency_key="k")["id"] == first["id"]
    assert used(db, owner, "interviews") == 1
    for other in ({"job_title": "Cook"}, {"total_questions": 4}, {"session_type": "voice"}):
        with refused("PT409"):
            start(db, owner, idempotency_key="k", **other)
    db.query(owner, "delete from public.interview_sessions where id = %s", first["id"])
    with refused("PT409", match="was deleted"):
        start(db, owner, idempotency_key="k")


def test_start_without_allowance__leaves_nothing(db: Database, stranger: Actor) -> None:
    with refused("PT402"):
        start(db, stranger)
    assert db.query(SYSTEM, "select 1 from interview_sessions") == []
    assert live_tasks(db, stranger) == []


@pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
def test_blocked_or_leaving_account__neither_starts_nor_talks(
    db: Database, owner: Actor, session: UUID, change: str
) -> None:
    db.query(SYSTEM, f"update public.profiles set {change} where id = %s", owner.user_id)
    with refused("PT403"):
        start(db, owner)
    with refused("PT403"):
        say(db, owner, session)


def test_calls__need_a_user(db: Database, session: UUID) -> None:
    with refused("42501", match=NO_GRANT):
        start(db, ANON)
    with refused("42501", match=NO_GRANT):
        say(db, ANON, session)


def test_calls__are_limited_in_number(db: Database, owner: Actor, session: UUID) -> None:
    limit(db, "interview", 1)
    limit(db, "say", 0)
    with refused("PT429"):
        start(db, owner)
    with refused("PT429"):
        say(db, owner, session)


# Turns -------------------------------------------------------------------------------------------


def test_turn_number__is_the_databases(db: Database, owner: Actor, session: UUID) -> None:
    sql = (
        "insert into public.interview_turns (user_id, session_id, speaker, message, turn_number) "
        "values (%s, %s, 'ai', 'Hm.', 99) returning turn_number"
    )
    assert db.value(SYSTEM, sql, owner.user_id, session) == 2
    assert session_row(db, session)["questions_answered"] == 0
    db.query(SYSTEM, "update public.interview_sessions set last_turn_at = '2020-01-01'")
    assert db.value(SYSTEM, sql, owner.user_id, session) == 3
    assert session_row(db, session)["last_turn_at"].year > 2020
    with refused("23505"):
        db.query(SYSTEM, "update public.interview_turns set turn_number = 1")


def test_turn__belongs_to_an_interview_of_the_same_user(
    db: Database, stranger: Actor, session: UUID
) -> None:
    sql = (
        "insert into public.interview_turns (user_id, session_id, speaker, message) "
        "values (%s, %s, 'ai', 'Hm.')"
    )
    with refused("23503", match="interview_turns_user_id_session_id_fkey"):
        db.query(SYSTEM, sql, stranger.user_id, session)
    assert session_row(db, session)["turns_count"] == 1


def test_interview__belongs_with_a_job_of_the_same_user(
    db: Database, owner: Actor, stranger: Actor, session: UUID
) -> None:
    sql = "update public.interview_sessions set job_id = %s where id = %s"
    assert db.affected(SYSTEM, sql, add_job(db, owner), session) == 1
    with refused("23503", match="interview_sessions_job_fkey"):
        db.query(SYSTEM, sql, add_job(db, stranger), session)


def test_deleted_interview__takes_its_turns_along_and_no_others(
    db: Database, owner: Actor, stranger: Actor, session: UUID
) -> None:
    other = start(db, owner)["id"]
    work(db, "interview_reply", REPLY)
    sql = "delete from public.interview_sessions where id = %s"
    assert db.affected(stranger, sql, session) == 0
    assert db.affected(owner, sql, session) == 1
    assert turns(db, owner, session) == []
    assert len(turns(db, owner, other)) == 1
