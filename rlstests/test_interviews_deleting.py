"""Room interviews: owners delete transcripts and bullet points that are over."""

from collections.abc import Callable

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.interview_helpers import FACTS, record
from rlstests.request_helpers import claim, complete, state_of_use, subscribe, work

RESULTS: dict[str, dict[str, object]] = {
    "transcript": FACTS | {"transcript_text": "I build things."},
    "bullets": FACTS | {"bullets": ["Built things."]},
}
TABLES = {"transcript": "interview_transcripts", "bullets": "resume_bullets"}

Ask = Callable[[str], object]

pytestmark = pytest.mark.parametrize("kind", TABLES)


@pytest.fixture
def owner(db: Database) -> Actor:
    return subscribe(db, db.add_user("owner"))


@pytest.fixture
def ask(db: Database, owner: Actor) -> Ask:
    """Makes a request; gives the id of its row."""

    def request(kind: str, key: str | None = None) -> object:
        if kind == "transcript":
            sql = "select id from public.request_transcript(%s, %s)"
            return db.value(owner, sql, record(db, owner), key)
        sql = "select id from public.request_bullets('What?', 'This.', p_idempotency_key => %s)"
        return db.value(owner, sql, key)

    return request


def delete(db: Database, user: Actor, kind: str, row: object) -> int:
    return db.affected(user, f"delete from public.{TABLES[kind]} where id = %s", row)


def test_what_is_over__is_deleted_by_its_owner_alone(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, ask: Ask, kind: str
) -> None:
    row, other = ask(kind), ask(kind)
    work(db, kind, RESULTS[kind])
    work(db, kind, RESULTS[kind])
    for user in (stranger, admin):
        assert delete(db, user, kind, row) == 0
        assert db.affected(user, f"delete from public.{TABLES[kind]}") == 0
    assert delete(db, owner, kind, row) == 1
    assert db.value(owner, f"select id from public.{TABLES[kind]}") == other


@pytest.mark.parametrize("status", ["pending", "processing", "failed", "cancelled"])
def test_open_request__is_cancelled_before_it_is_deleted(
    db: Database, owner: Actor, ask: Ask, kind: str, status: str
) -> None:
    row = ask(kind)
    db.query(SYSTEM, f"update public.{TABLES[kind]} set status = %s", status)
    gone = 0 if status in ("pending", "processing") else 1
    assert delete(db, owner, kind, row) == gone


def test_request_that_is_cancelled__can_go(db: Database, owner: Actor, ask: Ask, kind: str) -> None:
    row = ask(kind)
    task = claim(db, kind)
    assert delete(db, owner, kind, row) == 0
    db.query(owner, "select public.cancel_request(%s)", row)
    assert delete(db, owner, kind, row) == 1
    assert state_of_use(db, owner, kind) == "released"
    with refused("PT409"):
        complete(db, task, RESULTS[kind])


@pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
def test_blocked_and_leaving_account__still_deletes(
    db: Database, owner: Actor, ask: Ask, kind: str, change: str
) -> None:
    row = ask(kind)
    work(db, kind, RESULTS[kind])
    db.query(SYSTEM, f"update public.profiles set {change} where id = %s", owner.user_id)
    assert delete(db, owner, kind, row) == 1


def test_recording__outlives_its_transcript_until_its_owner_deletes_it(
    db: Database, owner: Actor, ask: Ask, kind: str
) -> None:
    row = ask(kind)
    work(db, kind, RESULTS[kind])
    path = record(db, owner)
    if kind == "transcript":
        path = db.value(owner, "select audio_path from public.interview_transcripts")
    assert delete(db, owner, kind, row) == 1
    assert db.query(SYSTEM, "select 1 from queue.tasks") == []
    found = "select 1 from storage.objects where bucket_id = 'interview-audio' and name = %s"
    assert len(db.query(owner, found, path)) == 1
    # Whoever has the recording may have it written down again.
    sql = "select status from public.request_transcript(%s, null)"
    assert db.value(owner, sql, path) == "pending"
