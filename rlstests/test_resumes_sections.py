"""Room resumes, sections: a résumé as rows that can be written, and still one truth."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import NO_GRANT, POLICY, SERVICE, SYSTEM, Actor, Database, Row, refused

CONTENT: dict[str, Any] = {
    "zebra": 1,
    "skills": {"technical": ["Notes"]},
    "summary": "Mathematician.",
    "hobbies": ["Flight"],
    "personalInfo": {"fullName": "Ada Lovelace"},
    "experience": [{"company": "Analytical Engines"}],
}
USUAL = ["personal", "summary", "experience", "skills", "hobbies", "zebra"]


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    sql = "insert into public.resumes (content) values (%s) returning id"
    resume = db.value(owner, sql, json.dumps(CONTENT))
    assert isinstance(resume, UUID)
    return resume


def sections(db: Database, user: Actor, resume: UUID) -> list[Row]:
    sql = "select * from public.resume_sections where resume_id = %s order by section_order"
    return db.query(user, sql, resume)


def types(db: Database, user: Actor, resume: UUID) -> list[str]:
    return [row["section_type"] for row in sections(db, user, resume)]


def parts(db: Database, resume: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    row = db.one(SYSTEM, "select content, layout from public.resumes where id = %s", resume)
    return row["content"], row["layout"]


def set_layout(db: Database, owner: Actor, layout: object) -> None:
    db.query(owner, "update public.resumes set layout = %s", json.dumps(layout))


def change(db: Database, user: Actor, section: str, **values: object) -> list[Row]:
    assignments = ", ".join(f"{column} = %s" for column in values)
    sql = f"update public.resume_sections set {assignments} where section_type = %s returning *"
    return db.query(user, sql, *values.values(), section)


def add(db: Database, user: Actor, resume: UUID | None, **values: object) -> Row:
    columns = ", ".join(("resume_id", *values))
    marks = ", ".join(["%s"] * (len(values) + 1))
    sql = f"insert into public.resume_sections ({columns}) values ({marks}) returning *"
    return db.one(user, sql, resume, *values.values())


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


def test_update_of_content__writes_that_key_and_no_other(
    db: Database, owner: Actor, resume: UUID
) -> None:
    (row,) = change(db, owner, "personal", content='{"fullName": "A. L."}')
    assert (row["section_type"], row["content"]) == ("personal", {"fullName": "A. L."})
    content, layout = parts(db, resume)
    assert content == CONTENT | {"personalInfo": {"fullName": "A. L."}}
    assert layout == {}
    assert db.value(owner, "select version from public.resumes") == 2


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (1, ["skills", "personal", "summary", "experience", "hobbies", "zebra"]),
        (2, ["personal", "skills", "summary", "experience", "hobbies", "zebra"]),
        (5, ["personal", "summary", "experience", "hobbies", "skills", "zebra"]),
        (6, ["personal", "summary", "experience", "hobbies", "zebra", "skills"]),
        (99, ["personal", "summary", "experience", "hobbies", "zebra", "skills"]),
        (-5, ["skills", "personal", "summary", "experience", "hobbies", "zebra"]),
    ],
)
def test_update_of_section_order__moves_it_and_the_others_make_room(
    db: Database, owner: Actor, resume: UUID, place: int, expected: list[str]
) -> None:
    set_layout(db, owner, {"pageSize": "A4"})
    (row,) = change(db, owner, "skills", section_order=place)
    assert types(db, owner, resume) == expected
    assert row["section_order"] == expected.index("skills") + 1
    content, layout = parts(db, resume)
    assert content == CONTENT
    assert layout["pageSize"] == "A4"


def test_update_of_is_visible__hides_and_shows(db: Database, owner: Actor, resume: UUID) -> None:
    set_layout(db, owner, {"sectionOrder": ["zebra"], "hidden": ["gone"]})
    (row,) = change(db, owner, "personal", is_visible=False)
    assert row["is_visible"] is False
    assert parts(db, resume) == (
        CONTENT,
        {"sectionOrder": ["zebra"], "hidden": ["gone", "personalInfo"]},
    )
    change(db, owner, "personal", is_visible=False)
    (row,) = change(db, owner, "personal", is_visible=True)
    assert row["is_visible"] is True
    assert parts(db, resume)[1]["hidden"] == ["gone"]


def test_update_of_everything__is_one_version(db: Database, owner: Actor, resume: UUID) -> None:
    (row,) = change(db, owner, "summary", section_order=1, is_visible=False, content='"New."')
    assert (row["section_order"], row["is_visible"], row["content"]) == (1, False, "New.")
    assert types(db, owner, resume)[0] == "summary"
    assert db.value(owner, "select version from public.resumes") == 2


def test_insert__adds_a_section_at_the_end_or_where_it_says(
    db: Database, owner: Actor, resume: UUID
) -> None:
    row = add(db, owner, resume, section_type="projects", content="[]")
    assert (row["section_type"], row["content"], row["is_visible"]) == ("projects", [], True)
    assert row["user_id"] == owner.user_id
    assert row["id"] in {r["id"] for r in sections(db, owner, resume)}
    assert types(db, owner, resume)[4] == "projects", "a usual one follows the usual ones"
    more = {"section_order": 2, "is_visible": False}
    row = add(db, owner, resume, section_type="my_own", content='"x"', **more)
    assert (row["section_order"], row["is_visible"]) == (2, False)
    assert types(db, owner, resume)[:3] == ["personal", "my_own", "summary"]
    content, layout = parts(db, resume)
    assert content == CONTENT | {"projects": [], "my_own": "x"}
    assert layout["hidden"] == ["my_own"]


def test_insert__of_personal_is_the_key_of_personal_info(db: Database, owner: Actor) -> None:
    resume = db.value(owner, "insert into public.resumes default values returning id")
    add(db, owner, resume, section_type="personal", content="{}")
    assert parts(db, resume)[0] == {"personalInfo": {}}


def test_insert_of_what_was_hidden_once__is_visible(
    db: Database, owner: Actor, resume: UUID
) -> None:
    set_layout(db, owner, {"hidden": ["projects"]})
    assert add(db, owner, resume, section_type="projects", content="[]")["is_visible"]


def test_insert_of_a_section_that_is_there__is_a_conflict(
    db: Database, owner: Actor, resume: UUID
) -> None:
    for section in ("summary", "personal"):
        with refused("PT409", match=section):
            add(db, owner, resume, section_type=section, content='"x"')
    assert parts(db, resume) == (CONTENT, {})


@pytest.mark.parametrize(
    "values",
    [
        {"section_type": None, "content": "[]"},
        {"section_type": "", "content": "[]"},
        {"section_type": "two words", "content": "[]"},
        {"section_type": "1st", "content": "[]"},
        {"section_type": "x" * 61, "content": "[]"},
        {"section_type": "personalInfo", "content": "{}"},
        {"section_type": "projects", "content": None},
    ],
)
def test_insert__needs_a_type_and_a_content(
    db: Database, owner: Actor, resume: UUID, values: dict[str, object]
) -> None:
    with refused("PT422"):
        add(db, owner, resume, **values)


def test_sections__have_the_types_of_the_content(db: Database, owner: Actor, resume: UUID) -> None:
    with refused("23514", match="content"):
        add(db, owner, resume, section_type="projects", content="{}")
    for value in ("{}", "null", None):
        with refused("23514", match="content"):
            change(db, owner, "summary", content=value)


def test_delete__takes_the_section_out_and_out_of_the_layout(
    db: Database, owner: Actor, resume: UUID
) -> None:
    layout = {"sectionOrder": ["personalInfo", "zebra"], "hidden": ["personalInfo"], "a": "b"}
    set_layout(db, owner, layout)
    sql = "delete from public.resume_sections where section_type = 'personal'"
    assert db.affected(owner, sql) == 1
    content, layout = parts(db, resume)
    assert content == {key: value for key, value in CONTENT.items() if key != "personalInfo"}
    assert layout == {"sectionOrder": ["zebra"], "hidden": [], "a": "b"}
    assert db.affected(owner, sql) == 0
    assert db.affected(owner, "delete from public.resume_sections") == 5
    assert parts(db, resume)[0] == {}


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
