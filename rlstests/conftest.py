"""One transaction per test, and the people in it."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from cli.stack.status import StackStatus
from rlstests.actors import Actor, Database


@pytest.fixture
def db(stack: StackStatus) -> Iterator[Database]:
    """A transaction against the migrated database that is rolled back after the test."""
    with (
        psycopg.connect(stack.db_url, row_factory=dict_row) as connection,
        connection.transaction(force_rollback=True),
    ):
        # A statement that waits for a lock fails instead of hanging the suite.
        connection.execute("set local lock_timeout = '10s'")
        # Tests over HTTP commit, and may leave tasks behind; here the queue starts out empty.
        connection.execute("delete from queue.tasks")
        yield Database(connection)


@pytest.fixture
def owner(db: Database) -> Actor:
    return db.add_user("owner")


@pytest.fixture
def stranger(db: Database) -> Actor:
    return db.add_user("stranger")


@pytest.fixture
def admin(db: Database) -> Actor:
    return db.add_admin("admin")
