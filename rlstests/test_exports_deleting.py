"""Room exports: owners delete the generations that are over, and their downloads go with them."""

from uuid import UUID

import pytest

from rlstests.actors import NO_GRANT, SYSTEM, Actor, Database, refused
from rlstests.export_helpers import add_resume, generation, rendered, request, result
from rlstests.request_helpers import claim, complete, fail, state_of_use, used


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    return add_resume(db, owner)


def delete(db: Database, user: Actor, made: object) -> int:
    return db.affected(user, "delete from public.resume_generations where id = %s", made)


def downloads(db: Database) -> int:
    return int(db.value(SYSTEM, "select count(*)::int from public.resume_downloads"))


def test_generation__is_deleted_with_its_downloads_and_no_other(
    db: Database, owner: Actor, resume: UUID
) -> None:
    made = rendered(db, owner, resume, "pdf", "word")
    other = rendered(db, owner, resume, "latex")
    assert downloads(db) == 3
    assert delete(db, owner, made) == 1
    assert generation(db, owner)["id"] == other
    assert downloads(db) == 1
    assert used(db, owner, "generations") == 2, "what was used stays counted"


@pytest.mark.parametrize("status", ["pending", "processing", "failed", "cancelled"])
def test_open_request__is_cancelled_before_it_is_deleted(
    db: Database, owner: Actor, resume: UUID, status: str
) -> None:
    made = request(db, owner, resume)["id"]
    db.query(SYSTEM, "update public.resume_generations set generation_status = %s", status)
    assert delete(db, owner, made) == (0 if status in ("pending", "processing") else 1)


def test_generation_that_is_cancelled__can_go(db: Database, owner: Actor, resume: UUID) -> None:
    made = request(db, owner, resume)["id"]
    task = claim(db, "generation")
    assert delete(db, owner, made) == 0
    db.query(owner, "select public.cancel_request(%s)", made)
    assert delete(db, owner, made) == 1
    assert state_of_use(db, owner, "generation") == "released"
    with refused("PT409"):
        complete(db, task, result(owner))
    assert downloads(db) == 0


def test_strangers_and_admins__delete_nothing(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, resume: UUID
) -> None:
    made = rendered(db, owner, resume)
    for user in (stranger, admin):
        assert delete(db, user, made) == 0
        assert db.affected(user, "delete from public.resume_generations") == 0
    with refused("42501", match=NO_GRANT):
        db.query(owner, "delete from public.resume_downloads")
    assert downloads(db) == 1
    assert delete(db, owner, made) == 1


def test_generation_of_a_trashed_resume__is_not_there_to_delete(
    db: Database, owner: Actor, resume: UUID
) -> None:
    rendered(db, owner, resume)
    db.query(owner, "select public.trash_resume(%s)", resume)
    # Without a condition no policy but that of the command itself applies.
    assert db.affected(owner, "delete from public.resume_generations") == 0
    db.query(owner, "select public.restore_resume(%s)", resume)
    assert db.affected(owner, "delete from public.resume_generations") == 1


def test_generation_that_outlives_its_resume__can_be_deleted(
    db: Database, owner: Actor, resume: UUID
) -> None:
    made = rendered(db, owner, resume)
    db.query(owner, "select public.trash_resume(%s)", resume)
    db.query(owner, "select public.delete_trashed_resume(%s)", resume)
    assert delete(db, owner, made) == 1


@pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
def test_blocked_and_leaving_account__still_deletes(
    db: Database, owner: Actor, resume: UUID, change: str
) -> None:
    made = rendered(db, owner, resume)
    db.query(SYSTEM, f"update public.profiles set {change} where id = %s", owner.user_id)
    assert delete(db, owner, made) == 1


def test_key_of_a_deleted_generation__is_a_conflict_with_a_way_out(
    db: Database, owner: Actor, resume: UUID
) -> None:
    made = request(db, owner, resume, idempotency_key="k")["id"]
    fail(db, claim(db, "generation"))
    assert delete(db, owner, made) == 1
    with refused("PT409", match="was deleted") as caught:
        request(db, owner, resume, idempotency_key="k")
    assert "new key" in str(caught.value.diag.message_hint)
