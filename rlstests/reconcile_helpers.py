"""What the tests of reconciliation have in common: what is queued, fetched and told."""

from typing import Any

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row


def end_all(db: Database) -> None:
    """Other tests commit subscriptions and checkouts: here they are over."""
    db.query(
        SYSTEM,
        "update public.subscriptions set status = 'canceled', ended_at = now(), past_due_at = null "
        "where status not in ('canceled', 'expired')",
    )
    db.query(SYSTEM, "update private.checkouts set status = 'expired' where status = 'open'")


def queued(subscriptions: int, tasks: int, checkouts: int = 0) -> Row:
    return {"subscriptions": subscriptions, "checkouts": checkouts, "tasks": tasks}


def queue_all(db: Database, user: Actor | None = None) -> Row:
    sql = "select private.enqueue_reconcile(%s)"
    answer = db.value(SYSTEM, sql, user.user_id if user else None)
    assert isinstance(answer, dict)
    return answer


def ask(db: Database, task: Row) -> Row:
    sql = "select worker.subscriptions_to_reconcile(%s, %s)"
    answer = db.value(SERVICE, sql, task["id"], task["lease_token"])
    assert isinstance(answer, dict)
    return answer


def change(name: str = "sub_1", **more: Any) -> dict[str, Any]:
    return {
        "type": "subscription",
        "provider": "stripe",
        "occurred_at": "2030-01-01T00:00:00Z",
        "subscription_id": name,
        "status": "past_due",
        "price_id": "plan_local_pro_month",
        "current_period_start": "2029-12-15T00:00:00Z",
        "current_period_end": "2030-01-15T00:00:00Z",
        **more,
    }


def status(db: Database, row: Row) -> str:
    sql = "select status from public.subscriptions where id = %s"
    return str(db.value(SYSTEM, sql, row["id"]))


def problems(db: Database) -> list[Row]:
    sql = (
        "select event_type, severity, event_data from public.system_events "
        "where event_type like 'reconcile.%%' and created_at = now() "
        "and event_type <> 'reconcile.requested'"
    )
    return db.query(SYSTEM, sql)
