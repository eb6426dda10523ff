"""Room queue: a task is done once, by whoever holds its lease, and never lost."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row, refused


@pytest.fixture
def heard(db: Database) -> None:
    """A task kind of the test's own, `probe`, that writes down the events it is told."""
    db.query(SYSTEM, "create temporary table heard (task uuid, event text, data jsonb)")
    db.query(
        SYSTEM,
        """
        create function private.on_probe(p_task queue.tasks, p_event text, p_data jsonb)
        returns void language plpgsql as $$
        begin
            if p_task.payload ->> 'break' = p_event then raise exception 'handler broke'; end if;
            insert into pg_temp.heard values (p_task.id, p_event, p_data);
        end $$
        """,
    )
    db.query(
        SYSTEM,
        "insert into queue.task_kinds (kind, description, max_attempts, backoff_seconds) "
        "values ('probe', 'Test', 3, 10)",
    )


def enqueue(db: Database, user: Actor | None = None, **more: object) -> UUID:
    task = db.value(
        SYSTEM,
        "select private.enqueue_task('probe', %s::jsonb, %s, %s, %s, now() + %s::interval)",
        more.get("payload", "{}"),
        user.user_id if user else None,
        more.get("usage_event_id"),
        more.get("dedupe_key"),
        more.get("delay", "0"),
    )
    assert isinstance(task, UUID)
    return task


def claim(db: Database, limit: int = 1, kinds: tuple[str, ...] = ("probe",)) -> list[Row]:
    sql = "select * from worker.claim_tasks('test', %s, %s, 60)"
    return db.query(SERVICE, sql, list(kinds), limit)


def events(db: Database, task: UUID) -> list[str]:
    return [
        row["event"]
        for row in db.query(SYSTEM, "select event from pg_temp.heard where task = %s", task)
    ]


def expire(db: Database, task: UUID) -> None:
    db.query(
        SYSTEM,
        "update queue.tasks set lease_expires_at = now() - interval '1 s' where id = %s",
        task,
    )


def fail(db: Database, task: Row, *, retryable: bool) -> str:
    return str(
        db.value(
            SERVICE,
            "select worker.fail_task(%s, %s, 'No luck.', %s)",
            task["id"],
            task["lease_token"],
            retryable,
        )
    )


def history(db: Database, task: UUID) -> Row:
    return db.one(SYSTEM, "select * from queue.finished where id = %s", task)


pytestmark = pytest.mark.usefixtures("heard")


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


def test_maintenance__makes_the_partitions_of_the_months_ahead(db: Database) -> None:
    months = [
        (date.today().replace(day=1) + timedelta(days=31 * ahead)).strftime("%Y_%m")
        for ahead in (1, 2)
    ]
    tables = [f"private.{parent}_{m}" for parent in ("usage_events", "finished") for m in months]
    for table in tables:
        db.query(SYSTEM, f"drop table if exists {table}")
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = now()")
    assert "partitions" in db.value(SERVICE, "select worker.run_maintenance()")["jobs"]
    for table in tables:
        assert db.value(SYSTEM, "select to_regclass(%s) is not null", table), table


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


def test_result_that_cannot_be_written__leaves_the_task_leased(db: Database) -> None:
    task = enqueue(db, payload='{"break": "completed"}')
    (claimed,) = claim(db)
    with refused("P0001", match="handler broke"):
        db.query(SERVICE, "select worker.complete_task(%s, %s, '{}')", task, claimed["lease_token"])
    assert fail(db, claimed, retryable=False) == "dead"


def test_released_task__is_ready_and_lost_no_attempt(db: Database) -> None:
    task = enqueue(db)
    (claimed,) = claim(db)
    db.query(SERVICE, "select worker.release_task(%s, %s)", task, claimed["lease_token"])
    assert events(db, task) == ["started", "retried"]
    assert claim(db)[0]["attempt"] == 1


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
            one.execute("delete from queue.tasks where user_id is null")
            one.commit()
