"""What the tests of room queue have in common: a task kind of their own, and its worker."""

from uuid import UUID

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row


def make_probe(db: Database) -> None:
    """Make a task kind of the test's own, `probe`, that writes down the events it is told."""
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
