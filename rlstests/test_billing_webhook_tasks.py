"""Room billing, tasks: an event is applied, ignored, waits or fails, and none is ever lost."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.billing_changes import at, balance, begin_checkout, payment, subscription
from rlstests.queue_helpers import claim, expire, history
from rlstests.test_billing_inbox import event, record, stored, tasks


def receive(db: Database, name: str = "a") -> UUID:
    id_ = record(db, event(name, f"evt_{name}"))[0]["webhook_event_id"]
    assert isinstance(id_, UUID)
    return id_


def take(db: Database, id_: UUID) -> Row:
    """Lease the task of an event, and no other."""
    return db.one(
        SYSTEM,
        "update queue.tasks set lease_token = gen_random_uuid(), attempt = attempt + 1, "
        "lease_expires_at = now() + interval '1 min' where dedupe_key = 'webhook:' || %s::uuid "
        "returning *",
        id_,
    )


def complete(db: Database, id_: UUID, *changes: Any, note: str | None = None) -> Row:
    """Do the task of an event: it says these changes. Gives the event."""
    finish(db, take(db, id_), {"changes": changes, "note": note})
    return stored(db, id_)


def finish(db: Database, task: Row, result: object) -> None:
    sql = "select worker.complete_task(%s, %s, %s)"
    db.query(SERVICE, sql, task["id"], task["lease_token"], json.dumps(result))


def told(db: Database, event_type: str) -> list[Row]:
    return db.query(
        SYSTEM,
        "select * from public.system_events where event_type = %s and created_at = now()",
        event_type,
    )


def maintain(db: Database) -> int:
    return int(db.value(SYSTEM, "select private.maintain_webhooks() ->> 'queued'"))


def let_pass(db: Database, id_: UUID, time: str) -> None:
    """Make it so much later for an event."""
    db.query(
        SYSTEM,
        "update private.webhook_events set parked_at = parked_at - %s::interval, "
        "next_attempt_at = next_attempt_at - %s::interval where id = %s",
        time,
        time,
        id_,
    )


def test_event__is_read_by_its_task_alone(db: Database, owner: Actor) -> None:
    id_ = receive(db)
    task = take(db, id_)
    sql = "select worker.webhook_event(%s, %s)"
    seen = db.value(SERVICE, sql, task["id"], task["lease_token"])
    assert (seen["id"], seen["provider"], seen["attempts"]) == (str(id_), "stripe", 0)
    assert (seen["type"], seen["payload"]) == ("invoice.paid", {"name": "Ada"})
    assert set(seen) == {
        "id", "provider", "type", "payload", "occurred_at", "received_at", "attempts",
    }  # fmt: skip
    with refused("PT409"):
        db.query(SERVICE, sql, task["id"], uuid4())
    for actor in (ANON, owner):
        with refused("42501", match="permission denied"):
            db.query(actor, sql, task["id"], task["lease_token"])
    db.query(SYSTEM, "delete from private.webhook_events where id = %s", id_)
    with refused("PT404", match="There is no webhook event"):
        db.query(SERVICE, sql, task["id"], task["lease_token"])


def test_event_that_says_something__is_applied_with_its_task(db: Database, owner: Actor) -> None:
    id_ = receive(db)
    assert claim(db, kinds=("webhook",))[0]["payload"] == {"webhook_event_id": str(id_)}
    row = complete(db, id_, subscription(owner, "active", at()))
    assert (row["status"], row["user_id"], row["attempts"]) == ("processed", owner.user_id, 1)
    assert row["closed_at"] is not None
    mirrored = db.one(owner, "select * from public.profiles where id = %s", owner.user_id)
    assert mirrored["subscription_tier"] == "pro"


def test_event_that_says_nothing__is_ignored_with_the_reason(db: Database) -> None:
    row = complete(db, receive(db), note="Nobody asked.")
    assert (row["status"], row["error"], row["user_id"]) == ("ignored", "Nobody asked.", None)


@pytest.mark.parametrize("result", [None, [], {}, {"changes": None}, {"changes": {}}])
def test_result_without_changes__is_malformed(db: Database, result: object) -> None:
    id_ = receive(db)
    task = take(db, id_)
    with refused("PT422", match="malformed"):
        finish(db, task, result)
    assert stored(db, id_)["status"] == "received"


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


def test_event_that_cannot_be_applied__fails_and_writes_nothing(db: Database, owner: Actor) -> None:
    id_ = receive(db)
    row = complete(
        db,
        id_,
        subscription(owner, "active", at()),
        payment(owner, "succeeded", at(), amount=1),
    )
    assert row["status"] == "failed"
    assert row["error"] == "Payment pi_1 is 1 USD, and the 100 tokens cost 200 USD."
    assert len(told(db, "webhook.failed")) == 1
    for table in ("public.subscriptions", "public.payments", "private.subscription_observations"):
        sql = f"select 1 from {table} where user_id = %s"
        assert db.query(SYSTEM, sql, owner.user_id) == []


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


def test_task_that_fails_for_good__fails_its_event(db: Database) -> None:
    id_ = receive(db)
    task = take(db, id_)
    sql = "select worker.fail_task(%s, %s, %s, %s)"
    again = (task["id"], task["lease_token"], "Malformed.", True)
    assert db.value(SERVICE, sql, *again) == "retry"
    assert stored(db, id_)["status"] == "received"
    task = take(db, id_)
    poison = (task["id"], task["lease_token"], "Malformed.", False)
    assert db.value(SERVICE, sql, *poison) == "dead"
    row = stored(db, id_)
    assert (row["status"], row["error"]) == ("failed", "Malformed.")
    assert len(told(db, "webhook.failed")) == 1
    # It is there still: whoever mended what was wrong has it applied.
    db.query(SYSTEM, "select private.admin_replay_webhook_event(%s)", id_)
    assert complete(db, id_, note="Mended.")["status"] == "ignored"


def test_task_that_is_cancelled__fails_its_event(db: Database) -> None:
    id_ = receive(db)
    db.query(
        SYSTEM,
        "select private.cancel_task(t) from queue.tasks t "
        "where t.dedupe_key = 'webhook:' || %s::uuid",
        id_,
    )
    row = stored(db, id_)
    assert (row["status"], row["error"]) == ("failed", "Its task was cancelled.")


def test_event_that_lost_its_task__gets_another(db: Database) -> None:
    lost, busy = receive(db), receive(db, "b")
    db.query(SYSTEM, "delete from queue.tasks where dedupe_key = 'webhook:' || %s::uuid", lost)
    assert maintain(db) == 0, "its task may only have been slow"
    for id_ in (lost, busy):
        let_pass(db, id_, "5 minutes")
    assert maintain(db) == 1
    assert (len(tasks(db, lost)), len(tasks(db, busy))) == (1, 1)
    assert maintain(db) == 0
    assert complete(db, lost)["status"] == "ignored"
    let_pass(db, lost, "5 minutes")
    assert maintain(db) == 0, "it is over"


def test_worker_that_died__leaves_the_event_to_the_next(db: Database, owner: Actor) -> None:
    id_ = receive(db)
    task = take(db, id_)
    expire(db, task["id"])
    db.query(SYSTEM, "select * from private.reap_expired(10)")
    assert stored(db, id_)["status"] == "received"
    with refused("PT409"):
        finish(db, task, {"changes": [], "note": None})
    row = complete(db, id_, payment(owner, "succeeded", at()))
    assert row["status"] == "processed"
    assert balance(db, owner) == (100, 0, 100)
    assert history(db, task["id"])["outcome"] == "done"


def test_event_whose_task_broke_down__is_tried_again(db: Database) -> None:
    id_ = receive(db)
    task = take(db, id_)
    db.query(SYSTEM, "select private.bury_broken_task(t) from queue.tasks t where t.id = %s",
             task["id"])  # fmt: skip
    assert stored(db, id_)["status"] == "failed"
    db.query(
        SYSTEM,
        "update private.webhook_events set status = 'received', closed_at = null where id = %s",
        id_,
    )
    let_pass(db, id_, "5 minutes")
    assert maintain(db) == 1


def test_event_that_is_over__is_not_applied_by_a_late_task(db: Database, owner: Actor) -> None:
    id_ = receive(db)
    task = take(db, id_)
    db.query(
        SYSTEM,
        "update private.webhook_events set status = 'ignored', closed_at = now() where id = %s",
        id_,
    )
    finish(db, task, {"changes": [payment(owner, "succeeded", at())]})
    assert stored(db, id_)["status"] == "ignored"
    assert balance(db, owner) == (0, 0, 0)


def test_old_events_under_new_ids__change_nothing(db: Database, owner: Actor) -> None:
    begin_checkout(db, owner, "cs_1")
    story = [
        [subscription(owner, "active", at())],
        [payment(owner, "succeeded", at(), checkout_id="cs_1")],
        [payment(owner, "succeeded", at(days=1), kind=None, refunded_amount=200)],
        [subscription(owner, "canceled", at(days=2))],
    ]

    def everything() -> list[Row]:
        return [
            db.one(SYSTEM, f"select * from {table} where user_id = %s", owner.user_id)
            for table in ("public.subscriptions", "public.payments", "public.token_balances")
        ]

    for position, changes in enumerate(story):
        complete(db, receive(db, f"first {position}"), *changes)
    before = everything()
    sql = "select count(*) from public.token_transactions where user_id = %s"
    moves = db.value(SYSTEM, sql, owner.user_id)
    for position, changes in enumerate(story):
        row = complete(db, receive(db, f"again {position}"), *changes)
        assert row["status"] == "processed"
    assert everything() == before
    assert db.value(SYSTEM, sql, owner.user_id) == moves


def test_account_that_goes__takes_what_was_said_of_it_along(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    begin_checkout(db, owner, "cs_1")
    waiting, other = receive(db, "w"), receive(db, "o")
    complete(db, receive(db), subscription(owner, "active", at()))
    complete(db, receive(db, "b"), payment(owner, "failed", at(), other_ids=["ch_1"]))
    complete(db, waiting, payment(owner, "succeeded", at(), price_id="new", payment_id="pi_2"))
    of_other = payment(stranger, "succeeded", at(), payment_id="pi_3")
    complete(db, other, of_other)
    assert stored(db, waiting)["user_id"] == owner.user_id
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    row = stored(db, waiting)
    assert (row["status"], row["payload"], row["waits_for"]) == ("ignored", {}, None)
    for table in (
        "private.subscription_observations",
        "private.checkouts",
        "private.payment_aliases",
    ):
        assert db.query(SYSTEM, f"select 1 from {table} where user_id = %s", owner.user_id) == []
    assert stored(db, other)["payload"] != {}
