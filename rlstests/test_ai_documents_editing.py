"""Room ai: what was written is its owner's to edit, and refers to rows of the owner only."""

from uuid import UUID

import pytest

from rlstests.actors import NO_GRANT, POLICY, SYSTEM, Actor, Database, refused
from rlstests.ai_helpers import add_job, add_resume
from rlstests.request_helpers import subscribe
from rlstests.test_ai_documents import only, request, write


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    subscribe(db, owner, "unlimited")
    return add_resume(db, owner)


def test_owner__edits_what_was_written(db: Database, owner: Actor, resume: UUID) -> None:
    write(db, owner, resume)
    db.query(owner, "update public.ai_documents set title = 'Mine', content = 'Dear Mr Babbage'")
    row = only(db, owner)
    assert (row["title"], row["edited_at"]) == ("Mine", None)
    db.query(owner, "update public.ai_documents set content = 'Dear Charles'")
    row = only(db, owner)
    assert row["content"] == "Dear Charles"
    assert row["edited_at"] is not None


@pytest.mark.parametrize("status", ["pending", "processing", "failed", "cancelled"])
def test_what_is_not_written__cannot_be_edited_and_only_what_is_over_deleted(
    db: Database, owner: Actor, resume: UUID, status: str
) -> None:
    request(db, owner, resume, "summary")
    db.query(SYSTEM, "update public.ai_documents set status = %s", status)
    assert db.affected(owner, "update public.ai_documents set content = 'x'") == 0
    gone = 0 if status in ("pending", "processing") else 1
    assert db.affected(owner, "delete from public.ai_documents") == gone


def test_blocked_account__reads_and_deletes_but_edits_nothing(
    db: Database, owner: Actor, resume: UUID
) -> None:
    write(db, owner, resume)
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("42501", match=POLICY):
        db.query(owner, "update public.ai_documents set content = 'x'")
    assert db.affected(owner, "delete from public.ai_documents") == 1


@pytest.mark.parametrize(
    "change",
    ["title = ''", "title = repeat('x', 201)", "content = ''", "content = repeat('x', 50001)"]
    + ["content = null"],
)
def test_edit__must_fit_its_column(db: Database, owner: Actor, resume: UUID, change: str) -> None:
    write(db, owner, resume)
    with refused("23514"):
        db.query(owner, f"update public.ai_documents set {change}")


@pytest.mark.parametrize(
    "column",
    ["id", "user_id", "kind", "status", "prompt", "edited_at", "completed_at", "resume_id"]
    + ["job_id", "ai_provider", "estimated_cost", "usage_event_id", "created_at"],
)
def test_system_columns__are_not_the_owners_to_change(
    db: Database, owner: Actor, resume: UUID, column: str
) -> None:
    write(db, owner, resume)
    with refused("42501", match=NO_GRANT):
        db.query(owner, f"update public.ai_documents set {column} = {column}")


def test_columns__refuse_what_no_event_writes(db: Database, owner: Actor, resume: UUID) -> None:
    request(db, owner, resume, "answer", prompt="Why you?")
    for change in (
        "kind = 'letter'",
        "prompt = null",
        "prompt = ''",
        "prompt = repeat('x', 5001)",
        "status = 'unknown'",
        "completed_at = now()",
        "status = 'completed', content = 'x', ai_provider = 'offline'",
        "status = 'completed', completed_at = now(), ai_provider = 'offline'",
        "status = 'completed', completed_at = now(), content = 'x'",
        "error_message = repeat('x', 2001)",
        "ai_provider = 'somebody'",
    ):
        with refused("23514"):
            db.query(SYSTEM, f"update public.ai_documents set {change}")


@pytest.mark.parametrize("column", ["resume_id", "job_id"])
def test_document__refers_to_rows_of_its_owner_only(
    db: Database, owner: Actor, stranger: Actor, resume: UUID, column: str
) -> None:
    make, table = (add_job, "jobs") if column == "job_id" else (add_resume, "resumes")
    write(db, owner, resume)
    point = f"update public.ai_documents set {column} = %s"
    mine = make(db, owner)
    db.query(SYSTEM, point, mine)
    with refused("23503"):
        db.query(SYSTEM, point, make(db, stranger))
    db.query(SYSTEM, f"delete from public.{table} where id = %s", mine)
    row = only(db, owner)
    assert (row["user_id"], row[column], row["content"]) == (
        owner.user_id,
        None,
        "Dear Mr Babbage",
    )


def test_use__stands_for_one_document(db: Database, owner: Actor, resume: UUID) -> None:
    row = request(db, owner, resume, "summary")
    with refused("23505"):
        db.query(
            SYSTEM,
            "insert into public.ai_documents (user_id, kind, usage_event_id) "
            "values (%s, 'summary', %s)",
            owner.user_id,
            row["usage_event_id"],
        )
