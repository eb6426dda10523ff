"""What the tests of room metering have in common: uses, what they cost, and who pays."""

import json
from typing import Any
from uuid import UUID

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row


def reserve(
    db: Database,
    user: Actor,
    key: str | None = None,
    payload: object = None,
    code: str = "resume_parse",
) -> Row:
    return db.one(
        SYSTEM,
        "select * from private.reserve_usage(%s, %s, %s, %s)",
        user.user_id,
        code,
        key,
        json.dumps(payload or {}),
    )


def use(db: Database, user: Actor, code: str = "resume_parse", times: int = 1) -> UUID:
    """Reserve, and give the id of the last use."""
    made = [reserve(db, user, code=code)["usage_event_id"] for _ in range(times)][-1]
    assert isinstance(made, UUID)
    return made


def settle(db: Database, event: UUID) -> bool:
    return bool(db.value(SYSTEM, "select private.settle_usage(%s)", event))


def release(db: Database, event: UUID) -> bool:
    return bool(db.value(SYSTEM, "select private.release_usage(%s)", event))


def event_row(db: Database, event: UUID) -> Row:
    return db.one(SYSTEM, "select * from public.usage_events where id = %s", event)


def state(db: Database, event: UUID) -> str:
    return str(event_row(db, event)["state"])


def used(db: Database, user: Actor, meter: str = "ai_actions") -> int:
    return int(
        db.value(
            SYSTEM,
            "select coalesce(sum(used), 0) from public.usage_counters "
            "where user_id = %s and meter = %s",
            user.user_id,
            meter,
        )
    )


def counters(db: Database, user: Actor) -> dict[tuple[str, str], int]:
    """What is counted of each meter and period; counters of nothing are left out."""
    sql = "select * from public.usage_counters where user_id = %s and used > 0"
    return {(r["meter"], r["period_type"]): r["used"] for r in db.query(SYSTEM, sql, user.user_id)}


def put_on_plan(db: Database, user: Actor, plan: str) -> None:
    sql = "update public.profiles set subscription_tier = %s where id = %s"
    db.query(SYSTEM, sql, plan, user.user_id)


def agree(db: Database, user: Actor, limits: dict[str, dict[str, int | None]]) -> None:
    """Give somebody limits of their own, as the mirror of a subscription does."""
    sql = "update public.profiles set custom_limits = %s where id = %s"
    db.query(SYSTEM, sql, json.dumps(limits), user.user_id)


def set_limit(db: Database, meter: str, period: str, max_uses: int | None) -> None:
    """Set one limit of the free plan."""
    sql = (
        "insert into public.plan_limits as l (plan_code, meter, period, max_uses) "
        "values ('free', %s, %s, %s) on conflict (plan_code, meter, period) "
        "do update set max_uses = excluded.max_uses"
    )
    db.query(SYSTEM, sql, meter, period, max_uses)


def add_operation(db: Database, code: str, meters: list[str], token_cost: int = 0) -> None:
    sql = "insert into public.operations (code, meters, token_cost) values (%s, %s, %s)"
    db.query(SYSTEM, sql, code, meters, token_cost)


# Tokens ------------------------------------------------------------------------------------------


def move(db: Database, user: Actor, amount: int, kind: str = "grant", **columns: object) -> Row:
    """Insert one row of the ledger."""
    values = {"user_id": user.user_id, "amount": amount, "transaction_type": kind, **columns}
    names = ", ".join(values)
    places = ", ".join(["%s"] * len(values))
    return db.one(
        SYSTEM,
        f"insert into public.token_transactions ({names}) values ({places}) returning *",
        *values.values(),
    )


def balance(db: Database, user: Actor) -> tuple[int, int]:
    """What somebody holds, and owes."""
    sql = "select current_balance, debt from public.token_balances where user_id = %s"
    row = db.one(SYSTEM, sql, user.user_id)
    return row["current_balance"], row["debt"]


def ledger(db: Database, user: Actor) -> list[tuple[str, int, int]]:
    """Type, amount and change of the debt of all that somebody's ledger says, sorted."""
    sql = (
        "select transaction_type, amount, debt_change from public.token_transactions "
        "where user_id = %s order by transaction_type, amount"
    )
    rows = db.query(SYSTEM, sql, user.user_id)
    return [(r["transaction_type"], r["amount"], r["debt_change"]) for r in rows]


def detail(error: Any) -> dict[str, Any]:
    """The detail of a refusal that was caught."""
    said = json.loads(error.value.diag.message_detail)
    assert isinstance(said, dict)
    return said


# Server code -------------------------------------------------------------------------------------


def status(db: Database, user: Actor) -> Row:
    """What ResumePilot's function says of somebody."""
    sql = "select * from public.get_user_subscription_status(%s)"
    return db.one(SERVICE, sql, user.user_id)


def remaining(db: Database, user: Actor) -> tuple[int, int]:
    """Interviews and cover letters that are left, as ResumePilot's function says."""
    row = status(db, user)
    return row["interviews_remaining"], row["cover_letters_remaining"]
