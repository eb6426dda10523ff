"""Room privacy: how what is too old goes: months, files, and beside people at work."""

import json
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import SYSTEM, Actor, Database
from rlstests.retention import only, run
from rlstests.samples import make_row, rows

# Partitions


def event(db: Database, at: str) -> UUID:
    sql = "insert into public.system_events (event_type, created_at) values ('probe.made', %s) "
    made = db.value(SYSTEM, sql + "returning id", at)
    assert isinstance(made, UUID)
    return made


def test_months_that_are_over__are_dropped_whole(db: Database) -> None:
    only(db, "public.system_events")
    for month in ("2020-01-01", "2020-02-01"):
        db.query(
            SYSTEM,
            "select private.ensure_month_partition('public.system_events', 'created_at', %s)",
            month,
        )
    event(db, "2020-01-10")
    event(db, "2020-02-10")
    event(db, "2019-12-31")
    young = db.value(
        SYSTEM,
        "insert into public.system_events (event_type, created_at) "
        "values ('probe.made', now() - interval '89 days') returning id",
    )
    assert run(db, dry=True)["public.system_events:always"]["affected"] == 3
    # Dropping locks the whole table until the transaction ends: the rest comes in another one.
    first = run(db)["public.system_events:always"]
    assert (first["affected"], first["is_complete"]) == (2, False)
    second = run(db)["public.system_events:always"]
    assert (second["affected"], second["is_complete"]) == (1, True)
    for name, is_there in (("2020_01", False), ("2020_02", False), ("default", True)):
        sql = "select to_regclass(%s) is not null"
        assert db.value(SYSTEM, sql, f"private.system_events_{name}") is is_there
    sql = "select id from public.system_events where event_type = 'probe.made'"
    assert db.query(SYSTEM, sql) == [{"id": young}]


def test_month_that_is_dropped__leaves_the_other_policies_for_later(db: Database) -> None:
    sql = "select private.ensure_month_partition('public.ai_usage', 'created_at', '2020-01-01')"
    db.query(SYSTEM, sql)
    only(db, "public.ai_usage")
    sql = "update public.retention_policies set is_active = true where relation = %s"
    db.query(SYSTEM, sql, "public.system_events")
    event(db, "2020-02-10")
    first = run(db)
    assert not first["public.ai_usage:always"]["is_complete"]
    later = first["public.system_events:always"]
    assert (later["affected"], later["is_complete"]) == (0, False)
    assert run(db)["public.system_events:always"]["affected"] == 1


def test_month_with_young_rows__loses_the_old_ones_only(db: Database) -> None:
    db.query(
        SYSTEM,
        "select private.ensure_month_partition('public.system_events', 'created_at', '2020-01-01')",
    )
    old, young = event(db, "2020-01-10"), event(db, "2020-01-20")
    db.query(
        SYSTEM,
        "update public.retention_policies set is_active = relation = 'public.system_events', "
        "keep = now() - '2020-01-15'::timestamptz where condition = 'always'",
    )
    assert run(db)["public.system_events:always"]["affected"] == 1
    found = db.query(SYSTEM, "select id from public.system_events where event_type = 'probe.made'")
    assert found == [{"id": young}]
    assert old != young


def test_condition__drops_no_partition(db: Database) -> None:
    db.query(
        SYSTEM,
        "select private.ensure_month_partition('public.system_events', 'created_at', '2020-01-01')",
    )
    only(db, "public.system_events", "errors")
    kept = event(db, "2020-01-10")
    run(db)
    found = db.query(SYSTEM, "select id from public.system_events where event_type = 'probe.made'")
    assert found == [{"id": kept}]


def test_partition_in_use__is_dropped_another_time(stack: StackStatus, db: Database) -> None:
    sql = "select private.drop_old_partitions('public.usage_events', now() + interval '40 days')"
    table = "select to_regclass('private.usage_events_' || to_char(now(), 'YYYY_MM')) is not null"
    with psycopg.connect(stack.db_url) as reader:
        reader.execute("select count(*) from public.usage_events")
        assert db.value(SYSTEM, sql) == 0
        assert db.value(SYSTEM, table) is True
        reader.rollback()
    db.value(SYSTEM, sql)
    assert db.value(SYSTEM, table) is False


# Files


def tasks(db: Database) -> list[dict[str, list[str]]]:
    sql = "select payload from queue.tasks where kind = 'purge_files' and user_id is null"
    return [row["payload"]["files"] for row in db.query(SYSTEM, sql)]


def test_trash__is_emptied_with_its_files(db: Database, owner: Actor) -> None:
    only(db, "public.resumes")
    paths = [f"{owner.user_id}/{uuid4()}.pdf" for _ in range(3)]
    for title, path, age in (
        ("Gone", paths[0], "31 days"),
        ("Trashed", paths[1], "29 days"),
        ("Live", paths[2], None),
    ):
        db.query(
            SYSTEM,
            "insert into public.resumes (user_id, title, file_path, thumbnail_path, "
            "exported_pdf_path, deleted_at) values (%s, %s, %s, %s, %s, now() - %s::interval)",
            owner.user_id,
            title,
            path,
            f"{path}.png",
            f"{path}.pdf",
            age,
        )
    assert run(db)["public.resumes:always"]["affected"] == 1
    sql = "select title from public.resumes where user_id = %s order by title"
    assert [r["title"] for r in db.query(SYSTEM, sql, owner.user_id)] == ["Live", "Trashed"]
    assert tasks(db) == [{"resumes": [paths[0]], "exports": [f"{paths[0]}.pdf", f"{paths[0]}.png"]}]


def test_old_recordings__are_queued_once_in_small_tasks(db: Database, owner: Actor) -> None:
    only(db, "storage.objects", "interview_audio")
    for bucket, days in (("interview-audio", 731), ("interview-audio", 729), ("resumes", 731)):
        db.query(
            SYSTEM,
            "insert into storage.objects (bucket_id, name, created_at) "
            "select %s, %s || n, now() - make_interval(days => %s) from generate_series(1, 30) n",
            bucket,
            f"{owner.user_id}/{days}-",
            days,
        )
    for _ in range(2):
        assert run(db)["storage.objects:interview_audio"]["affected"] == 30
    assert [len(files["interview-audio"]) for files in tasks(db)] == [30]
    db.query(
        SYSTEM,
        "select private.enqueue_file_purge(jsonb_agg(jsonb_build_object('bucket', 'exports', "
        "'name', n::text))) from generate_series(1, 101) n",
    )
    sizes = sorted(len(files["exports"]) for files in tasks(db) if "exports" in files)
    assert sizes == [1, 50, 50]
    assert len(json.dumps(tasks(db)[0])) < 65536


def test_account_that_is_being_deleted__keeps_nobody_waiting(stack: StackStatus) -> None:
    user_id = uuid4()
    count = "select count(*) from public.resumes where user_id = %s"
    sql = "select private.delete_old_batch(p, 'public.resumes', now(), 1000) "
    sql += "from public.retention_policies p where p.relation = 'public.resumes'"
    with psycopg.connect(stack.db_url, autocommit=True) as setup:
        setup.execute(
            "insert into auth.users (id, email) values (%s, %s)", (user_id, f"{user_id}@x.org")
        )
        setup.execute(
            "insert into public.resumes (user_id, deleted_at) values (%s, now() - interval '1 y')",
            (user_id,),
        )
        try:
            with (
                psycopg.connect(stack.db_url) as leaving,
                psycopg.connect(stack.db_url, options="-c lock_timeout=2s") as retention,
            ):
                leaving.execute("select 1 from profiles where id = %s for update", (user_id,))
                retention.execute(sql)
                assert retention.execute(count, (user_id,)).fetchone() == (1,)
                leaving.rollback()
                retention.execute(sql)
                assert retention.execute(count, (user_id,)).fetchone() == (0,)
                retention.rollback()
        finally:
            setup.execute("delete from auth.users where id = %s", (user_id,))


@pytest.mark.parametrize(
    ("relation", "condition", "days", "ended"),
    [
        ("public.analyses", "ended", 90, "status = 'cancelled', "),
        ("public.interview_sessions", "ended", 730, "status = 'abandoned', "),
        ("public.interview_transcripts", "ended", 730, "status = 'cancelled', "),
        ("public.jobs", "always", 30, ""),
        ("public.ai_usage", "always", 90, ""),
        (
            "public.usage_counters",
            "not_lifetime",
            365,
            "period_type = 'day', period_key = '2020-01-01', ",
        ),
        ("private.idempotency_keys", "always", 365, ""),
        ("queue.finished", "always", 90, ""),
    ],
)
def test_seeded_policy__takes_a_row_the_day_it_is_too_old(
    db: Database, owner: Actor, relation: str, condition: str, days: int, ended: str
) -> None:
    only(db, relation, condition)
    make_row(db, relation, owner)
    assert rows(db, relation, owner), "positive control: there is a row"
    column = db.value(
        SYSTEM,
        "select column_name from public.retention_policies where relation = %s and condition = %s",
        relation,
        condition,
    )
    for age, is_left in ((days - 2, True), (days + 2, False)):
        db.query(
            SYSTEM,
            f"update {relation} set {ended}{column} = now() - make_interval(days => %s) "
            "where user_id = %s",
            age,
            owner.user_id,
        )
        run(db)
        assert bool(rows(db, relation, owner)) is is_left


@pytest.mark.parametrize(
    "relation", ["public.analyses", "public.interview_sessions", "public.interview_transcripts"]
)
def test_open_row__stays_however_old_it_is(db: Database, owner: Actor, relation: str) -> None:
    only(db, relation, "ended")
    make_row(db, relation, owner)
    state = "active" if relation == "public.interview_sessions" else "pending"
    db.query(
        SYSTEM,
        f"update {relation} set status = '{state}', created_at = now() - interval '9 years'",
    )
    run(db)
    assert rows(db, relation, owner)
