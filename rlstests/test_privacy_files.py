"""Room privacy: files go once their rows are gone, unless a résumé still uses them."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.purges import ask, claim, complete, put, remove


@pytest.fixture
def resume(db: Database, owner: Actor) -> Row:
    sql = "insert into public.resumes (user_id, file_path) values (%s, %s) returning *"
    return db.one(SYSTEM, sql, owner.user_id, put(db, owner))


def purge_files(db: Database, files: object) -> Row:
    sql = "select private.enqueue_task('purge_files', %s, null, null)"
    db.query(SYSTEM, sql, json.dumps({"files": files}))
    (task,) = claim(db)
    return task


@pytest.mark.parametrize("column", ["file_path", "thumbnail_path", "exported_pdf_path"])
def test_file_that_a_resume_uses__is_spared(
    db: Database, owner: Actor, resume: Row, column: str
) -> None:
    used, unused = put(db, owner, "exports"), put(db, owner, "exports")
    if column == "file_path":
        used = resume["file_path"]
    db.query(SYSTEM, f"update public.resumes set {column} = %s where id = %s", used, resume["id"])
    bucket = "resumes" if column == "file_path" else "exports"
    task = purge_files(db, {bucket: [used], "exports": [used, unused], "avatars": [used]})
    assert ask(db, task) == {"status": "confirmed", "files": {"exports": [unused]}}


def test_file_that_is_not_there__is_not_named(db: Database, owner: Actor) -> None:
    task = purge_files(db, {"resumes": [f"{owner.user_id}/{uuid4()}.pdf", "odd", ""], "no": ["x"]})
    assert ask(db, task) == {"status": "confirmed", "files": {}}
    complete(db, task)


def test_purge_of_files__cannot_end_while_they_are_left(db: Database, owner: Actor) -> None:
    task = purge_files(db, {"resumes": [put(db, owner)]})
    with refused("PT422", match="Files are left"):
        complete(db, task)
    remove(db, owner)
    with refused("PT422", match="malformed"):
        complete(db, task, {"status": "kept"})
    complete(db, task)


def test_task_of_another_kind__purges_nothing(db: Database, owner: Actor) -> None:
    payload = json.dumps({"user_id": str(owner.user_id), "files": {}, "resume_id": str(uuid4())})
    sql = "select private.enqueue_task('resume_parse', %s, null, null)"
    assert isinstance(db.value(SYSTEM, sql, payload), UUID)
    other = db.one(SERVICE, "select * from worker.claim_tasks('test', '{resume_parse}', 1, 60)")
    with refused("PT422", match="deletes no files"):
        ask(db, other)
    assert db.query(SYSTEM, "select 1 from private.account_purges") == []
