"""What the tests of operators' functions have in common: granting, cancelling, looking."""

import json
from typing import Any

from rlstests.actors import SYSTEM, Actor, Database, Row

GRANT = "select * from public.admin_grant_subscription(%s, %s, %s, %s)"
LIMITS = {"interviews": {"month": 20}}


def grant(
    db: Database,
    actor: Actor,
    user: object,
    plan: str | None = "pro",
    until: object = None,
    limits: object = None,
) -> Row:
    given = None if limits is None else json.dumps(limits)
    return db.one(actor, GRANT, user, plan, until, given)


def cancel(db: Database, actor: Actor, user: object, *values: object) -> Row:
    places = ", ".join(["%s"] * (len(values) + 1))
    sql = f"select * from public.admin_cancel_subscription({places})"
    return db.one(actor, sql, user, *values)


def limit(db: Database, actor: Actor, user: object, limits: object) -> Row:
    sql = "select * from public.admin_set_custom_limits(%s, %s)"
    return db.one(actor, sql, user, json.dumps(limits))


def report(db: Database, actor: Actor, user: object) -> dict[str, Any]:
    found = db.value(actor, "select public.report_subscription(%s)", user)
    assert isinstance(found, dict)
    return found


def plan_of(db: Database, user: Actor) -> tuple[str, str]:
    row = db.one(user, "select * from public.profiles where id = %s", user.user_id)
    return row["subscription_tier"], row["subscription_status"]


def rows_of(db: Database, user: Actor) -> list[Row]:
    sql = "select * from public.subscriptions where user_id = %s order by provider"
    return db.query(SYSTEM, sql, user.user_id)


def cancels(db: Database) -> list[dict[str, Any]]:
    rows = db.query(SYSTEM, "select payload from queue.tasks where kind = 'cancel_subscription'")
    return [row["payload"] for row in rows]
