"""Files of users, and the worker's side of the tasks that purge them."""

import json
from typing import Any
from uuid import uuid4

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row

PURGED = {"status": "purged", "removed": 1}
KINDS = "{purge_account,purge_files}"


def put(db: Database, actor: Actor, bucket: str = "resumes") -> str:
    name = f"{actor.user_id}/{uuid4()}.pdf"
    sql = "insert into storage.objects (bucket_id, name) values (%s, %s)"
    db.query(SYSTEM, sql, bucket, name)
    return name


def remove(db: Database, actor: Actor) -> None:
    """Remove a user's files, as the worker does through Storage."""
    with db.acting(SYSTEM) as connection:
        # Hosted Supabase refuses this in SQL without the setting; the local stack ignores it.
        connection.execute("select set_config('storage.allow_delete_query', 'true', true)")
        connection.execute(
            "delete from storage.objects where name like %s", (f"{actor.user_id}/%",)
        )


def claim(db: Database) -> list[Row]:
    return db.query(SERVICE, "select * from worker.claim_tasks('test', %s, 100, 60)", KINDS)


def ask(db: Database, task: Row) -> Any:
    sql = "select worker.files_to_purge(%s, %s)"
    return db.value(SERVICE, sql, task["id"], task["lease_token"])


def complete(db: Database, task: Row, result: object = None) -> None:
    sql = "select worker.complete_task(%s, %s, %s)"
    text = json.dumps(PURGED if result is None else result)
    db.query(SERVICE, sql, task["id"], task["lease_token"], text)


def leave(db: Database, actor: Actor, days: int = 30) -> None:
    sql = "update public.profiles set deleted_at = now() - make_interval(days => %s) where id = %s"
    db.query(SYSTEM, sql, days, actor.user_id)


def maintain(db: Database) -> int:
    return int(db.value(SYSTEM, "select private.maintain_account_purges()")["queued"])


def exists(db: Database, actor: Actor) -> bool:
    sql = "select exists (select 1 from auth.users where id = %s)"
    return bool(db.value(SYSTEM, sql, actor.user_id))


def tombstones(db: Database, actor: Actor) -> list[Row]:
    sql = "select * from public.audit_logs where owner_id = %s and action = 'account.purge'"
    return db.query(SYSTEM, sql, actor.user_id)


def claim_account(db: Database, actor: Actor) -> Row:
    """The purge of a user with a file, claimed; files and rows are still there."""
    put(db, actor)
    leave(db, actor)
    assert maintain(db) == 1
    (claimed,) = claim(db)
    return claimed
