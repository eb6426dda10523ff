"""Room billing: what users manage, and subscriptions that are ended at their provider."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.billing_rows import subscribe
from rlstests.request_helpers import claim, complete, fail, limit, malformed


def portal(db: Database, user: Actor, provider: str | None = None) -> Row:
    answer = db.value(SERVICE, "select worker.billing_portal(%s, %s)", user.user_id, provider)
    assert isinstance(answer, dict)
    return answer


def request_cancel(db: Database, row: Row, *, at_period_end: bool = True) -> UUID | None:
    task: UUID | None = db.value(
        SYSTEM, "select private.request_provider_cancel(%s, %s)", row["id"], at_period_end
    )
    return task


def cancel_own(db: Database, user: Actor, subscription_id: object) -> Any:
    sql = "select worker.cancel_own_subscription(%s, %s)"
    return db.value(SERVICE, sql, user.user_id, subscription_id)["task_id"]


def tasks(db: Database) -> list[Row]:
    sql = "select user_id, payload from queue.tasks where kind = 'cancel_subscription'"
    return db.query(SYSTEM, sql)


def change(name: str = "sub_1", **more: Any) -> dict[str, Any]:
    return {
        "type": "subscription",
        "provider": "stripe",
        "occurred_at": "2030-01-01T00:00:00Z",
        "subscription_id": name,
        "status": "canceled",
        "price_id": "plan_local_pro_month",
        "ended_at": "2030-01-01T00:00:00Z",
        **more,
    }


def events(db: Database, event_type: str) -> list[Row]:
    sql = "select * from public.system_events where event_type = %s and created_at = now()"
    return db.query(SYSTEM, sql, event_type)


# The portal --------------------------------------------------------------------------------------


def test_portal__is_never_that_of_another_customer(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    db.query(
        SYSTEM,
        "insert into public.billing_customers (user_id, provider, provider_customer_id) "
        "values (%s, 'stripe', 'cus_theirs')",
        stranger.user_id,
    )
    with refused("PT404", match="nothing to manage"):
        portal(db, owner)
    subscribe(db, owner)
    assert portal(db, owner)["customer_id"] is None
    assert portal(db, stranger)["customer_id"] == "cus_theirs"


def test_portal__shows_what_is_in_effect_first(db: Database, owner: Actor) -> None:
    subscribe(db, owner, "sub_over", status="canceled")
    subscribe(db, owner, "sub_begun", status="incomplete", start_date="tomorrow")
    subscribe(db, owner, "sub_old", superseded_at="now", start_date="tomorrow")
    row = subscribe(db, owner, "sub_now", provider="razorpay", provider_customer_id="cust_1")
    assert portal(db, owner) == {
        "provider": "razorpay",
        "customer_id": "cust_1",
        "subscription": {
            "id": str(row["id"]),
            "provider_subscription_id": "sub_now",
            "plan_code": "pro",
            "status": "active",
            "current_period_end": row["current_period_end"].isoformat(),
            "cancel_at_period_end": False,
        },
    }
    assert portal(db, owner, "stripe")["subscription"]["provider_subscription_id"] == "sub_old"


def test_portal__knows_the_customer_by_other_means(db: Database, owner: Actor) -> None:
    sql = "insert into public.billing_customers values (%s, %s, %s)"
    db.query(SYSTEM, sql, owner.user_id, "razorpay", "cust_1")
    assert portal(db, owner) == {
        "provider": "razorpay",
        "customer_id": "cust_1",
        "subscription": None,
    }
    db.query(SYSTEM, sql, owner.user_id, "stripe", "cus_1")
    # The one of them that has a place to look at invoices.
    assert portal(db, owner)["provider"] == "stripe"
    assert portal(db, owner, "razorpay")["customer_id"] == "cust_1"
    subscribe(db, owner)
    assert portal(db, owner)["customer_id"] == "cus_1"


def test_portal__has_nothing_for_who_bought_nothing(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    subscribe(db, stranger)
    subscribe(db, owner, provider="manual", provider_subscription_id=None)
    with refused("PT404", match="nothing to manage"):
        portal(db, owner)


def test_portal__is_limited(db: Database, owner: Actor) -> None:
    subscribe(db, owner)
    limit(db, "portal", 1)
    portal(db, owner)
    with refused("PT429"):
        portal(db, owner)


def test_users__do_not_call_for_others(db: Database, owner: Actor, stranger: Actor) -> None:
    row = subscribe(db, owner)
    for sql, value in (
        ("select worker.billing_portal(%s)", owner.user_id),
        ("select private.request_provider_cancel(%s, true)", row["id"]),
        ("select private.enqueue_provider_cancel('stripe', %s, true)", "sub_1"),
    ):
        with refused("42501", match=NO_GRANT):
            db.query(stranger, sql, value)


# Asking for it -----------------------------------------------------------------------------------


def test_own_subscription__ends_with_what_is_paid(db: Database, owner: Actor) -> None:
    row = subscribe(db, owner)
    assert cancel_own(db, owner, row["id"])
    (task,) = tasks(db)
    assert task == {
        "user_id": None,
        "payload": {
            "provider": "stripe",
            "provider_subscription_id": "sub_1",
            "at_period_end": True,
        },
    }
    assert cancel_own(db, owner, row["id"]) is None
    assert len(tasks(db)) == 1


def test_subscription_of_a_stranger__is_missing(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    row = subscribe(db, stranger)
    granted = subscribe(db, owner, provider="manual", provider_subscription_id=None)
    for subscription_id in (row["id"], uuid4(), granted["id"]):
        with refused("PT404", match="subscription"):
            cancel_own(db, owner, subscription_id)
    assert tasks(db) == []


@pytest.mark.parametrize("identity", ["leaving", "blocked"])
def test_account_that_is_not_active__cancels_nothing(
    db: Database, owner: Actor, identity: str
) -> None:
    row = subscribe(db, owner)
    db.make_inactive(identity, owner)
    with refused("PT403"):
        cancel_own(db, owner, row["id"])


def test_cancelling__is_limited(db: Database, owner: Actor) -> None:
    row = subscribe(db, owner)
    limit(db, "cancel_subscription", 1)
    cancel_own(db, owner, row["id"])
    with refused("PT429"):
        cancel_own(db, owner, row["id"])


def test_now_and_later__are_two_wishes(db: Database, owner: Actor, stranger: Actor) -> None:
    row = subscribe(db, owner)
    other = subscribe(db, stranger, "sub_2")
    assert request_cancel(db, row)
    assert request_cancel(db, row, at_period_end=False)
    assert request_cancel(db, other)
    assert request_cancel(db, row, at_period_end=False) is None
    assert len(tasks(db)) == 3


@pytest.mark.parametrize("status", ["canceled", "expired"])
def test_what_is_over__needs_no_task(db: Database, owner: Actor, status: str) -> None:
    assert request_cancel(db, subscribe(db, owner, status=status), at_period_end=False) is None
    assert tasks(db) == []


def test_what_will_end__can_still_end_at_once(db: Database, owner: Actor) -> None:
    row = subscribe(db, owner, cancel_at_period_end=True)
    assert request_cancel(db, row) is None
    assert request_cancel(db, row, at_period_end=False)


def test_granted_or_missing_one__is_refused(db: Database, owner: Actor) -> None:
    granted = subscribe(db, owner, provider="manual", provider_subscription_id=None)
    with refused("PT422", match="granted"):
        request_cancel(db, granted)
    with refused("PT404"):
        request_cancel(db, {"id": uuid4()})


def test_long_id__has_a_task_too(db: Database, owner: Actor) -> None:
    assert request_cancel(db, subscribe(db, owner, "s" * 255))


# What becomes of it ------------------------------------------------------------------------------


def test_end__is_applied_as_webhooks_are(db: Database, owner: Actor) -> None:
    begun: dict[str, Any] = {
        "status": "active",
        "user_id": str(owner.user_id),
        "occurred_at": "2020-01-01T00:00:00Z",
        "current_period_start": "2020-01-01T00:00:00Z",
        "current_period_end": "2040-01-01T00:00:00Z",
        "ended_at": None,
    }
    sql = "select private.apply_billing_changes(%s)"
    db.query(SYSTEM, sql, json.dumps([change(**begun)]))
    sql = "select * from public.subscriptions where user_id = %s"
    row = db.one(SYSTEM, sql, owner.user_id)
    assert row["status"] == "active"
    request_cancel(db, row, at_period_end=False)
    complete(db, claim(db, "cancel_subscription"), {"changes": [change()], "note": None})
    assert db.one(SYSTEM, sql, owner.user_id)["status"] == "canceled"
    assert len(events(db, "subscription.cancel_done")) == 1


def test_end_of_one_whose_account_is_gone__touches_nothing(db: Database, owner: Actor) -> None:
    subscribe(db, owner)
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    complete(db, claim(db, "cancel_subscription"), {"changes": [change()], "note": None})
    assert (
        db.query(SYSTEM, "select 1 from public.subscriptions where user_id = %s", owner.user_id)
        == []
    )
    (event,) = events(db, "subscription.cancel_done")
    assert event["event_data"]["provider_subscription_id"] == "sub_1"


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"changes": {}},
        {"changes": [change("sub_other")]},
        {"changes": [change(provider="razorpay")]},
        {"changes": [change(type="payment")]},
        {"changes": [{}]},
    ],
)
def test_result_about_anything_else__is_refused(
    db: Database, owner: Actor, result: dict[str, Any]
) -> None:
    request_cancel(db, subscribe(db, owner))
    task = claim(db, "cancel_subscription")
    with malformed():
        complete(db, task, result)
    complete(db, task, {"changes": [], "note": "The provider knows no such subscription."})


def test_end_that_fails__is_told_to_operators(db: Database, owner: Actor) -> None:
    request_cancel(db, subscribe(db, owner))
    task = claim(db, "cancel_subscription")
    assert fail(db, task, "Stripe refused the request.") == "dead"
    (event,) = events(db, "subscription.cancel_failed")
    assert event["severity"] == "error"
    assert event["event_data"] == {
        "provider": "stripe",
        "provider_subscription_id": "sub_1",
        "at_period_end": True,
        "error": "Stripe refused the request.",
    }
