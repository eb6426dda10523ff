"""Room resumes: owners make, edit and trash their own."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import NO_GRANT, Actor, Database, refused


def add_resume(db: Database, user: Actor, path: str | None = None) -> UUID:
    resume = db.value(
        user,
        "insert into public.resumes (file_name, file_path) values ('cv.pdf', %s) returning id",
        path,
    )
    assert isinstance(resume, UUID)
    return resume


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    return add_resume(db, owner)


@pytest.mark.parametrize(
    "path",
    [
        "{stranger}/{uuid}.pdf",
        "{owner}/../{stranger}/{uuid}.pdf",
        "{owner}/nested/{uuid}.pdf",
        "{owner}/cv.pdf",
        "{owner}/{uuid}.exe",
        "{owner}/{uuid}.pdf\n",
        "/{owner}/{uuid}.pdf",
    ],
)
def test_file_path__stays_in_the_folder_of_its_owner(
    db: Database, owner: Actor, stranger: Actor, path: str
) -> None:
    bad = path.format(owner=owner.user_id, stranger=stranger.user_id, uuid=uuid4())
    with refused("23514", match="file_path"):
        add_resume(db, owner, bad)


@pytest.mark.parametrize(
    "column",
    [
        "parsed_data",
        "parse_status",
        "parse_error",
        "parse_warnings",
        "extracted_text",
        "file_path",
        "file_sha256",
        "file_size_bytes",
        "deleted_at",
        "created_at",
        "user_id",
        "id",
    ],
)
def test_system_columns__are_not_the_owners_to_change(
    db: Database, owner: Actor, resume: UUID, column: str
) -> None:
    with refused("42501", match=NO_GRANT):
        db.query(owner, f"update public.resumes set {column} = {column} where id = %s", resume)


def test_resume__is_made_for_oneself_only(db: Database, owner: Actor, stranger: Actor) -> None:
    sql = "insert into public.resumes (user_id, title) values (%s, 'Mine')"
    assert db.affected(owner, sql, owner.user_id) == 1
    with refused("42501", match="row-level security"):
        db.query(owner, sql, stranger.user_id)


def test_trash__hides_and_restore_brings_back(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    db.query(owner, "update public.profiles set active_resume_id = %s", resume)
    with refused("PT404"):
        db.query(stranger, "select public.trash_resume(%s)", resume)
    assert db.one(owner, "select * from public.trash_resume(%s)", resume)["deleted_at"]
    assert db.query(owner, "select * from public.resumes") == []
    assert db.affected(owner, "update public.resumes set title = 'x' where id = %s", resume) == 0
    assert db.value(owner, "select active_resume_id from public.profiles") is None
    with refused("PT404"):
        db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404"):
        db.query(stranger, "select public.restore_resume(%s)", resume)
    assert db.one(owner, "select * from public.restore_resume(%s)", resume)["deleted_at"] is None
    assert db.value(owner, "select id from public.resumes") == resume


def test_trash__clears_the_active_resume_only_if_it_is_that_one(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    theirs = add_resume(db, stranger)
    choose = "update public.profiles set active_resume_id = %s"
    db.query(owner, choose, resume)
    db.query(stranger, choose, theirs)
    db.query(owner, "select public.trash_resume(%s)", add_resume(db, owner))
    for user, active in ((owner, resume), (stranger, theirs)):
        assert db.value(user, "select active_resume_id from public.profiles") == active


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("title", '""'),
        ("title", json.dumps("x" * 201)),
        ("content", "[]"),
        ("content", json.dumps({"a": "x" * 262144})),
        ("layout", '"text"'),
        ("status", '"deleted"'),
    ],
)
def test_edit__must_have_the_shape_of_a_resume(
    db: Database, owner: Actor, resume: UUID, column: str, value: str
) -> None:
    text = value if column in ("content", "layout") else json.loads(value)
    with refused("23514", match=column):
        db.query(owner, f"update public.resumes set {column} = %s where id = %s", text, resume)
