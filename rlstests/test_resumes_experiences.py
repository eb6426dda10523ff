"""Room resumes, experiences: kept once by their owner, copied into many résumés."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused

FULL = {
    "company": "Analytical Engines",
    "position": "Engineer",
    "location": "London",
    "start_date": "2020-01-15",
    "end_date": "2022-06-30",
    "description": "Made programs.",
    "technologies": ["Brass", "Cards"],
    "responsibilities": ["Designed"],
    "achievements": ["Shipped"],
}
ADD = "select * from public.add_experiences_to_resume(%s, %s)"


def add(db: Database, user: Actor, **values: Any) -> UUID:
    row = {"company": "Acme", "position": "Engineer"} | values
    columns = ", ".join(row)
    made = db.value(
        user,
        f"insert into public.user_experiences ({columns}) "
        f"values ({', '.join(['%s'] * len(row))}) returning id",
        *(json.dumps(v) if isinstance(v, (list, dict)) else v for v in row.values()),
    )
    assert isinstance(made, UUID)
    return made


def add_resume(db: Database, user: Actor, content: object = None) -> UUID:
    made = db.value(
        user,
        "insert into public.resumes (content) values (%s) returning id",
        json.dumps(content or {}),
    )
    assert isinstance(made, UUID)
    return made


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    return add_resume(db, owner)


def put(db: Database, user: Actor, resume: UUID | None, ids: object) -> list[Row]:
    row = db.one(user, ADD, resume, ids)
    entries = row["content"]["experience"]
    assert isinstance(entries, list)
    return entries


def test_entry__says_all_that_the_experience_says(db: Database, owner: Actor, resume: UUID) -> None:
    experience = add(db, owner, **FULL)
    assert put(db, owner, resume, [experience]) == [
        {
            "company": "Analytical Engines",
            "title": "Engineer",
            "location": "London",
            "startDate": "2020-01",
            "endDate": "2022-06",
            "description": "Made programs.",
            "bullets": ["Designed", "Shipped"],
            "technologies": ["Brass", "Cards"],
            "experienceId": str(experience),
        }
    ]


def test_entry__leaves_out_what_is_not_known(db: Database, owner: Actor, resume: UUID) -> None:
    experience = add(db, owner, is_current=True)
    assert put(db, owner, resume, [experience]) == [
        {
            "company": "Acme",
            "title": "Engineer",
            "bullets": [],
            "technologies": [],
            "experienceId": str(experience),
        }
    ]


def test_entries__come_after_those_that_are_there_the_latest_first(
    db: Database, owner: Actor
) -> None:
    resume = add_resume(db, owner, {"summary": "Kept.", "experience": [{"company": "Before"}]})
    ids = [
        add(db, owner, company="undated"),
        add(db, owner, company="old", start_date="2010-01-01"),
        add(db, owner, company="current", start_date="2015-01-01", is_current=True),
        add(db, owner, company="new", start_date="2020-01-01"),
    ]
    row = db.one(owner, ADD, resume, ids)
    assert row["content"]["summary"] == "Kept."
    names = [entry["company"] for entry in row["content"]["experience"]]
    assert names == ["Before", "current", "new", "old", "undated"]


def test_experience__is_added_once(db: Database, owner: Actor, resume: UUID) -> None:
    first, second = add(db, owner), add(db, owner)
    put(db, owner, resume, [first])
    version = db.value(owner, "select version from public.resumes")
    assert len(put(db, owner, resume, [first, first])) == 1
    assert db.value(owner, "select version from public.resumes") == version
    entries = put(db, owner, resume, [first, second, second])
    assert [entry["experienceId"] for entry in entries] == [str(first), str(second)]


def test_addition__is_a_version_that_says_so(db: Database, owner: Actor, resume: UUID) -> None:
    put(db, owner, resume, [add(db, owner), add(db, owner)])
    row = db.one(
        owner,
        "select change_type, change_summary from public.resume_versions "
        "order by version_number desc limit 1",
    )
    assert row == {"change_type": "manual", "change_summary": "Added 2 from the experiences."}
    db.query(owner, "update public.resumes set content = '{}'")
    sql = "select change_summary from public.resume_versions order by version_number desc limit 1"
    assert db.value(owner, sql) is None


def test_foreign_and_missing_ids__get_the_same_answer_and_add_nothing(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, resume: UUID
) -> None:
    mine, theirs = add(db, owner), add(db, stranger)
    for bad in (theirs, uuid4()):
        with refused("PT404", match=f"no experience {bad}"):
            put(db, owner, resume, [mine, bad])
    with refused("PT404"):
        put(db, owner, resume, [mine, None])
    assert db.value(owner, "select content from public.resumes") == {}
    for user in (stranger, admin):
        with refused("PT404", match=f"no résumé {resume}"):
            put(db, user, resume, [mine])
    for missing in (uuid4(), None):
        with refused("PT404", match="no résumé"):
            put(db, owner, missing, [mine])
    db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404", match=f"no résumé {resume}"):
        put(db, owner, resume, [mine])


@pytest.mark.parametrize("ids", [None, [], ["00000000-0000-4000-8000-000000000000"] * 201])
def test_call_without_ids_or_with_too_many__is_refused(
    db: Database, owner: Actor, resume: UUID, ids: object
) -> None:
    with refused("PT422", match="1 to 200"):
        db.query(owner, "select public.add_experiences_to_resume(%s, %s::uuid[])", resume, ids)


def test_resume_that_would_be_too_large__is_left_alone(db: Database, owner: Actor) -> None:
    resume = add_resume(db, owner, {"summary": "x" * 262000})
    with refused("PT413", match="262144"):
        put(db, owner, resume, [add(db, owner, description="y" * 500)])
    assert "experience" not in db.value(owner, "select content from public.resumes")


def test_addition__is_for_active_owners_only(db: Database, owner: Actor, resume: UUID) -> None:
    experience = add(db, owner)
    for actor in (ANON, SERVICE):
        with refused("42501", match=NO_GRANT):
            put(db, actor, resume, [experience])
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        put(db, owner, resume, [experience])


def test_blocked_account__may_read_and_delete_but_not_write(db: Database, owner: Actor) -> None:
    add(db, owner)
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("42501", match="row-level security"):
        add(db, owner)
    with refused("42501", match="row-level security"):
        db.query(owner, "update public.user_experiences set position = 'x'")
    assert len(db.query(owner, "select * from public.user_experiences")) == 1
    assert db.affected(owner, "delete from public.user_experiences") == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("company", ""),
        ("company", "x" * 201),
        ("position", ""),
        ("position", "x" * 201),
        ("location", "x" * 201),
        ("description", "x" * 5001),
        ("start_date", "1899-12-31"),
        ("start_date", "infinity"),
        ("start_date", "2200-01-01"),
        ("end_date", "1899-12-31"),
        ("end_date", "2200-01-01"),
        ("technologies", {}),
        ("technologies", [1]),
        ("technologies", [["nested"]]),
        ("technologies", ["x" * 8192]),
        ("achievements", "text"),
        ("achievements", [None]),
        ("achievements", ["x" * 16384]),
        ("responsibilities", {"a": "b"}),
        ("responsibilities", ["fine", {}]),
        ("responsibilities", ["x" * 16384]),
    ],
)
def test_row__must_have_the_shape_of_an_experience(
    db: Database, owner: Actor, column: str, value: object
) -> None:
    add(db, owner, **FULL)
    if column.endswith("s") and isinstance(value, str):
        value = json.dumps(value)
    with refused("23514", match=column):
        add(db, owner, **{column: value})


def test_dates__are_in_order_and_a_current_job_has_not_ended(db: Database, owner: Actor) -> None:
    add(db, owner, start_date="2020-01-01", end_date="2020-01-01")
    with refused("23514", match="user_experiences_dates_check"):
        add(db, owner, start_date="2020-01-02", end_date="2020-01-01")
    with refused("23514", match="user_experiences_current_check"):
        add(db, owner, end_date="2020-01-01", is_current=True)


def set_max(db: Database, value: int) -> None:
    db.query(
        SYSTEM,
        "insert into public.global_config (key, value) values ('max_experiences', %s) "
        "on conflict (key) do update set value = excluded.value",
        str(value),
    )


def test_rows__are_limited_for_each_user(db: Database, owner: Actor, stranger: Actor) -> None:
    set_max(db, 2)
    for _ in range(2):
        add(db, owner)
    with refused("PT422", match="More than 2"):
        add(db, owner)
    add(db, stranger)
    with refused("PT422"):
        db.query(
            stranger,
            "insert into public.user_experiences (company, position) values ('a', 'b'), ('c', 'd')",
        )
    # What a stranger has is none of the caller's business: the policy answers first.
    with refused("42501", match="row-level security"):
        add(db, stranger, user_id=owner.user_id)


def test_rows_of_others__count_for_them_only(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    set_max(db, 2)
    for user in (stranger, admin):
        for _ in range(2):
            add(db, user)
    for _ in range(2):
        add(db, owner)
    for user in (owner, stranger, admin):
        with refused("PT422", match="More than 2"):
            add(db, user)
    # One statement for several users is held to the limit of each of them.
    sql = (
        "insert into public.user_experiences (user_id, company, position) "
        "select unnest(%s::uuid[]), 'Acme', 'Engineer'"
    )
    newcomer = db.add_user("newcomer")
    with refused("PT422", match="More than 2"):
        db.query(SYSTEM, sql, [newcomer.user_id, owner.user_id])
    assert db.affected(SYSTEM, sql, [newcomer.user_id] * 2) == 2


def test_limit__is_two_hundred_unless_configured(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "delete from public.global_config where key = 'max_experiences'")
    sql = (
        "insert into public.user_experiences (company, position) "
        "select 'Acme', 'Engineer' from generate_series(1, %s)"
    )
    assert db.affected(owner, sql, 200) == 200
    with refused("PT422"):
        db.query(owner, sql, 1)


@pytest.mark.parametrize("column", ["id", "user_id", "created_at", "updated_at"])
def test_system_columns__are_not_the_owners_to_change(
    db: Database, owner: Actor, column: str
) -> None:
    add(db, owner)
    with refused("42501", match=NO_GRANT):
        db.query(owner, f"update public.user_experiences set {column} = {column}")


def test_change__is_stamped(db: Database, owner: Actor) -> None:
    add(db, owner)
    db.query(SYSTEM, "alter table public.user_experiences disable trigger _100_set_updated_at")
    db.query(SYSTEM, "update public.user_experiences set updated_at = '2020-01-01'")
    db.query(SYSTEM, "alter table public.user_experiences enable trigger _100_set_updated_at")
    db.query(owner, "update public.user_experiences set position = 'Lead'")
    assert db.value(owner, "select updated_at = now() from public.user_experiences") is True


def test_entry_of_another_id__does_not_hide_an_experience(db: Database, owner: Actor) -> None:
    experience = add(db, owner)
    content = {"experience": ["text", {"experienceId": 5}, {"experienceId": str(uuid4())}]}
    entries = put(db, owner, add_resume(db, owner, content), [experience])
    assert entries[-1]["experienceId"] == str(experience)
    assert len(entries) == 4
