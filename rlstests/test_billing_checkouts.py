"""Room billing, checkouts: what was offered stays what was offered."""

from typing import Any

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row, refused
from rlstests.billing_changes import (
    applied,
    apply,
    at,
    begin_checkout,
    checkout,
    payment,
    subscription,
)


def read(db: Database, row: Row) -> Row:
    return db.one(SYSTEM, "select * from private.checkouts where id = %s", row["id"])


def change(db: Database, row: Row, assignment: str) -> int:
    sql = f"update private.checkouts set {assignment} where id = %s"
    return db.affected(SYSTEM, sql, row["id"])


@pytest.mark.parametrize(
    "assignment",
    [
        "id = gen_random_uuid()",
        "user_id = gen_random_uuid()",
        "provider = 'razorpay'",
        "kind = 'subscription'",
        "plan_code = 'pro'",
        "plan_price_id = gen_random_uuid()",
        "pack_code = 'large'",
        "pack_price_id = gen_random_uuid()",
        "tokens = 1000",
        "amount = 1",
        "currency = 'INR'",
        "idempotency_key = 'other'",
        "created_at = now() - interval '1 day'",
        "checkout_id = 'cs_2'",
        "checkout_id = null",
    ],
)
def test_offer__cannot_change(db: Database, owner: Actor, assignment: str) -> None:
    row = begin_checkout(db, owner, "cs_1")
    with refused("P0001", match="offers what it offered"):
        change(db, row, assignment)
    before = begin_checkout(db, owner, None, key="second")
    assert change(db, before, "checkout_id = 'cs_2', url = 'https://example.com/pay'") == 1
    assert change(db, row, "status = 'expired', subscription_id = 'sub_1', payment_id = 'p'") == 1


def test_checkout__is_one_of_its_provider_and_of_its_key(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    begin_checkout(db, owner, "cs_1", key="k")
    with refused("23505", match="checkouts_checkout_id_key"):
        begin_checkout(db, stranger, "cs_1", key="k")
    with refused("23505", match="checkouts_idempotency_key_key"):
        begin_checkout(db, owner, "cs_2", key="k")
    begin_checkout(db, stranger, "cs_2", key="k")
    begin_checkout(db, stranger, "cs_2", key="k2", provider="razorpay")


def test_checkout__has_a_price_of_its_plan(db: Database, owner: Actor) -> None:
    row = begin_checkout(db, owner, "cs_1", plan="pro")
    assert (row["plan_code"], row["tokens"]) == ("pro", None)
    with refused("23503", match="checkouts_plan_price_fkey"):
        db.query(
            SYSTEM,
            "insert into private.checkouts (user_id, provider, kind, plan_code, plan_price_id, "
            "amount, currency, idempotency_key) values "
            "(%s, 'stripe', 'subscription', 'coach', %s, 1, 'USD', 'k')",
            owner.user_id,
            row["plan_price_id"],
        )


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        ("open", "failed", "failed"),
        ("open", "expired", "expired"),
        ("open", "completed", "completed"),
        ("failed", "expired", "expired"),
        ("failed", "completed", "completed"),
        ("expired", "failed", "expired"),
        ("expired", "completed", "completed"),
        ("completed", "failed", "completed"),
        ("completed", "expired", "completed"),
    ],
)
def test_checkout__moves_forward_only(
    db: Database, owner: Actor, before: str, said: str, after: str
) -> None:
    row = begin_checkout(db, owner, "cs_1")
    change(db, row, f"status = '{before}'")
    assert applied(db, checkout(said, at())) == ["applied"]
    assert read(db, row)["status"] == after


def test_checkout_that_we_did_not_begin__is_nothing_to_us(db: Database, owner: Actor) -> None:
    row = begin_checkout(db, owner, "cs_1")
    foreign = checkout("completed", at(), checkout_id="cs_9", user_id=str(owner.user_id))
    assert applied(db, foreign) == ["ignored"]
    assert applied(db, {**foreign, "user_id": None}) == ["ignored"]
    assert applied(db, checkout("completed", at(), provider="razorpay")) == ["ignored"]
    assert read(db, row)["status"] == "open"


def test_checkout_of_a_subscription__says_whose_it_is_and_which_plan(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    begin_checkout(db, owner, "cs_1", plan="pro")
    silent: Row = {"user_id": str(stranger.user_id), "customer_id": "cus_9", "price_id": None}
    both = (
        subscription(owner, "active", at(), **silent),
        checkout("completed", at(), subscription_id="sub_1", customer_id="cus_1"),
    )
    assert applied(db, *both) == ["applied", "applied"]
    row = db.one(SYSTEM, "select * from public.subscriptions where user_id = %s", owner.user_id)
    assert (row["plan_code"], row["status"]) == ("pro", "active")
    customers = db.query(
        SYSTEM, "select * from public.billing_customers where provider_customer_id like 'cus_%%'"
    )
    assert [(c["user_id"], c["provider_customer_id"]) for c in customers] == [
        (owner.user_id, "cus_1")
    ]


@pytest.mark.parametrize(
    ("status", "after"),
    [
        ("incomplete", "open"),
        ("trialing", "completed"),
        ("active", "completed"),
        ("past_due", "completed"),
        ("canceled", "expired"),
        ("expired", "expired"),
    ],
)
def test_razorpays_checkout__is_the_subscription_itself(
    db: Database, owner: Actor, status: str, after: str
) -> None:
    row = begin_checkout(db, owner, "sub_1", plan="pro", provider="razorpay")
    more: dict[str, Any] = {"provider": "razorpay", "user_id": None, "customer_id": None}
    applied(db, subscription(owner, status, at(), **more))
    assert read(db, row)["status"] == after
    assert read(db, row)["subscription_id"] == "sub_1"


@pytest.mark.parametrize(
    ("status", "after", "payment_id"),
    [("pending", "open", None), ("failed", "failed", None), ("succeeded", "completed", "pi_1")],
)
def test_payment__moves_its_checkout(
    db: Database, owner: Actor, status: str, after: str, payment_id: str | None
) -> None:
    row = begin_checkout(db, owner, "cs_1")
    applied(db, payment(owner, status, at(), checkout_id="cs_1"))
    found = read(db, row)
    assert (found["status"], found["payment_id"]) == (after, payment_id)


def test_account_that_is_gone__has_no_checkout_to_be_found_by(db: Database, owner: Actor) -> None:
    begin_checkout(db, owner, "cs_1")
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    assert apply(db, payment(owner, "succeeded", at(), checkout_id="cs_1"))["status"] == "parked"
