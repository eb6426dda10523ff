"""Room billing, changes: what is none is refused; of one event all is applied, or nothing."""

import json
from typing import Any, get_args

import pytest

from edge_workers.billing.changes import (
    CheckoutChange,
    PaymentChange,
    SubscriptionChange,
    SubscriptionStatus,
)
from rlstests.actors import SYSTEM, Actor, Database, Row, refused
from rlstests.billing_changes import applied, apply, at, checkout, payment, subscription


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "order"},
        {"type": None},
        {"provider": "paypal"},
        {"provider": None},
        {"occurred_at": None},
        {"occurred_at": "soon"},
        {"occurred_at": "infinity"},
        {"user_id": "Ada"},
        {"status": "live"},
        {"status": None},
        {"subscription_id": None},
        {"subscription_id": ""},
        {"current_period_end": "soon"},
        {"cancel_at_period_end": "perhaps"},
    ],
)
def test_subscription__must_be_one(db: Database, owner: Actor, wrong: Row) -> None:
    with refused("PT422", match="This is no change"):
        apply(db, subscription(owner, "active", at()) | wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"payment_id": None},
        {"payment_id": ""},
        {"status": "refunded"},
        {"kind": "gift"},
        {"amount": None},
        {"amount": -1},
        {"amount": 2_147_483_648},
        {"amount": 1.5},
        {"currency": "usd"},
        {"currency": None},
        {"refunded_amount": -1},
        {"refunded_amount": 201},
        {"refunded_amount": 1, "status": "failed"},
        {"other_ids": "ch_1"},
    ],
)
def test_payment__must_be_one(db: Database, owner: Actor, wrong: Row) -> None:
    with refused("PT422", match="This is no change"):
        apply(db, payment(owner, "succeeded", at()) | wrong)


@pytest.mark.parametrize("wrong", [{"checkout_id": None}, {"checkout_id": ""}, {"status": "open"}])
def test_checkout__must_be_one(db: Database, wrong: Row) -> None:
    with refused("PT422", match="This is no change"):
        apply(db, checkout("completed", at()) | wrong)


@pytest.mark.parametrize("changes", ["{}", "3", "null", "[3]", "[null]", "[[]]"])
def test_changes__are_an_array_of_them(db: Database, changes: str) -> None:
    with refused("PT422"):
        db.query(SYSTEM, "select private.apply_billing_changes(%s)", changes)
    assert applied(db) == []


def test_numbers_that_are_long_when_written_out__are_no_change(db: Database, owner: Actor) -> None:
    text = json.dumps([payment(owner, "succeeded", at())]).replace("200", "1e131071")
    with refused("PT422", match="This is no change"):
        db.query(SYSTEM, "select private.apply_billing_changes(%s)", text)


def test_event_with_several__is_applied_in_the_order_that_helps(db: Database, owner: Actor) -> None:
    nobody: dict[str, Any] = {"user_id": None, "customer_id": None}
    bill = payment(
        owner, "succeeded", at(), kind=None, price_id=None, subscription_id="sub_1", **nobody
    )
    assert applied(db, bill, subscription(owner, "active", at())) == ["applied", "applied"]
    found = db.one(SYSTEM, "select * from public.payments where user_id = %s", owner.user_id)
    assert (found["kind"], found["subscription_id"] is not None) == ("subscription", True)


def test_event_that_waits_in_part__has_done_nothing(db: Database, owner: Actor) -> None:
    outcome = apply(
        db,
        checkout("completed", at()),
        subscription(owner, "active", at()),
        payment(owner, "succeeded", at(), price_id="price_new"),
    )
    assert outcome["status"] == "parked"
    assert outcome["user_id"] == str(owner.user_id)
    for table in ("subscriptions", "payments", "billing_customers"):
        assert db.query(SYSTEM, f"select 1 from public.{table}") == []


def test_event_of_two_users__reaches_both(db: Database, owner: Actor, stranger: Actor) -> None:
    other = {"subscription_id": "sub_2", "customer_id": "cus_2"}
    assert applied(
        db, subscription(owner, "active", at()), subscription(stranger, "active", at(), **other)
    ) == ["applied", "applied"]
    for user in (owner, stranger):
        sql = "select subscription_tier from public.profiles where id = %s"
        assert db.value(SYSTEM, sql, user.user_id) == "pro"


def test_nobody_but_functions__applies_changes(db: Database, owner: Actor, admin: Actor) -> None:
    for actor in (owner, admin):
        with refused("42501", match="permission denied"):
            db.query(actor, "select private.apply_billing_changes('[]')")


def test_change__has_the_fields_that_workers_send(db: Database) -> None:
    columns = db.query(
        SYSTEM,
        "select attname::text as name from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "where c.oid = to_regclass('private.billing_change') and not attisdropped",
    )
    sent = {
        field
        for model in (SubscriptionChange, PaymentChange, CheckoutChange)
        for field in model.model_fields
    }
    assert {column["name"] for column in columns} == sent


def test_statuses__are_ranked_as_workers_list_them(db: Database) -> None:
    sql = "select private.subscription_status_rank(%s)"
    ranks = [db.value(SYSTEM, sql, status) for status in get_args(SubscriptionStatus)]
    assert ranks == list(range(1, 9))
    assert db.value(SYSTEM, sql, "live") is None
