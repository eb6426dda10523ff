"""Room exports: a résumé is rendered to files, and its owner downloads them."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SYSTEM, Actor, Database, refused
from rlstests.export_helpers import ANY, add_resume, download, generation, rendered, request, result
from rlstests.interview_helpers import start
from rlstests.request_helpers import (
    claim,
    complete,
    fail,
    limit,
    live_tasks,
    state_of_use,
    subscribe,
    used,
    work,
)


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    return add_resume(db, owner)


# Ask ---------------------------------------------------------------------------------------------


def test_request__ends_with_files_in_the_callers_folder(
    db: Database, owner: Actor, resume: UUID
) -> None:
    made = request(db, owner, resume, ["word", "pdf", "pdf"])
    assert (made["generation_status"], made["formats"]) == ("pending", ["pdf", "word"])
    assert (made["template_name"], made["template_id"]) == ("Default", None)
    assert used(db, owner, "generations") == 1
    task = claim(db, "generation")
    assert task["payload"] == {"generation_id": str(made["id"]), "formats": ["pdf", "word"]}
    assert generation(db, owner)["generation_status"] == "processing"
    thumbnail = f"{owner.user_id}/page.png"
    complete(db, task, result(owner, "word", "pdf", thumbnail_path=thumbnail))
    done = generation(db, owner)
    assert (done["generation_status"], done["completed_at"] is not None) == ("completed", True)
    assert (done["latex_content"], done["processing_time_ms"]) == ("\\documentclass", 15)
    files = db.query(owner, "select * from public.resume_downloads order by format")
    pdf = f"{owner.user_id}/{ANY}/cv.pdf"
    assert [(f["format"], f["file_path"], f["file_size_bytes"]) for f in files] == [
        ("pdf", pdf, 9),
        ("word", f"{owner.user_id}/{ANY}/cv.word", 9),
    ]
    row = db.one(owner, "select * from public.resumes")
    assert (row["exported_pdf_path"], row["thumbnail_path"]) == (pdf, thumbnail)
    assert row["last_accessed_at"] is not None
    assert state_of_use(db, owner, "generation") == "settled"


def test_snapshot__is_the_resume_at_the_time_of_the_request(
    db: Database, owner: Actor, resume: UUID
) -> None:
    request(db, owner, resume)
    db.query(owner, "update public.resumes set title = 'New', content = '{}'")
    assert generation(db, owner)["resume_data"] == {
        "title": "Mine",
        "content": {"summary": "I bake."},
        "layout": {"sectionOrder": ["summary"]},
        "template": None,
    }


def test_resume_that_nobody_has_edited__is_rendered_as_it_was_read(
    db: Database, owner: Actor, resume: UUID
) -> None:
    read = json.dumps({"basics": {"name": "Ada", "summary": "I bake."}})
    sql = "update public.resumes set content = %s, parsed_data = %s"
    db.query(SYSTEM, sql, "{}", read)
    content = {"personalInfo": {"name": "Ada"}, "summary": "I bake."}
    assert request(db, owner, resume)["resume_data"]["content"] == content
    db.query(SYSTEM, sql, '{"summary": "I edit."}', read)
    assert request(db, owner, resume)["resume_data"]["content"] == {"summary": "I edit."}


def test_export_without_a_pdf__keeps_the_latest_one(
    db: Database, owner: Actor, resume: UUID
) -> None:
    rendered(db, owner, resume)
    request(db, owner, resume, ["latex"])
    work(db, "generation", result(owner, "latex", latex_content=None))
    row = db.one(owner, "select exported_pdf_path, thumbnail_path from public.resumes")
    assert row == {"exported_pdf_path": f"{owner.user_id}/{ANY}/cv.pdf", "thumbnail_path": None}


def test_interview__gives_the_role_and_is_ones_own(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    mine = start(db, subscribe(db, owner), role_type="Baker")["id"]
    theirs = start(db, subscribe(db, stranger))["id"]
    for session in (theirs, uuid4()):
        with refused("PT404", match=str(session)):
            request(db, owner, resume, session_id=session)
    made = request(db, owner, resume, session_id=mine)
    assert (made["session_id"], made["role_type"]) == (mine, "Baker")
    db.query(owner, "delete from public.interview_sessions where id = %s", mine)
    assert generation(db, owner)["session_id"] is None


def test_failure__tells_why_and_costs_nothing(db: Database, owner: Actor, resume: UUID) -> None:
    request(db, owner, resume)
    assert fail(db, claim(db, "generation"), retryable=True) == "retry"
    assert generation(db, owner)["generation_status"] == "pending"
    db.query(SYSTEM, "update queue.tasks set run_at = now()")
    fail(db, claim(db, "generation"), "The page is too small.")
    row = generation(db, owner)
    assert (row["generation_status"], row["error_message"]) == ("failed", "The page is too small.")
    assert used(db, owner, "generations") == 0


def test_cancel__gives_the_use_back(db: Database, owner: Actor, resume: UUID) -> None:
    db.query(owner, "select public.cancel_request(%s)", request(db, owner, resume)["id"])
    assert generation(db, owner)["generation_status"] == "cancelled"
    assert state_of_use(db, owner, "generation") == "released"


def test_same_key__is_the_same_request(db: Database, owner: Actor, resume: UUID) -> None:
    first = request(db, owner, resume, ["pdf", "word"], idempotency_key="k")
    again = request(db, owner, resume, ["word", "pdf"], idempotency_key="k")
    assert again["id"] == first["id"]
    assert used(db, owner, "generations") == 1
    with refused("PT409"):
        request(db, owner, resume, ["pdf"], idempotency_key="k")
    with refused("PT409"):
        request(db, owner, add_resume(db, owner), ["pdf", "word"], idempotency_key="k")
    db.query(SYSTEM, "delete from public.resume_generations")
    with refused("PT409", match="was deleted"):
        request(db, owner, resume, ["pdf", "word"], idempotency_key="k")


def test_foreign_missing_and_trashed_resume__get_the_same_answer(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, resume: UUID
) -> None:
    for user in (stranger, admin):
        with refused("PT404", match=str(resume)):
            request(db, user, resume)
    for missing in (uuid4(), None):
        with refused("PT404"):
            request(db, owner, missing)
    db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404", match=str(resume)):
        request(db, owner, resume)
    assert used(db, owner, "generations") == 0


@pytest.mark.parametrize("formats", [None, [], [None], ["pdf", None], ["odt"], ["pdf", "PDF"]])
def test_format__is_one_that_exists(
    db: Database, owner: Actor, resume: UUID, formats: list[str | None] | None
) -> None:
    with refused("PT422", match="no formats"):
        db.query(owner, "select public.request_generation(%s, %s::text[])", resume, formats)
    assert len(request(db, owner, resume, ["latex", "pdf", "word", "overleaf"])["formats"]) == 4


def test_request__needs_an_allowance_and_an_active_user(
    db: Database, owner: Actor, resume: UUID
) -> None:
    with refused("42501", match=NO_GRANT):
        request(db, ANON, resume)
    request(db, owner, resume)
    db.query(SYSTEM, "delete from queue.tasks")
    spend = "update public.usage_counters set used = %s where meter = 'generations'"
    db.query(SYSTEM, spend, 10)
    with refused("PT402"):
        request(db, owner, resume)
    db.query(SYSTEM, spend, 0)
    limit(db, "export", 0)
    with refused("PT429"):
        request(db, owner, resume)
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        request(db, owner, resume)
    assert live_tasks(db, owner) == []


# Download ----------------------------------------------------------------------------------------


def test_download__is_counted(db: Database, owner: Actor, resume: UUID) -> None:
    made = rendered(db, owner, resume, "pdf", "word")
    rendered(db, owner, resume, "pdf", "word")
    assert download(db, owner, made)["download_count"] == 1
    row = download(db, owner, made)
    assert (row["download_count"], row["file_path"]) == (2, f"{owner.user_id}/{ANY}/cv.pdf")
    total = "select sum(download_count)::int from public.resume_downloads"
    assert db.value(owner, total) == 2


def test_download__is_the_owners_alone(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, resume: UUID
) -> None:
    made = rendered(db, owner, resume)
    for user in (stranger, admin):
        with refused("PT404", match=str(made)):
            download(db, user, made)
    for missing, form in ((uuid4(), "pdf"), (None, "pdf"), (made, "word"), (made, None)):
        with refused("PT404"):
            download(db, owner, missing, form)
    with refused("42501", match=NO_GRANT):
        download(db, ANON, made)
    limit(db, "download", 0)
    with refused("PT429"):
        download(db, owner, made)
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        download(db, owner, made)
    assert db.value(SYSTEM, "select download_count from public.resume_downloads") == 0
