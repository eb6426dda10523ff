"""Room privacy: what is too old goes, and nothing else."""

from datetime import timedelta

import pytest

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, refused
from rlstests.retention import only, run


def policy(db: Database, **values: object) -> None:
    row = {
        "relation": "private.probe",
        "condition": "always",
        "column_name": "made_at",
        "keep": "10 days",
        "action": "delete",
        **values,
    }
    marks = ", ".join(["%s"] * len(row))
    db.query(
        SYSTEM,
        f"insert into public.retention_policies ({', '.join(row)}) values ({marks})",
        *row.values(),
    )


@pytest.fixture
def probe(db: Database) -> str:
    """A table of the test's own, with one row of each age and state."""
    db.query(
        SYSTEM,
        "create table private.probe (name text, made_at timestamptz, status text, severity text, "
        "period_type text)",
    )
    for name, age, values in (
        ("old", "11 days", ("done", "info", "day")),
        ("old open", "11 days", ("pending", "error", "lifetime")),
        ("young", "9 days", ("done", "error", "month")),
        ("ageless", None, ("done", "error", "day")),
    ):
        sql = "insert into private.probe values (%s, now() - %s::interval, %s, %s, %s)"
        db.query(SYSTEM, sql, name, age, *values)
    db.query(SYSTEM, "update public.retention_policies set is_active = false")
    return "private.probe"


def names(db: Database) -> set[str]:
    return {row["name"] for row in db.query(SYSTEM, "select name from private.probe")}


def test_policies__are_seeded_with_the_promised_periods(db: Database) -> None:
    found = db.query(SYSTEM, "select * from public.retention_policies where is_active")
    periods = {f"{p['relation']}:{p['condition']}": p["keep"] for p in found}
    year, quarter, month = timedelta(days=365), timedelta(days=90), timedelta(days=30)
    assert periods == {
        "public.resumes:always": month,
        "public.jobs:always": month,
        "public.analyses:ended": quarter,
        "public.interview_sessions:ended": 2 * year,
        "public.interview_transcripts:ended": 2 * year,
        "storage.objects:interview_audio": 2 * year,
        "public.usage_events:always": year,
        "public.usage_counters:not_lifetime": year,
        "private.idempotency_keys:always": year,
        "public.audit_logs:always": year,
        "public.ai_usage:always": quarter,
        "public.system_events:always": quarter,
        "public.system_events:errors": month,
        "private.webhook_events:ended": quarter,
        "queue.finished:always": quarter,
    }


def test_seeded_policies__can_be_run(db: Database) -> None:
    sql = "select count(*) from public.system_events where event_type = 'retention.failed'"
    for dry in (True, False):
        report = run(db, dry=dry)
        assert "queue.finished:always" in report
    assert db.value(SYSTEM, sql) == 0


@pytest.mark.parametrize(
    ("condition", "gone"),
    [
        ("always", {"old", "old open"}),
        ("ended", {"old"}),
        ("errors", {"old open"}),
        ("not_lifetime", {"old"}),
    ],
)
def test_policy__takes_the_old_rows_of_its_condition(
    db: Database, probe: str, condition: str, gone: set[str]
) -> None:
    before, key = names(db), f"{probe}:{condition}"
    policy(db, condition=condition)
    dry = run(db, dry=True)[key]
    assert (dry["affected"], names(db)) == (len(gone), before)
    sql = "select last_run_at is not null as ran, last_count from public.retention_policies "
    sql += "where relation = 'private.probe'"
    assert db.one(SYSTEM, sql) == {"ran": False, "last_count": None}
    report = run(db)[key]
    assert (report["affected"], report["action"], report["is_complete"]) == (
        len(gone),
        "delete",
        True,
    )
    assert names(db) == before - gone
    assert db.one(SYSTEM, sql) == {"ran": True, "last_count": len(gone)}
    assert run(db)[key]["affected"] == 0


@pytest.mark.usefixtures("probe")
def test_policy__that_is_off_or_without_a_table_is_passed_over(db: Database) -> None:
    before = names(db)
    policy(db, is_active=False)
    policy(db, relation="public.no_such_table")
    assert run(db) == {}
    assert names(db) == before


@pytest.mark.usefixtures("probe")
def test_policy__that_cannot_be_kept_keeps_no_other_from_it(db: Database) -> None:
    policy(db, relation="private.maintenance_jobs", column_name="no_such_column")
    policy(db)
    report = run(db)
    assert report["private.probe:always"]["affected"] == 2
    assert report["private.maintenance_jobs:always"]["affected"] == 0
    sql = "select * from public.system_events where event_type = 'retention.failed'"
    event = db.one(SYSTEM, sql)
    assert (event["severity"], event["event_data"]["relation"]) == (
        "error",
        "private.maintenance_jobs",
    )


@pytest.mark.usefixtures("probe")
def test_many_rows__go_in_batches(db: Database) -> None:
    db.query(
        SYSTEM,
        "insert into private.probe (name, made_at) "
        "select 'more', now() - interval '1 year' from generate_series(1, 2500)",
    )
    policy(db)
    batch = "select private.delete_old_batch(p, 'private.probe', now() - p.keep, 1000) "
    batch += "from public.retention_policies p where p.relation = 'private.probe'"
    assert db.value(SYSTEM, batch) == 1000
    assert run(db)["private.probe:always"]["affected"] == 1502
    assert names(db) == {"young", "ageless"}


@pytest.mark.usefixtures("probe")
def test_time_that_is_up__leaves_the_rest_for_the_next_minute(db: Database) -> None:
    policy(db)
    sql = "update public.global_config set value = %s where key = 'retention_seconds'"
    db.query(SYSTEM, sql, "0")
    before = names(db)
    result = db.value(SYSTEM, "select private.maintain_retention()")
    assert result == {"affected": {}, "again": True}
    assert names(db) == before
    db.query(SYSTEM, sql, "5")
    result = db.value(SYSTEM, "select private.maintain_retention()")
    assert result == {"affected": {"private.probe:always": 2}, "again": False}


@pytest.mark.parametrize(
    "values",
    [
        {"relation": "public.profiles"},
        {"relation": "public.admin_users"},
        {"relation": "auth.users"},
        {"relation": "public.x; drop table y"},
        {"relation": "storage.objects"},
        {"relation": "storage.objects", "action": "purge_files"},
        {"relation": "storage.objects", "condition": "interview_audio"},
        {"action": "purge_files"},
        {"action": "truncate"},
        {"condition": "true or true"},
        {"condition": "interview_audio"},
        {"column_name": "made_at < now() or true --"},
        {"description": "x" * 2001},
        {"last_count": "-1"},
        {"keep": "23 hours"},
        {"keep": "-1 days"},
    ],
)
def test_policy__cannot_say_just_anything(db: Database, values: dict[str, str]) -> None:
    with refused("23514"):
        policy(db, **values)
    policy(db)


def test_policies__are_read_by_admins_and_their_changes_are_audited(
    db: Database, admin: Actor
) -> None:
    sql = "select count(*) from public.retention_policies"
    assert db.value(admin, sql) == db.value(SERVICE, sql) > 0
    only(db, "queue.finished")
    count = "select count(*) from public.audit_logs where entity_type = 'retention_policies'"
    before = db.value(SYSTEM, count)
    run(db)
    assert db.value(SYSTEM, count) == before, "a run is no change of the rules"
    db.query(
        SYSTEM,
        "update public.retention_policies set keep = '100 days' where relation = 'queue.finished'",
    )
    assert db.value(SYSTEM, count) == before + 1


def test_job__runs_every_night_at_two(db: Database) -> None:
    job = db.one(
        SYSTEM,
        "select *, to_char(next_run_at at time zone 'UTC', 'HH24:MI:SS') as at, "
        "next_run_at between now() and now() + interval '24 hours' as is_next "
        "from private.maintenance_jobs where name = 'retention'",
    )
    assert (job["at"], job["is_next"]) == ("02:00:00", True)
    assert (job["repeat_every"], job["first_run_at"]) == (timedelta(days=1), job["next_run_at"])
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = now()")
    assert "retention" in db.value(SERVICE, "select worker.run_maintenance()")["jobs"]
