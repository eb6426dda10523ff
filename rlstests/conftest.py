"""One transaction per test, and the people in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from cli.stack.status import StackStatus
from rlstests.actors import ANON, SERVICE, SYSTEM, Actor, Database
from rlstests.intent import INACTIVE
from rlstests.over_http import Api
from rlstests.own_stack import scratch_stack
from rlstests.samples import ADMIN_ROWS, make_row, rows
from rlstests.sessions import OPTIONS, close_sessions

Connection = psycopg.Connection[DictRow]


@pytest.fixture(scope="session")
def stack() -> Iterator[StackStatus]:
    """A stack for these tests alone: those elsewhere commit rows, and here some count them all."""
    with scratch_stack() as status:
        yield status


@pytest.fixture(scope="session", autouse=True)
def sessions() -> Iterator[None]:
    """End the sessions that tests shared."""
    yield
    close_sessions()


@pytest.fixture(scope="session")
def connected(stack: StackStatus) -> Iterator[Callable[[], Connection]]:
    """The connection of the session, made again should a test have broken it.

    Connecting takes as long as a test does. Each test has a transaction of its own, which takes
    settings, temporary tables and locks with it.
    """
    held: list[Connection] = []

    def connection() -> Connection:
        if not held or held[-1].closed:
            # Tests change tables; a statement prepared before would then fail.
            held.append(psycopg.connect(stack.db_url, row_factory=dict_row, prepare_threshold=None))
        return held[-1]

    yield connection
    for connection_ in held:
        connection_.close()


@pytest.fixture
def db(connected: Callable[[], Connection]) -> Iterator[Database]:
    """A transaction against the migrated database that is rolled back after the test."""
    connection = connected()
    with connection.transaction(force_rollback=True):
        yield prepared(connection)


def prepared(connection: Connection) -> Database:
    """Make the transaction ready for a test."""
    connection.execute(
        # A statement that waits for a lock fails instead of hanging the suite.
        "set local lock_timeout = '10s';"
        # Tests over HTTP commit, and may leave tasks behind; here the queue starts out empty.
        "delete from queue.tasks"
    )
    return Database(connection)


@pytest.fixture
def owner(db: Database) -> Actor:
    return db.add_user("owner")


@pytest.fixture
def stranger(db: Database) -> Actor:
    return db.add_user("stranger")


@pytest.fixture
def admin(db: Database) -> Actor:
    return db.add_admin("admin")


@dataclass(frozen=True)
class World:
    """Everybody of actors.py, made once for a module; each test undoes what it did to them."""

    db: Database
    people: dict[str, Actor]


@pytest.fixture(scope="module")
def world(connected: Callable[[], Connection]) -> Iterator[World]:
    """One transaction for a whole module, for tests that each need everybody."""
    connection = connected()
    with connection.transaction(force_rollback=True):
        db = prepared(connection)
        owner = db.add_user("owner")
        others = (db.add_user("stranger"), db.add_admin("admin"), db.add_deleted_user("deleted"))
        people = {actor.name: actor for actor in (ANON, SERVICE, owner, *others)}
        yield World(db, people | dict.fromkeys(INACTIVE, owner))


@dataclass(frozen=True)
class Scene:
    """One relation with the owner's row in it, and everybody who may try something on it."""

    db: Database
    people: dict[str, Actor]
    relation: str
    owner: Actor

    def rows(self) -> str:
        return rows(self.db, self.relation, self.owner)

    def run(self, identity: str, sql: str) -> int:
        with self.db.acting(self.people[identity]) as connection:
            return connection.execute(sql, {"owner": self.owner.user_id}).rowcount


@pytest.fixture(scope="module")
def relation_scene(world: World, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """The row of a relation, made once for all tests of the relation."""
    relation = request.param
    with world.db.connection.transaction(force_rollback=True):
        # The admin has a row already; the owner of it is not the one who is called owner here.
        owner = world.people["admin" if relation == ADMIN_ROWS else "owner"]
        if relation != ADMIN_ROWS:
            make_row(world.db, relation, owner)
        yield Scene(world.db, world.people, relation, owner)


@pytest.fixture
def scene(relation_scene: Scene) -> Iterator[Scene]:
    with relation_scene.db.connection.transaction(force_rollback=True):
        yield relation_scene


@pytest.fixture(scope="module")
def api(stack: StackStatus) -> Iterator[Api]:
    """The Data API, for tests over HTTP."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield Api(client, stack)


@pytest.fixture(scope="module")
def connection(stack: StackStatus) -> Iterator[Connection]:
    """A connection that commits: over HTTP nothing else is seen."""
    with psycopg.connect(
        stack.db_url, row_factory=dict_row, autocommit=True, options=OPTIONS
    ) as connection:
        yield connection


@pytest.fixture(scope="module")
def people(connection: Connection) -> Iterator[dict[str, Actor]]:
    """Everybody but the owner, who is new for each relation."""
    db = Database(connection)
    made = [db.add_user("stranger"), db.add_admin("admin"), db.add_deleted_user("deleted")]
    yield {actor.name: actor for actor in (ANON, SERVICE, *made)}
    for actor in made:
        db.query(SYSTEM, "delete from auth.users where id = %s", actor.user_id)
