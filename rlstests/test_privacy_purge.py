"""Room privacy: accounts and files go for good, once, and only those that are meant."""

from uuid import uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.billing_rows import subscribe
from rlstests.purges import ask, claim, complete, put, remove


def leave(db: Database, actor: Actor, days: int = 30) -> None:
    sql = "update public.profiles set deleted_at = now() - make_interval(days => %s) where id = %s"
    db.query(SYSTEM, sql, days, actor.user_id)


def maintain(db: Database) -> int:
    return int(db.value(SYSTEM, "select private.maintain_account_purges()")["queued"])


def exists(db: Database, actor: Actor) -> bool:
    sql = "select exists (select 1 from auth.users where id = %s)"
    return bool(db.value(SYSTEM, sql, actor.user_id))


def tombstones(db: Database, actor: Actor) -> list[Row]:
    sql = "select * from public.audit_logs where owner_id = %s and action = 'account.purge'"
    return db.query(SYSTEM, sql, actor.user_id)


@pytest.fixture
def task(db: Database, owner: Actor) -> Row:
    """The owner's purge, claimed; files and rows are still there."""
    put(db, owner)
    leave(db, owner)
    assert maintain(db) == 1
    (claimed,) = claim(db)
    return claimed


# When


def test_account__is_queued_once_when_its_time_is_up(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    leave(db, owner, 29)
    assert maintain(db) == 0
    leave(db, owner, 30)
    assert maintain(db) == 1
    assert maintain(db) == 0
    (task,) = claim(db)
    assert (task["kind"], task["user_id"]) == ("purge_account", None)
    assert task["payload"] == {"user_id": str(owner.user_id)}
    assert maintain(db) == 0
    fail = "select worker.fail_task(%s, %s, 'x', false)"
    assert db.value(SERVICE, fail, task["id"], task["lease_token"]) == "dead"
    assert exists(db, owner)
    assert maintain(db) == 1, "what failed for good is tried again"
    assert exists(db, stranger)


def test_maintenance__has_the_job(db: Database, owner: Actor) -> None:
    leave(db, owner)
    db.query(
        SYSTEM,
        "update private.maintenance_jobs set next_run_at = now() where name = 'account_purges'",
    )
    assert "account_purges" in db.value(SERVICE, "select worker.run_maintenance()")["jobs"]
    assert len(claim(db)) == 1


# The files first


def test_purge__names_the_files_of_the_account_until_none_is_left(
    db: Database, owner: Actor, stranger: Actor, task: Row
) -> None:
    put(db, stranger)
    picture = put(db, owner, "avatars")
    answer = ask(db, task)
    assert answer["status"] == "confirmed"
    assert set(answer["files"]) == {"resumes", "avatars"}
    assert answer["files"]["avatars"] == [picture]
    assert str(stranger.user_id) not in str(answer)
    remove(db, owner)
    assert ask(db, task) == {"status": "confirmed", "files": {}}
    sql = "select user_id from private.account_purges"
    assert db.query(SYSTEM, sql) == [{"user_id": owner.user_id}]


def test_purge__names_a_thousand_files_at_a_time(db: Database, owner: Actor, task: Row) -> None:
    db.query(
        SYSTEM,
        "insert into storage.objects (bucket_id, name) "
        "select 'exports', %s || '/' || n from generate_series(1, 1005) n",
        str(owner.user_id),
    )
    assert sum(len(names) for names in ask(db, task)["files"].values()) == 1000


def test_purge__cannot_end_while_files_are_left(db: Database, owner: Actor, task: Row) -> None:
    ask(db, task)
    with refused("PT422", match="Files are left"):
        complete(db, task)
    assert exists(db, owner)
    remove(db, owner)
    complete(db, task)
    assert not exists(db, owner)


@pytest.mark.parametrize("result", [{}, {"status": "done"}, [], "purged", None])
def test_purge__takes_no_other_result(
    db: Database, owner: Actor, task: Row, result: object
) -> None:
    ask(db, task)
    remove(db, owner)
    with refused("PT422"):
        complete(db, task, {} if result is None else result)
    assert exists(db, owner)


def test_purge__is_not_believed_unless_it_asked(db: Database, owner: Actor, task: Row) -> None:
    remove(db, owner)
    with refused("PT422", match="not confirmed"):
        complete(db, task)
    assert exists(db, owner)


# Whoever stays


def test_account_that_was_kept__loses_nothing(db: Database, owner: Actor, task: Row) -> None:
    assert db.value(owner, "select public.cancel_account_deletion()") is True
    assert ask(db, task) == {"status": "kept", "files": {}}
    complete(db, task, {"status": "kept", "removed": 0})
    assert exists(db, owner)
    assert tombstones(db, owner) == []
    assert db.query(SYSTEM, "select 1 from private.account_purges") == []


def test_account_that_has_time_left_again__loses_nothing(
    db: Database, owner: Actor, task: Row
) -> None:
    leave(db, owner, 1)
    assert ask(db, task)["status"] == "kept"
    assert db.query(SYSTEM, "select 1 from private.account_purges") == []


def test_account__cannot_be_kept_once_its_files_go(db: Database, owner: Actor, task: Row) -> None:
    ask(db, task)
    with refused("PT409"):
        db.query(owner, "select public.cancel_account_deletion()")
    # Nor does a longer period bring it back.
    leave(db, owner, 1)
    assert ask(db, task)["status"] == "confirmed"


def test_account_that_an_operator_brought_back__stays(
    db: Database, owner: Actor, task: Row
) -> None:
    ask(db, task)
    db.query(SYSTEM, "update public.profiles set deleted_at = null where id = %s", owner.user_id)
    remove(db, owner)
    with refused("PT422", match="not confirmed"):
        complete(db, task)
    assert exists(db, owner)
    assert ask(db, task)["status"] == "kept"
    assert db.query(SYSTEM, "select 1 from private.account_purges") == []


# What is left


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


def test_subscriptions_that_still_run__are_named_when_their_account_goes(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    db.query(SYSTEM, "delete from public.system_events")
    subscribe(db, owner, "sub_paused", status="paused")
    subscribe(db, owner, "sub_over", status="canceled")
    subscribe(db, owner, "sub_open", status="incomplete", provider="razorpay")
    subscribe(db, stranger, "sub_theirs")
    granted = db.add_user("granted")
    subscribe(db, granted, provider="manual", provider_subscription_id=None)
    for actor in (owner, granted):
        db.query(SYSTEM, "delete from auth.users where id = %s", actor.user_id)
    found = db.query(
        SYSTEM,
        "select severity, user_id, event_data from public.system_events "
        "where event_type = 'subscription.left_running' and created_at = now() "
        "order by event_data ->> 'provider'",
    )
    data = [row["event_data"] for row in found]
    assert data == [
        {"provider": "razorpay", "provider_subscription_id": "sub_open"},
        {"provider": "stripe", "provider_subscription_id": "sub_paused"},
    ]
    assert {(row["severity"], row["user_id"]) for row in found} == {("warning", None)}


def test_account_without_files__leaves_no_task_when_it_is_deleted(
    db: Database, owner: Actor
) -> None:
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    assert claim(db) == []


# Who may ask


def test_files_to_purge__is_for_workers_with_the_lease(
    db: Database, owner: Actor, admin: Actor, task: Row
) -> None:
    for actor in (owner, admin, ANON):
        with refused("42501", match=NO_GRANT):
            db.query(actor, "select worker.files_to_purge(%s, %s)", task["id"], task["lease_token"])
    for token in (uuid4(), None):
        with refused("PT409"):
            ask(db, {**task, "lease_token": token})
    with refused("PT409"):
        ask(db, {**task, "id": uuid4()})
    assert db.query(SYSTEM, "select 1 from private.account_purges") == []
