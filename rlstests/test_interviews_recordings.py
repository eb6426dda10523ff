"""Room interviews: what was said in a recording is written down for its owner."""

import json
from uuid import uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SYSTEM, Actor, Database, Row, refused
from rlstests.interview_helpers import FACTS, record
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

RESULT = FACTS | {"transcript_text": "I build things.", "confidence_score": 0.97}


@pytest.fixture
def owner(db: Database) -> Actor:
    return subscribe(db, db.add_user("owner"))


@pytest.fixture
def path(db: Database, owner: Actor) -> str:
    return record(db, owner)


def request(db: Database, user: Actor, path: str | None, key: str | None = None) -> Row:
    return db.one(user, "select * from public.request_transcript(%s, %s)", path, key)


def row(db: Database, user: Actor) -> Row:
    return db.one(user, "select * from public.interview_transcripts")


def test_request__ends_with_what_was_said(db: Database, owner: Actor, path: str) -> None:
    made = request(db, owner, path)
    assert (made["status"], made["audio_path"]) == ("pending", path)
    assert used(db, owner, "transcripts") == 1
    task = claim(db, "transcript")
    assert task["payload"] == {"transcript_id": str(made["id"]), "audio_path": path}
    assert row(db, owner)["status"] == "processing"
    complete(db, task, RESULT)
    done = row(db, owner)
    assert (done["status"], done["completed_at"] is not None) == ("completed", True)
    assert done["transcript_text"] == "I build things."
    assert float(done["confidence_score"]) == 0.97
    assert (done["ai_provider"], done["model_used"]) == ("offline", "test")
    assert (done["tokens_used"], done["processing_time_ms"]) == (7, 120)
    assert float(done["estimated_cost"]) == 0.25
    assert state_of_use(db, owner, "transcript") == "settled"


@pytest.mark.parametrize("score", [0, 1, None])
def test_confidence__may_be_anything_from_0_to_1_or_unknown(
    db: Database, owner: Actor, path: str, score: float | None
) -> None:
    request(db, owner, path)
    work(db, "transcript", RESULT | {"confidence_score": score})
    assert row(db, owner)["confidence_score"] == score


def test_failure__tells_why_and_costs_nothing(db: Database, owner: Actor, path: str) -> None:
    request(db, owner, path)
    assert fail(db, claim(db, "transcript"), retryable=True) == "retry"
    assert row(db, owner)["status"] == "pending"
    db.query(SYSTEM, "update queue.tasks set run_at = now()")
    fail(db, claim(db, "transcript"), "Nothing to hear.")
    assert (row(db, owner)["status"], row(db, owner)["error_message"]) == (
        "failed",
        "Nothing to hear.",
    )
    assert used(db, owner, "transcripts") == 0


def test_cancel__gives_the_use_back(db: Database, owner: Actor, path: str) -> None:
    made = request(db, owner, path)
    db.query(owner, "select public.cancel_request(%s)", made["id"])
    assert row(db, owner)["status"] == "cancelled"
    assert state_of_use(db, owner, "transcript") == "released"


def test_same_key__is_the_same_request(
    db: Database, owner: Actor, stranger: Actor, path: str
) -> None:
    first = request(db, owner, path, "k")
    assert request(db, owner, path, "k")["id"] == first["id"]
    assert used(db, owner, "transcripts") == 1
    with refused("PT409"):
        request(db, owner, record(db, owner), "k")
    subscribe(db, stranger)
    theirs = record(db, stranger)
    assert request(db, stranger, theirs, "k")["audio_path"] == theirs
    db.query(SYSTEM, "delete from public.interview_transcripts")
    with refused("PT409", match="was deleted"):
        request(db, owner, path, "k")


def test_recording__is_an_object_of_the_caller(
    db: Database, owner: Actor, stranger: Actor, path: str
) -> None:
    missing = f"{owner.user_id}/{uuid4()}.webm"
    elsewhere = record(db, owner, "other")
    nested = f"{owner.user_id}/../{record(db, stranger)}"
    sql = "insert into storage.objects (bucket_id, name) values ('interview-audio', %s)"
    db.query(SYSTEM, sql, nested)
    for bad in (missing, elsewhere, nested, record(db, stranger), "", None):
        with refused("PT422", match="no recording"):
            request(db, owner, bad)
    with refused("PT422", match=path):
        request(db, subscribe(db, stranger), path)
    assert used(db, owner, "transcripts") == 0


def test_request__needs_an_allowance_and_an_active_user(
    db: Database, owner: Actor, stranger: Actor, path: str
) -> None:
    with refused("42501", match=NO_GRANT):
        request(db, ANON, path)
    with refused("PT402"):
        request(db, stranger, record(db, stranger))
    limit(db, "transcript", 0)
    with refused("PT429"):
        request(db, owner, path)
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        request(db, owner, path)
    assert live_tasks(db, owner) == live_tasks(db, stranger) == []


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        FACTS,
        RESULT | {"transcript_text": None},
        RESULT | {"transcript_text": "x" * 100001},
        RESULT | {"confidence_score": 1.01},
        RESULT | {"confidence_score": -0.01},
        RESULT | {"confidence_score": "high"},
        RESULT | {"ai_provider": None},
    ],
)
def test_malformed_result__is_refused_whole(
    db: Database, owner: Actor, path: str, result: object
) -> None:
    request(db, owner, path)
    task = claim(db, "transcript")
    with refused("PT422", match="malformed"):
        complete(db, task, result)
    assert row(db, owner)["status"] == "processing"
    assert state_of_use(db, owner, "transcript") == "reserved"


def test_task__reaches_only_the_transcript_of_its_owner(
    db: Database, owner: Actor, stranger: Actor, path: str
) -> None:
    payload = json.dumps({"transcript_id": str(request(db, owner, path)["id"])})
    db.query(SYSTEM, "delete from queue.tasks")
    before = row(db, owner)
    sql = "select private.enqueue_task('transcript', %s, %s, null)"
    for result in (RESULT, None):
        db.query(SYSTEM, sql, payload, stranger.user_id)
        task = claim(db, "transcript")
        complete(db, task, result) if result else fail(db, task)
        assert row(db, owner) == before


@pytest.mark.parametrize(
    "change",
    [
        "audio_path = 'a.webm'",
        "audio_path = gen_random_uuid() || '/a.webm'",
        "confidence_score = 1.01",
        "confidence_score = -0.01",
        "status = 'done'",
        "status = 'completed'",
        "status = 'completed', completed_at = now()",
        "completed_at = now()",
        "tokens_used = -1",
        "processing_time_ms = -1",
        "estimated_cost = -1",
    ],
)
def test_transcript__has_no_senseless_values(
    db: Database, owner: Actor, path: str, change: str
) -> None:
    request(db, owner, path)
    with refused("23514"):
        db.query(SYSTEM, f"update public.interview_transcripts set {change}")


def test_use__belongs_to_one_transcript(db: Database, owner: Actor, path: str) -> None:
    request(db, owner, path)
    request(db, owner, path)
    with refused("23505"):
        db.query(
            SYSTEM,
            "update public.interview_transcripts set usage_event_id = "
            "'00000000-0000-4000-8000-000000000001'",
        )
