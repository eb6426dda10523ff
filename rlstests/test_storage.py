"""Room storage: everybody has one folder in each bucket, and what may be in it is settled.

These are the policies alone; tests/integration/test_storage.py asks the Storage API itself.
"""

from uuid import uuid4

import pytest

from rlstests.actors import ANON, POLICY, SYSTEM, Actor, Database, refused

INSERT = "insert into storage.objects (bucket_id, name) values (%s, %s)"
SELECT = "select bucket_id, name from storage.objects"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# A good name in each bucket that a client may write to.
GOOD = {
    "resumes": "{owner}/{uuid}.pdf",
    "interview-audio": "{owner}/{uuid}.webm",
    "avatars": "{owner}/me.png",
}
BUCKETS = [*GOOD, "exports"]


def put(db: Database, actor: Actor, bucket: str, name: str) -> None:
    db.query(actor, INSERT, bucket, name)


def good_name(bucket: str, owner: Actor) -> str:
    return GOOD.get(bucket, "{owner}/{uuid}.pdf").format(owner=owner.user_id, uuid=uuid4())


def files(db: Database, actor: Actor) -> set[tuple[str, str]]:
    return {(row["bucket_id"], row["name"]) for row in db.query(actor, SELECT)}


@pytest.mark.parametrize(
    ("bucket", "is_public", "megabytes", "type_in", "type_out"),
    [
        ("resumes", False, 10, DOCX, "text/html"),
        ("interview-audio", False, 25, "audio/webm", "video/webm"),
        ("exports", False, 25, "application/zip", "text/html"),
        ("avatars", True, 2, "image/webp", "image/svg+xml"),
    ],
)
def test_bucket__has_its_limits(
    db: Database, bucket: str, is_public: bool, megabytes: int, type_in: str, type_out: str
) -> None:
    row = db.one(SYSTEM, "select * from storage.buckets where id = %s", bucket)
    assert row["public"] is is_public
    assert row["file_size_limit"] == megabytes * 1024 * 1024
    assert type_in in row["allowed_mime_types"]
    assert type_out not in row["allowed_mime_types"]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_file__is_seen_and_deleted_by_its_owner_only(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, bucket: str
) -> None:
    name = good_name(bucket, owner)
    put(db, SYSTEM, bucket, name)
    delete = "delete from storage.objects where name = %s"
    for other in (stranger, admin, ANON):
        assert files(db, other) == set()
        assert db.affected(other, delete, name) == 0
    assert files(db, owner) == {(bucket, name)}
    assert db.affected(owner, delete, name) == (0 if bucket == "exports" else 1)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_file__in_another_bucket_or_a_folder_alike_is_not_ones_own(
    db: Database, owner: Actor, bucket: str
) -> None:
    db.query(SYSTEM, "insert into storage.buckets (id, name) values ('other', 'other')")
    put(db, SYSTEM, "other", f"{owner.user_id}/a.pdf")
    for folder in (
        f"{owner.user_id}x",
        f"x{owner.user_id}",
        f"/{owner.user_id}",
        str(owner.user_id).upper() + "X",
        str(owner.user_id)[:-1],
        f"a/{owner.user_id}",
    ):
        put(db, SYSTEM, bucket, f"{folder}/a.pdf")
    assert files(db, owner) == set()
    assert db.affected(owner, "delete from storage.objects") == 0
    assert db.affected(owner, "update storage.objects set name = name") == 0


@pytest.mark.parametrize("bucket", ["resumes", "interview-audio", "exports"])
def test_file__never_changes(db: Database, owner: Actor, bucket: str) -> None:
    name = good_name(bucket, owner)
    put(db, SYSTEM, bucket, name)
    for change in ("name = name", "bucket_id = bucket_id", "owner = auth.uid()"):
        assert db.affected(owner, f"update storage.objects set {change}") == 0
    assert files(db, owner) == {(bucket, name)}


@pytest.mark.parametrize("bucket", GOOD)
@pytest.mark.parametrize(
    "name",
    [
        "{stranger}/{file}",
        "{owner}/../{stranger}/{file}",
        "{owner}/%2e%2e/{file}",
        "{owner}/%2E%2E%2F{stranger}/{file}",
        "{owner}/./{file}",
        "{owner}/nested/{file}",
        "{owner}//{file}",
        "/{owner}/{file}",
        "{owner}/{file}/",
        "{owner}/{file}\n",
        "{owner}/{file}.html",
        "{owner}/{uuid}.html",
        "{owner}/{uuid}.svg",
        "{owner}/{uuid}",
        "{owner}/",
        "{owner}",
        "{OWNER}/{file}",
        "{owner}x/{file}",
        "{file}",
        "",
    ],
)
def test_upload__goes_into_ones_own_folder_under_a_plain_name(
    db: Database, owner: Actor, stranger: Actor, bucket: str, name: str
) -> None:
    file = good_name(bucket, owner).partition("/")[2]
    bad = name.format(
        owner=owner.user_id,
        OWNER=str(owner.user_id).upper(),
        stranger=stranger.user_id,
        uuid=uuid4(),
        file=file,
    )
    with refused("42501", match=POLICY):
        put(db, owner, bucket, bad)
    put(db, owner, bucket, f"{owner.user_id}/{file}")


@pytest.mark.parametrize("bucket", ["resumes", "interview-audio"])
@pytest.mark.parametrize("name", ["{owner}/cv.pdf", "{owner}/{UUID}.pdf", "{owner}/{uuid}.PDF"])
def test_documents_and_recordings__have_a_uuid_for_a_name(
    db: Database, owner: Actor, bucket: str, name: str
) -> None:
    bad = name.format(owner=owner.user_id, uuid=uuid4(), UUID=f"A{uuid4()}".upper()[:36])
    ending = GOOD[bucket].rpartition(".")[2]
    with refused("42501", match=POLICY):
        put(db, owner, bucket, bad.replace(".pdf", f".{ending}"))


@pytest.mark.parametrize(
    ("bucket", "endings"),
    [
        ("resumes", "pdf docx"),
        ("interview-audio", "webm mp3 m4a wav ogg"),
        ("avatars", "png jpg jpeg webp"),
    ],
)
def test_upload__has_an_ending_of_its_bucket(
    db: Database, owner: Actor, bucket: str, endings: str
) -> None:
    every = {"pdf", "docx", "webm", "mp3", "m4a", "wav", "ogg", "png", "jpg", "jpeg", "webp"}
    for ending in endings.split():
        put(db, owner, bucket, f"{owner.user_id}/{uuid4()}.{ending}")
    for ending in every - set(endings.split()):
        with refused("42501", match=POLICY):
            put(db, owner, bucket, f"{owner.user_id}/{uuid4()}.{ending}")


@pytest.mark.parametrize("bucket", BUCKETS)
def test_upload__needs_a_user_who_may_write(db: Database, owner: Actor, bucket: str) -> None:
    name = good_name(bucket, owner)
    with refused("42501", match=POLICY):
        put(db, ANON, bucket, name)
    for state in ("is_active = false", "is_active = true, deleted_at = now()"):
        db.query(SYSTEM, f"update public.profiles set {state} where id = %s", owner.user_id)
        with refused("42501", match=POLICY):
            put(db, owner, bucket, name)
    # What is there can still be read and removed.
    put(db, SYSTEM, bucket, name)
    assert files(db, owner) == {(bucket, name)}


def test_exports_and_unknown_buckets__take_nothing_from_clients(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "insert into storage.buckets (id, name) values ('other', 'other')")
    for bucket in ("exports", "other"):
        with refused("42501", match=POLICY):
            put(db, owner, bucket, f"{owner.user_id}/{uuid4()}.pdf")


# Avatars may be overwritten and renamed, within the folder.


@pytest.fixture
def avatar(db: Database, owner: Actor) -> str:
    name = f"{owner.user_id}/me.png"
    put(db, owner, "avatars", name)
    return name


def test_avatar__is_overwritten_by_its_owner(db: Database, owner: Actor, avatar: str) -> None:
    upsert = (
        "insert into storage.objects (bucket_id, name) values ('avatars', %s) "
        "on conflict (bucket_id, name) do update set updated_at = now()"
    )
    assert db.affected(owner, upsert, avatar) == 1
    sql = "update storage.objects set name = %s where name = %s"
    assert db.affected(owner, sql, f"{owner.user_id}/new-me.webp", avatar) == 1


def test_avatar__is_not_changed_by_others(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, avatar: str
) -> None:
    for other in (stranger, admin, ANON):
        assert db.affected(other, "update storage.objects set updated_at = now()") == 0
    upsert = (
        "insert into storage.objects (bucket_id, name) values ('avatars', %s) "
        "on conflict (bucket_id, name) do update set updated_at = now()"
    )
    with refused("42501", match=POLICY):
        db.query(stranger, upsert, avatar)
    assert files(db, owner) == {("avatars", avatar)}


@pytest.mark.parametrize(
    "change",
    [
        "name = '{stranger}/me.png'",
        "name = '{owner}/../{stranger}/me.png'",
        "name = '{owner}/nested/me.png'",
        "name = '{owner}/me.html'",
        "name = '{owner}/me.pdf', bucket_id = 'exports'",
        "name = '{owner}/{uuid}.pdf', bucket_id = 'resumes'",
        "name = '{owner}/{uuid}.webm', bucket_id = 'interview-audio'",
        "bucket_id = 'resumes'",
    ],
)
def test_avatar__moves_nowhere_else(
    db: Database, owner: Actor, stranger: Actor, avatar: str, change: str
) -> None:
    names = {"owner": owner.user_id, "stranger": stranger.user_id, "uuid": uuid4()}
    with refused("42501", match=POLICY):
        db.query(owner, f"update storage.objects set {change.format(**names)}")
    assert files(db, owner) == {("avatars", avatar)}


def test_avatar_of_a_blocked_account__is_not_overwritten(
    db: Database, owner: Actor, avatar: str
) -> None:
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("42501", match=POLICY):
        db.query(owner, "update storage.objects set updated_at = now() where name = %s", avatar)


# How many


@pytest.mark.parametrize("bucket", GOOD)
def test_files__are_bounded_for_each_user_and_bucket(
    db: Database, owner: Actor, stranger: Actor, bucket: str
) -> None:
    db.query(
        SYSTEM, "update public.global_config set value = '2' where key = 'max_files_per_bucket'"
    )
    ending = GOOD[bucket].rpartition(".")[2]
    others = next(each for each in GOOD if each != bucket)
    for _ in range(2):
        put(db, SYSTEM, others, f"{owner.user_id}/{uuid4()}.x")
        put(db, SYSTEM, bucket, f"{owner.user_id}x/{uuid4()}.{ending}")
        put(db, owner, bucket, f"{owner.user_id}/{uuid4()}.{ending}")
    with refused("42501", match=POLICY):
        put(db, owner, bucket, f"{owner.user_id}/{uuid4()}.{ending}")
    put(db, stranger, bucket, f"{stranger.user_id}/{uuid4()}.{ending}")
    sql = "delete from storage.objects where bucket_id = %s and name = (select min(name) " + (
        "from storage.objects where bucket_id = %s)"
    )
    assert db.affected(owner, sql, bucket, bucket) == 1
    put(db, owner, bucket, f"{owner.user_id}/{uuid4()}.{ending}")


@pytest.mark.parametrize(("value", "is_open"), [("0", False), ("-5", False), ('"many"', True)])
def test_quota__survives_odd_settings(
    db: Database, owner: Actor, value: str, is_open: bool
) -> None:
    db.query(
        SYSTEM,
        "update public.global_config set value = %s where key = 'max_files_per_bucket'",
        value,
    )
    assert db.value(owner, "select private.has_file_quota('avatars')") is is_open
