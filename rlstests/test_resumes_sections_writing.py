"""Room resumes, sections: rows that can be written, and still one truth."""

from uuid import UUID

import pytest

from rlstests.actors import Actor, Database, refused
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


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    return add_resume(db, owner)


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
