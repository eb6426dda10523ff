"""Room billing, waiting: an event about something unknown is applied once that is known."""

from uuid import uuid4

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row
from rlstests.billing_changes import at, balance, begin_checkout, payment, subscription
from rlstests.inbox_helpers import (
    complete,
    finish,
    let_pass,
    maintain,
    receive,
    stored,
    tasks,
    told,
)
from rlstests.queue_helpers import claim


def test_event_about_somebody_unknown__waits_and_is_woken(db: Database, owner: Actor) -> None:
    id_ = receive(db)
    nobody = subscription(owner, "active", at(), user_id=str(uuid4()))
    row = complete(db, id_, nobody)
    assert (row["status"], row["attempts"], row["user_id"]) == ("received", 1, None)
    assert row["waits_for"] == ["customer:stripe:cus_1", "subscription:stripe:sub_1"]
    assert row["error"] == "Nobody knows whose this subscription of stripe is."
    assert row["parked_at"] is not None
    assert tasks(db, id_) == []
    assert db.query(SYSTEM, "select 1 from private.subscription_observations") == []
    db.query(
        SYSTEM,
        "insert into public.billing_customers (user_id, provider, provider_customer_id) "
        "values (%s, 'stripe', 'cus_1')",
        owner.user_id,
    )
    assert len(tasks(db, id_)) == 1
    row = complete(db, id_, nobody)
    assert (row["status"], row["user_id"], row["parked_at"]) == ("processed", owner.user_id, None)
    (warning,) = told(db, "webhook.parked")
    assert warning["event_data"]["webhook_event_id"] == str(id_)
    assert (warning["severity"], told(db, "webhook.failed")) == ("warning", [])


@pytest.mark.parametrize(
    ("change", "becomes_known"),
    [
        (
            {"price_id": "price_new"},
            "update public.plan_prices set provider_price_id = 'price_new' "
            "where plan_code = 'pro' and provider = 'stripe' and interval = 'year'",
        ),
        (
            {"user_id": None},
            "insert into public.subscriptions (user_id, provider, provider_subscription_id, "
            "plan_code, status) values (%(owner)s, 'stripe', 'sub_1', 'pro', 'incomplete')",
        ),
        (
            {"user_id": None},
            "update private.checkouts set subscription_id = 'sub_1'",
        ),
    ],
)
def test_what_becomes_known__wakes_what_waits_for_it(
    db: Database, owner: Actor, change: Row, becomes_known: str
) -> None:
    begin_checkout(db, owner, "cs_1", plan="pro")
    woken, asleep = receive(db), receive(db, "b")
    complete(db, woken, subscription(owner, "active", at(), **change))
    other = {"user_id": None, "subscription_id": "sub_2", "customer_id": "cus_2"}
    complete(db, asleep, subscription(owner, "active", at(), **other))
    with db.acting(SYSTEM) as connection:
        connection.execute(becomes_known.encode(), {"owner": owner.user_id})
    assert (len(tasks(db, woken)), len(tasks(db, asleep))) == (1, 0)
    assert complete(db, woken, subscription(owner, "active", at(), **change))["status"] == (
        "processed"
    )


def test_payment__waits_for_its_checkout_its_price_and_its_first_word(
    db: Database, owner: Actor
) -> None:
    by_checkout, by_price, by_alias = (receive(db, name) for name in "abc")
    of_checkout = payment(owner, "succeeded", at(), kind=None, price_id=None, checkout_id="cs_1")
    of_price = payment(owner, "succeeded", at(), price_id="price_new", payment_id="pi_2")
    refund = payment(
        owner,
        "succeeded",
        at(),
        kind=None,
        price_id=None,
        payment_id="ch_2",
        other_ids=["pi_2"],
        refunded_amount=200,
    )
    assert complete(db, by_checkout, of_checkout)["waits_for"] == [
        "checkout:stripe:cs_1",
        "payment:stripe:pi_1",
    ]
    assert complete(db, by_price, of_price)["waits_for"][-1] == "price:stripe:price_new"
    assert complete(db, by_alias, refund)["parked_at"] is not None
    begin_checkout(db, owner, "cs_1")
    assert [len(tasks(db, each)) for each in (by_checkout, by_price, by_alias)] == [1, 0, 0]
    db.query(
        SYSTEM,
        "update public.token_pack_prices set provider_price_id = 'price_new' "
        "where pack_code = 'small' and provider = 'stripe'",
    )
    assert complete(db, by_checkout, of_checkout)["status"] == "processed"
    assert complete(db, by_price, of_price)["status"] == "processed"
    assert balance(db, owner) == (200, 0, 200)


def test_event_that_waits__is_tried_ever_more_rarely(db: Database, owner: Actor) -> None:
    id_ = receive(db)
    nobody = subscription(owner, "active", at(), user_id=None)
    pauses = []
    for _ in range(11):
        row = complete(db, id_, nobody)
        pauses.append((row["next_attempt_at"] - row["parked_at"]).total_seconds() / 60)
        assert maintain(db) == 0
        let_pass(db, id_, f"{pauses[-1]} minutes")
        db.query(SYSTEM, "update private.webhook_events set parked_at = now() where id = %s", id_)
        assert maintain(db) == 1
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 256]
    assert len(told(db, "webhook.parked")) == 1


def test_event_that_waits__is_looked_at_again_at_once(db: Database, owner: Actor) -> None:
    # Whoever brought what it needs at the same moment did not see that it waits.
    id_ = receive(db)
    nobody = subscription(owner, "active", at(), user_id=None)
    complete(db, id_, nobody)
    (again,) = claim(db, 10, ("webhook",))
    assert again["payload"] == {"webhook_event_id": str(id_)}
    finish(db, again, {"changes": [nobody], "note": None})
    assert stored(db, id_)["attempts"] == 2
    assert claim(db, 10, ("webhook",)) == []


def test_event_that_waited_for_three_days__fails_once(db: Database, owner: Actor) -> None:
    id_ = receive(db)
    nobody = subscription(owner, "active", at(), user_id=None)
    complete(db, id_, nobody)
    let_pass(db, id_, "2 days 23 hours")
    assert maintain(db) == 1
    assert complete(db, id_, nobody)["status"] == "received"
    let_pass(db, id_, "1 hour 1 minute")
    assert maintain(db) == 1
    row = complete(db, id_, nobody)
    assert (row["status"], row["waits_for"], row["parked_at"]) == ("failed", None, None)
    assert row["error"] == "Nobody knows whose this subscription of stripe is."
    (failure,) = told(db, "webhook.failed")
    assert (failure["severity"], failure["event_data"]["error"]) == ("error", row["error"])
    assert maintain(db) == 0


def test_event_whose_half_is_unknown__waits_with_nothing_written(
    db: Database, owner: Actor
) -> None:
    id_ = receive(db)
    row = complete(
        db,
        id_,
        subscription(owner, "active", at()),
        payment(owner, "succeeded", at(), price_id="price_new"),
    )
    assert (row["status"], row["user_id"]) == ("received", owner.user_id)
    assert row["parked_at"] is not None
    for table in ("public.subscriptions", "private.subscription_observations"):
        sql = f"select 1 from {table} where user_id = %s"
        assert db.query(SYSTEM, sql, owner.user_id) == []
