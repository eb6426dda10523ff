"""Room interviews: both sides take turns, and what the queue says about the AI's."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.interview_helpers import (
    FACTS,
    REPLY,
    answered,
    questioned,
    record,
    say,
    session_row,
    start,
    turns,
)
from rlstests.request_helpers import claim, complete, fail, live_tasks, subscribe, work


@pytest.fixture
def owner(db: Database) -> Actor:
    return subscribe(db, db.add_user("owner"))


@pytest.fixture
def session(db: Database, owner: Actor) -> UUID:
    """An interview whose first question was asked."""
    return questioned(db, owner)


def test_talk__goes_back_and_forth(db: Database, owner: Actor, session: UUID) -> None:
    turn = say(db, owner, session, " I bake. ")
    assert (turn["turn_number"], turn["speaker"], turn["message"]) == (2, "user", "I bake.")
    assert session_row(db, session)["reply_status"] == "pending"
    data = {"plan": ["bread"]}
    work(db, "interview_reply", REPLY | {"message": " What? ", "session_data": data})
    said = [(t["turn_number"], t["speaker"], t["message"]) for t in turns(db, owner, session)]
    assert said == [
        (1, "ai", "Tell me about yourself."),
        (2, "user", "I bake."),
        (3, "ai", "What?"),
    ]
    assert [t["processing_time_ms"] for t in turns(db, owner, session)] == [120, None, 120]
    row = session_row(db, session)
    assert (row["turns_count"], row["questions_answered"]) == (3, 1)
    assert (row["reply_status"], row["tokens_used"], row["session_data"]) == ("none", 14, data)


def test_reply_without_session_data__keeps_what_was_there(
    db: Database, owner: Actor, session: UUID
) -> None:
    for more in ({"session_data": {"a": 1}}, {}):
        say(db, owner, session)
        work(db, "interview_reply", REPLY | more)
    assert session_row(db, session)["session_data"] == {"a": 1}


def test_say_before_the_reply__has_to_wait(db: Database, owner: Actor, session: UUID) -> None:
    say(db, owner, session)
    with refused("PT409", match="waits for the interviewer"):
        say(db, owner, session)
    task = claim(db, "interview_reply")
    with refused("PT409", match="waits for the interviewer"):
        say(db, owner, session)
    complete(db, task, REPLY)
    assert say(db, owner, session)["turn_number"] == 4


def test_first_question__comes_before_the_first_answer(db: Database, owner: Actor) -> None:
    with refused("PT409", match="waits"):
        say(db, owner, start(db, owner)["id"])


def test_failed_reply__is_told_and_saying_it_again_asks_again(
    db: Database, owner: Actor, session: UUID
) -> None:
    say(db, owner, session)
    assert fail(db, claim(db, "interview_reply"), retryable=True) == "retry"
    assert session_row(db, session)["reply_status"] == "pending"
    db.query(SYSTEM, "update queue.tasks set run_at = now()")
    fail(db, claim(db, "interview_reply"), "The provider is down.")
    row = session_row(db, session)
    assert (row["reply_status"], row["reply_error"]) == ("failed", "The provider is down.")
    say(db, owner, session)
    row = session_row(db, session)
    assert (row["reply_status"], row["reply_error"]) == ("pending", None)
    # The same answer again is not another one.
    assert (row["turns_count"], row["questions_answered"]) == (3, 1)


def test_cancelled_reply__gives_the_user_the_floor(
    db: Database, owner: Actor, session: UUID
) -> None:
    say(db, owner, session)
    assert db.value(owner, "select public.cancel_request(%s)", session) == 1
    assert session_row(db, session)["reply_status"] == "none"
    assert session_row(db, session)["status"] == "active"
    assert say(db, owner, session)["turn_number"] == 3


def test_last_answer__is_followed_by_a_farewell_and_no_more(db: Database, owner: Actor) -> None:
    session = answered(db, owner, total_questions=1)
    task = claim(db, "interview_reply")
    assert task["payload"]["is_last"] is True
    complete(db, task, REPLY)
    with refused("PT409", match="everything was asked"):
        say(db, owner, session)


def test_turns_without_a_reply__are_bounded_too(db: Database, owner: Actor) -> None:
    session = start(db, owner, total_questions=1)["id"]
    for _ in range(6):
        fail(db, claim(db, "interview_reply"))
        say(db, owner, session)
    fail(db, claim(db, "interview_reply"))
    with refused("PT409", match="everything was asked"):
        say(db, owner, session)


@pytest.mark.parametrize("message", [None, "", " \n\t", "x" * 10001])
def test_say__needs_a_message(
    db: Database, owner: Actor, session: UUID, message: str | None
) -> None:
    with refused("PT422", match="p_message"):
        db.query(owner, "select public.say(%s, %s)", session, message)
    assert say(db, owner, session, "x" * 10000)["turn_number"] == 2


def test_interview_of_somebody_else__is_one_that_is_not_there(
    db: Database, owner: Actor, admin: Actor, stranger: Actor, session: UUID
) -> None:
    for user in (stranger, admin):
        with refused("PT404", match=str(session)):
            say(db, user, session)
    for missing in (uuid4(), None):
        with refused("PT404"):
            db.query(owner, "select public.say(%s, 'Hello')", missing)
    assert session_row(db, session)["turns_count"] == 1


def test_recording__belongs_to_the_speaker(
    db: Database, owner: Actor, stranger: Actor, session: UUID
) -> None:
    sql = "select * from public.say(%s, 'Hello', %s)"
    theirs, elsewhere = record(db, stranger), record(db, owner, "other")
    for path in (theirs, elsewhere, f"{owner.user_id}/{uuid4()}.webm", ""):
        with refused("PT422", match="no recording"):
            db.query(owner, sql, session, path)
    mine = record(db, owner)
    assert db.one(owner, sql, session, mine)["audio_path"] == mine


@pytest.mark.parametrize(
    "path",
    ["{stranger}/a.webm", "{owner}/../{stranger}/a.webm", "{owner}/b/a.webm", "{owner}/a.webm\n"],
)
def test_audio_path__stays_in_the_folder_of_its_owner(
    db: Database, owner: Actor, stranger: Actor, session: UUID, path: str
) -> None:
    sql = (
        "insert into public.interview_turns (user_id, session_id, speaker, message, audio_path) "
        "values (%s, %s, 'user', 'Hello', %s)"
    )
    db.query(SYSTEM, sql, owner.user_id, session, f"{owner.user_id}/a.webm")
    bad = path.format(owner=owner.user_id, stranger=stranger.user_id)
    with refused("23514", match="audio_path"):
        db.query(SYSTEM, sql, owner.user_id, session, bad)


# What the queue tells ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        {},
        FACTS,
        REPLY | {"message": " \n"},
        REPLY | {"message": 1},
        REPLY | {"session_data": []},
        REPLY | {"session_data": {"a": "x" * 65536}},
        REPLY | {"ai_provider": None},
        REPLY | {"tokens_used": -1},
    ],
)
def test_malformed_reply__is_refused_whole(db: Database, owner: Actor, result: object) -> None:
    session = start(db, owner)["id"]
    task = claim(db, "interview_reply")
    with refused("PT422", match="malformed"):
        complete(db, task, result)
    assert turns(db, owner, session) == []
    assert session_row(db, session)["reply_status"] == "processing"


def test_endless_reply__is_cut(db: Database, owner: Actor) -> None:
    session = start(db, owner)["id"]
    work(db, "interview_reply", REPLY | {"message": "x" * 10001})
    assert len(turns(db, owner, session)[0]["message"]) == 10000


def test_reply__reaches_only_the_interview_of_its_owner(
    db: Database, stranger: Actor, session: UUID
) -> None:
    before = session_row(db, session)
    sql = "select private.enqueue_task('interview_reply', %s, %s, null)"
    db.query(SYSTEM, sql, json.dumps({"session_id": str(session)}), stranger.user_id)
    work(db, "interview_reply", REPLY)
    assert session_row(db, session) == before


def test_reply_to_a_deleted_interview__changes_nothing_and_fails_nobody(
    db: Database, owner: Actor
) -> None:
    session = start(db, owner)["id"]
    assert db.affected(owner, "delete from public.interview_sessions where id = %s", session) == 1
    work(db, "interview_reply", REPLY)
    assert db.query(SYSTEM, "select 1 from interview_turns") == []
    other = start(db, owner)["id"]
    db.query(owner, "delete from public.interview_sessions where id = %s", other)
    fail(db, claim(db, "interview_reply"))
    assert live_tasks(db, owner) == []
