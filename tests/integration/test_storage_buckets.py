"""The Storage API and the buckets for avatars, recordings and exports."""

from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from storage3.exceptions import StorageApiError

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus

PNG = b"\x89PNG\r\n\x1a\n"
WEBM = b"\x1aE\xdf\xa3"
TYPES = {"avatars": "image/png", "interview-audio": "audio/webm", "exports": "application/pdf"}
ENDINGS = {"avatars": "png", "interview-audio": "webm", "exports": "pdf"}
WRITABLE = ["avatars", "interview-audio"]


def put(user: DemoUser, bucket: str, path: str, data: bytes = PNG, **options: str) -> None:
    options = {"content-type": TYPES[bucket], **options}
    user.client.storage.from_(bucket).upload(path, data, options)


def name_in(bucket: str, user: DemoUser) -> str:
    return f"{user.user_id}/{uuid4()}.{ENDINGS[bucket]}"


def names(user: DemoUser, bucket: str, folder: str = "") -> list[str]:
    """The names in a folder; hosted Storage lists them alone, the gateway with their folder."""
    listed = user.client.storage.from_(bucket).list(folder or user.user_id)
    return sorted(each["name"].rpartition("/")[2] for each in listed)


def refused(attempt: Callable[[], object]) -> None:
    with pytest.raises((StorageApiError, httpx.HTTPStatusError)):
        attempt()


def send(stack: StackStatus, method: str, path: str, data: bytes, token: str) -> int:
    """Send a file as a raw body and give the status.

    The gateway reads the client library's form in a POST only, not in the PUT of an update.
    """
    key = token if token.startswith("sb_") else stack.publishable_key
    answer = httpx.request(
        method,
        f"{stack.api_url}/storage/v1/object/{path}",
        content=data,
        headers={
            "apikey": key,
            "authorization": f"Bearer {token}",
            "content-type": TYPES[path.partition("/")[0]],
        },
    )
    return answer.status_code


def token_of(user: DemoUser) -> str:
    session = user.client.auth.get_session()
    assert session is not None
    return str(session.access_token)


@pytest.mark.parametrize("bucket", WRITABLE)
def test_owner__uploads_lists_downloads_and_removes(user: DemoUser, bucket: str) -> None:
    path = name_in(bucket, user)
    put(user, bucket, path)
    files = user.client.storage.from_(bucket)
    assert files.download(path) == PNG
    assert names(user, bucket) == [path.rpartition("/")[2]]
    assert len(files.remove([path])) == 1
    assert names(user, bucket) == []


@pytest.mark.parametrize("bucket", WRITABLE)
def test_stranger__lists_takes_and_changes_nothing(
    stack: StackStatus, user: DemoUser, stranger: DemoUser, nobody: DemoUser, bucket: str
) -> None:
    path, theirs = name_in(bucket, user), name_in(bucket, stranger)
    put(user, bucket, path)
    for other in (stranger, nobody):
        files = other.client.storage.from_(bucket)
        assert names(other, bucket, user.user_id) == []
        assert files.list() == []
        # Hosted Storage answers with nothing removed, or refuses.
        try:
            assert files.remove([path]) == []
        except StorageApiError as error:
            assert str(error.status).startswith("4")
        for attempt in (
            lambda files=files: files.copy(path, theirs),
            lambda files=files: files.move(path, theirs),
            lambda other=other: put(other, bucket, path, WEBM, upsert="true"),
            lambda other=other: put(other, bucket, name_in(bucket, user)),
        ):
            refused(attempt)
    assert send(stack, "PUT", f"{bucket}/{path}", WEBM, token_of(stranger)) >= 400
    assert user.client.storage.from_(bucket).download(path) == PNG
    assert names(stranger, bucket) == []


@pytest.mark.parametrize("bucket", WRITABLE)
@pytest.mark.parametrize("dots", ["..", "%2e%2e", "%2E%2E%2F..", "%2e%2e%2f%2e%2e"])
def test_traversal__is_refused_on_the_wire(
    stack: StackStatus, user: DemoUser, stranger: DemoUser, bucket: str, dots: str
) -> None:
    path = f"{bucket}/{user.user_id}/{dots}/{name_in(bucket, stranger)}"
    assert 400 <= send(stack, "POST", path, PNG, token_of(user)) < 500
    assert names(stranger, bucket) == []


def test_avatar__is_read_by_anyone_who_has_its_path(stack: StackStatus, user: DemoUser) -> None:
    path = f"{user.user_id}/me.png"
    put(user, "avatars", path)
    public = f"{stack.api_url}/storage/v1/object/public"
    assert httpx.get(f"{public}/avatars/{path}").content == PNG
    recording = name_in("interview-audio", user)
    put(user, "interview-audio", recording)
    assert httpx.get(f"{public}/interview-audio/{recording}").status_code >= 400


def test_avatar__is_overwritten_and_renamed_by_its_owner(
    stack: StackStatus, user: DemoUser
) -> None:
    path, files = f"{user.user_id}/me.png", user.client.storage.from_("avatars")
    put(user, "avatars", path)
    put(user, "avatars", path, PNG + b"2", upsert="true")
    assert files.download(path) == PNG + b"2"
    assert send(stack, "PUT", f"avatars/{path}", PNG + b"3", token_of(user)) == 200
    assert files.download(path) == PNG + b"3"
    files.move(path, f"{user.user_id}/new.png")
    assert names(user, "avatars") == ["new.png"]
    assert files.download(f"{user.user_id}/new.png") == PNG + b"3"


def test_avatar__moves_into_no_other_folder(user: DemoUser, stranger: DemoUser) -> None:
    path, files = f"{user.user_id}/me.png", user.client.storage.from_("avatars")
    put(user, "avatars", path)
    for target in (
        f"{stranger.user_id}/me.png",
        f"{user.user_id}/nested/me.png",
        f"{user.user_id}/me.html",
    ):
        refused(lambda target=target: files.move(path, target))
        refused(lambda target=target: files.copy(path, target))
    assert names(user, "avatars") == ["me.png"]
    assert names(stranger, "avatars") == []


def test_recording__is_not_overwritten_moved_or_renamed(stack: StackStatus, user: DemoUser) -> None:
    path, files = name_in("interview-audio", user), user.client.storage.from_("interview-audio")
    put(user, "interview-audio", path)
    for attempt in (
        lambda: put(user, "interview-audio", path, WEBM),
        lambda: put(user, "interview-audio", path, WEBM, upsert="true"),
        lambda: files.move(path, name_in("interview-audio", user)),
    ):
        refused(attempt)
    assert send(stack, "PUT", f"interview-audio/{path}", WEBM, token_of(user)) >= 400
    assert files.download(path) == PNG


def test_export__is_written_by_workers_and_read_by_its_owner(
    stack: StackStatus, user: DemoUser, stranger: DemoUser
) -> None:
    path = name_in("exports", user)
    refused(lambda: put(user, "exports", path))
    assert send(stack, "POST", f"exports/{path}", b"%PDF", stack.secret_key) == 200
    files = user.client.storage.from_("exports")
    assert files.download(path) == b"%PDF"
    assert names(user, "exports") == [path.rpartition("/")[2]]
    for attempt in (
        lambda: put(user, "exports", path, upsert="true"),
        lambda: files.move(path, name_in("exports", user)),
        lambda: stranger.client.storage.from_("exports").download(path),
        lambda: stranger.client.storage.from_("exports").create_signed_url(path, 60),
    ):
        refused(attempt)
    assert send(stack, "PUT", f"exports/{path}", b"x", token_of(user)) >= 400
    assert names(stranger, "exports", user.user_id) == []
    assert files.download(path) == b"%PDF"


@pytest.mark.parametrize(
    ("bucket", "media_type", "size"),
    [
        ("avatars", "image/svg+xml", 10),
        ("avatars", "text/html", 10),
        ("avatars", "image/png", 2 * 1024 * 1024 + 1),
        ("interview-audio", "video/webm", 10),
        ("interview-audio", "audio/webm", 25 * 1024 * 1024 + 1),
    ],
)
def test_wrong_type_and_too_large__are_refused(
    user: DemoUser, bucket: str, media_type: str, size: int
) -> None:
    path = name_in(bucket, user)
    refused(lambda: put(user, bucket, path, b"x" * size, **{"content-type": media_type}))
    assert names(user, bucket) == []
