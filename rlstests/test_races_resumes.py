"""Room resumes, two sessions at once: quota and versions hold, and nobody waits for ever."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import refused
from rlstests.sessions import session
from rlstests.test_races import DEADLOCK, ROUNDS, at_once
from rlstests.test_templates import DESIGN

FREE = 10
Action = Callable[[psycopg.Connection], None]


class Owner:
    """A committed user with some live résumés and one in the trash, seen by every session."""

    def __init__(self, db_url: str, live: int) -> None:
        self.db_url, self.user_id = db_url, uuid4()
        with session(db_url) as connection:
            connection.execute("insert into auth.users (id) values (%s)", (self.user_id,))
            self.live = [self._insert(connection) for _ in range(live)]
            self.trashed = self._insert(connection, "now()")
            connection.execute(
                "with template as (insert into public.resume_templates (owner_id, name, design) "
                "values (%s, 'Mine', %s) returning id) update public.resumes r "
                "set template_id = t.id from template t where r.user_id = %s",
                (self.user_id, json.dumps(DESIGN), self.user_id),
            )

    def _insert(self, connection: psycopg.Connection, deleted_at: str = "null") -> UUID:
        row = connection.execute(
            "insert into public.resumes (user_id, content, deleted_at) "
            f"values (%s, '{{\"own\": 0}}', {deleted_at}) returning id",
            (self.user_id,),
        ).fetchone()
        assert row is not None and isinstance(row[0], UUID)
        return row[0]

    def does(self, sql: str, *values: object) -> Action:
        """This statement, run as the owner."""

        def run(connection: psycopg.Connection) -> None:
            connection.execute(
                "select set_config('role', 'authenticated', true), "
                "set_config('request.jwt.claim.sub', %s, true), "
                "set_config('request.jwt.claims', %s, true)",
                (str(self.user_id), json.dumps({"sub": str(self.user_id)})),
            )
            connection.execute(sql, values)

        return run

    def count(self, sql: str) -> int:
        with session(self.db_url) as connection:
            row = connection.execute(sql, (self.user_id,)).fetchone()
        assert row is not None
        return int(row[0])

    def delete(self, connection: psycopg.Connection) -> None:
        connection.execute("delete from auth.users where id = %s", (self.user_id,))


@pytest.fixture
def owner_with_room_for_one(stack: StackStatus) -> Iterator[Owner]:
    made = Owner(stack.db_url, FREE - 1)
    yield made
    with session(stack.db_url) as connection:
        made.delete(connection)


INSERT = "insert into public.resumes (title) values ('One more')"
LIVE = "select count(*) from public.resumes where user_id = %s and deleted_at is null"


def test_last_place__is_taken_once(owner_with_room_for_one: Owner) -> None:
    owner = owner_with_room_for_one
    insert = owner.does(INSERT)
    restore = owner.does("select public.restore_resume(%s)", owner.trashed)
    answers = at_once(owner.db_url, insert, insert, restore, insert)
    assert sorted(answers) == ["PT402", "PT402", "PT402", "ok"]
    assert owner.count(LIVE) == FREE


def test_last_draft__is_begun_once(owner_with_room_for_one: Owner) -> None:
    owner = owner_with_room_for_one
    save = "select public.save_draft(null, null, '{}')"
    with session(owner.db_url) as connection:
        for _ in range(19):
            owner.does(save)(connection)
    assert sorted(at_once(owner.db_url, *[owner.does(save)] * 4)) == ["PT402"] * 3 + ["ok"]
    assert owner.count("select count(*) from public.resume_drafts where user_id = %s") == 20


def test_edits_at_once__are_numbered_without_a_gap(owner_with_room_for_one: Owner) -> None:
    owner = owner_with_room_for_one
    edits = [
        owner.does(
            "update public.resume_sections set content = content where resume_id = %s", resume
        )
        for resume in owner.live
    ] + [
        owner.does(
            "insert into public.resume_sections (resume_id, section_type, content) "
            "values (%s, %s, '1')",
            owner.live[0],
            f"own_{n}",
        )
        for n in range(4)
    ]
    assert set(at_once(owner.db_url, *edits)) == {"ok"}
    newest = (
        "select {} from public.resumes r join public.resume_versions v on v.resume_id = r.id "
        "and v.version_number = r.version where r.user_id = %s order by r.version desc limit 1"
    )
    assert owner.count(newest.format("r.version")) == 6
    # Nobody's section was lost, and the newest version has them all.
    assert owner.count(newest.format("(r.content = v.content)::integer")) == 1
    assert (
        owner.count(newest.format("array_length(array(select jsonb_object_keys(v.content)), 1)"))
        == 5
    )


def test_draft_published_twice_at_once__is_written_once(owner_with_room_for_one: Owner) -> None:
    owner = owner_with_room_for_one
    with session(owner.db_url) as connection:
        owner.does('select public.save_draft(%s, 2, \'{"summary": "x"}\')', owner.live[0])(
            connection
        )
        row = connection.execute("select id from public.resume_drafts").fetchone()
    assert row is not None
    publish = owner.does("select public.publish_draft(%s)", row[0])
    edit = owner.does("update public.resumes set content = '{}' where id = %s", owner.live[1])
    answers = at_once(owner.db_url, publish, publish, edit)
    assert sorted(answers) == ["PT404", "ok", "ok"]


def test_resume_trashed_while_it_is_chosen__is_not_the_active_one(
    owner_with_room_for_one: Owner,
) -> None:
    owner = owner_with_room_for_one
    choose = "update public.profiles set active_resume_id = %s where id = auth.uid()"
    active = "select count(active_resume_id) from public.profiles where id = %s"
    with (
        psycopg.connect(owner.db_url) as trasher,
        psycopg.connect(owner.db_url) as chooser,
        psycopg.connect(owner.db_url, autocommit=True) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        owner.does("select public.trash_resume(%s)", owner.live[0])(trasher)
        chosen = pool.submit(owner.does(choose, owner.live[0]), chooser)
        waits = "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
        while other.execute(waits, (chooser.info.backend_pid,)).fetchone() == (0,):
            assert not chosen.done()
        trasher.commit()
        with refused("42501"):
            chosen.result(timeout=20)
    assert owner.count(active) == 0


@pytest.mark.parametrize(
    "sql",
    [
        INSERT,
        "select public.restore_resume('{trashed}')",
        "select public.delete_trashed_resume('{trashed}')",
        "select public.trash_resume('{live}')",
        "update public.resumes set content = '{{\"summary\": \"x\"}}' where id = '{live}'",
        "update public.resumes set status = 'published' where id = '{live}'",
        "update public.resume_sections set content = '1' where resume_id = '{live}'",
        "select public.restore_resume_version('{live}', 1)",
        "select public.save_draft('{live}', 2, '{{}}')",
        "delete from public.resume_templates where owner_id = auth.uid()",
        "update public.resume_templates set name = 'New' where owner_id = auth.uid()",
    ],
)
def test_account_deleted_in_the_middle__never_deadlocks(stack: StackStatus, sql: str) -> None:
    for _ in range(ROUNDS // 2):
        owner = Owner(stack.db_url, 1)
        action = owner.does(sql.format(trashed=owner.trashed, live=owner.live[0]))
        done, deleted = at_once(stack.db_url, action, owner.delete)
        assert deleted == "ok"
        assert done != DEADLOCK
