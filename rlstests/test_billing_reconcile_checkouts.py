"""Room billing: checkouts that may have been paid while no webhook came."""

from typing import Any
from uuid import uuid4

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row
from rlstests.billing_rows import subscribe
from rlstests.reconcile_helpers import ask, change, end_all, problems, queue_all, queued
from rlstests.request_helpers import claim, complete, malformed


@pytest.fixture(autouse=True)
def nobody_else(db: Database) -> None:
    end_all(db)


def begin(db: Database, user: Actor, checkout_id: str | None, **columns: Any) -> Row:
    """Begin the checkout of a month of pro at Stripe."""
    values = {"created_at": "now", "status": "open", "kind": "subscription", **columns}
    return db.one(
        SYSTEM,
        "insert into private.checkouts (user_id, provider, kind, plan_code, plan_price_id, amount, "
        "currency, checkout_id, idempotency_key, created_at, status) "
        "select %s, provider, %s, plan_code, id, amount, currency, %s, %s, %s, %s "
        "from public.plan_prices where provider = 'stripe' and plan_code = 'pro' "
        "and interval = 'month' returning *",
        user.user_id,
        values["kind"],
        checkout_id,
        str(uuid4()),
        values["created_at"],
        values["status"],
    )


def test_checkouts_that_may_be_paid__are_looked_up(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    begin(db, owner, "cs_open")
    begin(db, owner, None)
    begin(db, owner, "cs_over", status="completed")
    begin(db, owner, "cs_old", created_at="2020-01-01")
    begin(db, owner, "sub_known")
    subscribe(db, owner, "sub_known")
    begin(db, stranger, "cs_theirs")
    assert queue_all(db, owner) == queued(1, 1, checkouts=1)
    assert ask(db, claim(db, "reconcile")) == {
        "provider": "stripe",
        "subscription_ids": ["sub_known"],
        "checkouts": [{"checkout_id": "cs_open", "kind": "subscription"}],
    }
    assert queue_all(db) == queued(1, 1, checkouts=2)


def test_what_came_of_a_checkout__is_applied(db: Database, owner: Actor, stranger: Actor) -> None:
    begin(db, owner, "cs_mine")
    begin(db, stranger, "cs_theirs")
    queue_all(db, owner)
    over = {
        "type": "checkout",
        "provider": "stripe",
        "occurred_at": "2030-01-01T00:00:00Z",
        "status": "completed",
    }
    mine = [
        {**over, "checkout_id": "cs_mine", "subscription_id": "sub_mine"},
        change("sub_mine", status="active", user_id=str(owner.user_id)),
    ]
    found = [
        {"checkout_id": "cs_mine", "changes": mine},
        # It is not in the task.
        {"checkout_id": "cs_theirs", "changes": [{**over, "checkout_id": "cs_theirs"}]},
    ]
    complete(db, claim(db, "reconcile"), {"changes": [], "found": found, "problems": []})
    sql = "select checkout_id, status from private.checkouts where user_id = any(%s) order by 1"
    rows = db.query(SYSTEM, sql, [owner.user_id, stranger.user_id])
    assert [tuple(row.values()) for row in rows] == [
        ("cs_mine", "completed"),
        ("cs_theirs", "open"),
    ]
    sql = "select user_id from public.subscriptions where provider_subscription_id = 'sub_mine'"
    assert db.value(SYSTEM, sql) == owner.user_id
    assert problems(db) == []


def test_checkout_that_cannot_be_applied__is_told(db: Database, owner: Actor) -> None:
    begin(db, owner, "cs_mine")
    queue_all(db, owner)
    task = claim(db, "reconcile")
    with malformed():
        complete(db, task, {"changes": [], "found": {}})
    found = [{"checkout_id": "cs_mine", "changes": [change("sub_1", price_id="price_unknown")]}]
    complete(db, task, {"changes": [], "found": found})
    (event,) = problems(db)
    (told,) = event["event_data"]["problems"]
    assert (told["id"], told["code"]) == ("cs_mine", "not_applied")
