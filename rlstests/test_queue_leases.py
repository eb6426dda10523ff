"""Room queue: a task is never lost: whoever holds its lease keeps it, fails it or falls silent."""

from uuid import UUID, uuid4

import pytest

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, refused
from rlstests.queue_helpers import claim, enqueue, events, expire, fail, history, make_probe


@pytest.fixture(autouse=True)
def heard(db: Database) -> None:
    """The events that the tasks of this file tell."""
    make_probe(db)


@pytest.mark.parametrize(
    "call",
    [
        "worker.extend_lease(%s, %s)",
        "worker.complete_task(%s, %s, '{}')",
        "worker.fail_task(%s, %s, 'x')",
        "worker.release_task(%s, %s)",
    ],
)
def test_stale_lease__changes_nothing(db: Database, call: str) -> None:
    task = enqueue(db)
    (first,) = claim(db)
    expire(db, task)
    db.query(SERVICE, "select worker.run_maintenance()")
    (second,) = claim(db)
    assert second["lease_token"] != first["lease_token"]
    before = db.one(SYSTEM, "select t::text as row from queue.tasks t where id = %s", task)
    for token in (first["lease_token"], uuid4(), None):
        with refused("PT409", match=str(task)):
            db.query(SERVICE, f"select {call}", task, token)
    assert db.one(SYSTEM, "select t::text as row from queue.tasks t where id = %s", task) == before


def test_silent_worker__loses_the_task_to_the_queue_and_at_last_to_the_grave(
    db: Database,
) -> None:
    task = enqueue(db)
    for attempt in (1, 2, 3):
        assert claim(db)[0]["attempt"] == attempt
        expire(db, task)
        counts = db.value(SERVICE, "select worker.run_maintenance()")
        assert (counts["reaped"], counts["dead"]) == ((0, 1) if attempt == 3 else (1, 0))
    assert history(db, task)["outcome"] == "dead"
    assert events(db, task)[-1] == "failed"


def lease_seconds(db: Database, task: UUID) -> float:
    sql = "select extract(epoch from lease_expires_at - now()) from queue.tasks where id = %s"
    return float(db.value(SYSTEM, sql, task))


def test_extended_lease__is_not_reaped(db: Database) -> None:
    task, other = enqueue(db), enqueue(db)
    claimed = {each["id"]: each for each in claim(db, 2)}
    assert lease_seconds(db, task) == 60
    expire(db, task)
    extend = "select worker.extend_lease(%s, %s, %s::integer)"
    db.query(SERVICE, extend, task, claimed[task]["lease_token"], 90)
    assert (lease_seconds(db, task), lease_seconds(db, other)) == (90, 60)
    assert db.value(SERVICE, "select worker.run_maintenance()")["reaped"] == 0
    for senseless in (4, 3601, None):
        with refused("PT400"):
            db.query(SERVICE, extend, task, claimed[task]["lease_token"], senseless)


def test_released_task__is_ready_and_lost_no_attempt(db: Database) -> None:
    task = enqueue(db)
    (claimed,) = claim(db)
    db.query(SERVICE, "select worker.release_task(%s, %s)", task, claimed["lease_token"])
    assert events(db, task) == ["started", "retried"]
    assert claim(db)[0]["attempt"] == 1


def test_failure__is_retried_with_growing_pauses_then_dies(db: Database) -> None:
    task = enqueue(db)
    for least, most in ((5, 10), (10, 20)):
        (claimed,) = claim(db)
        assert fail(db, claimed, retryable=True) == "retry"
        pause = db.value(
            SYSTEM, "select extract(epoch from run_at - now()) from queue.tasks where id = %s", task
        )
        assert least <= float(pause) <= most
        assert claim(db) == []
        db.query(SYSTEM, "update queue.tasks set run_at = now() where id = %s", task)
    (claimed,) = claim(db)
    assert fail(db, claimed, retryable=True) == "dead"
    assert events(db, task) == ["started", "retried"] * 2 + ["started", "failed"]
    assert history(db, task)["error"] == "No luck."


def test_final_failure__dies_at_once(db: Database) -> None:
    task = enqueue(db)
    assert fail(db, claim(db)[0], retryable=False) == "dead"
    assert history(db, task)["attempt"] == 1


def test_task__remembers_who_held_it_and_what_went_wrong(db: Database) -> None:
    task = enqueue(db)
    (claimed,) = claim(db)
    sql = "select locked_by, last_error from queue.tasks where id = %s"
    assert db.one(SYSTEM, sql, task) == {"locked_by": "test", "last_error": None}
    fail(db, claimed, retryable=True)
    assert db.one(SYSTEM, sql, task) == {"locked_by": None, "last_error": "No luck."}
    db.query(SYSTEM, "update queue.tasks set run_at = now() where id = %s", task)
    (claimed,) = claim(db)
    db.query(SERVICE, "select worker.fail_task(%s, %s, ' ')", task, claimed["lease_token"])
    assert (history(db, task)["worker"], history(db, task)["error"]) == ("test", "Unknown error.")


def test_pause__never_exceeds_an_hour(db: Database) -> None:
    task = enqueue(db)
    db.query(SYSTEM, "update queue.tasks set attempt = 19, max_attempts = 25 where id = %s", task)
    fail(db, claim(db)[0], retryable=True)
    sql = "select extract(epoch from run_at - now()) from queue.tasks where id = %s"
    assert 1800 <= float(db.value(SYSTEM, sql, task)) <= 3600


@pytest.mark.parametrize("broken_event", ["retried", "failed"])
def test_task_whose_handler_breaks__is_buried_and_keeps_nobody_waiting(
    db: Database, broken_event: str
) -> None:
    broken = enqueue(db, payload=f'{{"break": "{broken_event}"}}', delay="-1 s")
    sound = enqueue(db)
    claim(db, 2)
    db.query(SYSTEM, "update queue.tasks set attempt = 3 where id = %s", broken)
    if broken_event == "retried":
        db.query(SYSTEM, "update queue.tasks set attempt = 1 where id = %s", broken)
    expire(db, broken)
    expire(db, sound)
    counts = db.value(SERVICE, "select worker.run_maintenance()")
    assert (counts["reaped"], counts["dead"]) == (1, 1)
    assert events(db, sound) == ["started", "retried"]
    assert history(db, broken)["outcome"] == "dead"


def test_task_that_cannot_start__is_buried_and_the_next_is_claimed(
    db: Database, owner: Actor
) -> None:
    sql = "select usage_event_id from private.reserve_usage(%s, 'resume_parse', null, '{}')"
    event = db.value(SYSTEM, sql, owner.user_id)
    broken = enqueue(db, owner, payload='{"break": "started"}', delay="-1 s", usage_event_id=event)
    sound = enqueue(db)
    assert [task["id"] for task in claim(db, 2)] == [sound]
    assert history(db, broken)["outcome"] == "dead"
    assert events(db, broken) == ["failed"]
    assert db.value(owner, "select state from public.usage_events") == "released"
