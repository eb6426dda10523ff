"""Room billing: what providers say of things that are over, foreign, partly known or paid twice."""

from uuid import uuid4

import pytest

from rlstests.actors import SYSTEM, Actor, Database
from rlstests.billing_changes import (
    Change,
    applied,
    apply,
    at,
    balance,
    begin_checkout,
    payment,
    subscription,
)
from rlstests.billing_rows import subscribe
from rlstests.inbox_helpers import complete, let_pass, receive, stored, told


def status(db: Database, name: str = "sub_1") -> str:
    sql = "select status from public.subscriptions where provider_subscription_id = %s"
    return str(db.value(SYSTEM, sql, name))


# Ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["canceled", "expired"])
def test_end_at_a_price_that_nobody_knows__is_an_end(db: Database, owner: Actor, end: str) -> None:
    applied(db, subscription(owner, "active", at()))
    # Such as a plan that an operator switched at the provider, and that was never entered here.
    switched = subscription(owner, "active", at(days=1), price_id="price_new")
    assert apply(db, switched)["waits_for"] == ["price:stripe:price_new"]
    assert applied(db, {**switched, "status": end, "occurred_at": at(days=2)}) == ["applied"]
    assert status(db) == end
    sql = "select subscription_tier from public.profiles where id = %s"
    assert db.value(SYSTEM, sql, owner.user_id) == "free"


def test_end_of_what_nobody_knows__waits_for_its_price(db: Database, owner: Actor) -> None:
    outcome = apply(db, subscription(owner, "canceled", at(), price_id="price_new"))
    assert outcome["status"] == "parked"
    assert "price:stripe:price_new" in outcome["waits_for"]
    outcome = apply(db, subscription(owner, "canceled", at(), price_id=None))
    assert outcome["waits_for"] == ["customer:stripe:cus_1", "subscription:stripe:sub_1"]


# Disputes ----------------------------------------------------------------------------------------


def lost_dispute(owner: Actor, amount: int, currency: str = "USD") -> Change:
    unknown = {"kind": None, "price_id": None, "user_id": None, "currency": currency}
    returned = {"amount": amount, "refunded_amount": amount}
    return payment(owner, "succeeded", at(days=1), **unknown, **returned)


@pytest.mark.parametrize(
    ("amount", "currency", "refunded", "left"),
    [(50, "USD", 50, 75), (200, "USD", 200, 0), (230, "USD", 200, 0), (260, "EUR", 200, 0)],
    ids=["a part", "all of it", "more than was paid", "in other money"],
)
def test_lost_dispute__takes_tokens_back_whatever_its_amount(
    db: Database, owner: Actor, amount: int, currency: str, refunded: int, left: int
) -> None:
    applied(db, payment(owner, "succeeded", at()))
    assert applied(db, lost_dispute(owner, amount, currency)) == ["applied"]
    sql = "select amount, currency, refunded_amount from public.payments where user_id = %s"
    row = db.one(SYSTEM, sql, owner.user_id)
    assert (row["amount"], row["currency"], row["refunded_amount"]) == (200, "USD", refunded)
    assert balance(db, owner) == (left, 0, 100)


# What is foreign ---------------------------------------------------------------------------------


def test_link_between_two_foreign_ids__is_ignored_in_the_end(db: Database, owner: Actor) -> None:
    # Of every invoice that something else sells through the same account at the provider.
    link = payment(owner, "pending", at(), user_id=None, kind=None, price_id=None)
    money = {**link, "status": "succeeded", "refunded_amount": 10}
    ends = {}
    for name, change in (("link", link), ("money", money)):
        id_ = receive(db, name)
        assert complete(db, id_, change)["parked_at"] is not None
        let_pass(db, id_, "3 days 1 minute")
        db.query(SYSTEM, "select private.maintain_webhooks()")
        ends[name] = complete(db, id_, change)
    assert (ends["link"]["status"], ends["money"]["status"]) == ("ignored", "failed")
    assert ends["link"]["error"] == "Nobody knows whose this payment of stripe is."
    assert [row["severity"] for row in told(db, "webhook.parked")] == ["info", "warning"]
    assert len(told(db, "webhook.failed")) == 1


@pytest.mark.parametrize("is_purged", [True, False])
def test_event_of_a_deleted_account__is_emptied_and_ignored(
    db: Database, owner: Actor, is_purged: bool
) -> None:
    claim = {"customer_id": "cus_gone", "subscription_id": "sub_gone"}
    if is_purged:
        applied(db, subscription(owner, "active", at(), **claim))
        db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
        change = subscription(owner, "canceled", at(days=1), **claim)
    else:
        change = subscription(owner, "canceled", at(days=1), user_id=str(uuid4()), **claim)
    row = complete(db, receive(db), change, payment(owner, "pending", at(), **change_of(change)))
    if is_purged:
        assert (row["status"], row["payload"]) == ("ignored", {})
        assert row["error"] == "The account that it is about was deleted."
    else:
        assert (row["status"], row["payload"]) == ("received", {"name": "Ada"})
    assert told(db, "webhook.failed") == []
    assert stored(db, row["id"])["user_id"] is None


def test_money_for_a_deleted_account__is_seen_by_somebody(db: Database, owner: Actor) -> None:
    applied(db, subscription(owner, "active", at()))
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    paid = payment(owner, "succeeded", at(days=1))
    assert apply(db, {**paid, "refunded_amount": 199})["status"] == "parked"
    assert apply(db, paid)["status"] == "parked"
    assert applied(db, {**paid, "refunded_amount": 200}) == ["forgotten"]


def change_of(change: Change) -> Change:
    return {"user_id": change["user_id"], "kind": "subscription", "price_id": None}


# Paid more than once -----------------------------------------------------------------------------


def test_second_subscription_that_is_charged__is_told_to_operators_once(
    db: Database, owner: Actor
) -> None:
    subscribe(db, owner, provider="manual", provider_subscription_id=None, superseded_at="now")
    applied(db, subscription(owner, "active", at()))
    second = {"subscription_id": "sub_2", "price_id": "plan_local_career_month"}
    applied(db, subscription(owner, "incomplete", at(days=1), **second))
    assert told(db, "subscription.paid_twice") == []
    applied(db, subscription(owner, "active", at(days=2), **second))
    applied(db, subscription(owner, "active", at(days=3), **second))
    (warning,) = told(db, "subscription.paid_twice")
    assert (warning["severity"], warning["user_id"]) == ("warning", owner.user_id)
    assert len(warning["event_data"]["subscriptions"]) == 2


def test_subscription_that_ends_with_its_period__is_not_paid_twice(
    db: Database, owner: Actor
) -> None:
    applied(db, subscription(owner, "active", at(), cancel_at_period_end=True))
    applied(db, subscription(owner, "active", at(days=1), subscription_id="sub_2"))
    assert told(db, "subscription.paid_twice") == []


# What came of a checkout -------------------------------------------------------------------------


def test_checkout_that_failed_once__is_looked_up_all_the_same(db: Database, owner: Actor) -> None:
    row = begin_checkout(db, owner, "order_1", provider="razorpay")
    sql = "select id from private.reconcilable(%s) where kind = 'checkout'"
    for state, is_asked in (("open", 1), ("failed", 1), ("expired", 0), ("completed", 0)):
        db.query(SYSTEM, "update private.checkouts set status = %s where id = %s", state, row["id"])
        assert len(db.query(SYSTEM, sql, owner.user_id)) == is_asked, state
