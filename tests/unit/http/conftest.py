"""One service for the tests of a module that leave its settings alone."""

from collections.abc import Iterator

import httpx
import pytest

from .service import FakeDatabase, Service, running


@pytest.fixture(scope="module")
def shared_database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture(scope="module")
def service(shared_database: FakeDatabase) -> Iterator[Service]:
    with running(shared_database, max_body_bytes=2048, body_timeout_seconds=0.3) as started:
        yield started


@pytest.fixture
def database(shared_database: FakeDatabase) -> Iterator[FakeDatabase]:
    """The memory of the shared service, empty and healthy."""
    shared_database.__init__()  # type: ignore[misc]
    yield shared_database
    shared_database.__init__()  # type: ignore[misc]


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=20) as client:
        yield client
