"""Room billing: what a provider said moves forward only, and belongs to one user."""

import json
from typing import Any

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.billing_rows import OVER, add, change, pay, subscribe

LIVE = ["trialing", "active", "past_due", "paused", "unpaid"]


def test_only_one_subscription_of_a_user__is_live(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    for position, status in enumerate(["incomplete", *OVER, "incomplete"]):
        subscribe(db, owner, f"sub_other_{position}", status=status)
    first = subscribe(db, owner)
    for status in LIVE:
        with refused("23505", match="subscriptions_live_key"):
            subscribe(db, owner, "sub_2", status=status)
    subscribe(db, stranger, "sub_3")
    change(db, "subscriptions", first, "superseded_at = now()")
    subscribe(db, owner, "sub_2")


@pytest.mark.parametrize("status", LIVE)
def test_live_subscription__leaves_no_room_for_another(
    db: Database, owner: Actor, status: str
) -> None:
    first = subscribe(db, owner, status=status)
    with refused("23505", match="subscriptions_live_key"):
        subscribe(db, owner, "sub_2")
    change(db, "subscriptions", first, "status = 'expired', ended_at = now(), past_due_at = null")
    subscribe(db, owner, "sub_2")


def test_provider_ids__are_one_subscription_payment_or_customer_each(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    subscribe(db, owner, status="incomplete")
    pay(db, owner)
    customer = {"provider": "stripe", "provider_customer_id": "cus_1"}
    add(db, "billing_customers", {"user_id": owner.user_id, **customer})
    with refused("23505", match="subscriptions_provider_subscription_id_key"):
        subscribe(db, stranger)
    with refused("23505", match="payments_provider_payment_id_key"):
        pay(db, stranger)
    with refused("23505", match="billing_customers_provider_customer_id_key"):
        add(db, "billing_customers", {"user_id": stranger.user_id, **customer})
    with refused("23505", match="billing_customers_pkey"):
        customer["provider_customer_id"] = "cus_2"
        add(db, "billing_customers", {"user_id": owner.user_id, **customer})
    subscribe(db, stranger, provider="razorpay")
    pay(db, stranger, provider="razorpay")


@pytest.mark.parametrize(
    "columns",
    [
        {"provider": "paypal"},
        {"status": "open"},
        {"provider_subscription_id": None},
        {"provider_subscription_id": ""},
        {"provider_subscription_id": "x" * 256},
        {"provider_customer_id": ""},
        {"provider": "manual"},
        {"current_period_start": "tomorrow"},
        {"ended_at": "now"},
        {"status": "canceled", "ended_at": None},
        {"status": "expired", "ended_at": None},
        {"status": "past_due", "past_due_at": None},
        {"past_due_at": "now"},
    ],
)
def test_subscription__must_be_possible(
    db: Database, owner: Actor, columns: dict[str, Any]
) -> None:
    with refused("23514"):
        subscribe(db, owner, **columns)
    subscribe(db, owner)


def test_price__is_one_of_the_plan_at_the_provider(db: Database, owner: Actor) -> None:
    sql = (
        "select id from public.plan_prices where provider = %s and interval = 'month' "
        "and plan_code = %s"
    )
    right = db.value(SYSTEM, sql, "stripe", "pro")
    for wrong in (
        db.value(SYSTEM, sql, "razorpay", "pro"),
        db.value(SYSTEM, sql, "stripe", "coach"),
    ):
        with refused("23503", match="subscriptions_price_fkey"):
            subscribe(db, owner, price_id=wrong)
    with refused("23503", match="plan_code"):
        subscribe(db, owner, plan_code="unheard_of")
    subscribe(db, owner, price_id=right)
    with refused("23503"):
        db.query(SYSTEM, "delete from public.plan_prices where id = %s", right)
    manual: dict[str, Any] = {
        "provider": "manual",
        "provider_subscription_id": None,
        "status": "incomplete",
    }
    with refused("23514", match="subscriptions_manual_check"):
        subscribe(db, owner, price_id=right, **manual)
    subscribe(db, owner, **manual)


@pytest.mark.parametrize(
    ("limits", "is_good"),
    [
        ({}, True),
        ({"interviews": {"month": 20}}, True),
        ({"interviews": {"month": None, "day": 0}, "ai_actions": {"lifetime": 999999999}}, True),
        ([], False),
        (None, False),
        ("month", False),
        ({"interviews": 20}, False),
        ({"interviews": {}}, False),
        ({"interviews": []}, False),
        ({"interviews": {"week": 20}}, False),
        ({"interviews": {"month": -1}}, False),
        ({"interviews": {"month": 1.5}}, False),
        ({"interviews": {"month": "20"}}, False),
        ({"interviews": {"month": 1000000000}}, False),
        ({"interviews": {"month": {}}}, False),
        ({"interviews": {"month": 20, "week": 20}}, False),
        ({"interviews": {"month": 20}, "Bad meter": {"month": 20}}, False),
        ({f"meter_{n}": {"month": 1} for n in range(900)}, False),
    ],
)
def test_custom_limits__have_a_shape(
    db: Database, owner: Actor, limits: object, is_good: bool
) -> None:
    if is_good:
        assert subscribe(db, owner, custom_limits=json.dumps(limits))["custom_limits"] == limits
        return
    with refused("23514", match="custom_limits"):
        subscribe(db, owner, custom_limits=json.dumps(limits))


@pytest.mark.parametrize(
    "assignment",
    [
        "id = gen_random_uuid()",
        "provider = 'razorpay'",
        "provider_subscription_id = 'sub_2'",
        "created_at = now() - interval '1 day'",
    ],
)
def test_subscription__stays_the_same_one(db: Database, owner: Actor, assignment: str) -> None:
    row = subscribe(db, owner)
    with refused("P0001", match="cannot become another one"):
        change(db, "subscriptions", row, assignment)


def test_rows__never_move_to_another_user(db: Database, owner: Actor, stranger: Actor) -> None:
    for table, row in (("subscriptions", subscribe(db, owner)), ("payments", pay(db, owner))):
        with refused("P0001", match="cannot become another one"):
            change(db, table, row, "user_id = %s", stranger.user_id)


@pytest.mark.parametrize("status", OVER)
def test_end_of_a_subscription__is_final(db: Database, owner: Actor, status: str) -> None:
    row = subscribe(db, owner, status=status)
    for assignment in (
        "status = 'active', ended_at = null",
        f"status = '{'expired' if status == 'canceled' else 'canceled'}'",
        "ended_at = now() + interval '1 day'",
    ):
        with refused("P0001", match="that is final"):
            change(db, "subscriptions", row, assignment)
    assert change(db, "subscriptions", row, "cancel_at_period_end = true") == 1


def test_clock_of_a_provider__never_goes_back(db: Database, owner: Actor) -> None:
    subscription, payment = subscribe(db, owner), pay(db, owner)
    for table, row, message in (
        ("subscriptions", subscription, "knows of later events"),
        ("payments", payment, "moves forward only"),
    ):
        with refused("P0001", match=message):
            change(db, table, row, "last_event_at = last_event_at - interval '1 second'")
        # The same second again is none of that: ties happen.
        assert change(db, table, row, "last_event_at = last_event_at") == 1
        assert change(db, table, row, "last_event_at = last_event_at + interval '1 second'") == 1


@pytest.mark.parametrize("table", ["subscriptions", "payments"])
def test_history__goes_with_its_account_only(db: Database, owner: Actor, table: str) -> None:
    row = subscribe(db, owner) if table == "subscriptions" else pay(db, owner)
    sql = f"delete from public.{table} where id = %s"
    with refused("P0001", match=f"{table} {row['id']} is history"):
        db.query(SYSTEM, sql, row["id"])
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    assert db.query(SYSTEM, f"select 1 from public.{table} where id = %s", row["id"]) == []


def test_changes__are_audited_without_provider_ids(db: Database, owner: Actor) -> None:
    subscription = subscribe(db, owner, provider_customer_id="cus_secret", name="sub_secret")
    payment = pay(db, owner, "pi_secret")
    later = "last_event_at = last_event_at + interval '1 second'"
    for table, row in (("subscriptions", subscription), ("payments", payment)):
        change(db, table, row, later)
    change(db, "subscriptions", subscription, "cancel_at_period_end = true")
    entries = db.query(
        SYSTEM,
        "select action, entity_id, changes from public.audit_logs where owner_id = %s "
        "and entity_type = any('{subscriptions,payments}') order by action",
        owner.user_id,
    )
    assert [(e["action"], e["entity_id"]) for e in entries] == [
        ("payments.insert", str(payment["id"])),
        ("subscriptions.insert", str(subscription["id"])),
        ("subscriptions.update", str(subscription["id"])),
    ]
    assert entries[1]["changes"]["after"]["plan_code"] == "pro"
    assert entries[2]["changes"]["after"] == {"cancel_at_period_end": True}
    assert "secret" not in json.dumps([e["changes"] for e in entries])


def test_what_was_sold_and_used__stays_in_the_catalogue(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "insert into public.plans (code, name, tier_rank) values ('old', 'Old', 99)")
    db.query(SYSTEM, "insert into public.token_packs (code, name, tokens) values ('old', 'Old', 1)")
    db.query(SYSTEM, "insert into public.operations (code, meters) values ('old', '{old}')")
    subscribe(db, owner, plan_code="old")
    pay(db, owner, token_pack_code="old")
    db.query(
        SYSTEM,
        "insert into public.token_transactions (user_id, amount, transaction_type, feature_type) "
        "values (%s, 1, 'adjustment', 'old')",
        owner.user_id,
    )
    for table in ("plans", "token_packs", "operations"):
        with refused("23503", match="old|still referenced"):
            db.query(SYSTEM, f"delete from public.{table} where code = 'old'")
