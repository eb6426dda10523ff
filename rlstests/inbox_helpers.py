"""The inbox of the webhooks, for the tests of room billing: receiving, and doing the tasks."""

import json
from hashlib import sha256
from typing import Any
from uuid import UUID

from rlstests.actors import SERVICE, SYSTEM, Database, Row

EVENT: Row = {
    "provider": "stripe",
    "event_id": "evt_1",
    "body_sha256": sha256(b"1").hexdigest(),
    "type": "invoice.paid",
    "payload": {"name": "Ada"},
    "occurred_at": "2026-11-20T08:00:00Z",
}


def event(body: str, event_id: str | None, **more: Any) -> Row:
    return {
        **EVENT,
        "event_id": event_id,
        "body_sha256": sha256(body.encode()).hexdigest(),
        **more,
    }


def record(db: Database, *events: Any) -> list[Row]:
    sql = "select * from worker.record_webhook_events(%s)"
    return db.query(SERVICE, sql, json.dumps(events))


def stored(db: Database, id_: UUID) -> Row:
    return db.one(SYSTEM, "select * from private.webhook_events where id = %s", id_)


def tasks(db: Database, id_: UUID) -> list[Row]:
    sql = "select * from queue.tasks where dedupe_key = 'webhook:' || %s::uuid"
    return db.query(SYSTEM, sql, id_)


def receive(db: Database, name: str = "a") -> UUID:
    id_ = record(db, event(name, f"evt_{name}"))[0]["webhook_event_id"]
    assert isinstance(id_, UUID)
    return id_


def take(db: Database, id_: UUID) -> Row:
    """Lease the task of an event, and no other."""
    return db.one(
        SYSTEM,
        "update queue.tasks set lease_token = gen_random_uuid(), attempt = attempt + 1, "
        "lease_expires_at = now() + interval '1 min' where dedupe_key = 'webhook:' || %s::uuid "
        "returning *",
        id_,
    )


def complete(db: Database, id_: UUID, *changes: Any, note: str | None = None) -> Row:
    """Do the task of an event: it says these changes. Gives the event."""
    finish(db, take(db, id_), {"changes": changes, "note": note})
    return stored(db, id_)


def finish(db: Database, task: Row, result: object) -> None:
    sql = "select worker.complete_task(%s, %s, %s)"
    db.query(SERVICE, sql, task["id"], task["lease_token"], json.dumps(result))


def told(db: Database, event_type: str) -> list[Row]:
    return db.query(
        SYSTEM,
        "select * from public.system_events where event_type = %s and created_at = now()",
        event_type,
    )


def maintain(db: Database) -> int:
    return int(db.value(SYSTEM, "select private.maintain_webhooks() ->> 'queued'"))


def let_pass(db: Database, id_: UUID, time: str) -> None:
    """Make it so much later for an event."""
    db.query(
        SYSTEM,
        "update private.webhook_events set parked_at = parked_at - %s::interval, "
        "next_attempt_at = next_attempt_at - %s::interval where id = %s",
        time,
        time,
        id_,
    )
