"""Where test_metering_properties.py plays: a small catalogue, and the books as read."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from rlstests.actors import SYSTEM, Actor, Database, Row
from rlstests.metering_model import Charge, Limit, Operation

CustomLimits = dict[str, dict[str, int | None]]

OPERATIONS = {
    "proof_page": Operation(frozenset({"pages"}), tokens=3),
    "proof_scan": Operation(frozenset({"pages", "scans"}), tokens=5),
    "proof_talk": Operation(frozenset({"talks"}), tokens=0),
    "interview": Operation(frozenset({"interviews"}), tokens=7),
}
METERS = frozenset({meter for operation in OPERATIONS.values() for meter in operation.meters})
PLANS = {
    "free": (Limit("pages", "lifetime", 3), Limit("interviews", "month", 0)),
    "proof_small": (
        Limit("pages", "day", 2),
        Limit("pages", "month", 4),
        Limit("scans", "month", 1),
        Limit("talks", "lifetime", 2),
        Limit("interviews", "month", 1),
    ),
    "proof_large": (
        Limit("pages", "month", None),
        Limit("scans", "day", 1),
        Limit("talks", "day", 0),
        Limit("interviews", "day", 1),
    ),
}


BEGINNINGS = (
    "2026-11-20 15:00:00+00:00",
    "2026-12-31 23:59:59.999999+00:00",
    "2028-02-28 23:59:59.999999+00:00",
    "2028-02-29 12:00:00+05:30",
)
PASSING = tuple(timedelta(hours=h, microseconds=1) for h in (0, 11, 24, 36, 28 * 24))
CUSTOM: tuple[CustomLimits, ...] = (
    {},
    {"pages": {"day": 3}},
    {"scans": {"lifetime": 1}, "talks": {"month": None}},
)


def make_catalogue(db: Database) -> None:
    """Operations and plans with limits so small that a few uses reach them."""
    for rank, plan in enumerate(PLANS, start=900):
        db.query(
            SYSTEM,
            "insert into public.plans (code, name, tier_rank) values (%s, %s, %s) "
            "on conflict do nothing",
            *(plan, plan, rank),
        )
        for limit in PLANS[plan]:
            db.query(
                SYSTEM,
                "insert into public.plan_limits (plan_code, meter, period, max_uses) "
                "values (%s, %s, %s, %s) on conflict (plan_code, meter, period) "
                "do update set max_uses = excluded.max_uses",
                *(plan, limit.meter, limit.period, limit.most),
            )
    for code, operation in OPERATIONS.items():
        db.query(
            SYSTEM,
            "insert into public.operations (code, meters, token_cost) values (%s, %s, %s) "
            "on conflict (code) do update "
            "set meters = excluded.meters, token_cost = excluded.token_cost",
            *(code, sorted(operation.meters), operation.tokens),
        )


def subscribe(db: Database, user: Actor, plan: str, custom: CustomLimits) -> None:
    """Put somebody on a plan, the way an operator's grant does."""
    db.query(
        SYSTEM,
        "update public.subscriptions set status = 'canceled', ended_at = now() "
        "where user_id = %s and status = 'active'",
        user.user_id,
    )
    if plan != "free":
        db.query(
            SYSTEM,
            "insert into public.subscriptions (user_id, provider, plan_code, status, custom_limits)"
            " values (%s, 'manual', %s, 'active', %s)",
            *(user.user_id, plan, json.dumps(custom)),
        )


def limits_of(plan: str, custom: CustomLimits, *, is_admin: bool) -> tuple[Limit, ...]:
    """The limits of a plan, but of each meter that was agreed on those that were agreed.

    Nothing is limited for an admin: it is counted as the plan would, or by the month.
    """
    if is_admin:
        planned = {limit.meter for limit in PLANS[plan]}
        return (
            *(Limit(limit.meter, limit.period, None) for limit in PLANS[plan]),
            *(Limit(meter, "month", None) for meter in METERS - planned),
        )
    return (
        *(limit for limit in PLANS[plan] if limit.meter not in custom),
        *(
            Limit(meter, period, most)
            for meter, periods in custom.items()
            for period, most in periods.items()
        ),
    )


@dataclass(frozen=True)
class Books:
    """What the database has written down about one user."""

    balance: int
    debt: int
    counters: dict[Charge, int]
    uses: dict[UUID, Row]
    moves: list[Row]


def read_books(db: Database, users: list[Actor]) -> list[Books]:
    """Everything about these users, as of now, in one round trip."""
    # As whoever connected: a property reads them thousands of times.
    rows = db.connection.execute(
        """
        select b.current_balance, b.debt,
            (select coalesce(jsonb_agg(to_jsonb(c)), '[]') from public.usage_counters c
                where c.user_id = u.id) as counters,
            (select coalesce(jsonb_agg(to_jsonb(e)), '[]') from public.usage_events e
                where e.user_id = u.id) as uses,
            (select coalesce(jsonb_agg(to_jsonb(t)), '[]') from public.token_transactions t
                where t.user_id = u.id and t.status = 'completed') as moves
        from unnest(%s::uuid[]) with ordinality as u (id, position)
        join public.token_balances b on b.user_id = u.id
        order by u.position
        """,
        [[user.user_id for user in users]],
    )
    return [
        Books(
            row["current_balance"],
            row["debt"],
            {charge_of(counter): counter["used"] for counter in row["counters"]},
            {UUID(use["id"]): use for use in row["uses"]},
            row["moves"],
        )
        for row in rows
    ]


def charge_of(counter: Row) -> Charge:
    return counter["meter"], counter["period_type"], counter["period_key"]


def end_of_month_before(at: datetime) -> datetime:
    """The last instant of the UTC month before."""
    first = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first - timedelta(microseconds=1)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
