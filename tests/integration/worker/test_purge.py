"""From a request to leave to an account without a trace, with a real worker and real Storage."""

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from cli.demo.user import DemoUser
from tests.integration.processes import drain

from .documents import resume_document, upload_resume

PNG = b"\x89PNG\r\n\x1a\n"
DOCUMENT = resume_document("Jane Roe")


@pytest.fixture
def ask(stack):
    """A function that asks the database as its owner."""

    def run(sql: str, *values: object) -> Any:
        with psycopg.connect(stack.db_url) as connection:
            row = connection.execute(sql, values).fetchone()
        return row and row[0]

    return run


def files(ask, user: DemoUser) -> int:
    sql = "select count(*) from storage.objects where name like %s || '/%%'"
    return int(ask(sql, user.user_id))


def leave(user: DemoUser) -> None:
    user.client.rpc("request_account_deletion").execute()


def days_pass(ask, user: DemoUser) -> None:
    sql = "update profiles set deleted_at = deleted_at - interval '31 days' where id = %s"
    ask(f"with moved as ({sql} returning 1) select count(*) from moved", user.user_id)


def maintain(ask) -> None:
    ask("select private.maintain_account_purges()")


@pytest.fixture
def settled(user):
    """A user with files in two buckets."""
    upload_resume(user, DOCUMENT)
    avatars = user.client.storage.from_("avatars")
    avatars.upload(f"{user.user_id}/me.png", PNG, {"content-type": "image/png"})
    return user


def test_account__goes_with_its_files_once_its_time_is_up(stack, ask, settled, stranger):
    upload_resume(stranger, DOCUMENT)
    leave(settled)
    maintain(ask)
    drain(stack)
    assert files(ask, settled) == 2, "it has thirty days"
    days_pass(ask, settled)
    maintain(ask)
    lines = drain(stack)
    assert files(ask, settled) == 0
    assert ask("select count(*) from auth.users where id = %s", settled.user_id) == 0
    assert ask("select count(*) from profiles where id = %s", settled.user_id) == 0
    sql = "select count(*) from audit_logs where owner_id = %s and action = 'account.purge'"
    assert ask(sql, settled.user_id) == 1
    assert files(ask, stranger) == 1, "the stranger keeps theirs"
    assert settled.email not in json.dumps(lines)


def test_account_that_was_kept_meanwhile__loses_nothing(stack, ask, settled):
    leave(settled)
    days_pass(ask, settled)
    maintain(ask)
    assert settled.client.rpc("cancel_account_deletion").execute().data is True
    drain(stack)
    assert files(ask, settled) == 2
    assert ask("select deleted_at is null from profiles where id = %s", settled.user_id) is True
    sql = "select outcome from queue.finished where payload ->> 'user_id' = %s"
    assert ask(sql, settled.user_id) == "done"


def test_files_of_a_purged_resume__are_removed(stack, ask, user):
    resume_id = upload_resume(user, DOCUMENT)
    kept = upload_resume(user, DOCUMENT)
    user.client.rpc("trash_resume", {"p_resume_id": resume_id}).execute()
    sql = "update resumes set deleted_at = deleted_at - interval '31 days' where id = %s"
    ask(f"with moved as ({sql} returning 1) select count(*) from moved", resume_id)
    ask("select count(*) from private.run_retention()")
    drain(stack)
    path = user.resume(kept)["file_path"]
    sql = "select string_agg(name, ' ') from storage.objects where name like %s || '/%%'"
    assert ask(sql, user.user_id) == path


def test_purge_of_files__spares_what_a_resume_uses_and_what_is_not_there(stack, ask, user):
    kept = user.resume(upload_resume(user, DOCUMENT))["file_path"]
    names = [kept, f"{user.user_id}/{uuid4()}.pdf"]
    ask(
        "select private.enqueue_task('purge_files', %s, null, null)",
        json.dumps({"files": {"resumes": names}}),
    )
    lines = drain(stack)
    assert any(line["event"] == "task done" for line in lines)
    assert files(ask, user) == 1
