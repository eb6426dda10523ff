"""The Storage API, asked by a careless and by a hostile user: files stay where they belong."""

from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from storage3.exceptions import StorageApiError

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus

PDF = b"%PDF-1.4\n%%EOF\n"
OPTIONS = {"content-type": "application/pdf"}


def put(user: DemoUser, path: str, data: bytes = PDF, **options: str) -> None:
    user.client.storage.from_("resumes").upload(path, data, {**OPTIONS, **options})


@pytest.fixture
def path(user: DemoUser) -> str:
    name = f"{user.user_id}/{uuid4()}.pdf"
    put(user, name)
    return name


def test_owner__uploads_lists_downloads_and_removes(user: DemoUser, path: str) -> None:
    bucket = user.client.storage.from_("resumes")
    assert bucket.download(path) == PDF
    # Hosted Storage lists names within the folder, the gateway whole paths.
    (listed,) = bucket.list(user.user_id)
    assert path.endswith(listed["name"])
    assert len(bucket.remove([path])) == 1
    assert bucket.list(user.user_id) == []


def test_stranger__finds_no_file(user: DemoUser, stranger: DemoUser, path: str) -> None:
    bucket = stranger.client.storage.from_("resumes")
    assert bucket.list(user.user_id) == []
    assert bucket.remove([path]) == []
    for attempt in (
        lambda: bucket.download(path),
        lambda: bucket.create_signed_url(path, 60),
        lambda: bucket.copy(path, f"{stranger.user_id}/{uuid4()}.pdf"),
        lambda: bucket.move(path, f"{stranger.user_id}/{uuid4()}.pdf"),
        lambda: put(stranger, path, upsert="true"),
    ):
        refused(attempt)
    assert user.client.storage.from_("resumes").download(path) == PDF


def refused(attempt: Callable[[], object]) -> None:
    with pytest.raises((StorageApiError, httpx.HTTPStatusError)):
        attempt()


@pytest.mark.parametrize(
    "name",
    [
        "{owner}/nested/{uuid}.pdf",
        "{owner}/cv.pdf",
        "{owner}/{uuid}.html",
        "{stranger}/{uuid}.pdf",
        "{uuid}.pdf",
    ],
)
def test_upload_elsewhere__is_refused(user: DemoUser, stranger: DemoUser, name: str) -> None:
    bad = name.format(owner=user.user_id, stranger=stranger.user_id, uuid=uuid4())
    refused(lambda: put(user, bad))


@pytest.mark.parametrize("dots", ["..", "%2e%2e", "%2E%2E%2F.."])
def test_traversal__is_refused_on_the_wire(
    stack: StackStatus, user: DemoUser, stranger: DemoUser, dots: str
) -> None:
    # The client library refuses dot segments by itself, so this speaks HTTP.
    session = user.client.auth.get_session()
    assert session is not None
    url = f"{stack.api_url}/storage/v1/object/resumes/{user.user_id}/{dots}/{stranger.user_id}"
    answer = httpx.post(
        f"{url}/{uuid4()}.pdf",
        content=PDF,
        headers={
            "apikey": stack.publishable_key,
            "authorization": f"Bearer {session.access_token}",
            "content-type": "application/pdf",
        },
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert stranger.client.storage.from_("resumes").list(stranger.user_id) == []


def test_file__is_not_overwritten_moved_or_renamed(user: DemoUser, path: str) -> None:
    bucket = user.client.storage.from_("resumes")
    for attempt in (
        lambda: put(user, path, b"%PDF-other"),
        lambda: put(user, path, b"%PDF-other", upsert="true"),
        lambda: bucket.update(path, b"%PDF-other", OPTIONS),
        lambda: bucket.move(path, f"{user.user_id}/{uuid4()}.pdf"),
    ):
        refused(attempt)
    assert bucket.download(path) == PDF


def test_nobody_signed_in__reaches_no_file(
    stack: StackStatus, nobody: DemoUser, user: DemoUser, path: str
) -> None:
    anyone = nobody.client.storage.from_("resumes")
    assert anyone.list(user.user_id) == []
    refused(lambda: anyone.download(path))
    public = f"{stack.api_url}/storage/v1/object/public/resumes/{path}"
    assert httpx.get(public).status_code >= 400


def test_wrong_type_and_too_large__are_refused(user: DemoUser) -> None:
    name = f"{user.user_id}/{uuid4()}.pdf"
    refused(lambda: put(user, name, b"<html>", **{"content-type": "text/html"}))
    refused(lambda: put(user, name, b"%PDF-" + b"0" * (10 * 1024 * 1024)))
