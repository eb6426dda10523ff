"""Room jobs: reading a description costs one use, and what comes back has a shape."""

from uuid import UUID, uuid4

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row, refused
from rlstests.ai_helpers import add_job
from rlstests.request_helpers import claim, complete, fail, limit, live_tasks, malformed, uses

DATA = {
    "requiredSkills": ["Python", "SQL"],
    "preferredSkills": [],
    "requiredExperience": "3+ years",
    "education": None,
    "responsibilities": ["Design engines"],
    "keywords": ["engine"],
}


@pytest.fixture
def job(db: Database, owner: Actor) -> UUID:
    return add_job(db, owner)


def request(db: Database, user: Actor, job: UUID | None, key: str | None = None) -> Row:
    return db.one(user, "select * from public.request_job_extract(%s, %s)", job, key)


def read(db: Database, user: Actor) -> Row:
    return db.one(user, "select * from public.jobs")


def test_request__reserves_queues_and_ends_with_what_was_read(
    db: Database, owner: Actor, job: UUID
) -> None:
    assert request(db, owner, job)["extract_status"] == "pending"
    task = claim(db, "job_extract")
    assert (task["user_id"], task["payload"]) == (owner.user_id, {"job_id": str(job)})
    assert read(db, owner)["extract_status"] == "processing"
    complete(db, task, {"extracted_data": DATA})
    row = read(db, owner)
    assert (row["extract_status"], row["extracted_data"]) == ("completed", DATA)
    assert uses(db, owner) == ["settled"]


def test_failure__tells_the_user_why_and_costs_nothing(
    db: Database, owner: Actor, job: UUID
) -> None:
    request(db, owner, job)
    assert fail(db, claim(db, "job_extract"), "Too short.", retryable=True) == "retry"
    assert read(db, owner)["extract_status"] == "pending"
    db.query(SYSTEM, "update queue.tasks set run_at = now()")
    fail(db, claim(db, "job_extract"), "Too short.")
    row = read(db, owner)
    assert (row["extract_status"], row["extract_error"]) == ("failed", "Too short.")
    assert uses(db, owner) == ["released"]
    assert request(db, owner, job)["extract_error"] is None


def test_second_request__joins_the_open_one(db: Database, owner: Actor, job: UUID) -> None:
    request(db, owner, job, "first")
    assert request(db, owner, job, "second")["extract_status"] == "pending"
    task = claim(db, "job_extract")
    assert request(db, owner, job)["extract_status"] == "processing"
    complete(db, task, {"extracted_data": DATA})
    for key in ("first", "second"):
        assert request(db, owner, job, key)["extract_status"] == "completed"
    assert uses(db, owner) == ["settled"]
    request(db, owner, job, "third")
    assert len(uses(db, owner)) == 2


def test_job_whose_task_is_gone__can_be_asked_for_again(
    db: Database, owner: Actor, job: UUID
) -> None:
    request(db, owner, job)
    db.query(SYSTEM, "delete from queue.tasks")
    request(db, owner, job)
    assert len(live_tasks(db, owner)) == 1


def test_key_of_another_job__is_a_conflict(db: Database, owner: Actor, job: UUID) -> None:
    request(db, owner, job, "k")
    with refused("PT409"):
        request(db, owner, add_job(db, owner), "k")


def test_foreign_missing_and_trashed_job__get_the_same_answer(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, job: UUID
) -> None:
    for user in (stranger, admin):
        with refused("PT404", match=str(job)):
            request(db, user, job)
    for id_ in (uuid4(), None):
        with refused("PT404"):
            request(db, owner, id_)
    db.query(owner, "select public.trash_job(%s)", job)
    with refused("PT404", match=str(job)):
        request(db, owner, job)
    assert uses(db, owner) == []


@pytest.mark.parametrize("description", [None, "", "  "])
def test_job_without_description__cannot_be_read(
    db: Database, owner: Actor, description: str | None
) -> None:
    with refused("PT422", match="no description"):
        request(db, owner, add_job(db, owner, description))
    assert uses(db, owner) == []


def test_request_without_allowance__changes_nothing(db: Database, owner: Actor, job: UUID) -> None:
    db.query(SYSTEM, "update public.usage_counters set used = 5 where user_id = %s", owner.user_id)
    with refused("PT402"):
        request(db, owner, job)
    assert read(db, owner)["extract_status"] == "none"
    assert live_tasks(db, owner) == []


def test_blocked_account__asks_for_nothing(db: Database, owner: Actor, job: UUID) -> None:
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        request(db, owner, job)


def test_requests_too_often__have_to_wait(db: Database, owner: Actor, job: UUID) -> None:
    limit(db, "job_extract", 1)
    request(db, owner, job)
    with refused("PT429"):
        request(db, owner, job)


def test_cancelling__keeps_what_was_read_before(db: Database, owner: Actor, job: UUID) -> None:
    for status in ("none", "completed"):
        request(db, owner, job)
        assert db.value(owner, "select public.cancel_request(%s)", job) == 1
        assert read(db, owner)["extract_status"] == status
        if status == "none":
            request(db, owner, job)
            complete(db, claim(db, "job_extract"), {"extracted_data": DATA})
    assert read(db, owner)["extracted_data"] == DATA
    assert uses(db, owner).count("released") == 2


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        DATA | {"requiredSkills": "Python"},
        DATA | {"preferredSkills": [1]},
        DATA | {"responsibilities": [["nested"]]},
        DATA | {"keywords": None},
        DATA | {"requiredExperience": 3},
        DATA | {"education": ["BSc"]},
        DATA | {"keywords": ["x" * 65536]},
    ],
)
def test_malformed_result__is_refused_whole(
    db: Database, owner: Actor, job: UUID, data: object
) -> None:
    request(db, owner, job)
    task = claim(db, "job_extract")
    with malformed():
        complete(db, task, {"extracted_data": data})
    with malformed():
        complete(db, task, data)
    assert read(db, owner)["extract_status"] == "processing"
    assert uses(db, owner) == ["reserved"]


def test_reading_that_ends_in_the_trash__is_kept_for_the_restore(
    db: Database, owner: Actor, job: UUID
) -> None:
    request(db, owner, job)
    db.query(owner, "select public.trash_job(%s)", job)
    complete(db, claim(db, "job_extract"), {"extracted_data": DATA})
    db.query(owner, "select public.restore_job(%s)", job)
    assert read(db, owner)["extract_status"] == "completed"


def test_task_event__reaches_only_the_job_of_its_owner(
    db: Database, owner: Actor, stranger: Actor, job: UUID
) -> None:
    db.query(
        SYSTEM,
        "select private.enqueue_task('job_extract', jsonb_build_object('job_id', %s::uuid), "
        "%s, null)",
        job,
        stranger.user_id,
    )
    complete(db, claim(db, "job_extract"), {"extracted_data": DATA})
    assert read(db, owner)["extract_status"] == "none"
