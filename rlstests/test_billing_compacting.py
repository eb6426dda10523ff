"""Room billing: the nights add observations, and those that say nothing new are forgotten."""

from datetime import UTC, datetime, timedelta

from rlstests.actors import SYSTEM, Actor, Database, Row
from rlstests.billing_changes import apply, subscription
from rlstests.reconcile_helpers import change, end_all, queue_all
from rlstests.request_helpers import claim, complete

NOW = datetime.now(UTC).replace(microsecond=0)
PAID = {
    "current_period_start": (NOW - timedelta(days=300)).isoformat(),
    "current_period_end": (NOW + timedelta(days=65)).isoformat(),
    "start_date": (NOW - timedelta(days=300)).isoformat(),
}


def ago(days: int) -> str:
    return (NOW - timedelta(days=days)).isoformat()


def seen(db: Database, user: Actor) -> list[int]:
    """How many days ago each observation is, the oldest first."""
    found = db.query(
        SYSTEM,
        "select occurred_at from private.subscription_observations where user_id = %s "
        "order by occurred_at",
        user.user_id,
    )
    return [(NOW - row["occurred_at"]).days for row in found]


def folded(db: Database) -> Row:
    row = db.one(
        SYSTEM, "select * from public.subscriptions where provider_subscription_id = %s", "sub_1"
    )
    return {name: value for name, value in row.items() if name != "updated_at"}


def compact(db: Database, name: str = "sub_1") -> int:
    return int(db.value(SYSTEM, "select private.compact_observations('stripe', %s)", name))


def test_nights_that_said_the_same__are_forgotten_after_a_month(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    nights = [("active", 60), ("active", 59), ("active", 58), ("past_due", 57), ("past_due", 56),
              ("past_due", 55), ("active", 54), ("active", 53), ("active", 52), ("active", 29),
              ("active", 28), ("active", 27)]  # fmt: skip
    for status, days in nights:
        apply(db, subscription(owner, status, ago(days), **PAID))
    for days in (60, 59, 58):
        more = {**PAID, "subscription_id": "sub_2", "customer_id": "cus_2"}
        apply(db, subscription(stranger, "active", ago(days), **more))
    before = folded(db)
    assert compact(db) == 4
    # What changed stays, before and after; so does what a late event may still come between.
    assert seen(db, owner) == [60, 58, 57, 55, 54, 29, 28, 27]
    assert seen(db, stranger) == [60, 59, 58]
    assert compact(db) == 0
    # Folded again, it is the same.
    apply(db, subscription(owner, "active", ago(26), **PAID))
    after = folded(db)
    assert after.pop("last_event_at") > before.pop("last_event_at")
    assert after == before


def test_reconciliation__forgets_what_its_nights_said(db: Database, owner: Actor) -> None:
    end_all(db)
    for days in (60, 59, 58):
        apply(db, subscription(owner, "active", ago(days), **PAID))
    queue_all(db)
    found = change(occurred_at=ago(0), status="active", user_id=str(owner.user_id), **PAID)
    complete(db, claim(db, "reconcile"), {"changes": [found], "note": None, "problems": []})
    assert seen(db, owner) == [60, 58, 0]
