"""Room jobs: search finds one's own live jobs, the best match first."""

from uuid import UUID

import pytest

from rlstests.actors import Actor, Database
from rlstests.test_jobs import add_job


def found(db: Database, user: Actor, query: str | None, *page: int | None) -> list[UUID]:
    marks = ", %s::integer" * len(page)
    sql = f"select id from public.search_jobs(%s::text{marks})"
    return [row["id"] for row in db.query(user, sql, query, *page)]


def test_search__prefers_title_then_company_then_description_then_notes(
    db: Database, owner: Actor
) -> None:
    in_notes = add_job(db, owner, notes="Ask about Rust")
    in_place = add_job(db, owner, location="Rust, Burgenland")
    in_company = add_job(db, owner, company="Rust Ltd")
    in_title = add_job(db, owner, title="Rust programmer")
    add_job(db, owner, description="COBOL")
    assert found(db, owner, "rust") == [in_title, in_company, in_place, in_notes]
    assert found(db, owner, "cobol prog") == found(db, owner, "COBOL")
    assert len(found(db, owner, "cobol")) == 1


def test_search__finds_the_beginning_of_the_last_word(db: Database, owner: Actor) -> None:
    job = add_job(db, owner, description="Kubernetes clusters")
    assert found(db, owner, "kube") == [job]
    assert found(db, owner, "clusters kuber") == [job]
    assert found(db, owner, "bernetes") == []


def test_search__follows_what_was_edited(db: Database, owner: Actor) -> None:
    job = add_job(db, owner)
    assert found(db, owner, "erlang") == []
    db.query(owner, "update public.jobs set description = 'Erlang' where id = %s", job)
    assert found(db, owner, "erlang") == [job]


def test_search__sees_no_trash_and_no_strangers(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    job = add_job(db, owner, title="Astronomer")
    assert found(db, owner, "astronomer") == [job]
    assert found(db, stranger, "astronomer") == found(db, admin, "astronomer") == []
    db.query(owner, "select public.trash_job(%s)", job)
    assert found(db, owner, "astronomer") == []


@pytest.mark.parametrize("query", [None, "", "   ", "!!!"])
def test_query_without_words__finds_nothing(db: Database, owner: Actor, query: str | None) -> None:
    add_job(db, owner)
    assert found(db, owner, query) == []


def test_pages__are_bounded_and_in_one_order(db: Database, owner: Actor) -> None:
    for _ in range(102):
        add_job(db, owner)
    everything = found(db, owner, "programmer", 1000)
    assert len(set(everything)) == 100
    assert found(db, owner, "programmer") == everything[:20]
    assert found(db, owner, "programmer", None, None) == everything[:20]
    assert found(db, owner, "programmer", 2, 1) == everything[1:3]
    assert found(db, owner, "programmer", -1, -1) == everything[:1]
    assert len(found(db, owner, "programmer", 100, 100)) == 2
