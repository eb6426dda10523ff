"""Rows of room billing for its tests, made the way the system writes them."""

from typing import Any

from rlstests.actors import SYSTEM, Actor, Database, Row

OVER = ("canceled", "expired")


def add(db: Database, table: str, values: dict[str, Any]) -> Row:
    names = ", ".join(values)
    places = ", ".join(["%s"] * len(values))
    return db.one(
        SYSTEM,
        f"insert into public.{table} ({names}) values ({places}) returning *",
        *values.values(),
    )


def subscribe(db: Database, user: Actor, name: str = "sub_1", **columns: Any) -> Row:
    """Insert a subscription at Stripe, active for another day unless columns say otherwise."""
    status = columns.get("status", "active")
    values = {
        "user_id": user.user_id,
        "provider": "stripe",
        "provider_subscription_id": name,
        "plan_code": "pro",
        "status": status,
        "current_period_end": "tomorrow",
        "ended_at": "now" if status in OVER else None,
        "past_due_at": "now" if status == "past_due" else None,
    }
    return add(db, "subscriptions", {**values, **columns})


def pay(db: Database, user: Actor, name: str = "pi_1", **columns: Any) -> Row:
    """Insert a pending payment for a hundred tokens, unless columns say otherwise."""
    values = {
        "user_id": user.user_id,
        "provider": "stripe",
        "provider_payment_id": name,
        "kind": "tokens",
        "tokens": 100,
        "amount": 200,
        "currency": "USD",
        "status": "pending",
        "paid_at": "now" if columns.get("status") in ("succeeded", "refunded") else None,
    }
    return add(db, "payments", {**values, **columns})


def change(db: Database, table: str, row: Row, assignment: str, *values: object) -> int:
    sql = f"update public.{table} set {assignment} where id = %s"
    return db.affected(SYSTEM, sql, *values, row["id"])
