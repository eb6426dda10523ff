"""Room resumes, sections: a résumé as rows, in the order of its layout, for its owner."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import NO_GRANT, POLICY, SERVICE, SYSTEM, Actor, Database, refused
from rlstests.section_helpers import (
    CONTENT,
    add,
    add_resume,
    change,
    parts,
    sections,
    set_layout,
    types,
)

USUAL = ["personal", "summary", "experience", "skills", "hobbies", "zebra"]


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    return add_resume(db, owner)


def test_view__has_a_row_for_each_section(db: Database, owner: Actor, resume: UUID) -> None:
    rows = sections(db, owner, resume)
    assert [row["section_type"] for row in rows] == USUAL
    assert [row["section_order"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert {row["user_id"] for row in rows} == {owner.user_id}
    assert all(row["is_visible"] for row in rows)
    contents = {row["section_type"]: row["content"] for row in rows}
    assert contents.pop("personal") == CONTENT["personalInfo"]
    assert contents.items() <= CONTENT.items()
    parent = db.one(owner, "select created_at, updated_at from public.resumes")
    assert (rows[0]["created_at"], rows[0]["updated_at"]) == (
        parent["created_at"],
        parent["updated_at"],
    )


def test_ids__differ_and_stay_the_same(db: Database, owner: Actor, resume: UUID) -> None:
    other = db.value(
        owner, "insert into public.resumes (content) values (%s) returning id", json.dumps(CONTENT)
    )
    before = {row["section_type"]: row["id"] for row in sections(db, owner, resume)}
    assert len({*before.values(), *(r["id"] for r in sections(db, owner, other))}) == 12
    sql = "update public.resume_sections set content = '\"New.\"', section_order = 5 where id = %s"
    assert db.affected(owner, sql, before["summary"]) == 1
    assert {row["section_type"]: row["id"] for row in sections(db, owner, resume)} == before


def test_layout__says_the_order_and_what_is_hidden(
    db: Database, owner: Actor, resume: UUID
) -> None:
    order = ["skills", "gone", "zebra", "skills", "personalInfo"]
    set_layout(db, owner, {"sectionOrder": order, "hidden": ["summary", "personalInfo", "gone"]})
    rows = sections(db, owner, resume)
    assert [row["section_type"] for row in rows] == [
        "skills",
        "zebra",
        "personal",
        "summary",
        "experience",
        "hobbies",
    ]
    assert {r["section_type"] for r in rows if not r["is_visible"]} == {"summary", "personal"}


def test_key_named_personal__is_no_section(db: Database, owner: Actor, resume: UUID) -> None:
    content = json.dumps({"personal": 1, "summary": "x"})
    db.query(owner, "update public.resumes set content = %s", content)
    assert types(db, owner, resume) == ["summary"]


def test_strangers_and_trash__are_out_of_sight(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, resume: UUID
) -> None:
    def nothing(user: Actor) -> None:
        assert sections(db, user, resume) == []
        assert change(db, user, "summary", content='"x"') == []
        assert db.affected(user, "delete from public.resume_sections") == 0
        # A foreign, a trashed and a missing résumé answer alike.
        for unknown in (resume, uuid4(), None):
            with refused("42501", match=POLICY):
                add(db, user, unknown, section_type="projects", content="[]")
            with refused("42501", match=POLICY):
                add(db, user, unknown, section_type="summary", content='"x"')

    for user in (stranger, admin):
        nothing(user)
    assert sections(db, owner, resume)
    db.query(owner, "select public.trash_resume(%s)", resume)
    nothing(owner)
    assert parts(db, resume) == (CONTENT, {})


def test_workers__read_only(db: Database, resume: UUID) -> None:
    assert len(sections(db, SERVICE, resume)) == 6
    with refused("42501", match=NO_GRANT):
        db.query(SERVICE, "update public.resume_sections set is_visible = false")


def test_blocked_account__writes_no_section(db: Database, owner: Actor, resume: UUID) -> None:
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("42501", match=POLICY):
        change(db, owner, "summary", content='"x"')
    with refused("42501", match=POLICY):
        db.query(owner, "delete from public.resume_sections")
    with refused("42501", match=POLICY):
        add(db, owner, resume, section_type="projects", content="[]")


@pytest.mark.usefixtures("resume")
@pytest.mark.parametrize(
    "column", ["id", "resume_id", "user_id", "section_type", "created_at", "updated_at"]
)
def test_what_a_section_is__does_not_change(db: Database, owner: Actor, column: str) -> None:
    with refused("42501", match=NO_GRANT):
        db.query(owner, f"update public.resume_sections set {column} = {column}")


def test_view_of_one_resume__reads_that_row_alone(db: Database, owner: Actor, resume: UUID) -> None:
    with db.acting(owner) as connection:
        connection.execute("set local enable_seqscan = off")
        plan = connection.execute(
            "explain (costs off) select * from public.resume_sections where resume_id = %s",
            (resume,),
        ).fetchall()
    text = "\n".join(next(iter(line.values())) for line in plan)
    assert "Index Scan" in text and "Seq Scan" not in text
