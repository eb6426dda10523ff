"""What two sessions do at the same moment with AI requests: nobody waits for ever."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.ai_helpers import CONTENT
from rlstests.sessions import session
from rlstests.test_ai_results import RESULT
from rlstests.test_races import DEADLOCK, ROUNDS, Account, at_once

Action = Callable[[psycopg.Connection], None]


class Applicant(Account):
    """A committed user on a plan without limits, with a résumé that has content, and a job."""

    def __init__(self, db_url: str) -> None:
        super().__init__(db_url)
        self.job_id = uuid4()
        with session(db_url) as connection:
            connection.execute(
                "update public.profiles set subscription_tier = 'unlimited' where id = %s",
                (self.user_id,),
            )
            connection.execute(
                "update public.resumes set content = %s where id = %s",
                (json.dumps(CONTENT), self.resume_id),
            )
            connection.execute(
                "insert into public.jobs (id, user_id, title, description) "
                "values (%s, %s, 'Programmer', 'Engines.')",
                (self.job_id, self.user_id),
            )

    def act(self, connection: psycopg.Connection) -> None:
        """Be this user until the transaction ends."""
        connection.execute(
            "select set_config('role', 'authenticated', true), "
            "set_config('request.jwt.claim.sub', %s, true), "
            "set_config('request.jwt.claims', %s, true)",
            (str(self.user_id), json.dumps({"sub": str(self.user_id)})),
        )

    def analyse(self, kind: str, key: str | None = None) -> Action:
        def run(connection: psycopg.Connection) -> None:
            self.act(connection)
            connection.execute(
                "select public.request_analysis(%s, %s, %s, p_idempotency_key => %s)",
                (kind, self.resume_id, self.job_id, key),
            )

        return run

    def extract(self, connection: psycopg.Connection) -> None:
        self.act(connection)
        connection.execute("select public.request_job_extract(%s)", (self.job_id,))

    def summarise(self, connection: psycopg.Connection) -> None:
        self.act(connection)
        connection.execute("select public.request_document('summary', %s)", (self.resume_id,))

    def cancel(self, connection: psycopg.Connection) -> None:
        self.act(connection)
        connection.execute("select public.cancel_request(id) from public.analyses")

    def trash(self, connection: psycopg.Connection) -> None:
        self.act(connection)
        connection.execute("select public.trash_resume(%s)", (self.resume_id,))

    def delete_trashed(self, connection: psycopg.Connection) -> None:
        self.act(connection)
        connection.execute("select public.delete_trashed_resume(%s)", (self.resume_id,))


def complete(task: UUID, token: UUID) -> Action:
    def run(connection: psycopg.Connection) -> None:
        connection.execute(
            "select worker.complete_task(%s, %s, %s)", (task, token, json.dumps(RESULT))
        )

    return run


def ask(applicant: Applicant, kind: str) -> Action:
    """Commit a request and lease its task; gives the way to complete it."""
    with session(applicant.db_url) as connection:
        applicant.analyse(kind)(connection)
    return complete(*applicant.claim())


@pytest.fixture
def applicant(stack: StackStatus) -> Iterator[Applicant]:
    made = Applicant(stack.db_url)
    yield made
    with session(stack.db_url) as connection:
        made.delete(connection)


@pytest.mark.parametrize("kind", ["optimization", "ats_score"])
def test_account_deleted_while_its_analysis_completes__never_deadlocks(
    stack: StackStatus, kind: str
) -> None:
    for _ in range(ROUNDS):
        applicant = Applicant(stack.db_url)
        done, deleted = at_once(stack.db_url, ask(applicant, kind), applicant.delete)
        assert deleted == "ok"
        assert done in ("ok", "PT409")


@pytest.mark.parametrize("what", ["match", "job_extract", "summary"])
def test_account_deleted_while_it_asks__never_deadlocks(stack: StackStatus, what: str) -> None:
    for _ in range(ROUNDS):
        applicant = Applicant(stack.db_url)
        asks = {
            "match": applicant.analyse("match"),
            "job_extract": applicant.extract,
            "summary": applicant.summarise,
        }
        asked, deleted = at_once(stack.db_url, asks[what], applicant.delete)
        assert deleted == "ok"
        assert asked != DEADLOCK


def test_readings_of_one_job_at_once__queue_one_task_and_count_one_use(
    applicant: Applicant,
) -> None:
    assert at_once(applicant.db_url, *[applicant.extract] * 4) == ["ok"] * 4
    with session(applicant.db_url) as connection:
        for table in ("queue.tasks", "public.usage_events"):
            sql = f"select count(*) from {table} where user_id = %s"
            assert connection.execute(sql, (applicant.user_id,)).fetchone() == (1,), table


def test_requests_for_one_resume_and_job__never_deadlock(applicant: Applicant) -> None:
    # Reading the file and reading the job lock those rows, then count a use; so must analyses.
    for _ in range(ROUNDS):
        results = at_once(
            applicant.db_url,
            applicant.request,
            applicant.extract,
            applicant.analyse("match"),
            applicant.analyse("optimization"),
            applicant.summarise,
        )
        assert results == ["ok"] * 5
        with session(applicant.db_url) as connection:
            connection.execute("delete from queue.tasks where user_id = %s", (applicant.user_id,))
            # This is about locks: more calls than one person may make in a minute.
            connection.execute("delete from private.rate_limits")


def test_cancelling_while_it_completes__gives_one_end(applicant: Applicant) -> None:
    for _ in range(ROUNDS):
        done, cancelled = at_once(
            applicant.db_url, ask(applicant, "optimization"), applicant.cancel
        )
        assert sorted((done, cancelled)) in (["PT404", "ok"], ["PT409", "ok"])
        with session(applicant.db_url) as connection:
            row = connection.execute(
                "delete from public.analyses where user_id = %s returning status",
                (applicant.user_id,),
            ).fetchone()
        assert row == (("completed",) if done == "ok" else ("cancelled",))


def test_resume_trashed_while_it_is_optimised__never_deadlocks(stack: StackStatus) -> None:
    for _ in range(ROUNDS):
        applicant = Applicant(stack.db_url)
        results = at_once(stack.db_url, ask(applicant, "optimization"), applicant.trash)
        assert results == ["ok", "ok"]
        with session(stack.db_url) as connection:
            applicant.delete(connection)


@pytest.mark.parametrize("kind", ["optimization", "ats_score"])
def test_resume_deleted_for_good_while_its_analysis_completes__never_deadlocks(
    stack: StackStatus, kind: str
) -> None:
    for _ in range(ROUNDS):
        applicant = Applicant(stack.db_url)
        completes = ask(applicant, kind)
        with psycopg.connect(stack.db_url) as connection:
            applicant.trash(connection)
        assert at_once(stack.db_url, completes, applicant.delete_trashed) == ["ok", "ok"]
        with psycopg.connect(stack.db_url) as connection:
            applicant.delete(connection)


@pytest.mark.parametrize("table", ["resumes", "jobs"])
def test_completion__waits_for_resume_and_job_before_it_locks_the_analysis(
    applicant: Applicant, table: str
) -> None:
    # In the order of those who delete a résumé or a job, which takes it off its analyses.
    completes = ask(applicant, "optimization")
    with (
        psycopg.connect(applicant.db_url) as holder,
        psycopg.connect(applicant.db_url) as worker,
        psycopg.connect(applicant.db_url, autocommit=True) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        row = applicant.resume_id if table == "resumes" else applicant.job_id
        holder.execute(f"select 1 from public.{table} where id = %s for update", (row,))
        completed = pool.submit(completes, worker)
        waits = "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
        while other.execute(waits, (worker.info.backend_pid,)).fetchone() == (0,):
            assert not completed.done()
        sql = "select 1 from public.analyses where user_id = %s for update nowait"
        assert other.execute(sql, (applicant.user_id,)).fetchone() == (1,)
        holder.rollback()
        completed.result(timeout=20)


def test_same_key_at_once__makes_one_row_and_counts_one_use(applicant: Applicant) -> None:
    asked = applicant.analyse("match", "k")
    assert at_once(applicant.db_url, *[asked] * 4) == ["ok"] * 4
    with session(applicant.db_url) as connection:
        for table in ("queue.tasks", "public.usage_events", "public.analyses"):
            sql = f"select count(*) from {table} where user_id = %s"
            assert connection.execute(sql, (applicant.user_id,)).fetchone() == (1,), table


def test_jobs_at_once__stay_within_the_limit(applicant: Applicant) -> None:
    def add(connection: psycopg.Connection) -> None:
        connection.execute(
            "insert into public.jobs (user_id, title) select %s, 'x' from generate_series(1, 300)",
            (applicant.user_id,),
        )

    results = at_once(applicant.db_url, *[add] * 4)
    assert sorted(results) == ["PT422", "ok", "ok", "ok"]
