"""A use whose worker was killed comes back once: kill -9 of real workers, and many sweepers."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus
from rlstests.crowd import Connection, Crowd, gathered
from tests.integration.processes import SlowGateway, worker_process

from .documents import resume_document, upload_resume

SWEEPERS = 8
ATTEMPTS = 2
# A worker that waits for its download does nothing by the clock; the test sweeps.
PATIENT = {"RESUMEBASE_WORKER_MAINTENANCE_SECONDS": "3600"}


@pytest.fixture
def database(stack: StackStatus) -> Iterator[Connection]:
    with psycopg.connect(stack.db_url, row_factory=dict_row, autocommit=True) as connection:
        yield connection


@pytest.fixture
def sweepers(stack: StackStatus) -> Iterator[Crowd]:
    with gathered(stack.db_url, SWEEPERS) as crowd:
        yield crowd


def sweep(connection: Connection, _: int) -> str:
    """Take back what expired; not by run_maintenance, of which only one runs at a time."""
    found = connection.execute("select * from private.reap_expired(500)").fetchone()
    assert found is not None
    return f"{found['requeued']} back, {found['buried']} buried"


def expire(database: Connection, user: DemoUser) -> None:
    """Let the lease of the dead worker be over now."""
    changed = database.execute(
        "update queue.tasks set lease_expires_at = now() - interval '1 second' "
        "where user_id = %s and lease_token is not null",
        (user.user_id,),
    ).rowcount
    assert changed == 1, "the killed worker had the task"


def kill_one(stack: StackStatus) -> None:
    """Start a worker, and kill it in the middle of its task."""
    with (
        SlowGateway(stack).running() as slow,
        worker_process(stack, "--kinds", "resume_parse", url=slow.url, **PATIENT) as victim,
    ):
        assert slow.holding.wait(30)
        victim.kill()
        victim.wait()


def uses(database: Connection, user: DemoUser) -> list[tuple[str, int]]:
    """The state of each use, and what the counter says."""
    rows = database.execute(
        "select e.state, c.used from public.usage_events e "
        "join public.usage_counters c on c.user_id = e.user_id and c.meter = 'ai_actions' "
        "where e.user_id = %s",
        (user.user_id,),
    )
    return [(row["state"], row["used"]) for row in rows]


def test_workers_killed_until_the_last_attempt__give_the_use_back_once(
    stack: StackStatus, user: DemoUser, database: Connection, sweepers: Crowd
) -> None:
    resume_id = upload_resume(user, resume_document("Jo Roe", "Skills", "Python, SQL"))
    user.request_parse(resume_id)
    sql = "update queue.tasks set max_attempts = %s where user_id = %s"
    database.execute(sql, (ATTEMPTS, user.user_id))

    kill_one(stack)
    nothing = "0 back, 0 buried"
    # All of them have found the task before the first may take it back.
    account = f"select 1 from public.profiles where id = '{user.user_id}' for update"
    assert sweepers.at_once(sweep) == {nothing: SWEEPERS}, "the lease still runs"
    expire(database, user)
    outcomes = sweepers.at_once(sweep, behind=account)
    assert outcomes == {"1 back, 0 buried": 1, nothing: SWEEPERS - 1}
    assert uses(database, user) == [("reserved", 1)]

    kill_one(stack)
    expire(database, user)
    outcomes = sweepers.at_once(sweep, behind=account)
    assert outcomes == {"0 back, 1 buried": 1, nothing: SWEEPERS - 1}
    assert uses(database, user) == [("released", 0)]
    assert sweepers.at_once(sweep) == {nothing: SWEEPERS}
    assert uses(database, user) == [("released", 0)]
    assert user.resume(resume_id)["parse_status"] == "failed"
