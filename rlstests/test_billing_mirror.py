"""Room billing, entitlement: the profile shows the one subscription that is in effect."""

from typing import Any

import pytest

from rlstests.actors import SYSTEM, Actor, Database
from rlstests.billing_rows import OVER, add, change, subscribe

FREE = ("free", "none")


def mirrored(db: Database, user: Actor) -> tuple[str, str]:
    row = db.one(user, "select * from public.profiles where id = %s", user.user_id)
    return row["subscription_tier"], row["subscription_status"]


def maintain(db: Database) -> int:
    return int(db.value(SYSTEM, "select private.maintain_subscriptions() -> 'mirrored'"))


def let_time_pass(db: Database, user: Actor, columns: str) -> None:
    """Change a subscription without anybody hearing of it, as the clock does."""
    db.query(SYSTEM, "alter table public.subscriptions disable trigger _400_mirror")
    db.query(
        SYSTEM,
        f"update public.subscriptions set {columns} where user_id = %s and plan_code = 'pro'",
        user.user_id,
    )
    db.query(SYSTEM, "alter table public.subscriptions enable trigger _400_mirror")


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({"status": "active"}, "active"),
        ({"status": "trialing"}, "trialing"),
        ({"status": "past_due"}, "past_due"),
        # Stripe moves the period on although the payment failed; Razorpay does not.
        ({"status": "past_due", "current_period_end": "yesterday"}, "past_due"),
        ({"status": "active", "cancel_at_period_end": True}, "active"),
        ({"status": "incomplete"}, "none"),
        ({"status": "paused"}, "none"),
        ({"status": "unpaid"}, "none"),
        *[({"status": status}, "none") for status in OVER],
        # A renewal takes a while to be charged and told.
        ({"status": "active", "current_period_end": "now"}, "active"),
        ({"status": "trialing", "current_period_end": "now"}, "trialing"),
        (
            {"status": "active", "current_period_end": "now", "cancel_at_period_end": True},
            "none",
        ),
        ({"status": "active", "current_period_end": "yesterday"}, "none"),
        ({"status": "trialing", "current_period_end": "yesterday"}, "none"),
        ({"status": "active", "current_period_end": None}, "none"),
        ({"status": "trialing", "current_period_end": None}, "none"),
        ({"status": "past_due", "past_due_at": "2026-01-01"}, "none"),
        ({"status": "active", "superseded_at": "now"}, "none"),
    ],
)
def test_profile__shows_a_subscription_while_it_entitles(
    db: Database, owner: Actor, stranger: Actor, columns: dict[str, Any], status: str
) -> None:
    subscribe(db, owner, **columns)
    assert mirrored(db, owner) == (FREE if status == "none" else ("pro", status))
    assert mirrored(db, stranger) == FREE


@pytest.mark.parametrize("status", ["active", "trialing"])
def test_granted_subscription__may_last_for_ever(
    db: Database, owner: Actor, stranger: Actor, status: str
) -> None:
    manual: dict[str, Any] = {
        "provider": "manual",
        "provider_subscription_id": None,
        "status": status,
    }
    subscribe(db, owner, current_period_end=None, **manual)
    assert mirrored(db, owner) == ("pro", status)
    subscribe(db, stranger, current_period_end="yesterday", **manual)
    assert mirrored(db, stranger) == FREE


def test_profile__follows_every_change(db: Database, owner: Actor) -> None:
    row = subscribe(db, owner, status="incomplete")
    for assignment, expected in (
        ("status = 'active'", ("pro", "active")),
        ("plan_code = 'coach'", ("coach", "active")),
        ("status = 'past_due', past_due_at = now()", ("coach", "past_due")),
        ("past_due_at = now() - interval '7 days'", FREE),
        ("status = 'active', past_due_at = null", ("coach", "active")),
        ("status = 'canceled', ended_at = now()", FREE),
    ):
        change(db, "subscriptions", row, assignment)
        assert mirrored(db, owner) == expected, assignment
    subscribe(db, owner, "sub_2", plan_code="starter")
    assert mirrored(db, owner) == ("starter", "active")


@pytest.mark.parametrize(
    ("days", "is_entitled"), [("10", True), ("8", False), ("-1", False), ('"ten"', False)]
)
def test_grace__is_what_the_operator_says(
    db: Database, owner: Actor, days: str, is_entitled: bool
) -> None:
    sql = (
        "insert into public.global_config (key, value) values ('billing_grace_days', %s) "
        "on conflict (key) do update set value = excluded.value"
    )
    db.query(SYSTEM, sql, days)
    past_due_at = db.value(SYSTEM, "select now() - interval '9 days'")
    subscribe(db, owner, status="past_due", past_due_at=past_due_at)
    assert mirrored(db, owner) == (("pro", "past_due") if is_entitled else FREE)


@pytest.mark.parametrize(("hours", "is_entitled"), [("48", True), ("23", False), ("-1", False)])
def test_leeway_of_a_renewal__is_what_the_operator_says(
    db: Database, owner: Actor, hours: str, is_entitled: bool
) -> None:
    sql = "update public.global_config set value = %s where key = 'billing_renewal_leeway_hours'"
    assert db.affected(SYSTEM, sql, hours) == 1
    period_end = db.value(SYSTEM, "select now() - interval '24 hours'")
    subscribe(db, owner, current_period_end=period_end)
    assert mirrored(db, owner) == (("pro", "active") if is_entitled else FREE)


def test_access__ends_by_the_clock_too(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    for position, user in enumerate((owner, stranger, admin)):
        subscribe(db, user, f"sub_{position}")
    assert maintain(db) == 0
    let_time_pass(db, owner, "current_period_end = now() - interval '5 hours 59 minutes'")
    assert maintain(db) == 0
    let_time_pass(db, owner, "current_period_end = now() - interval '6 hours'")
    let_time_pass(
        db, stranger, "status = 'past_due', past_due_at = now() - interval '7 days 1 second'"
    )
    assert mirrored(db, owner) == ("pro", "active")
    assert maintain(db) == 2
    assert (mirrored(db, owner), mirrored(db, stranger)) == (FREE, FREE)
    assert mirrored(db, admin) == ("pro", "active")
    assert maintain(db) == 0


def test_clock__leaves_a_newer_subscription_alone(db: Database, owner: Actor) -> None:
    old = subscribe(db, owner)
    change(db, "subscriptions", old, "superseded_at = now()")
    subscribe(db, owner, "sub_2", plan_code="coach")
    let_time_pass(db, owner, "current_period_end = now() - interval '6 hours'")
    assert maintain(db) == 0
    assert mirrored(db, owner) == ("coach", "active")


def test_maintenance__ends_access_by_itself(db: Database, owner: Actor) -> None:
    subscribe(db, owner, cancel_at_period_end=True)
    let_time_pass(db, owner, "current_period_end = now()")
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = now()")
    ran = db.value(SYSTEM, "select worker.run_maintenance() -> 'jobs'")
    assert "subscriptions" in ran
    assert mirrored(db, owner) == FREE


def test_customer_row__is_stamped_when_it_changes(db: Database, owner: Actor) -> None:
    customer = {"user_id": owner.user_id, "provider": "stripe", "provider_customer_id": "cus_1"}
    add(db, "billing_customers", {**customer, "updated_at": "2026-01-01"})
    db.query(SYSTEM, "update public.billing_customers set provider_customer_id = 'cus_2'")
    row = db.one(SYSTEM, "select created_at, updated_at from public.billing_customers")
    assert row["updated_at"] == row["created_at"]
