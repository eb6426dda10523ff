"""Sharing and experiences when two sessions meet: viewers wait for nobody, inserts take turns."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import refused
from rlstests.sessions import session


@pytest.fixture
def user_id(stack: StackStatus) -> Iterator[UUID]:
    """A committed user, seen by every session."""
    made = uuid4()
    with session(stack.db_url) as connection:
        connection.execute(
            "insert into auth.users (id, email) values (%s, %s)", (made, f"{made}@example.com")
        )
    yield made
    with session(stack.db_url) as connection:
        connection.execute("delete from auth.users where id = %s", (made,))


def test_viewer__does_not_wait_for_an_edit(stack: StackStatus, user_id: UUID) -> None:
    slug = "C" * 43
    with session(stack.db_url) as setup:
        setup.execute(
            "insert into public.resumes (user_id, is_public, share_slug) values (%s, true, %s)",
            (user_id, slug),
        )
    with (
        session(stack.db_url) as editor,
        psycopg.connect(stack.db_url, options="-c lock_timeout=2s") as viewer,
    ):
        editor.execute("update public.resumes set title = 'x' where user_id = %s", (user_id,))
        viewer.execute("set local role anon")
        sql = "select title from public.get_shared_resume(%s)"
        assert viewer.execute(sql, (slug,)).fetchone() == ("Untitled résumé",)


def test_inserts_of_one_user__take_turns(stack: StackStatus, user_id: UUID) -> None:
    # Or each would count without the other, and both pass the limit.
    sql = "insert into public.user_experiences (user_id, company, position) values (%s, 'a', 'b')"
    with (
        session(stack.db_url) as first,
        psycopg.connect(stack.db_url, options="-c lock_timeout=200ms") as second,
    ):
        first.execute(sql, (user_id,))
        with refused("55P03"):
            second.execute(sql, (user_id,))
