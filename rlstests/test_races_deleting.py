"""What happens while somebody deletes what a request made: nothing open goes, nobody waits."""

import json
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.sessions import session
from rlstests.test_races import ROUNDS, at_once
from rlstests.test_races_interviews import Action, Candidate

TABLES = {
    "resume_generations": ("formats, resume_data, generation_status", "'{pdf}', '{}', 'failed'"),
    "interview_transcripts": ("audio_path, status", "user_id || '/a.webm', 'failed'"),
    "resume_bullets": ("question, transcript, status", "'What?', 'This.', 'failed'"),
}


class Exporter(Candidate):
    """A committed user, whose résumé is rendered at the moment."""

    def export(self) -> tuple[UUID, UUID]:
        with session(self.db_url) as connection:
            connection.execute("delete from queue.tasks where user_id = %s", (self.user_id,))
            self.act(connection)
            sql = "select public.request_generation(%s, '{pdf}')"
            connection.execute(sql, (self.resume_id,))
        with session(self.db_url) as connection:
            # Leases it without its handler: say what that would have written.
            connection.execute(
                "update public.resume_generations set generation_status = 'processing' "
                "where user_id = %s",
                (self.user_id,),
            )
        return self.claim()

    def deleting_exports(self, deleted: list[int]) -> Action:
        """An action that deletes every generation, and notes how many went."""

        def run(connection: psycopg.Connection) -> None:
            self.act(connection)
            deleted.append(connection.execute("delete from public.resume_generations").rowcount)

        return run

    def completing(self, task: UUID, token: UUID) -> Action:
        path = f"{self.user_id}/{task}/cv.pdf"
        files = [{"format": "pdf", "file_path": path, "file_size_bytes": 9}]
        result = {"files": files, "processing_time_ms": 1}
        sql = "select worker.complete_task(%s, %s, %s)"

        def run(connection: psycopg.Connection) -> None:
            connection.execute(sql, (task, token, json.dumps(result)))

        return run

    def add(self, table: str) -> None:
        """Two rows that are over."""
        columns, values = TABLES[table]
        with session(self.db_url) as connection:
            connection.execute(
                f"insert into public.{table} (user_id, {columns}) select user_id, {values} "
                "from (select %s::uuid as user_id from generate_series(1, 2)) u",
                (self.user_id,),
            )


@pytest.fixture
def exporter(stack: StackStatus) -> Iterator[Exporter]:
    made = Exporter(stack.db_url)
    yield made
    with session(stack.db_url) as connection:
        connection.execute("delete from queue.tasks where kind = 'purge_files'")
        made.delete(connection)


def test_generation__is_not_deleted_before_its_task_has_ended(exporter: Exporter) -> None:
    task = exporter.export()
    deleted: list[int] = []
    with session(exporter.db_url) as worker:
        exporter.completing(*task)(worker)
        # Completed, but not yet committed: to everybody else it is open, and nobody waits for it.
        assert at_once(exporter.db_url, exporter.deleting_exports(deleted)) == ["ok"]
        assert deleted == [0]
    assert at_once(exporter.db_url, exporter.deleting_exports(deleted)) == ["ok"]
    assert deleted == [0, 1]
    purges = "select count(*) from queue.tasks where payload::text like '%%' || %s || '%%'"
    with session(exporter.db_url) as connection:
        assert connection.execute(purges, (str(task[0]),)).fetchone() == (1,)


def test_generation_deleted_while_its_task_completes__is_whole_or_gone(
    exporter: Exporter,
) -> None:
    for _ in range(ROUNDS // 2):
        task = exporter.export()
        deleted: list[int] = []
        ends = at_once(
            exporter.db_url, exporter.completing(*task), exporter.deleting_exports(deleted)
        )
        assert ends == ["ok", "ok"]
        sql = "select count(*) from public.{} where user_id = %s"
        for table in ("resume_generations", "resume_downloads"):
            assert exporter.look(sql.format(table)) == [(1 - deleted[0],)]
        with session(exporter.db_url) as connection:
            connection.execute(
                "delete from public.resume_generations where user_id = %s", (exporter.user_id,)
            )


@pytest.mark.parametrize("table", TABLES)
def test_account__stays_locked_while_its_owner_deletes(exporter: Exporter, table: str) -> None:
    exporter.add(table)
    sql = "select 1 from public.profiles where id = %s for update nowait"
    with session(exporter.db_url) as one, session(exporter.db_url) as other:
        assert other.execute(sql, (exporter.user_id,)).fetchone() == (1,)
        other.rollback()
        exporter.act(one)
        assert one.execute(f"delete from public.{table}").rowcount == 2
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(sql, (exporter.user_id,))
        one.rollback()
        other.rollback()


@pytest.mark.parametrize("table", TABLES)
def test_account_deleted_while_its_owner_deletes__never_deadlocks(
    stack: StackStatus, table: str
) -> None:
    for _ in range(ROUNDS // 2):
        exporter = Exporter(stack.db_url)
        exporter.add(table)
        deleting = exporter.calling(f"delete from public.{table}")
        assert at_once(stack.db_url, deleting, exporter.delete) == ["ok", "ok"]
