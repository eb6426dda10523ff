"""Room queue: a month without a partition loses no row, and does not go unnoticed."""

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
