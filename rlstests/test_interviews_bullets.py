"""Room interviews: an answer becomes bullet points for a résumé."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SYSTEM, Actor, Database, Row, refused
from rlstests.interview_helpers import FACTS, answered, delete
from rlstests.request_helpers import (
    claim,
    complete,
    fail,
    limit,
    live_tasks,
    state_of_use,
    subscribe,
    used,
    work,
)

RESULT = FACTS | {"bullets": ["Baked 400 loaves a day.", "Led a team of three."]}


def request(db: Database, user: Actor, **arguments: object) -> Row:
    values = {"question": "What did you do?", "transcript": "I baked."} | arguments
    given = ", ".join(f"p_{name} => %s" for name in values)
    return db.one(user, f"select * from public.request_bullets({given})", *values.values())


def row(db: Database, user: Actor) -> Row:
    return db.one(user, "select * from public.resume_bullets")


@pytest.fixture
def session(db: Database, owner: Actor) -> UUID:
    return answered(db, subscribe(db, owner))


def test_request__ends_with_bullet_points(db: Database, owner: Actor) -> None:
    made = request(db, owner, question=" What? ", role="Baker", experience="5 years")
    assert (made["status"], made["bullets"], made["question"]) == ("pending", [], "What?")
    assert (made["role"], made["experience"], made["session_id"]) == ("Baker", "5 years", None)
    assert used(db, owner, "ai_actions") == 1
    task = claim(db, "bullets")
    assert task["payload"] == {"bullets_id": str(made["id"])}
    assert row(db, owner)["status"] == "processing"
    complete(db, task, RESULT)
    done = row(db, owner)
    assert (done["status"], done["completed_at"] is not None) == ("completed", True)
    assert done["bullets"] == RESULT["bullets"]
    assert (done["ai_provider"], done["model_used"]) == ("offline", "test")
    assert (done["tokens_used"], done["processing_time_ms"]) == (7, 120)
    assert float(done["estimated_cost"]) == 0.25
    assert state_of_use(db, owner, "bullets") == "settled"
    found = "select count(*) from public.resume_bullets where bullets @> %s"
    assert db.value(owner, found, json.dumps(["Led a team of three."])) == 1


def test_failure__tells_why_and_costs_nothing(db: Database, owner: Actor) -> None:
    request(db, owner)
    assert fail(db, claim(db, "bullets"), retryable=True) == "retry"
    assert row(db, owner)["status"] == "pending"
    db.query(SYSTEM, "update queue.tasks set run_at = now()")
    fail(db, claim(db, "bullets"), "Too little was said.")
    failed = row(db, owner)
    assert (failed["status"], failed["error_message"]) == ("failed", "Too little was said.")
    assert used(db, owner, "ai_actions") == 0


def test_cancel__gives_the_use_back(db: Database, owner: Actor) -> None:
    db.query(owner, "select public.cancel_request(%s)", request(db, owner)["id"])
    assert row(db, owner)["status"] == "cancelled"
    assert state_of_use(db, owner, "bullets") == "released"


def test_same_key__is_the_same_request(db: Database, owner: Actor) -> None:
    first = request(db, owner, idempotency_key="k")
    assert request(db, owner, idempotency_key="k")["id"] == first["id"]
    assert used(db, owner, "ai_actions") == 1
    for other in ("question", "transcript", "role", "experience"):
        with refused("PT409"):
            request(db, owner, idempotency_key="k", **{other: "Else?"})
    db.query(SYSTEM, "delete from public.resume_bullets")
    with refused("PT409", match="was deleted"):
        request(db, owner, idempotency_key="k")


def test_interview__is_ones_own_and_may_be_deleted(
    db: Database, owner: Actor, stranger: Actor, session: UUID
) -> None:
    for user, named in ((stranger, session), (owner, uuid4())):
        with refused("PT404", match=str(named)):
            request(db, user, session_id=named)
    made = request(db, owner, session_id=session)
    assert made["session_id"] == session
    assert delete(db, owner, session) == 1
    assert row(db, owner)["session_id"] is None
    assert row(db, owner)["id"] == made["id"]


def test_bullets__belong_with_an_interview_of_the_same_user(
    db: Database, stranger: Actor, session: UUID
) -> None:
    request(db, stranger)
    sql = "update public.resume_bullets set session_id = %s where user_id = %s"
    with refused("23503", match="resume_bullets_user_id_session_id_fkey"):
        db.query(SYSTEM, sql, session, stranger.user_id)


@pytest.mark.parametrize(
    "arguments",
    [
        {"question": " "},
        {"question": None},
        {"question": "x" * 2001},
        {"transcript": ""},
        {"transcript": "x" * 20001},
        {"role": "x" * 201},
        {"experience": "x" * 201},
    ],
)
def test_texts__must_be_there_and_not_too_long(
    db: Database, owner: Actor, arguments: dict[str, object]
) -> None:
    with refused("PT422", match=next(iter(arguments))):
        request(db, owner, **arguments)
    assert used(db, owner, "ai_actions") == 0


def test_longest_texts__are_taken(db: Database, owner: Actor) -> None:
    made = request(
        db,
        owner,
        question="x" * 2000,
        transcript="é" * 20000,
        role="x" * 200,
        experience="x" * 200,
    )
    assert len(made["transcript"]) == 20000


def test_request__needs_an_allowance_and_an_active_user(db: Database, owner: Actor) -> None:
    with refused("42501", match=NO_GRANT):
        request(db, ANON)
    spend = "update public.usage_counters set used = %s where user_id = %s"
    db.query(SYSTEM, spend, 5, owner.user_id)
    with refused("PT402"):
        request(db, owner)
    db.query(SYSTEM, spend, 0, owner.user_id)
    limit(db, "bullets", 0)
    with refused("PT429"):
        request(db, owner)
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        request(db, owner)
    assert live_tasks(db, owner) == []


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        FACTS,
        RESULT | {"bullets": []},
        RESULT | {"bullets": "one"},
        RESULT | {"bullets": {"one": "two"}},
        RESULT | {"bullets": [None]},
        RESULT | {"bullets": ["x"] * 21},
        RESULT | {"bullets": ["x" * 501]},
        RESULT | {"bullets": [""]},
        RESULT | {"ai_provider": None},
    ],
)
def test_malformed_result__is_refused_whole(db: Database, owner: Actor, result: object) -> None:
    request(db, owner)
    task = claim(db, "bullets")
    with refused("PT422", match="malformed"):
        complete(db, task, result)
    assert row(db, owner)["status"] == "processing"
    assert state_of_use(db, owner, "bullets") == "reserved"


def test_largest_result__fits(db: Database, owner: Actor) -> None:
    request(db, owner)
    work(db, "bullets", RESULT | {"bullets": ["é" * 500] * 20})
    assert len(row(db, owner)["bullets"]) == 20


def test_task__reaches_only_the_bullets_of_its_owner(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    payload = json.dumps({"bullets_id": str(request(db, owner)["id"])})
    db.query(SYSTEM, "delete from queue.tasks")
    before = row(db, owner)
    sql = "select private.enqueue_task('bullets', %s, %s, null)"
    for result in (RESULT, None):
        db.query(SYSTEM, sql, payload, stranger.user_id)
        task = claim(db, "bullets")
        complete(db, task, result) if result else fail(db, task)
        assert row(db, owner) == before


@pytest.mark.parametrize(
    "change",
    [
        "question = ''",
        "transcript = ''",
        "bullets = '{}'",
        "status = 'done'",
        "status = 'completed'",
        "completed_at = now()",
        "tokens_used = -1",
        "processing_time_ms = -1",
        "estimated_cost = -1",
    ],
)
def test_bullets__have_no_senseless_values(db: Database, owner: Actor, change: str) -> None:
    request(db, owner)
    with refused("23514"):
        db.query(SYSTEM, f"update public.resume_bullets set {change}")


def test_use__belongs_to_one_request(db: Database, owner: Actor) -> None:
    event = request(db, owner)["usage_event_id"]
    request(db, owner)
    with refused("23505"):
        db.query(SYSTEM, "update public.resume_bullets set usage_event_id = %s", event)
