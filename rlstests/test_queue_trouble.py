"""Room queue: locks, time limits and senseless results cost nobody a task or a turn."""

import pytest

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, refused
from rlstests.metering_helpers import move, state, use
from rlstests.queue_helpers import claim, enqueue, expire, make_probe


def make_kind(db: Database, sqlstate: str) -> None:
    """A task kind of the test's own, whose start fails with this state."""
    db.query(
        SYSTEM,
        f"""
        create function private.on_probe(p_task queue.tasks, p_event text, p_data jsonb)
        returns void language plpgsql as $$
        begin
            if p_event = 'started' and p_task.payload <> '{{}}' then
                raise sqlstate '{sqlstate}';
            end if;
        end $$
        """,
    )
    db.query(
        SYSTEM,
        "insert into queue.task_kinds (kind, description) values ('probe', 'Test')",
    )


@pytest.mark.parametrize("sqlstate", ["55P03", "40P01", "40001"])
def test_task_that_meets_a_lock_when_it_starts__is_claimed_later(
    db: Database, sqlstate: str
) -> None:
    make_kind(db, sqlstate)
    add = "select private.enqueue_task('probe', %s::jsonb, null, null)"
    busy, sound = (db.value(SYSTEM, add, payload) for payload in ('{"busy": 1}', "{}"))
    claim = "select id from worker.claim_tasks('test', '{probe}', 10)"
    assert [row["id"] for row in db.query(SERVICE, claim)] == [sound]
    sql = "select lease_token, lease_expires_at, locked_by, attempt from queue.tasks where id = %s"
    assert tuple(db.one(SYSTEM, sql, busy).values()) == (None, None, None, 0)
    db.query(SYSTEM, "update queue.tasks set payload = '{}' where id = %s", busy)
    assert [row["id"] for row in db.query(SERVICE, claim)] == [busy]


def add_job(db: Database, name: str, every: str, body: str) -> None:
    db.query(
        SYSTEM,
        f"create function private.maintain_{name}() returns jsonb language plpgsql as $$ "
        f"begin {body}; return '{{}}'; end $$",
    )
    db.query(
        SYSTEM,
        "insert into private.maintenance_jobs (name, description, repeat_every) "
        "values (%s, 'Test', %s)",
        name,
        every,
    )


def test_job_that_runs_out_of_time__does_not_keep_the_others_from_running(db: Database) -> None:
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = 'infinity'")
    add_job(db, "slow", "1 day", "perform pg_sleep(60)")
    add_job(db, "sound", "1 hour", "null")
    with db.acting(SERVICE) as connection:
        connection.execute("set local statement_timeout = '300ms'")
        row = connection.execute("select worker.run_maintenance() as done").fetchone()
        connection.execute("set local statement_timeout = 0")
    assert row is not None
    assert row["done"]["jobs"] == ["sound"]
    sql = "select last_error, next_run_at > now() as is_later from private.maintenance_jobs "
    slow = db.one(SYSTEM, sql + "where name = 'slow'")
    assert "statement timeout" in slow["last_error"]
    assert slow["is_later"]


def test_task_whose_use_cannot_be_given_back__does_not_stop_the_clock(
    db: Database, owner: Actor
) -> None:
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = 'infinity'")
    make_probe(db)
    move(db, owner, 25)
    event = use(db, owner, "interview")
    # Somebody gave its tokens back by hand.
    move(db, owner, 25, "refund", usage_event_id=event)
    task = enqueue(db, owner, usage_event_id=event)
    claim(db)
    expire(db, task)
    db.query(SYSTEM, "update queue.tasks set attempt = max_attempts where id = %s", task)
    assert db.value(SERVICE, "select worker.run_maintenance()")["dead"] == 1
    assert db.value(SYSTEM, "select outcome from queue.finished where id = %s", task) == "dead"
    assert state(db, event) == "reserved"


def test_jobs__run_the_rare_ones_first(db: Database) -> None:
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = 'infinity'")
    add_job(db, "b_daily", "1 day", "null")
    add_job(db, "a_often", "1 minute", "null")
    add_job(db, "c_hourly", "1 hour", "null")
    done = db.value(SERVICE, "select worker.run_maintenance()")
    assert done["jobs"] == ["b_daily", "c_hourly", "a_often"]


def test_tasks__come_back_after_the_jobs(db: Database) -> None:
    """All is one transaction: what is locked first stays locked while the others are at it."""
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = 'infinity'")
    make_probe(db)
    task = enqueue(db)
    claim(db)
    expire(db, task)
    add_job(
        db,
        "slow",
        "1 day",
        "perform 1 / (select count(*) from queue.tasks "
        "where kind = 'probe' and lease_token is not null)",
    )
    done = db.value(SERVICE, "select worker.run_maintenance()")
    assert (done["jobs"], done["reaped"]) == (["slow"], 1)


@pytest.mark.parametrize(
    "result",
    [
        None,
        "null",
        "[]",
        '"x"',
        "{}",
        '{"ai_provider": "x", "tokens_used": "many"}',
        '{"ai_provider": "x", "tokens_used": 3000000000}',
        '{"ai_provider": "x", "estimated_cost": "NaN"}',
    ],
)
def test_facts_of_a_provider__are_refused_in_any_other_shape(
    db: Database, result: str | None
) -> None:
    sql = "select (private.provider_facts(%s::jsonb)).ai_provider"
    with refused("PT422", match="result of this task is malformed"):
        db.query(SYSTEM, sql, result)
    assert db.value(SYSTEM, sql, '{"ai_provider": "x", "tokens_used": 3}') == "x"
