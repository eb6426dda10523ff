"""Room platform: the clock of the database, where there is one."""

import pytest

from rlstests.actors import SYSTEM, Database

SCHEDULE = "select private.schedule_maintenance()"
COMMAND = "select worker.run_maintenance()"


@pytest.fixture
def cron(db: Database) -> None:
    """What pg_cron offers: jobs with a unique name."""
    db.query(SYSTEM, "create schema cron")
    db.query(SYSTEM, "create table cron.job (jobname text unique, schedule text, command text)")
    db.query(
        SYSTEM,
        "create function cron.schedule(job_name text, schedule text, command text) "
        "returns bigint language sql as $$ insert into cron.job values ($1, $2, $3) "
        "on conflict (jobname) do update set schedule = $2, command = $3 returning 1::bigint $$",
    )


def test_without_pg_cron__the_workers_keep_the_clock(db: Database) -> None:
    if db.query(SYSTEM, "select 1 from pg_available_extensions where name = 'pg_cron'"):
        pytest.skip("this Postgres has pg_cron")
    assert db.value(SYSTEM, "select private.make_cron()") == "absent"
    assert db.value(SYSTEM, SCHEDULE) is False


@pytest.mark.usefixtures("cron")
def test_maintenance__is_one_job_that_runs_every_minute(db: Database) -> None:
    for _ in range(2):
        assert db.value(SYSTEM, SCHEDULE) is True
    job = db.one(SYSTEM, "select * from cron.job")
    assert job == {
        "jobname": "resumebase-maintenance",
        "schedule": "* * * * *",
        "command": COMMAND,
    }
    assert set(db.value(SYSTEM, job["command"])) == {"reaped", "dead", "jobs"}


@pytest.mark.usefixtures("cron")
def test_pg_cron_that_refuses__fails_no_migration(db: Database) -> None:
    db.query(SYSTEM, "alter table cron.job add check (false)")
    assert db.value(SYSTEM, SCHEDULE) is False
    assert db.query(SYSTEM, "select 1 from cron.job") == []
