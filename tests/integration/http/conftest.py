"""The shared stack's queue is left as it was found: other tests run workers on it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from cli.stack.status import StackStatus


@pytest.fixture(scope="module")
def inbox(stack: StackStatus) -> Iterator[StackStatus]:
    """The shared stack, for a module that sends events without applying them."""
    yield stack
    with psycopg.connect(stack.db_url, sslmode="disable") as connection:
        connection.execute("delete from queue.tasks where kind = 'webhook'")
        connection.execute("delete from private.webhook_events")
