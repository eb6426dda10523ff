"""Room storage: everybody has one folder in the bucket, and files in it never change.

These are the policies alone; tests/integration/test_storage.py asks the Storage API itself.
"""

from uuid import uuid4

import pytest

from rlstests.actors import ANON, SYSTEM, Actor, Database, refused

INSERT = "insert into storage.objects (bucket_id, name) values (%s, %s)"
SELECT = "select name from storage.objects where bucket_id = 'resumes'"


@pytest.fixture
def path(db: Database, owner: Actor) -> str:
    name = f"{owner.user_id}/{uuid4()}.pdf"
    db.query(owner, INSERT, "resumes", name)
    return name


def test_bucket__is_private_and_takes_documents_up_to_10_mb(db: Database) -> None:
    bucket = db.one(SYSTEM, "select * from storage.buckets where id = 'resumes'")
    assert bucket["public"] is False
    assert bucket["file_size_limit"] == 10 * 1024 * 1024
    assert bucket["allowed_mime_types"] == [
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ]


def test_file__is_seen_and_deleted_by_its_owner_only(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, path: str
) -> None:
    delete = "delete from storage.objects where name = %s"
    for other in (stranger, admin, ANON):
        assert db.query(other, SELECT) == []
        assert db.affected(other, delete, path) == 0
    assert db.query(owner, SELECT) == [{"name": path}]
    assert db.affected(owner, delete, path) == 1


def test_file__in_another_bucket_or_a_folder_alike_is_not_ones_own(
    db: Database, owner: Actor
) -> None:
    db.query(SYSTEM, "insert into storage.buckets (id, name) values ('other', 'other')")
    for bucket, folder in (("other", f"{owner.user_id}"), ("resumes", f"{owner.user_id}x")):
        db.query(SYSTEM, INSERT, bucket, f"{folder}/a.pdf")
    assert db.query(owner, "select name from storage.objects") == []
    assert db.affected(owner, "delete from storage.objects") == 0


def test_file__never_changes(db: Database, owner: Actor, path: str) -> None:
    for change in ("name = name", "bucket_id = 'resumes'", "owner = auth.uid()"):
        assert db.affected(owner, f"update storage.objects set {change}") == 0
    assert db.query(owner, SELECT) == [{"name": path}]


@pytest.mark.parametrize(
    "name",
    [
        "{stranger}/{uuid}.pdf",
        "{owner}/../{stranger}/{uuid}.pdf",
        "{owner}/%2e%2e/{uuid}.pdf",
        "{owner}/nested/{uuid}.pdf",
        "{owner}//{uuid}.pdf",
        "/{owner}/{uuid}.pdf",
        "{owner}/{uuid}.html",
        "{owner}/cv.pdf",
        "{owner}/{uuid}.pdf\n",
        "{owner}",
        "{uuid}.pdf",
    ],
)
def test_upload__goes_into_ones_own_folder_under_a_uuid(
    db: Database, owner: Actor, stranger: Actor, name: str
) -> None:
    bad = name.format(owner=owner.user_id, stranger=stranger.user_id, uuid=uuid4())
    with refused("42501", match="row-level security"):
        db.query(owner, INSERT, "resumes", bad)


def test_upload__needs_a_user_and_a_bucket_of_ours(db: Database, owner: Actor) -> None:
    name = f"{owner.user_id}/{uuid4()}.pdf"
    with refused("42501", match="row-level security"):
        db.query(ANON, INSERT, "resumes", name)
    db.query(SYSTEM, "insert into storage.buckets (id, name) values ('other', 'other')")
    with refused("42501", match="row-level security"):
        db.query(owner, INSERT, "other", name)
