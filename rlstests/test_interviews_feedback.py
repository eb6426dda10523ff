"""Room interviews: a completed interview is judged, as often as it takes, at no further cost."""

import json
from uuid import UUID

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.interview_helpers import (
    FACTS,
    FEEDBACK,
    answered,
    delete,
    end,
    questioned,
    session_row,
)
from rlstests.request_helpers import (
    claim,
    complete,
    fail,
    live_tasks,
    state_of_use,
    subscribe,
    used,
    work,
)


@pytest.fixture
def owner(db: Database) -> Actor:
    return subscribe(db, db.add_user("owner"))


@pytest.fixture
def asked(db: Database, owner: Actor) -> UUID:
    """An interview whose first question was asked and not answered."""
    return questioned(db, owner)


@pytest.fixture
def session(db: Database, owner: Actor) -> UUID:
    """An interview with an answer, to which the AI has not replied yet."""
    return answered(db, owner)


def test_complete__settles_the_use_and_ends_in_feedback(
    db: Database, owner: Actor, session: UUID
) -> None:
    sql = "update public.interview_sessions set created_at = last_turn_at - interval '90 s'"
    db.query(SYSTEM, sql)
    row = end(db, owner, "complete", session)
    assert (row["status"], row["feedback_status"], row["reply_status"]) == (
        "completed",
        "pending",
        "none",
    )
    assert (row["duration_seconds"], row["completed_at"] is not None) == (90, True)
    assert state_of_use(db, owner, "interview") == "settled"
    # The reply that was still open is not asked for any more.
    assert live_tasks(db, owner) == ["interview_feedback"]
    task = claim(db, "interview_feedback")
    assert task["payload"] == {"session_id": str(session)}
    assert session_row(db, session)["feedback_status"] == "processing"
    complete(db, task, FEEDBACK)
    row = session_row(db, session)
    assert (row["feedback_status"], row["score"]) == ("completed", 82)
    assert (row["feedback"], row["strengths"], row["improvements"]) == (
        "Clear and honest.",
        ["Structure"],
        ["Numbers"],
    )
    assert (row["questions_answered"], row["turns_count"], row["tokens_used"]) == (1, 2, 14)
    assert used(db, owner, "interviews") == 1


def test_complete_again__asks_for_no_second_feedback(
    db: Database, owner: Actor, session: UUID
) -> None:
    first = end(db, owner, "complete", session)
    assert end(db, owner, "complete", session) == first
    assert live_tasks(db, owner) == ["interview_feedback"]
    work(db, "interview_feedback", FEEDBACK)
    assert end(db, owner, "complete", session)["feedback_status"] == "completed"
    assert live_tasks(db, owner) == []


def test_failed_feedback__is_asked_for_again_at_no_cost(
    db: Database, owner: Actor, session: UUID
) -> None:
    end(db, owner, "complete", session)
    assert fail(db, claim(db, "interview_feedback"), retryable=True) == "retry"
    assert session_row(db, session)["feedback_status"] == "pending"
    db.query(SYSTEM, "update queue.tasks set run_at = now()")
    fail(db, claim(db, "interview_feedback"), "The provider is down.")
    row = session_row(db, session)
    assert (row["feedback_status"], row["feedback_error"]) == ("failed", "The provider is down.")
    row = end(db, owner, "complete", session)
    assert (row["feedback_status"], row["feedback_error"]) == ("pending", None)
    assert db.value(owner, "select public.cancel_request(%s)", session) == 1
    assert session_row(db, session)["feedback_status"] == "none"
    end(db, owner, "complete", session)
    work(db, "interview_feedback", FEEDBACK)
    assert session_row(db, session)["score"] == 82
    assert used(db, owner, "interviews") == 1
    assert state_of_use(db, owner, "interview") == "settled"


def test_feedback_whose_task_is_gone__is_asked_for_again(
    db: Database, owner: Actor, session: UUID
) -> None:
    end(db, owner, "complete", session)
    db.query(SYSTEM, "delete from queue.tasks")
    end(db, owner, "complete", session)
    assert live_tasks(db, owner) == ["interview_feedback"]


def test_interview_without_an_answer__has_nothing_to_judge(
    db: Database, owner: Actor, asked: UUID
) -> None:
    with refused("PT409", match="no question was answered"):
        end(db, owner, "complete", asked)
    assert session_row(db, asked)["status"] == "active"
    assert state_of_use(db, owner, "interview") == "reserved"


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        FACTS,
        FEEDBACK | {"score": 101},
        FEEDBACK | {"score": "82"},
        FEEDBACK | {"score": 1.5},
        FEEDBACK | {"feedback": ""},
        FEEDBACK | {"feedback": "x" * 20001},
        FEEDBACK | {"strengths": "one"},
        FEEDBACK | {"strengths": [1]},
        FEEDBACK | {"improvements": [""]},
        FEEDBACK | {"improvements": ["x" * 501]},
        FEEDBACK | {"improvements": ["x"] * 21},
        FEEDBACK | {"ai_provider": None},
    ],
)
def test_malformed_feedback__is_refused_whole(
    db: Database, owner: Actor, session: UUID, result: object
) -> None:
    end(db, owner, "complete", session)
    task = claim(db, "interview_feedback")
    with refused("PT422", match="malformed"):
        complete(db, task, result)
    row = session_row(db, session)
    assert (row["feedback_status"], row["score"]) == ("processing", None)


def test_feedback__reaches_only_the_interview_of_its_owner(
    db: Database, owner: Actor, stranger: Actor, session: UUID
) -> None:
    end(db, owner, "complete", session)
    db.query(SYSTEM, "delete from queue.tasks")
    before = session_row(db, session)
    for ending in (lambda task: complete(db, task, FEEDBACK), lambda task: fail(db, task)):
        sql = "select private.enqueue_task('interview_feedback', %s, %s, null)"
        db.query(SYSTEM, sql, json.dumps({"session_id": str(session)}), stranger.user_id)
        ending(claim(db, "interview_feedback"))
        assert session_row(db, session) == before


def test_feedback_on_a_deleted_interview__changes_nothing_and_fails_nobody(
    db: Database, owner: Actor, session: UUID
) -> None:
    end(db, owner, "complete", session)
    assert delete(db, owner, session) == 1
    work(db, "interview_feedback", FEEDBACK)
    assert live_tasks(db, owner) == []
    assert state_of_use(db, owner, "interview") == "settled"
