"""Room privacy: what is left of an account that is gone, by a purge or by other means."""

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row
from rlstests.billing_rows import subscribe
from rlstests.purges import ask, claim, claim_account, complete, exists, put, remove, tombstones


@pytest.fixture
def task(db: Database, owner: Actor) -> Row:
    return claim_account(db, owner)


def leave_traces(db: Database, owner: Actor) -> None:
    """Write from a browser, as somebody who may write more than the owner."""
    with db.acting(owner) as connection:
        headers = '{"user-agent": "My browser", "x-forwarded-for": "192.0.2.9"}'
        connection.execute("select set_config('request.headers', %s, true)", (headers,))
        connection.execute("reset role")
        connection.execute("update public.profiles set bio = 'Secret life.'")
        connection.execute("select private.record_event('probe.made', '{\"a\": 1}', auth.uid())")
        connection.execute(
            "insert into public.feedback (content, context) values ('0123456789', '{\"ip\": 1}')"
        )
        connection.execute("select set_config('request.headers', '', true)")


def test_purged_account__leaves_one_line_without_a_name(
    db: Database, owner: Actor, stranger: Actor, task: Row
) -> None:
    leave_traces(db, owner)
    db.query(SYSTEM, "update public.profiles set deleted_at = null where id = %s", stranger.user_id)
    ask(db, task)
    remove(db, owner)
    complete(db, task)
    assert not exists(db, owner)
    assert db.query(SYSTEM, "select 1 from public.profiles where id = %s", owner.user_id) == []
    (tombstone,) = tombstones(db, owner)
    assert [tombstone[key] for key in ("user_id", "changes", "ip_address", "user_agent")] == [
        None
    ] * 4
    sql = "select * from public.audit_logs where owner_id = %s"
    for row in db.query(SYSTEM, sql, owner.user_id):
        assert not (row["changes"] or {}).get("after")
        assert (row["user_id"], row["ip_address"], row["user_agent"]) == (None, None, None)
    (event,) = db.query(SYSTEM, "select * from public.system_events where event_type='probe.made'")
    assert (event["event_data"], event["user_id"], event["ip_address"], event["user_agent"]) == (
        {},
        None,
        None,
        None,
    )
    sql = "select user_id, context from public.feedback where content = '0123456789'"
    assert db.one(SYSTEM, sql) == {"user_id": None, "context": {}}
    # The stranger, changed by the same statement, keeps their history; where from it was is gone.
    (row,) = db.query(
        SYSTEM,
        "select * from public.audit_logs where owner_id = %s and changes #>> '{after,bio}' "
        "= 'Secret life.'",
        stranger.user_id,
    )
    assert (row["user_id"], row["ip_address"], row["user_agent"]) == (None, None, None)
    assert exists(db, stranger)
    assert db.value(SYSTEM, "select outcome from queue.finished where id = %s", task["id"]) == (
        "done"
    )


def test_account_that_is_gone_already__still_loses_its_files(
    db: Database, owner: Actor, task: Row
) -> None:
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    assert len(ask(db, task)["files"]["resumes"]) == 1
    remove(db, owner)
    complete(db, task)
    assert len(tombstones(db, owner)) == 1


def test_account_deleted_through_auth__is_forgotten_and_loses_its_files(
    db: Database, owner: Actor
) -> None:
    name = put(db, owner)
    db.query(SYSTEM, "update public.profiles set bio = 'Secret.' where id = %s", owner.user_id)
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    sql = "select 1 from public.audit_logs where owner_id = %s and changes -> 'after' <> '{}'"
    assert db.query(SYSTEM, sql, owner.user_id) == []
    (task,) = claim(db)
    assert ask(db, task) == {"status": "confirmed", "files": {"resumes": [name]}}
    remove(db, owner)
    complete(db, task)
    assert len(tombstones(db, owner)) == 1


def test_subscriptions_that_still_run__are_ended_when_their_account_goes(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    subscribe(db, owner, "sub_paused", status="paused")
    subscribe(db, owner, "sub_over", status="canceled")
    subscribe(db, owner, "sub_open", status="incomplete", provider="razorpay")
    subscribe(db, stranger, "sub_theirs")
    granted = db.add_user("granted")
    subscribe(db, granted, provider="manual", provider_subscription_id=None)
    for actor in (owner, granted):
        db.query(SYSTEM, "delete from auth.users where id = %s", actor.user_id)
    tasks = db.query(
        SYSTEM,
        "select user_id, payload from queue.tasks where kind = 'cancel_subscription' "
        "order by payload ->> 'provider'",
    )
    assert [row["payload"] for row in tasks] == [
        {"provider": provider, "provider_subscription_id": name, "at_period_end": False}
        for provider, name in (("razorpay", "sub_open"), ("stripe", "sub_paused"))
    ]
    # A task of theirs would go with the account.
    assert {row["user_id"] for row in tasks} == {None}


def test_account_without_files__leaves_no_task_when_it_is_deleted(
    db: Database, owner: Actor
) -> None:
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    assert claim(db) == []


def test_history_of_others__keeps_where_it_came_from(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    leave_traces(db, stranger)
    sql = (
        "select count(*) from public.audit_logs where owner_id = %s "
        "and ip_address is not null and user_agent is not null"
    )
    before = db.value(SYSTEM, sql, stranger.user_id)
    assert before > 0
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    assert db.value(SYSTEM, sql, stranger.user_id) == before


@pytest.mark.parametrize("deleted_at", [None, "now"])
def test_confirmation__is_of_one_account(
    db: Database, owner: Actor, stranger: Actor, deleted_at: str | None
) -> None:
    assert ask(db, claim_account(db, stranger))["status"] == "confirmed"
    task = claim_account(db, owner)
    sql = "update public.profiles set deleted_at = %s where id = %s"
    db.query(SYSTEM, sql, deleted_at, owner.user_id)
    assert ask(db, task)["status"] != "confirmed"
    assert db.query(SYSTEM, "select user_id from private.account_purges") == [
        {"user_id": stranger.user_id}
    ]


def test_feedback_of_others__keeps_its_context(db: Database, owner: Actor, stranger: Actor) -> None:
    leave_traces(db, stranger)
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    sql = "select context from public.feedback where user_id = %s"
    assert db.value(SYSTEM, sql, stranger.user_id) == {"ip": 1}
