"""Room privacy: accounts and files go for good, once, and only those that are meant."""

from uuid import uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.purges import (
    ask,
    claim,
    claim_account,
    complete,
    exists,
    leave,
    maintain,
    put,
    remove,
    tombstones,
)


@pytest.fixture
def task(db: Database, owner: Actor) -> Row:
    return claim_account(db, owner)


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
