"""What the tests of room reporting share: who may ask, and the rows that reports count."""

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row

REPORTS = {
    "report_active_accounts": "null",
    "report_plan_popularity": "",
    "report_subscription_months": "3",
    "report_interview_completion": "30",
    "report_feature_use": "30",
    "report_ai_cost": "30",
    "report_consistency": "",
    "report_table_sizes": "",
    "report_index_use": "",
    "report_connections": "",
    "report_open_transactions": "",
    "report_slow_queries": "",
}


def report(db: Database, admin: Actor, call: str) -> list[Row]:
    return db.query(admin, f"select * from public.{call}")


def use(
    db: Database, user: Actor, days_ago: int = 0, state: str = "settled", source: str = "plan"
) -> None:
    """Insert a use of the operation match, as reserve_usage writes it."""
    db.query(
        SYSTEM,
        "insert into public.usage_events (user_id, operation, period_type, period_key, charges, "
        "created_at, state, source, closed_at) "
        "select %s, 'match', 'lifetime', 'lifetime', '[]', t.at, s.state, %s, "
        "case when s.state <> 'reserved' then t.at end "
        "from (select now() - make_interval(days => %s) as at) t, (select %s::text as state) s",
        user.user_id,
        source,
        days_ago,
        state,
    )


def backdate(db: Database, user: Actor, created_at: str) -> None:
    """Let somebody have signed up earlier."""
    db.query(
        SYSTEM,
        "update public.profiles set created_at = %s where id = %s",
        created_at,
        user.user_id,
    )


def named(rows: list[Row], column: str, value: object) -> Row:
    (row,) = [row for row in rows if row[column] == value]
    return row


every_report = pytest.mark.parametrize("call", [f"{n}({a})" for n, a in REPORTS.items()])
