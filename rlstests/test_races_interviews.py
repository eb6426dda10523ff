"""What two sessions do at the same moment with interviews: no gaps, no use closed twice."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.interview_helpers import REPLY
from rlstests.sessions import session
from rlstests.test_races import DEADLOCK, ROUNDS, Account, at_once

Action = Callable[[psycopg.Connection], None]


class Candidate(Account):
    """A committed user on a plan with interviews, and one that has begun."""

    def __init__(self, db_url: str) -> None:
        super().__init__(db_url)
        with session(db_url) as connection:
            connection.execute(
                "update public.profiles set subscription_tier = 'unlimited' where id = %s",
                (self.user_id,),
            )
        self.session_id = self.begin()

    def act(self, connection: psycopg.Connection) -> None:
        """Be this user until the transaction ends."""
        connection.execute(
            "select set_config('role', 'authenticated', true), "
            "set_config('request.jwt.claim.sub', %s, true), "
            "set_config('request.jwt.claims', %s, true)",
            (str(self.user_id), json.dumps({"sub": str(self.user_id)})),
        )

    def calling(self, sql: str, *values: object) -> Action:
        """An action: this user runs one statement."""

        def run(connection: psycopg.Connection) -> None:
            self.act(connection)
            connection.execute(sql, values)

        return run

    def begin(self) -> UUID:
        with session(self.db_url) as connection:
            self.act(connection)
            row = connection.execute("select id from public.start_interview('chat')").fetchone()
        assert row is not None
        assert isinstance(row[0], UUID)
        return row[0]

    def ask(self) -> None:
        """Let the AI ask its question."""
        with session(self.db_url) as connection:
            reply(*self.claim())(connection)

    def saying(self) -> Action:
        return self.calling("select public.say(%s, 'I bake.')", self.session_id)

    def ending(self, how: str) -> Action:
        return self.calling(f"select public.{how}_interview(%s)", self.session_id)

    def deleting(self) -> Action:
        sql = "delete from public.interview_sessions where id = %s"
        return self.calling(sql, self.session_id)

    def fall_silent(self) -> None:
        with session(self.db_url) as connection:
            connection.execute(
                "update public.interview_sessions set last_turn_at = now() - interval '2 days' "
                "where id = %s",
                (self.session_id,),
            )

    def look(self, sql: str) -> list[tuple[object, ...]]:
        """What the system sees of this user, whose id the query takes."""
        with session(self.db_url) as connection:
            return connection.execute(sql, (self.user_id,)).fetchall()


def abandon(connection: psycopg.Connection) -> None:
    connection.execute("select private.maintain_abandoned_interviews()")


def reply(task: UUID, token: UUID) -> Action:
    def run(connection: psycopg.Connection) -> None:
        connection.execute(
            "select worker.complete_task(%s, %s, %s)", (task, token, json.dumps(REPLY))
        )

    return run


@pytest.fixture
def candidate(stack: StackStatus) -> Iterator[Candidate]:
    made = Candidate(stack.db_url)
    yield made
    with session(stack.db_url) as connection:
        made.delete(connection)


def test_turns_at_once__are_numbered_without_gaps(candidate: Candidate) -> None:
    def speak(speaker: str, *, fails: bool) -> Action:
        def run(connection: psycopg.Connection) -> None:
            connection.execute(
                "insert into public.interview_turns (user_id, session_id, speaker, message) "
                "values (%s, %s, %s, 'Hm.')",
                (candidate.user_id, candidate.session_id, speaker),
            )
            if fails:
                connection.execute("select 1 / 0")

        return run

    for _ in range(3):
        spoken = at_once(
            candidate.db_url,
            speak("ai", fails=False),
            speak("ai", fails=True),
            speak("ai", fails=False),
            speak("ai", fails=True),
            speak("ai", fails=False),
        )
        assert sorted(spoken) == ["22012", "22012", "ok", "ok", "ok"]
    numbers = candidate.look(
        "select turn_number from public.interview_turns where user_id = %s order by turn_number"
    )
    assert numbers == [(number,) for number in range(1, 10)]
    sql = "select turns_count from public.interview_sessions where user_id = %s"
    assert candidate.look(sql) == [(9,)]


def test_answers_at_once__are_one_answer(candidate: Candidate) -> None:
    candidate.ask()
    said = at_once(candidate.db_url, *[candidate.saying()] * 4)
    assert sorted(said) == ["PT409", "PT409", "PT409", "ok"]
    sql = "select count(*) from queue.tasks where user_id = %s"
    assert candidate.look(sql) == [(1,)]


def test_starts_at_once_with_one_key__are_one_interview(candidate: Candidate) -> None:
    start = candidate.calling("select public.start_interview('voice', p_idempotency_key => 'k')")
    assert at_once(candidate.db_url, *[start] * 4) == ["ok"] * 4
    sql = "select count(*) from public.interview_sessions where user_id = %s"
    assert candidate.look(sql) == [(2,)]
    sql = "select count(*) from public.usage_events where user_id = %s"
    assert candidate.look(sql) == [(2,)]


def test_ends_at_once__give_the_use_back_once(stack: StackStatus) -> None:
    for _ in range(ROUNDS // 2):
        candidate = Candidate(stack.db_url)
        # A second one whose use must survive: giving back twice would take it as well.
        candidate.begin()
        candidate.fall_silent()
        ends = at_once(
            stack.db_url,
            candidate.ending("cancel"),
            candidate.ending("cancel"),
            candidate.deleting(),
            abandon,
        )
        assert set(ends) <= {"ok", "PT404", "PT409"}
        used = "select used from public.usage_counters where meter = 'interviews' and user_id = %s"
        assert candidate.look(used) == [(1,)]
        states = "select state from public.usage_events where user_id = %s order by state"
        assert candidate.look(states) == [("released",), ("reserved",)]
        with session(stack.db_url) as connection:
            candidate.delete(connection)


@pytest.mark.parametrize("how", ["complete", "cancel"])
def test_end_while_the_ai_replies__never_deadlocks(stack: StackStatus, how: str) -> None:
    for _ in range(ROUNDS // 2):
        candidate = Candidate(stack.db_url)
        candidate.ask()
        assert at_once(stack.db_url, candidate.saying()) == ["ok"]
        replied, ended = at_once(stack.db_url, reply(*candidate.claim()), candidate.ending(how))
        assert (replied in ("ok", "PT409"), ended) == (True, "ok")
        sql = "select state from public.usage_events where user_id = %s"
        assert candidate.look(sql) == [("settled",)]
        with session(stack.db_url) as connection:
            candidate.delete(connection)


def test_interview_deleted_while_the_ai_replies__never_deadlocks(stack: StackStatus) -> None:
    for _ in range(ROUNDS // 2):
        candidate = Candidate(stack.db_url)
        task = candidate.claim()
        assert at_once(stack.db_url, reply(*task), candidate.deleting()) == ["ok", "ok"]
        sql = "select state from public.usage_events where user_id = %s"
        assert candidate.look(sql) == [("released",)]
        with session(stack.db_url) as connection:
            candidate.delete(connection)


@pytest.mark.parametrize("what", ["say", "cancel", "delete", "abandon"])
def test_account_deleted_in_the_middle_of_an_interview__never_deadlocks(
    stack: StackStatus, what: str
) -> None:
    for _ in range(ROUNDS // 2):
        candidate = Candidate(stack.db_url)
        candidate.ask()
        candidate.fall_silent()
        actions = {
            "say": candidate.saying(),
            "cancel": candidate.ending("cancel"),
            "delete": candidate.deleting(),
            "abandon": abandon,
        }
        acted, deleted = at_once(stack.db_url, actions[what], candidate.delete)
        assert deleted == "ok"
        assert acted != DEADLOCK


@pytest.mark.parametrize("what", ["cancel", "delete", "abandon"])
def test_account__stays_locked_while_its_interview_ends(candidate: Candidate, what: str) -> None:
    candidate.ask()
    candidate.fall_silent()
    actions = {
        "cancel": candidate.ending("cancel"),
        "delete": candidate.deleting(),
        "abandon": abandon,
    }
    sql = "select 1 from public.profiles where id = %s for update nowait"
    with (
        session(candidate.db_url) as one,
        session(candidate.db_url) as other,
    ):
        assert other.execute(sql, (candidate.user_id,)).fetchone() == (1,)
        other.rollback()
        actions[what](one)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(sql, (candidate.user_id,))
        one.rollback()
        other.rollback()


EXPORT = "request_generation(%(resume)s, array['pdf'], null, 'k', {})"


@pytest.mark.parametrize(
    ("operation", "sql", "table"),
    [
        ("bullets", "request_bullets('Q', 'A', null, null, %(session)s, 'k')", "session"),
        ("generation", EXPORT.format("null"), "resume"),
        (
            "generation",
            "request_generation(%(resume)s, '{pdf}', null, 'k', %(session)s)",
            "session",
        ),
        ("interview", "start_interview('chat', null, null, null, %(job)s, null, 5, 'k')", "job"),
    ],
)
def test_request__locks_what_it_is_about_before_it_counts_the_use(
    candidate: Candidate, operation: str, sql: str, table: str
) -> None:
    # In another order it and one that reads a résumé or a job could wait for each other.
    job = uuid4()
    tables = {"session": "interview_sessions", "resume": "resumes", "job": "jobs"}
    rows = {"session": candidate.session_id, "resume": candidate.resume_id, "job": job}
    with (
        psycopg.connect(candidate.db_url) as holder,
        psycopg.connect(candidate.db_url) as client,
        psycopg.connect(candidate.db_url, autocommit=True) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        add = "insert into public.jobs (id, user_id, title) values (%s, %s, 'Baker')"
        other.execute(add, (job, candidate.user_id))
        # Whoever counts a use for this key waits from now on.
        holder.execute(
            "insert into private.idempotency_keys "
            "(user_id, operation, idempotency_key, payload_sha256, usage_event_id) "
            "values (%s, %s, 'k', sha256(''), gen_random_uuid())",
            (candidate.user_id, operation),
        )
        candidate.act(client)
        asked = pool.submit(client.execute, f"select public.{sql}", rows)
        waits = "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
        while other.execute(waits, (client.info.backend_pid,)).fetchone() == (0,):
            assert not asked.done()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(
                f"select 1 from public.{tables[table]} where id = %s for update nowait",
                (rows[table],),
            )
        holder.rollback()
        asked.result(timeout=20)
