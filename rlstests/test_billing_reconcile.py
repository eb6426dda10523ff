"""Room billing: subscriptions that are looked up at their provider, by night and on demand."""

from datetime import UTC
from typing import Any
from uuid import uuid4

import pytest

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.billing_rows import subscribe
from rlstests.request_helpers import claim, complete, fail, malformed


def queued(subscriptions: int, tasks: int, checkouts: int = 0) -> Row:
    return {"subscriptions": subscriptions, "checkouts": checkouts, "tasks": tasks}


def queue_all(db: Database, user: Actor | None = None) -> Row:
    sql = "select private.enqueue_reconcile(%s)"
    answer = db.value(SYSTEM, sql, user.user_id if user else None)
    assert isinstance(answer, dict)
    return answer


@pytest.fixture(autouse=True)
def nobody_else(db: Database) -> None:
    """Other tests commit subscriptions: here they are over."""
    db.query(
        SYSTEM,
        "update public.subscriptions set status = 'canceled', ended_at = now(), past_due_at = null "
        "where status not in ('canceled', 'expired')",
    )
    db.query(SYSTEM, "update private.checkouts set status = 'expired' where status = 'open'")


def ask(db: Database, task: Row) -> Row:
    sql = "select worker.subscriptions_to_reconcile(%s, %s)"
    answer = db.value(SERVICE, sql, task["id"], task["lease_token"])
    assert isinstance(answer, dict)
    return answer


def change(name: str = "sub_1", **more: Any) -> dict[str, Any]:
    return {
        "type": "subscription",
        "provider": "stripe",
        "occurred_at": "2030-01-01T00:00:00Z",
        "subscription_id": name,
        "status": "past_due",
        "price_id": "plan_local_pro_month",
        "current_period_start": "2029-12-15T00:00:00Z",
        "current_period_end": "2030-01-15T00:00:00Z",
        **more,
    }


def status(db: Database, row: Row) -> str:
    sql = "select status from public.subscriptions where id = %s"
    return str(db.value(SYSTEM, sql, row["id"]))


def problems(db: Database) -> list[Row]:
    sql = (
        "select event_type, severity, event_data from public.system_events "
        "where event_type like 'reconcile.%%' and created_at = now() "
        "and event_type <> 'reconcile.requested'"
    )
    return db.query(SYSTEM, sql)


# Queueing ----------------------------------------------------------------------------------------


def test_every_subscription_that_runs__is_queued_by_provider(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    for number, state in enumerate(("trialing", "incomplete", "unpaid", "canceled", "expired")):
        subscribe(db, owner, f"sub_{number}", status=state, superseded_at="now")
    subscribe(db, stranger, "sub_r", provider="razorpay", status="past_due")
    subscribe(db, db.add_user("granted"), provider="manual", provider_subscription_id=None)
    assert queue_all(db) == queued(4, 2)
    found = {}
    for _ in range(2):
        answer = ask(db, claim(db, "reconcile"))
        found[answer["provider"]] = sorted(answer["subscription_ids"])
    assert found == {"razorpay": ["sub_r"], "stripe": ["sub_0", "sub_1", "sub_2"]}


def test_many__are_queued_a_hundred_a_task(db: Database, owner: Actor) -> None:
    db.query(
        SYSTEM,
        "insert into public.subscriptions (user_id, provider, provider_subscription_id, plan_code, "
        "status) select %s, 'stripe', 'sub_' || n, 'pro', 'incomplete' "
        "from generate_series(1, 201) n",
        owner.user_id,
    )
    assert queue_all(db) == queued(201, 3)
    found = [ask(db, claim(db, "reconcile"))["subscription_ids"] for _ in range(3)]
    assert sorted(len(each) for each in found) == [1, 100, 100]
    assert len({name for each in found for name in each}) == 201


def test_round_that_is_not_over__is_not_begun_again(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    subscribe(db, owner)
    subscribe(db, stranger, "sub_2")
    assert queue_all(db) == queued(2, 1)
    assert queue_all(db) == queued(0, 0)
    assert queue_all(db, owner) == queued(1, 1)
    assert queue_all(db, owner) == queued(0, 0)


def test_night__has_its_hour(db: Database) -> None:
    job = db.one(SYSTEM, "select * from private.maintenance_jobs where name = 'reconcile'")
    assert job["first_run_at"].astimezone(UTC).hour == 3
    assert job["repeat_every"].days == 1


def test_night__queues_what_runs(db: Database, owner: Actor) -> None:
    subscribe(db, owner)
    db.query(
        SYSTEM,
        "update private.maintenance_jobs set next_run_at = case name when 'reconcile' then now() "
        "else now() + interval '1 day' end",
    )
    assert db.value(SERVICE, "select worker.run_maintenance()")["jobs"] == ["reconcile"]
    assert ask(db, claim(db, "reconcile"))["subscription_ids"] == ["sub_1"]


# On demand ---------------------------------------------------------------------------------------


def test_admin__has_one_user_or_all_looked_up(
    db: Database, admin: Actor, owner: Actor, stranger: Actor
) -> None:
    subscribe(db, owner)
    subscribe(db, stranger, "sub_2")
    sql = "select public.admin_reconcile(%s)"
    assert db.value(admin, sql, owner.user_id) == queued(1, 1)
    assert ask(db, claim(db, "reconcile"))["subscription_ids"] == ["sub_1"]
    assert db.value(admin, "select public.admin_reconcile()") == queued(2, 1)
    with refused("PT404", match="account"):
        db.query(admin, sql, uuid4())
    requested = db.query(
        SYSTEM,
        "select user_id, event_data from public.system_events "
        "where event_type = 'reconcile.requested' and created_at = now() order by user_id",
    )
    assert [row["user_id"] for row in requested] == [owner.user_id, None]
    assert {row["event_data"]["by"] for row in requested} == {str(admin.user_id)}


def test_operator__needs_no_token(db: Database, owner: Actor) -> None:
    subscribe(db, owner)
    assert db.value(SYSTEM, "select public.admin_reconcile()")["tasks"] == 1


def test_others__have_nobody_looked_up(db: Database, owner: Actor) -> None:
    subscribe(db, owner)
    with refused("PT403"):
        db.query(owner, "select public.admin_reconcile(%s)", owner.user_id)


# What is fetched ---------------------------------------------------------------------------------


def test_lookup__names_what_still_runs(db: Database, owner: Actor, stranger: Actor) -> None:
    row = subscribe(db, owner)
    subscribe(db, stranger, "sub_2")
    queue_all(db)
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    task = claim(db, "reconcile")
    assert ask(db, task) == {
        "provider": "stripe",
        "subscription_ids": ["sub_2"],
        "checkouts": [],
    }
    assert row["id"] is not None
    with refused("PT409"):
        db.query(SERVICE, "select worker.subscriptions_to_reconcile(%s, %s)", task["id"], uuid4())


def test_lookup__is_for_its_kind_of_task(db: Database, owner: Actor) -> None:
    row = subscribe(db, owner)
    db.query(SYSTEM, "select private.request_provider_cancel(%s, true)", row["id"])
    with refused("PT422", match="cancel_subscription"):
        ask(db, claim(db, "cancel_subscription"))


def test_what_was_fetched__is_applied(db: Database, owner: Actor, stranger: Actor) -> None:
    mine, theirs = subscribe(db, owner), subscribe(db, stranger, "sub_2")
    queue_all(db)
    result = {"changes": [change("sub_2"), change()], "note": None, "problems": []}
    complete(db, claim(db, "reconcile"), result)
    assert (status(db, mine), status(db, theirs)) == ("past_due", "past_due")
    assert problems(db) == []


def test_one_that_cannot_be_applied__does_not_keep_the_others_back(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    names = ["sub_1", "sub_2", "sub_3"]
    people = [owner, stranger, db.add_user("third")]
    rows = [subscribe(db, user, name) for user, name in zip(people, names, strict=True)]
    queue_all(db)
    changes = [change("sub_1", price_id="price_unknown"), change("sub_2"), change("sub_3")]
    changes[2]["status"] = "nonsense"
    missing = {"id": "sub_gone", "code": "missing"}
    complete(db, claim(db, "reconcile"), {"changes": changes, "problems": [missing]})
    assert [status(db, row) for row in rows] == ["active", "past_due", "active"]
    (event,) = problems(db)
    assert (event["event_type"], event["severity"]) == ("reconcile.incomplete", "warning")
    told = event["event_data"]["problems"]
    assert {(each["id"], each["code"]) for each in told} == {
        ("sub_gone", "missing"),
        ("sub_1", "not_applied"),
        ("sub_3", "not_applied"),
    }
    assert any("price_unknown" in each.get("error", "") for each in told)


@pytest.mark.parametrize(
    "changes",
    [None, {}, [change("sub_other")], [change(provider="razorpay")], [{"type": "payment"}]],
)
def test_result_about_anything_else__is_refused(
    db: Database, owner: Actor, stranger: Actor, changes: Any
) -> None:
    subscribe(db, owner)
    queue_all(db)
    task = claim(db, "reconcile")
    subscribe(db, stranger, "sub_other")
    with malformed():
        complete(db, task, {"changes": changes})


# Checkouts ---------------------------------------------------------------------------------------


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


def test_round_that_fails__is_told_to_operators(db: Database, owner: Actor) -> None:
    subscribe(db, owner)
    queue_all(db)
    task = claim(db, "reconcile")
    assert fail(db, task, "Not now.", retryable=True) == "retry"
    assert problems(db) == []
    db.query(SYSTEM, "update queue.tasks set run_at = now()")
    assert fail(db, claim(db, "reconcile"), "Stripe is not set up here.") == "dead"
    (event,) = problems(db)
    assert (event["event_type"], event["severity"]) == ("reconcile.failed", "error")
    assert event["event_data"] == {
        "provider": "stripe",
        "subscriptions": 1,
        "checkouts": 0,
        "error": "Stripe is not set up here.",
    }
