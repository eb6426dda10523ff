"""Room exports: what becomes of a task, of bad results, and of what goes to the trash."""

import json
from uuid import UUID

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.export_helpers import (
    ANY,
    add_resume,
    download,
    generation,
    rendered,
    request,
    result,
)
from rlstests.request_helpers import claim, complete, fail, work


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    return add_resume(db, owner)


# Trash -------------------------------------------------------------------------------------------


def test_trash__hides_generations_and_files_until_the_restore(
    db: Database, owner: Actor, resume: UUID
) -> None:
    made = rendered(db, owner, resume)
    other = rendered(db, owner, add_resume(db, owner))
    db.query(owner, "select public.trash_resume(%s)", resume)
    assert db.query(owner, "select id from public.resume_generations") == [{"id": other}]
    files = "select generation_id from public.resume_downloads"
    assert db.query(owner, files) == [{"generation_id": other}]
    with refused("PT404", match=str(made)):
        download(db, owner, made)
    assert download(db, owner, other)["download_count"] == 1
    db.query(owner, "select public.restore_resume(%s)", resume)
    assert len(db.query(owner, files)) == 2
    assert download(db, owner, made)["download_count"] == 1


def test_rendering_that_ends_in_the_trash__is_kept_for_the_restore(
    db: Database, owner: Actor, resume: UUID
) -> None:
    request(db, owner, resume)
    db.query(owner, "select public.trash_resume(%s)", resume)
    work(db, "generation", result(owner))
    db.query(owner, "select public.restore_resume(%s)", resume)
    assert generation(db, owner)["generation_status"] == "completed"
    assert db.value(owner, "select exported_pdf_path from public.resumes")


def test_resume_deleted_for_good__leaves_the_history(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    made = request(db, owner, resume)["id"]
    db.query(SYSTEM, "delete from public.resumes where id = %s", resume)
    assert generation(db, owner)["resume_id"] is None
    work(db, "generation", result(owner))
    assert download(db, owner, made)["download_count"] == 1
    assert db.query(stranger, "select 1 from public.resume_generations") == []


# What the queue tells ----------------------------------------------------------------------------


def test_task__reaches_only_the_generation_of_its_owner(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    payload = json.dumps({"generation_id": str(request(db, owner, resume)["id"])})
    db.query(SYSTEM, "delete from queue.tasks")
    before = generation(db, owner)
    sql = "select private.enqueue_task('generation', %s, %s, null)"
    for sent in (result(owner), None):
        db.query(SYSTEM, sql, payload, stranger.user_id)
        task = claim(db, "generation")
        complete(db, task, sent) if sent else fail(db, task)
        assert generation(db, owner) == before


def changed(user: Actor, **change: object) -> dict[str, object]:
    """A result whose only file is changed."""
    file = {"format": "pdf", "file_path": f"{user.user_id}/cv.pdf", "file_size_bytes": 9}
    return result(user, files=[file | change])


@pytest.mark.parametrize(
    "change",
    [
        {"format": "word"},
        {"format": None},
        {"file_size_bytes": None},
        {"file_size_bytes": -1},
        {"file_size_bytes": 1.5},
        {"file_size_bytes": 10**10},
        {"file_path": None},
        {"file_path": f"{ANY}/cv.pdf"},
        {"file_path": "{owner}/../x/cv.pdf"},
        {"file_path": "{owner}/a/b/cv.pdf"},
        {"file_path": "{owner}//cv.pdf"},
        {"file_path": "{owner}/cv"},
        {"file_path": "x/{owner}/cv.pdf"},
    ],
)
def test_malformed_file__is_refused(
    db: Database, owner: Actor, resume: UUID, change: dict[str, object]
) -> None:
    request(db, owner, resume)
    task = claim(db, "generation")
    if isinstance(path := change.get("file_path"), str):
        change = change | {"file_path": path.format(owner=owner.user_id)}
    with refused("PT422", match="malformed"):
        complete(db, task, changed(owner, **change))
    assert db.query(owner, "select 1 from public.resume_downloads") == []
    complete(db, task, changed(owner))
    assert generation(db, owner)["generation_status"] == "completed"


@pytest.mark.parametrize(
    "change",
    [
        {"files": None},
        {"files": []},
        {"files": "pdf"},
        {"files": ["pdf"]},
        {"processing_time_ms": None},
        {"processing_time_ms": -1},
        {"latex_content": {}},
        {"latex_content": "x" * 500001},
        {"thumbnail_path": f"{ANY}/page.png"},
        {"thumbnail_path": {}},
    ],
)
def test_malformed_result__is_refused_whole(
    db: Database, owner: Actor, resume: UUID, change: dict[str, object]
) -> None:
    request(db, owner, resume)
    task = claim(db, "generation")
    with refused("PT422", match="malformed"):
        complete(db, task, result(owner, **change))
    assert generation(db, owner)["generation_status"] == "processing"


@pytest.mark.parametrize("sent", [None, "text", []])
def test_result_that_is_no_object__is_refused(
    db: Database, owner: Actor, resume: UUID, sent: object
) -> None:
    request(db, owner, resume)
    with refused("PT422", match="malformed"):
        complete(db, claim(db, "generation"), sent)


def test_result__has_each_format_once_and_no_other(
    db: Database, owner: Actor, resume: UUID
) -> None:
    request(db, owner, resume, ["pdf", "word"])
    task = claim(db, "generation")
    for formats in (["pdf"], ["pdf", "pdf"], ["pdf", "word", "latex"], ["pdf", "word", "word"]):
        with refused("PT422", match="malformed"):
            complete(db, task, result(owner, *formats))
    complete(db, task, result(owner, "word", "pdf"))
