"""Room resumes: the worker reads uploaded files, and asking costs exactly one use."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row, refused
from rlstests.request_helpers import claim, complete, fail, malformed, used
from rlstests.test_resumes import add_resume

RESULT = {
    "parsed_data": {"basics": {"name": "Ada Lovelace"}},
    "extracted_text": "Ada Lovelace",
    "file_sha256": "ab" * 32,
    "file_size_bytes": 1234,
    "warnings": ["Two columns look mixed."],
}
# More than an index of words takes, in no more characters than a text may have.
PAIRS = [chr(0x4E00 + n % 150) + chr(0x5E00 + n // 150) for n in range(33000)]
TOO_MANY_WORDS = " ".join(f"{pair}-{pair[::-1]}" for pair in PAIRS)


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    return add_resume(db, owner, upload(db, owner))


def upload(db: Database, user: Actor) -> str:
    """Put a file into the bucket the way Storage does: a row in storage.objects."""
    path = f"{user.user_id}/{uuid4()}.pdf"
    db.query(SYSTEM, "insert into storage.objects (bucket_id, name) values ('resumes', %s)", path)
    return path


def request(db: Database, user: Actor, resume: UUID | None, key: str | None = None) -> Row:
    return db.one(user, "select * from public.request_resume_parse(%s, %s)", resume, key)


def test_request__reserves_queues_and_ends_with_what_was_read(
    db: Database, owner: Actor, resume: UUID
) -> None:
    assert request(db, owner, resume)["parse_status"] == "pending"
    assert used(db, owner, "ai_actions") == 1
    task = claim(db, "resume_parse")
    assert task["user_id"] == owner.user_id
    assert task["payload"]["resume_id"] == str(resume)
    sql = "select * from public.resumes where id = %s"
    assert db.one(owner, sql, resume)["parse_status"] == "processing"
    complete(db, task, RESULT)
    row = db.one(owner, sql, resume)
    assert row["parse_status"] == "completed"
    assert row["parsed_data"] == RESULT["parsed_data"]
    assert row["parse_warnings"] == RESULT["warnings"]
    assert (row["file_size_bytes"], row["file_sha256"]) == (1234, "ab" * 32)
    assert db.value(owner, "select state from public.usage_events") == "settled"


def test_failure__tells_the_user_why_and_costs_nothing(
    db: Database, owner: Actor, resume: UUID
) -> None:
    request(db, owner, resume)
    assert fail(db, claim(db, "resume_parse"), "The file is encrypted.") == "dead"
    row = db.one(owner, "select * from public.resumes where id = %s", resume)
    assert (row["parse_status"], row["parse_error"]) == ("failed", "The file is encrypted.")
    assert used(db, owner, "ai_actions") == 0
    assert request(db, owner, resume)["parse_error"] is None
    assert used(db, owner, "ai_actions") == 1


def test_second_request__joins_the_open_one(db: Database, owner: Actor, resume: UUID) -> None:
    request(db, owner, resume, "first")
    assert request(db, owner, resume, "second")["parse_status"] == "pending"
    complete(db, claim(db, "resume_parse"), RESULT)
    # Both keys stand for the same use, also after it is over.
    for key in ("first", "second"):
        assert request(db, owner, resume, key)["parse_status"] == "completed"
    assert used(db, owner, "ai_actions") == 1
    request(db, owner, resume, "third")
    assert used(db, owner, "ai_actions") == 2


def test_key_of_another_resume__is_a_conflict(db: Database, owner: Actor, resume: UUID) -> None:
    request(db, owner, resume, "k")
    with refused("PT409"):
        request(db, owner, add_resume(db, owner, upload(db, owner)), "k")


def test_request_without_allowance__changes_nothing(
    db: Database, owner: Actor, resume: UUID
) -> None:
    db.query(SYSTEM, "update public.usage_counters set used = 5 where user_id = %s", owner.user_id)
    with refused("PT402"):
        request(db, owner, resume)
    assert db.value(owner, "select parse_status from public.resumes") == "none"
    assert db.query(SYSTEM, "select 1 from queue.tasks where user_id = %s", owner.user_id) == []


def test_foreign_missing_and_trashed_resume__get_the_same_answer(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, resume: UUID
) -> None:
    for user in (stranger, admin):
        with refused("PT404", match=str(resume)):
            request(db, user, resume)
    with refused("PT404"):
        request(db, owner, uuid4())
    with refused("PT404"):
        request(db, owner, None)
    db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404", match=str(resume)):
        request(db, owner, resume)
    assert used(db, owner, "ai_actions") == 0


def test_resume_without_uploaded_file__cannot_be_read(db: Database, owner: Actor) -> None:
    for path in (None, f"{owner.user_id}/{uuid4()}.pdf"):
        with refused("PT422", match="no uploaded file"):
            request(db, owner, add_resume(db, owner, path))
    assert used(db, owner, "ai_actions") == 0


@pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
def test_blocked_or_leaving_account__asks_for_nothing_new(
    db: Database, owner: Actor, resume: UUID, change: str
) -> None:
    db.query(SYSTEM, f"update public.profiles set {change} where id = %s", owner.user_id)
    with refused("PT403"):
        request(db, owner, resume)


def test_reading_that_ends_in_the_trash__is_kept_for_the_restore(
    db: Database, owner: Actor, resume: UUID
) -> None:
    request(db, owner, resume)
    db.query(owner, "select public.trash_resume(%s)", resume)
    complete(db, claim(db, "resume_parse"), RESULT)
    db.query(owner, "select public.restore_resume(%s)", resume)
    assert db.value(owner, "select parse_status from public.resumes") == "completed"


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        [],
        {},
        RESULT | {"parsed_data": ["not", "an", "object"]},
        RESULT | {"file_size_bytes": 1.5},
        RESULT | {"file_size_bytes": 10**12},
        RESULT | {"file_sha256": "short"},
        RESULT | {"warnings": "text"},
        RESULT | {"warnings": ["x" * 16384]},
        RESULT | {"parsed_data": {"x": "x" * 1048576}},
        RESULT | {"extracted_text": TOO_MANY_WORDS},
    ],
)
def test_malformed_result__is_refused_whole(
    db: Database, owner: Actor, resume: UUID, result: object
) -> None:
    request(db, owner, resume)
    task = claim(db, "resume_parse")
    with malformed():
        complete(db, task, result)
    assert db.value(owner, "select parse_status from public.resumes") == "processing"
    assert db.value(owner, "select state from public.usage_events") == "reserved"


def test_failure_after_a_success__keeps_what_was_read(
    db: Database, owner: Actor, resume: UUID
) -> None:
    request(db, owner, resume)
    complete(db, claim(db, "resume_parse"), RESULT)
    request(db, owner, resume)
    assert fail(db, claim(db, "resume_parse"), retryable=True) == "retry"
    assert db.value(owner, "select parse_status from public.resumes") == "pending"
    db.query(SYSTEM, "update queue.tasks set run_at = now()")
    fail(db, claim(db, "resume_parse"), "Broken.")
    row = db.one(owner, "select * from public.resumes")
    assert (row["parse_status"], row["parse_error"]) == ("failed", "Broken.")
    assert row["parsed_data"] == RESULT["parsed_data"]
    assert row["extracted_text"] == RESULT["extracted_text"]


def test_task_event__reaches_only_the_resume_of_its_owner(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    db.query(
        SYSTEM,
        "select private.enqueue_task('resume_parse', %s, %s, null)",
        json.dumps({"resume_id": str(resume)}),
        stranger.user_id,
    )
    complete(db, claim(db, "resume_parse"), RESULT)
    assert db.value(owner, "select parse_status from public.resumes") == "none"


def test_request_while_processing__joins(db: Database, owner: Actor, resume: UUID) -> None:
    request(db, owner, resume)
    claim(db, "resume_parse")
    assert request(db, owner, resume)["parse_status"] == "processing"
    assert used(db, owner, "ai_actions") == 1


def test_resume_whose_task_is_gone__can_be_asked_for_again(
    db: Database, owner: Actor, resume: UUID
) -> None:
    request(db, owner, resume)
    db.query(SYSTEM, "delete from queue.tasks")
    assert request(db, owner, resume)["parse_status"] == "pending"
    assert claim(db, "resume_parse")["payload"]["resume_id"] == str(resume)


def test_file_in_another_bucket__is_no_upload(db: Database, owner: Actor) -> None:
    path = f"{owner.user_id}/{uuid4()}.pdf"
    db.query(SYSTEM, "insert into storage.buckets (id, name) values ('other', 'other')")
    db.query(SYSTEM, "insert into storage.objects (bucket_id, name) values ('other', %s)", path)
    with refused("PT422"):
        request(db, owner, add_resume(db, owner, path))


def test_last_edited_at__moves_with_edits_only(db: Database, owner: Actor, resume: UUID) -> None:
    old = "2020-01-01 00:00:00+00"
    db.query(SYSTEM, "update public.resumes set last_edited_at = %s where id = %s", old, resume)
    request(db, owner, resume)
    complete(db, claim(db, "resume_parse"), RESULT)
    sql = "select last_edited_at::text from public.resumes where id = %s"
    assert db.value(owner, sql, resume) == old
    db.query(owner, "update public.resumes set title = 'New' where id = %s", resume)
    assert db.value(owner, sql, resume) != old
