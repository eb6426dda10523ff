"""Room ai: a text is asked for, written once, and then belongs to the user who may edit it."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.ai_helpers import FACTS, add_job, add_resume
from rlstests.request_helpers import (
    claim,
    complete,
    fail,
    limit,
    live_tasks,
    malformed,
    subscribe,
    uses,
)

KINDS = ["cover_letter", "answer", "outreach", "summary"]
RESULT: dict[str, Any] = FACTS | {"content": "Dear Mr Babbage"}


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    subscribe(db, owner, "unlimited")
    return add_resume(db, owner)


def request(db: Database, user: Actor, resume: object, kind: object, **more: object) -> Row:
    named = "".join(f", p_{name} => %s" for name in more)
    sql = f"select * from public.request_document(%s, %s{named})"
    return db.one(user, sql, kind, resume, *more.values())


def only(db: Database, user: Actor) -> Row:
    return db.one(user, "select * from public.ai_documents")


def write(db: Database, owner: Actor, resume: UUID, kind: str = "cover_letter") -> Row:
    request(db, owner, resume, kind, prompt="Why you?")
    complete(db, claim(db, kind), RESULT)
    return only(db, owner)


# Asking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_request__makes_the_row_and_ends_with_the_text(
    db: Database, owner: Actor, resume: UUID, kind: str
) -> None:
    job = add_job(db, owner)
    row = request(db, owner, resume, kind, job_id=job, prompt=" Why you? ")
    assert (row["user_id"], row["resume_id"], row["job_id"]) == (owner.user_id, resume, job)
    assert (row["kind"], row["status"], row["content"]) == (kind, "pending", None)
    assert (row["prompt"], row["title"]) == ("Why you?", "Programmer, Babbage & Co")
    use = db.one(owner, "select * from public.usage_events")
    assert (use["id"], use["operation"]) == (row["usage_event_id"], kind)
    task = claim(db, kind)
    assert task["payload"] == {
        "document_id": str(row["id"]),
        "resume_id": str(resume),
        "job_id": str(job),
    }
    assert only(db, owner)["status"] == "processing"
    complete(db, task, RESULT)
    row = only(db, owner)
    assert (row["status"], row["edited_at"]) == ("completed", None)
    assert row["completed_at"] is not None
    for column in ("content", "ai_provider", "model_used", "tokens_used", "processing_time_ms"):
        assert row[column] == RESULT[column], column
    assert float(row["estimated_cost"]) == FACTS["estimated_cost"]
    assert uses(db, owner) == ["settled"]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"answer"}))
def test_text__needs_neither_job_nor_prompt(
    db: Database, owner: Actor, resume: UUID, kind: str
) -> None:
    row = request(db, owner, resume, kind)
    assert (row["job_id"], row["prompt"], row["title"]) == (None, None, None)


@pytest.mark.parametrize("prompt", [None, "", " \n"])
def test_answer__needs_a_question(
    db: Database, owner: Actor, resume: UUID, prompt: str | None
) -> None:
    with refused("PT422", match="needs a question"):
        request(db, owner, resume, "answer", prompt=prompt)
    assert uses(db, owner) == []


@pytest.mark.parametrize("kind", ["match", "letter", "", None])
def test_other_kind__is_no_document(
    db: Database, owner: Actor, resume: UUID, kind: str | None
) -> None:
    with refused("PT422", match="There is no document"):
        request(db, owner, resume, kind)


def test_prompt_that_is_too_long__is_refused(db: Database, owner: Actor, resume: UUID) -> None:
    assert request(db, owner, resume, "summary", prompt="x" * 5000)["prompt"] == "x" * 5000
    with refused("PT422", match="p_prompt has 5001 characters"):
        request(db, owner, resume, "summary", prompt="x" * 5001)


def test_title__fits_its_column(db: Database, owner: Actor, resume: UUID) -> None:
    job = add_job(db, owner)
    db.query(owner, "update public.jobs set title = repeat('x', 199)")
    assert request(db, owner, resume, "summary", job_id=job)["title"] == "x" * 199 + ","


def test_foreign_missing_trashed_and_empty_resume__get_no_text(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    subscribe(db, stranger, "unlimited")
    with refused("PT404", match=f"résumé {resume}"):
        request(db, stranger, resume, "summary")
    for missing in (uuid4(), None):
        with refused("PT404"):
            request(db, owner, missing, "summary")
    with refused("PT422", match="no content"):
        request(db, owner, add_resume(db, owner, {}), "summary")
    db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404", match=f"résumé {resume}"):
        request(db, owner, resume, "summary")


def test_foreign_missing_and_trashed_job__get_no_text(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    mine = add_job(db, owner)
    db.query(owner, "select public.trash_job(%s)", mine)
    for job in (add_job(db, stranger), uuid4(), mine):
        with refused("PT404", match=f"job {job}"):
            request(db, owner, resume, "cover_letter", job_id=job)


def test_blocked_account_and_nobody__ask_for_nothing(
    db: Database, owner: Actor, resume: UUID
) -> None:
    for actor in (ANON, SERVICE):
        with refused("42501", match=NO_GRANT):
            request(db, actor, resume, "summary")
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        request(db, owner, resume, "summary")


def test_requests_too_often__have_to_wait(db: Database, owner: Actor, resume: UUID) -> None:
    limit(db, "document", 1)
    request(db, owner, resume, "summary")
    with refused("PT429"):
        request(db, owner, resume, "outreach")


def test_request_without_allowance__leaves_nothing_behind(db: Database, stranger: Actor) -> None:
    mine = add_resume(db, stranger)
    db.query(
        SYSTEM, "update public.usage_counters set used = 5 where user_id = %s", stranger.user_id
    )
    with refused("PT402"):
        request(db, stranger, mine, "summary")
    assert db.query(stranger, "select * from public.ai_documents") == []
    assert live_tasks(db, stranger) == []


def test_same_key__gives_the_same_row_and_another_request_is_a_conflict(
    db: Database, owner: Actor, resume: UUID
) -> None:
    asked: dict[str, object] = {"prompt": "Why you?", "idempotency_key": "k"}
    request(db, owner, resume, "outreach")
    first = request(db, owner, resume, "answer", **asked)
    request(db, owner, resume, "summary")
    assert request(db, owner, resume, "answer", **asked)["id"] == first["id"]
    assert len(uses(db, owner)) == len(live_tasks(db, owner)) == 3
    for change in ({"prompt": "Why us?"}, {"job_id": add_job(db, owner)}):
        with refused("PT409", match="was used for another"):
            request(db, owner, resume, "answer", **asked | change)
    with refused("PT409"):
        request(db, owner, add_resume(db, owner), "answer", **asked)
    complete(db, claim(db, "answer"), RESULT)
    db.query(owner, "delete from public.ai_documents")
    with refused("PT409", match="was deleted"):
        request(db, owner, resume, "answer", **asked)


# What comes back -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_failure__tells_the_user_why_and_costs_nothing(
    db: Database, owner: Actor, resume: UUID, kind: str
) -> None:
    request(db, owner, resume, kind, prompt="Why you?")
    assert fail(db, claim(db, kind), retryable=True) == "retry"
    assert only(db, owner)["status"] == "pending"
    db.query(SYSTEM, "update queue.tasks set run_at = now()")
    fail(db, claim(db, kind), "The provider is down.")
    row = only(db, owner)
    assert (row["status"], row["error_message"]) == ("failed", "The provider is down.")
    assert uses(db, owner) == ["released"]


def test_cancelling__gives_the_use_back(db: Database, owner: Actor, resume: UUID) -> None:
    row = request(db, owner, resume, "summary")
    assert db.value(owner, "select public.cancel_request(%s)", row["id"]) == 1
    assert only(db, owner)["status"] == "cancelled"
    assert uses(db, owner) == ["released"]


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        "text",
        {},
        RESULT | {"content": None},
        RESULT | {"content": ["text"]},
        RESULT | {"content": ""},
        RESULT | {"content": "x" * 50001},
        RESULT | {"ai_provider": None},
        RESULT | {"ai_provider": "somebody"},
        RESULT | {"model_used": "x" * 201},
        RESULT | {"tokens_used": -1},
        RESULT | {"processing_time_ms": -1},
        RESULT | {"estimated_cost": -1},
        RESULT | {"estimated_cost": 10**5},
    ],
)
def test_malformed_result__is_refused_whole(
    db: Database, owner: Actor, resume: UUID, result: object
) -> None:
    request(db, owner, resume, "summary")
    task = claim(db, "summary")
    before = only(db, owner)
    with malformed():
        complete(db, task, result)
    assert only(db, owner) == before
    assert uses(db, owner) == ["reserved"]
    complete(db, task, RESULT)


def test_task_event__reaches_only_the_row_of_its_owner_and_kind(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    row = request(db, owner, resume, "summary")
    db.query(SYSTEM, "delete from queue.tasks")
    for user, kind in ((stranger, "summary"), (owner, "outreach")):
        db.query(
            SYSTEM,
            "select private.enqueue_task(%s, jsonb_build_object('document_id', %s::uuid), "
            "%s, null)",
            kind,
            row["id"],
            user.user_id,
        )
        complete(db, claim(db, kind), RESULT)
        assert only(db, owner)["status"] == "pending"
