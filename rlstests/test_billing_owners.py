"""Room billing, owners: what we know of a thing comes before what is said about it."""

from typing import Any
from uuid import uuid4

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row
from rlstests.billing_changes import applied, apply, at, begin_checkout, payment, subscription

NOBODY: Row = {"user_id": None, "customer_id": None}


def owner_of(db: Database, table: str) -> Any:
    return db.value(SYSTEM, f"select user_id from {table}")


def customer(db: Database, user: Actor, customer_id: str = "cus_1") -> None:
    db.query(
        SYSTEM,
        "insert into public.billing_customers (user_id, provider, provider_customer_id) "
        "values (%s, 'stripe', %s)",
        user.user_id,
        customer_id,
    )


def test_known_subscription__stays_whose_it_is(db: Database, owner: Actor, stranger: Actor) -> None:
    applied(db, subscription(owner, "incomplete", at(), customer_id=None))
    begin_checkout(db, stranger, "cs_1", plan="pro")
    customer(db, stranger)
    db.query(SYSTEM, "update private.checkouts set subscription_id = 'sub_1'")
    applied(db, subscription(stranger, "active", at(days=1)))
    assert owner_of(db, "public.subscriptions") == owner.user_id
    # Its bills are the owner's as well.
    bill = {"kind": "subscription", "price_id": None, "subscription_id": "sub_1"}
    applied(db, payment(stranger, "succeeded", at(), **bill))
    assert owner_of(db, "public.payments") == owner.user_id


def test_checkout__comes_before_what_is_claimed(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    begin_checkout(db, owner, "cs_1")
    applied(db, payment(stranger, "succeeded", at(), checkout_id="cs_1"))
    assert owner_of(db, "public.payments") == owner.user_id


def test_claim__comes_before_the_customer(db: Database, owner: Actor, stranger: Actor) -> None:
    customer(db, stranger)
    applied(db, subscription(owner, "active", at()))
    assert owner_of(db, "public.subscriptions") == owner.user_id
    assert owner_of(db, "public.billing_customers") == stranger.user_id, "it stays whose it is"


@pytest.mark.parametrize("claim", [None, str(uuid4())])
def test_customer__says_it_when_nobody_else_does(
    db: Database, owner: Actor, claim: str | None
) -> None:
    customer(db, owner)
    applied(db, subscription(owner, "active", at(), user_id=claim))
    assert owner_of(db, "public.subscriptions") == owner.user_id


def test_other_provider__says_nothing(db: Database, owner: Actor) -> None:
    customer(db, owner)
    begin_checkout(db, owner, "cs_1", plan="pro")
    applied(db, subscription(owner, "incomplete", at()))
    elsewhere: Row = {"provider": "razorpay", "user_id": None}
    assert apply(db, subscription(owner, "active", at(), **elsewhere))["status"] == "parked"
    bought = payment(owner, "succeeded", at(), checkout_id="cs_1", currency="INR", **elsewhere)
    assert apply(db, bought)["status"] == "parked"


def test_customer__is_learnt_from_what_only_a_server_writes(db: Database, owner: Actor) -> None:
    applied(db, payment(owner, "succeeded", at(), customer_id="cus_of_notes"))
    assert db.query(SYSTEM, "select 1 from public.billing_customers") == []
    applied(db, subscription(owner, "active", at()))
    applied(db, subscription(owner, "active", at(days=1), customer_id="cus_2"))
    row = db.one(SYSTEM, "select * from public.billing_customers")
    assert (row["user_id"], row["provider_customer_id"]) == (owner.user_id, "cus_1")
    later = subscription(owner, "active", at(days=2), subscription_id="sub_2", user_id=None)
    applied(db, later)
    assert db.value(SYSTEM, "select count(*) from public.subscriptions") == 2


def test_what_nobody_knows__waits_for_any_of_its_names(db: Database, owner: Actor) -> None:
    outcome = apply(
        db,
        payment(owner, "succeeded", at(), checkout_id="cs_1", subscription_id="sub_1", **NOBODY),
    )
    assert outcome["status"] == "parked"
    assert outcome["waits_for"] == [
        "subscription:stripe:sub_1",
        "checkout:stripe:cs_1",
        "payment:stripe:pi_1",
    ]
    assert db.query(SYSTEM, "select 1 from public.payments") == []


def test_what_becomes_known__wakes_events_wherever_it_is_written(db: Database) -> None:
    triggers = db.query(
        SYSTEM,
        "select tgrelid::regclass::text as relation, tgtype & 28 as events from pg_trigger "
        "where tgname = '_500_wake_webhook_events' order by 1",
    )
    insert, update = 4, 16
    assert [(t["relation"], t["events"]) for t in triggers] == [
        ("billing_customers", insert | update),
        ("payments", insert),
        ("plan_prices", insert | update),
        ("private.checkouts", insert | update),
        ("private.payment_aliases", insert),
        ("subscriptions", insert),
        ("token_pack_prices", insert | update),
    ]
