"""A use whose worker was killed comes back once: kill -9 of real workers, and many sweepers."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus
from tests.integration.processes import SlowGateway, worker_process

from .documents import resume_document, upload_resume

SWEEPERS = 8
ATTEMPTS = 2
# A worker that waits for its download does nothing by the clock; the test sweeps.
PATIENT = {"RESUMEBASE_WORKER_MAINTENANCE_SECONDS": "3600"}
Connection = psycopg.Connection[DictRow]


@pytest.fixture
def database(stack: StackStatus) -> Iterator[Connection]:
    with psycopg.connect(stack.db_url, row_factory=dict_row, autocommit=True) as connection:
        yield connection


def sweep_at_once(stack: StackStatus) -> Counter[tuple[int, int]]:
    """Many sweepers at the same moment; counts what each says it took back and buried."""
    barrier = Barrier(SWEEPERS)

    def sweep(_: int) -> tuple[int, int]:
        with psycopg.connect(stack.db_url, autocommit=True) as connection:
            barrier.wait(60)
            # Not run_maintenance, of which only one runs at a time.
            found = connection.execute("select * from private.reap_expired(500)").fetchone()
            assert found is not None
            return found[0], found[1]

    with ThreadPoolExecutor(SWEEPERS) as pool:
        return Counter(pool.map(sweep, range(SWEEPERS)))


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
    stack: StackStatus, user: DemoUser, database: Connection
) -> None:
    resume_id = upload_resume(user, resume_document("Jo Roe", "Skills", "Python, SQL"))
    user.request_parse(resume_id)
    sql = "update queue.tasks set max_attempts = %s where user_id = %s"
    database.execute(sql, (ATTEMPTS, user.user_id))

    kill_one(stack)
    assert sweep_at_once(stack) == {(0, 0): SWEEPERS}, "the lease still runs"
    expire(database, user)
    assert sweep_at_once(stack) == {(1, 0): 1, (0, 0): SWEEPERS - 1}
    assert uses(database, user) == [("reserved", 1)]

    kill_one(stack)
    expire(database, user)
    assert sweep_at_once(stack) == {(0, 1): 1, (0, 0): SWEEPERS - 1}
    assert uses(database, user) == [("released", 0)]
    assert sweep_at_once(stack) == {(0, 0): SWEEPERS}
    assert uses(database, user) == [("released", 0)]
    assert user.resume(resume_id)["parse_status"] == "failed"
