"""Room privacy: the files of deleted downloads go, and nothing else does."""

from uuid import UUID

import pytest

from rlstests.actors import SYSTEM, Actor, Database
from rlstests.purges import ask, claim, complete, put, remove


def add_generation(db: Database, actor: Actor, *paths: str) -> UUID:
    """A completed generation, one download for each path."""
    generation = db.value(
        SYSTEM,
        "insert into public.resume_generations "
        "(user_id, formats, resume_data, generation_status, completed_at) "
        "values (%s, '{pdf}', '{}', 'completed', now()) returning id",
        actor.user_id,
    )
    for form, path in zip(("pdf", "word", "latex"), paths, strict=False):
        db.query(
            SYSTEM,
            "insert into public.resume_downloads (user_id, generation_id, format, file_path, "
            "file_size_bytes) values (%s, %s, %s, %s, 1)",
            actor.user_id,
            generation,
            form,
            path,
        )
    assert isinstance(generation, UUID)
    return generation


def delete(db: Database, user: Actor, generation: UUID) -> int:
    return db.affected(user, "delete from public.resume_generations where id = %s", generation)


def test_files__go_with_the_generation_that_its_owner_deletes(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    pdf, word, kept = (put(db, owner, "exports") for _ in range(3))
    add_generation(db, stranger, put(db, stranger, "exports"))
    generation = add_generation(db, owner, pdf, word)
    add_generation(db, owner, kept)
    assert delete(db, owner, generation) == 1
    (task,) = claim(db)
    assert (task["kind"], task["user_id"]) == ("purge_files", None)
    files = {"exports": sorted([pdf, word])}
    assert task["payload"] == {"files": files}
    assert ask(db, task) == {"status": "confirmed", "files": files}
    remove(db, owner)
    complete(db, task)


def test_generations_deleted_by_one_statement__lose_all_their_files(
    db: Database, owner: Actor
) -> None:
    paths = [put(db, owner, "exports") for _ in range(4)]
    add_generation(db, owner, *paths[:2])
    add_generation(db, owner, *paths[2:])
    assert db.affected(owner, "delete from public.resume_generations") == 2
    named = [name for task in claim(db) for name in task["payload"]["files"]["exports"]]
    assert sorted(named) == sorted(paths)


@pytest.mark.parametrize("column", ["exported_pdf_path", "thumbnail_path"])
def test_file_that_another_row_names__stays(db: Database, owner: Actor, column: str) -> None:
    shown, shared, alone = (put(db, owner, "exports") for _ in range(3))
    sql = f"insert into public.resumes (user_id, {column}) values (%s, %s)"
    db.query(SYSTEM, sql, owner.user_id, shown)
    generation = add_generation(db, owner, shown, shared, alone)
    add_generation(db, owner, shared)
    assert delete(db, owner, generation) == 1
    (task,) = claim(db)
    assert ask(db, task) == {"status": "confirmed", "files": {"exports": [alone]}}


def test_generation_without_files__queues_nothing(db: Database, owner: Actor) -> None:
    assert delete(db, owner, add_generation(db, owner)) == 1
    assert claim(db) == []


def test_account_that_goes_as_a_whole__queues_nothing_more(db: Database, owner: Actor) -> None:
    add_generation(db, owner, f"{owner.user_id}/cv.pdf")
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    assert db.query(SYSTEM, "select 1 from public.resume_downloads") == []
    assert claim(db) == []


def test_files_of_an_account_that_goes__are_left_to_its_purge(db: Database, owner: Actor) -> None:
    add_generation(db, owner, put(db, owner, "exports"))
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    (task,) = claim(db)
    assert task["kind"] == "purge_account"
    remove(db, owner)
    complete(db, task)
