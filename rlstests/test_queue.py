"""Room queue: a task is done once, by whoever claimed it, and closes its use."""

from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import SERVICE, SYSTEM, Actor, Database, refused
from rlstests.queue_helpers import claim, enqueue, events, fail, history, make_probe


@pytest.fixture(autouse=True)
def heard(db: Database) -> None:
    """The events that the tasks of this file tell."""
    make_probe(db)


def test_task__is_claimed_once_and_done_once(db: Database) -> None:
    task = enqueue(db)
    (claimed,) = claim(db)
    assert (claimed["id"], claimed["attempt"], claimed["max_attempts"]) == (task, 1, 3)
    assert claim(db) == []
    finish = "select worker.complete_task(%s, %s, '{\"a\": 1}')"
    assert db.value(SERVICE, finish, task, claimed["lease_token"]) == "done"
    assert events(db, task) == ["started", "completed"]
    assert history(db, task)["outcome"] == "done"
    with refused("PT409"):
        db.query(SERVICE, finish, task, claimed["lease_token"])


def test_claim__takes_the_urgent_then_the_old_and_only_its_kinds(db: Database) -> None:
    late, early = enqueue(db, delay="-1 s"), enqueue(db, delay="-2 s")
    urgent, tomorrow = enqueue(db), enqueue(db, delay="1 day")
    db.query(SYSTEM, "update queue.tasks set priority = 1 where id = %s", urgent)
    assert claim(db, 10, ("other",)) == []
    order = [claim(db)[0]["id"] for _ in range(3)]
    assert order == [urgent, early, late]
    assert claim(db, 10) == []
    assert tomorrow not in order


def test_end_of_task__closes_its_use(db: Database, owner: Actor) -> None:
    def reserve() -> UUID:
        sql = "select usage_event_id from private.reserve_usage(%s, 'resume_parse', null, '{}')"
        event = db.value(SYSTEM, sql, owner.user_id)
        assert isinstance(event, UUID)
        return event

    done, dead = reserve(), reserve()
    enqueue(db, owner, usage_event_id=done)
    (claimed,) = claim(db)
    db.query(
        SERVICE,
        "select worker.complete_task(%s, %s, '{}')",
        claimed["id"],
        claimed["lease_token"],
    )
    enqueue(db, owner, usage_event_id=dead)
    fail(db, claim(db)[0], retryable=False)
    states = db.query(owner, "select id, state from public.usage_events")
    assert {row["id"]: row["state"] for row in states} == {done: "settled", dead: "released"}
    assert db.value(owner, "select used from public.my_usage() where meter = 'ai_actions'") == 1


def test_result_that_cannot_be_written__leaves_the_task_leased(db: Database) -> None:
    task = enqueue(db, payload='{"break": "completed"}')
    (claimed,) = claim(db)
    with refused("P0001", match="handler broke"):
        db.query(SERVICE, "select worker.complete_task(%s, %s, '{}')", task, claimed["lease_token"])
    assert fail(db, claimed, retryable=False) == "dead"


def test_dedupe_key__holds_while_the_task_lives(db: Database) -> None:
    task = enqueue(db, dedupe_key="one")
    sql = "select private.enqueue_task('probe', '{}', null, null, 'one')"
    assert db.value(SYSTEM, sql) is None
    (claimed,) = claim(db, 10)
    assert claimed["id"] == task
    fail(db, claimed, retryable=False)
    assert db.value(SYSTEM, sql) is not None


def test_unknown_kind__is_not_queued(db: Database) -> None:
    with refused("P0001", match="no task kind nonsense"):
        db.query(SYSTEM, "select private.enqueue_task('nonsense', '{}', null, null)")


@pytest.mark.parametrize(
    ("limit", "seconds"), [(0, 60), (101, 60), (None, 60), (1, 4), (1, 3601), (1, None)]
)
def test_claim__refuses_senseless_numbers(
    db: Database, limit: int | None, seconds: int | None
) -> None:
    with refused("PT400"):
        db.query(
            SERVICE,
            "select * from worker.claim_tasks('test', '{probe}', %s::integer, %s::integer)",
            limit,
            seconds,
        )


def test_stats__tell_ready_leased_and_scheduled_apart(db: Database) -> None:
    enqueue(db, delay="-30 s")
    enqueue(db)
    enqueue(db, delay="1 hour")
    claim(db)
    stats = {row["kind"]: row for row in db.query(SERVICE, "select * from worker.task_stats()")}
    probe = stats["probe"]
    assert (probe["ready"], probe["leased"], probe["scheduled"]) == (1, 1, 1)
    assert stats["resume_parse"]["oldest_ready_seconds"] is None


def test_two_workers__never_get_the_same_task(stack: StackStatus) -> None:
    # Two sessions, so what they share must be committed: tasks without a user, removed at the end.
    patience = "-c lock_timeout=5s"
    with (
        psycopg.connect(stack.db_url, options=patience) as one,
        psycopg.connect(stack.db_url, options=patience) as other,
    ):
        sql = "select id from worker.claim_tasks(%s, '{resume_parse}', 1, 60)"
        for _ in range(2):
            one.execute(
                "select private.enqueue_task('resume_parse', %s, null, null)",
                (f'{{"resume_id": "{uuid4()}"}}',),
            )
        one.commit()
        try:
            first, second = (
                one.execute(sql, ("a",)).fetchall(),
                other.execute(sql, ("b",)).fetchall(),
            )
            assert len(first) == len(second) == 1
            assert first != second
        finally:
            other.rollback()
            one.rollback()
            one.execute("delete from queue.tasks where user_id is null and kind = 'resume_parse'")
            one.commit()
