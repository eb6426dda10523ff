"""Room billing: subscriptions that are looked up at their provider, by night and on demand."""

from datetime import UTC
from typing import Any
from uuid import uuid4

import pytest

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, refused
from rlstests.billing_rows import subscribe
from rlstests.reconcile_helpers import ask, change, end_all, problems, queue_all, queued, status
from rlstests.request_helpers import claim, complete, fail, malformed


@pytest.fixture(autouse=True)
def nobody_else(db: Database) -> None:
    end_all(db)


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
