"""Room queue: a month without a partition loses no row, and does not go unnoticed."""

from datetime import date, timedelta

from rlstests.actors import SERVICE, SYSTEM, Database, Row


def maintain(db: Database) -> list[Row]:
    """Run the job; gives the events it left."""
    sql = "update private.maintenance_jobs set next_run_at = case name when 'partitions' "
    db.query(SYSTEM, sql + "then now() else 'infinity' end")
    db.query(SYSTEM, "delete from public.system_events")
    assert db.value(SERVICE, "select worker.run_maintenance()")["jobs"] == ["partitions"]
    sql = "select * from public.system_events where event_type = 'partitions.missing'"
    return db.query(SYSTEM, sql)


def test_rows_without_a_partition__are_told_of_once(db: Database) -> None:
    db.query(SYSTEM, "delete from public.system_events")
    db.query(SYSTEM, "delete from queue.finished")
    assert maintain(db) == []
    db.query(
        SYSTEM,
        "insert into queue.finished (id, kind, outcome, payload, attempt, created_at, finished_at) "
        "values (gen_random_uuid(), 'resume_parse', 'done', '{}', 1, '2020-01-05', '2020-01-05')",
    )
    (event,) = maintain(db)
    assert event["event_data"] == {"filled": ["private.finished_default"]}
    assert event["severity"] == "warning"
    assert maintain(db) == []
    db.query(SYSTEM, "delete from queue.finished")
    assert maintain(db) == []


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
