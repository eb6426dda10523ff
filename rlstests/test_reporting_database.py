"""Room reporting, second file: whether the books agree, and how the database is doing."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import SYSTEM, Actor, Database, Row
from rlstests.billing_rows import subscribe
from rlstests.reporting_rows import named, report

UPLOAD = (
    "insert into storage.objects (bucket_id, name, created_at) "
    "values (%s, %s, now() - make_interval(days => %s))"
)


def problems(db: Database, admin: Actor, check: str) -> tuple[int, set[str]]:
    """How many problems a check found, and all of them."""
    found = db.query(
        SYSTEM, "select problem from private.check_consistency() where name = %s", check
    )
    row = named(report(db, admin, "report_consistency()"), "check_name", check)
    texts = {r["problem"] for r in found}
    assert row["problems"] == len(found)
    assert len(row["examples"]) == min(len(found), 5)
    assert set(row["examples"]) <= texts
    return len(found), texts


def test_books__agree_from_the_start(db: Database, owner: Actor, admin: Actor) -> None:
    rows = report(db, admin, "report_consistency()")
    assert len(rows) == 7
    for check in (row["check_name"] for row in rows):
        assert not any(str(owner.user_id) in p for p in problems(db, admin, check)[1]), check


def test_subscription_that_still_runs_beside_another__is_found(
    db: Database, owner: Actor, admin: Actor
) -> None:
    check = "more than one live subscription"
    subscribe(db, owner, "sub_1", superseded_at="now")
    subscribe(db, owner, "sub_2", status="canceled")
    subscribe(db, owner, "sub_3", status="incomplete")
    granted: dict[str, Any] = {"provider": "manual", "provider_subscription_id": None}
    subscribe(db, owner, **granted, superseded_at="now")
    assert str(owner.user_id) not in problems(db, admin, check)[1]
    subscribe(db, owner, "sub_4")
    assert str(owner.user_id) in problems(db, admin, check)[1]


def test_profile_that_shows_another_plan__is_found(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    check = "profile differs from subscription"
    subscribe(db, stranger)
    before, found = problems(db, admin, check)
    assert str(stranger.user_id) not in found
    for column in ("subscription_tier = 'coach'", "subscription_status = 'active'"):
        with db.connection.transaction(force_rollback=True):
            db.query(SYSTEM, f"update public.profiles set {column} where id = %s", owner.user_id)
            assert problems(db, admin, check) == (before + 1, found | {str(owner.user_id)})


@pytest.mark.parametrize("column", ["current_balance", "debt"])
def test_balance_that_is_not_its_ledger__is_found(
    db: Database, owner: Actor, admin: Actor, column: str
) -> None:
    check = "ledger differs from balance"
    for kind, amount, status in (("grant", 5, "completed"), ("purchase", 9, "pending")):
        db.query(
            SYSTEM,
            "insert into public.token_transactions (user_id, transaction_type, amount, status) "
            "values (%s, %s, %s, %s)",
            owner.user_id,
            kind,
            amount,
            status,
        )
    assert str(owner.user_id) not in problems(db, admin, check)[1]
    db.query(SYSTEM, "alter table public.token_balances disable trigger _200_guard_ledger")
    sql = f"update public.token_balances set {column} = 6 where user_id = %s"
    db.query(SYSTEM, sql, owner.user_id)
    assert str(owner.user_id) in problems(db, admin, check)[1]


def test_user_without_balance__is_found(db: Database, owner: Actor, admin: Actor) -> None:
    db.query(SYSTEM, "delete from public.token_balances where user_id = %s", owner.user_id)
    assert str(owner.user_id) in problems(db, admin, "ledger differs from balance")[1]


def reserve(db: Database, user: Actor) -> Row:
    sql = "select * from private.reserve_usage(%s, 'resume_parse', null, '{}')"
    return db.one(SYSTEM, sql, user.user_id)


@pytest.mark.parametrize(
    "damage",
    [
        "update public.usage_counters set used = used + 1 where user_id = %s",
        "update public.usage_counters set used = 0 where user_id = %s",
        "delete from public.usage_counters where user_id = %s",
        "delete from public.usage_events where user_id = %s",
    ],
)
def test_counter_that_is_not_its_events__is_found(
    db: Database, owner: Actor, admin: Actor, damage: str
) -> None:
    check = "counters differ from events"
    reserve(db, owner)
    kept = reserve(db, owner)
    db.query(SYSTEM, "select private.settle_usage(%s)", kept["usage_event_id"])
    dropped = reserve(db, owner)
    db.query(SYSTEM, "select private.release_usage(%s)", dropped["usage_event_id"])
    problem = f"{owner.user_id} ai_actions lifetime"
    assert problem not in problems(db, admin, check)[1]
    db.query(SYSTEM, damage, owner.user_id)
    assert problem in problems(db, admin, check)[1]


def test_counter_whose_events_were_forgotten__is_none(
    db: Database, owner: Actor, admin: Actor
) -> None:
    reserve(db, owner)
    db.query(
        SYSTEM,
        "insert into public.usage_counters (user_id, meter, period_type, period_key, used) "
        "values (%s, 'interviews', 'month', '2024-01', 3), "
        "(%s, 'interviews', 'day', '2024-01-31', 3)",
        owner.user_id,
        owner.user_id,
    )
    db.query(
        SYSTEM,
        "update public.profiles set created_at = now() - interval '2 years' where id = %s",
        owner.user_id,
    )
    db.query(SYSTEM, "delete from public.usage_events where user_id = %s", owner.user_id)
    found = problems(db, admin, "counters differ from events")[1]
    assert not any(str(owner.user_id) in problem for problem in found)


def test_account_of_half_a_user__is_found(db: Database, owner: Actor, admin: Actor) -> None:
    db.query(SYSTEM, "delete from public.profiles where id = %s", owner.user_id)
    assert str(owner.user_id) in problems(db, admin, "auth user without profile")[1]
    ghost = uuid4()
    db.query(SYSTEM, "alter table public.profiles drop constraint profiles_id_fkey")
    db.query(SYSTEM, "insert into public.profiles (id) values (%s)", ghost)
    assert str(ghost) in problems(db, admin, "profile without auth user")[1]


def test_files_of_nobody_and_forgotten_uploads__are_found(
    db: Database, owner: Actor, admin: Actor
) -> None:
    names = [f"{owner.user_id}/{uuid4()}.pdf" for _ in range(3)]
    for name, days in zip(names, (0, 2, 2), strict=True):
        db.query(SYSTEM, UPLOAD, "resumes", name, days)
    db.query(owner, "insert into public.resumes (file_path) values (%s)", names[2])
    foreign = f"{uuid4()}/{uuid4()}.pdf"
    db.query(SYSTEM, UPLOAD, "resumes", foreign, 0)
    found = problems(db, admin, "orphaned file")[1]
    assert {f"resumes/{names[1]}", f"resumes/{foreign}"} <= found
    assert not {f"resumes/{names[0]}", f"resumes/{names[2]}"} & found


def test_table_sizes__hold_partitions_too(db: Database, admin: Actor) -> None:
    rows = report(db, admin, "report_table_sizes()")
    names = [row["table_name"] for row in rows]
    assert len(names) == len(set(names))
    assert {"public.profiles", "public.usage_events", "private.webhook_events"} <= set(names)
    assert not any("default" in name for name in names)
    assert named(rows, "table_name", "public.profiles")["index_bytes"] > 0
    events = named(rows, "table_name", "public.usage_events")
    assert events["total_bytes"] > events["index_bytes"] > 0
    sizes = [row["total_bytes"] for row in rows]
    assert sizes == sorted(sizes, reverse=True)


def test_index_use__begins_with_the_least_used(db: Database, admin: Actor) -> None:
    rows = report(db, admin, "report_index_use()")
    key = named(rows, "index_name", "profiles_pkey")
    assert (key["table_name"], key["bytes"] > 0) == ("public.profiles", True)
    scans = [row["scans"] for row in rows]
    assert scans == sorted(scans)


def test_connections_and_open_transactions__show_the_oldest(
    db: Database, admin: Actor, stack: StackStatus
) -> None:
    with psycopg.connect(stack.db_url, application_name="dawdler") as other:
        other.execute("select 1")
        db.query(SYSTEM, "select pg_stat_clear_snapshot()")
        rows = report(db, admin, "report_connections()")
        idle = [r for r in rows if r["state"] == "idle in transaction"]
        assert sum(r["connections"] for r in idle) >= 1
        assert all(r["max_connections"] >= r["connections"] > 0 for r in rows)
        opened = report(db, admin, "report_open_transactions()")
        assert named(opened, "application", "dawdler")["open_for"].total_seconds() >= 0
        started = [r["started_at"] for r in opened]
        assert started == sorted(started)
        assert len(opened) <= 10


def test_slow_queries__say_why_there_are_none(db: Database, admin: Actor) -> None:
    installed = db.query(SYSTEM, "select 1 from pg_extension where extname = 'pg_stat_statements'")
    row = report(db, admin, "report_slow_queries()")[0]["report_slow_queries"]
    assert set(row) == {"queries", "note"}
    assert (row["note"] is None) == bool(row["queries"])
    if not installed:
        assert "not installed" in row["note"]
