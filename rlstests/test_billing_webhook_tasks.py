"""Room billing, tasks: an event is applied, ignored or fails, and none is ever lost."""

from uuid import uuid4

import pytest

from rlstests.actors import ANON, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.billing_changes import at, balance, begin_checkout, payment, subscription
from rlstests.inbox_helpers import (
    complete,
    finish,
    let_pass,
    maintain,
    receive,
    stored,
    take,
    tasks,
    told,
)
from rlstests.queue_helpers import claim, expire, history


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
