"""Room platform: what happened, and what people say about the product."""

import json
from typing import Any

import pytest

from rlstests.actors import ANON, POLICY, SERVICE, SYSTEM, Actor, Database, Row, refused

SAY = "insert into public.feedback (content) values ('It reads my résumé well.')"


def record(db: Database, *values: object, headers: object = None) -> Row:
    with db.acting(SYSTEM) as connection:
        connection.execute(
            "select set_config('request.headers', %s, true)", (json.dumps(headers or {}),)
        )
        marks = ", ".join(["%s"] * len(values))
        connection.execute(f"select private.record_event({marks})", values)
    return db.one(SYSTEM, "select * from public.system_events where event_type = %s", values[0])


def test_event__says_what_happened_to_whom_and_from_where(db: Database, owner: Actor) -> None:
    row = record(
        db,
        "probe.made",
        '{"a": 1}',
        owner.user_id,
        "warning",
        headers={"x-forwarded-for": "192.0.2.1", "user-agent": "B" * 600},
    )
    assert (row["event_data"], row["severity"], row["user_id"]) == (
        {"a": 1},
        "warning",
        owner.user_id,
    )
    assert (str(row["ip_address"]), row["user_agent"]) == ("192.0.2.1", "B" * 500)


def test_event__needs_no_more_than_a_name(db: Database) -> None:
    row = record(db, "probe.made")
    assert (row["event_data"], row["severity"], row["user_id"], row["ip_address"]) == (
        {},
        "info",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("data", "kept"), [('"text"', {"value": "text"}), ("[1]", {"value": [1]}), (None, {})]
)
def test_event__takes_data_of_any_shape(db: Database, data: object, kept: Any) -> None:
    assert record(db, "probe.made", data)["event_data"] == kept


def test_event__is_cut_rather_than_lost(db: Database, stranger: Actor) -> None:
    db.query(SYSTEM, "delete from auth.users where id = %s", stranger.user_id)
    row = record(db, "probe.made", json.dumps({"x": "y" * 20000}), stranger.user_id)
    assert len(row["event_data"]["cut"]) == 4000
    assert row["user_id"] is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("event_type", "Probe made"),
        ("event_type", "x"),
        ("severity", "fatal"),
        ("event_data", "[]"),
        ("event_data", json.dumps({"x": "y" * 16384})),
        ("user_agent", "x" * 501),
    ],
)
def test_event__keeps_its_form(db: Database, column: str, value: str) -> None:
    row = {"event_type": "probe.made", "severity": "info", "event_data": "{}", "user_agent": "x"}
    sql = (
        "insert into public.system_events (event_type, severity, event_data, user_agent) "
        "values (%(event_type)s, %(severity)s, %(event_data)s, %(user_agent)s)"
    )
    with db.acting(SYSTEM) as connection:
        connection.execute(sql, row)
    with refused("23514"), db.acting(SYSTEM) as connection:
        connection.execute(sql, row | {column: value})


def test_event__outlives_its_user_without_a_name(db: Database, owner: Actor) -> None:
    record(db, "probe.made", "{}", owner.user_id)
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    sql = "select user_id from public.system_events where event_type = 'probe.made'"
    assert db.query(SYSTEM, sql) == [{"user_id": None}]


# Maintenance jobs


@pytest.fixture
def job(db: Database) -> str:
    """A job of the test's own that does what the table `says` tells it."""
    db.query(SYSTEM, "create temporary table says (sql text)")
    db.query(
        SYSTEM,
        "create function private.maintain_probe() returns jsonb language plpgsql as $$ "
        "declare v jsonb; begin execute (select sql from pg_temp.says) into v; return v; end $$",
    )
    db.query(
        SYSTEM,
        "insert into private.maintenance_jobs "
        "(name, description, repeat_every, first_run_at, next_run_at) "
        "values ('probe', 'Test', '24 hours', now() - interval '50 hours', now())",
    )
    return "probe"


def run(db: Database, job: str, sql: str) -> Row:
    db.query(SYSTEM, "delete from pg_temp.says")
    db.query(SYSTEM, "insert into pg_temp.says values (%s)", sql)
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = now() where name = %s", job)
    db.query(SERVICE, "select worker.run_maintenance()")
    return db.one(
        SYSTEM,
        "select *, extract(epoch from next_run_at - now()) / 60 as minutes "
        "from private.maintenance_jobs where name = %s",
        job,
    )


def failures(db: Database) -> list[Row]:
    return db.query(
        SYSTEM, "select * from public.system_events where event_type = 'maintenance.failed'"
    )


def test_failed_job__is_an_error_event_once(db: Database, job: str) -> None:
    before = len(failures(db))
    for _ in range(3):
        assert "division" in run(db, job, "select 1 / 0")["last_error"]
    (event,) = failures(db)[before:]
    assert event["severity"] == "error"
    assert event["event_data"]["job"] == "probe"
    assert "division" in event["event_data"]["error"]
    assert run(db, job, "select '{}'::jsonb")["last_error"] is None
    assert len(failures(db)) == before + 1
    run(db, job, "select 1 / 0")
    assert len(failures(db)) == before + 2


def test_daily_job__keeps_its_hour_whenever_it_ran(db: Database, job: str) -> None:
    # Its rounds were 50, 26 and 2 hours ago; the next one comes in 22.
    assert run(db, job, "select '{}'::jsonb")["minutes"] == 22 * 60


def test_job_with_more_to_do__runs_again_in_a_minute(db: Database, job: str) -> None:
    assert run(db, job, """select '{"again": true}'::jsonb""")["minutes"] == 1
    assert run(db, job, """select '{"again": false}'::jsonb""")["minutes"] == 22 * 60


# Feedback


def test_feedback__is_read_by_its_writer(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    db.query(owner, SAY)
    sql = "select category, user_id from public.feedback"
    assert db.query(owner, sql) == [{"category": "general", "user_id": owner.user_id}]
    for other in (stranger, admin):
        assert db.query(other, sql) == []


@pytest.mark.parametrize("length", [9, 5001])
def test_feedback__has_ten_to_five_thousand_characters(
    db: Database, owner: Actor, length: int
) -> None:
    sql = "insert into public.feedback (content) values (repeat('é', %s))"
    with refused("23514"):
        db.query(owner, sql, length)
    assert db.affected(owner, sql, 10 if length < 10 else 5000) == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [("category", "spam"), ("context", "[]"), ("context", json.dumps({"x": "y" * 16384}))],
)
def test_feedback__has_a_known_category_and_a_bounded_context(
    db: Database, owner: Actor, column: str, value: str
) -> None:
    with refused("23514"):
        db.query(
            owner,
            f"insert into public.feedback (content, {column}) values ('0123456789', %s)",
            value,
        )


def test_feedback__is_written_in_nobody_elses_name(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    sql = "insert into public.feedback (user_id, content) values (%s, '0123456789')"
    for user_id in (stranger.user_id, None):
        with refused("42501", match=POLICY):
            db.query(owner, sql, user_id)
    for state in ("is_active = false", "deleted_at = now()"):
        db.query(SYSTEM, f"update public.profiles set {state} where id = %s", owner.user_id)
        with refused("42501", match=POLICY):
            db.query(owner, SAY)
        db.query(
            SYSTEM,
            "update public.profiles set is_active = true, deleted_at = null where id = %s",
            owner.user_id,
        )
    with refused("42501"):
        db.query(ANON, SAY)
    assert db.affected(owner, SAY) == 1


def test_feedback__cannot_flood_the_table(db: Database, owner: Actor, stranger: Actor) -> None:
    db.query(
        SYSTEM,
        """update public.global_config set value = '{"feedback": {"limit": 2, "seconds": 60}}' """
        "where key = 'rate_limits'",
    )
    many = "insert into public.feedback (content) select '0123456789' from generate_series(1, 3)"
    with refused("PT429"):
        db.query(owner, many)
    for _ in range(2):
        db.query(owner, SAY)
    with refused("PT429"):
        db.query(owner, SAY)
    assert db.affected(stranger, SAY) == 1
    # An import by an operator is no flood.
    assert db.affected(SYSTEM, many) == 3


def test_feedback__outlives_its_writer(db: Database, owner: Actor) -> None:
    row = db.one(owner, SAY + " returning id")
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    sql = "select user_id from public.feedback where id = %s"
    assert db.query(SYSTEM, sql, row["id"]) == [{"user_id": None}]
