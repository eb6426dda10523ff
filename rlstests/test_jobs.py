"""Room jobs: a board of one's own, searchable, with a trash that hides and gives back."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, POLICY, SYSTEM, Actor, Database, refused

INSERT = "insert into public.jobs (title) values ('Programmer') returning id"


def add_job(db: Database, user: Actor, **columns: object) -> UUID:
    columns = {"title": "Programmer"} | columns
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    sql = f"insert into public.jobs ({names}) values ({marks}) returning id"
    job = db.value(user, sql, *columns.values())
    assert isinstance(job, UUID)
    return job


def set_max_jobs(db: Database, number: object) -> None:
    db.query(
        SYSTEM,
        "insert into public.global_config (key, value) values ('max_jobs', %s) "
        "on conflict (key) do update set value = excluded.value",
        json.dumps(number),
    )


@pytest.fixture
def job(db: Database, owner: Actor) -> UUID:
    return add_job(db, owner, company="Babbage & Co", source_url="https://example.com/jobs/1")


# Columns ---------------------------------------------------------------------------------------


def test_job__belongs_to_whoever_makes_it(db: Database, owner: Actor, job: UUID) -> None:
    row = db.one(owner, "select * from public.jobs where id = %s", job)
    assert row["user_id"] == owner.user_id
    assert (row["status"], row["extract_status"], row["deleted_at"]) == ("saved", "none", None)


def test_status_changed_at__moves_with_the_status_only(
    db: Database, owner: Actor, job: UUID
) -> None:
    old = "2020-01-01 00:00:00+00"
    db.query(
        SYSTEM,
        "update public.jobs set status_changed_at = %s, updated_at = %s where id = %s",
        old,
        old,
        job,
    )
    sql = "select status_changed_at::text from public.jobs where id = %s"
    db.query(owner, "update public.jobs set notes = 'Call', status = 'saved' where id = %s", job)
    assert db.value(owner, sql, job) == old
    db.query(owner, "update public.jobs set status = 'applied' where id = %s", job)
    assert db.value(owner, sql, job) != old


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("title", ""),
        ("title", "x" * 201),
        ("company", "x" * 201),
        ("description", "x" * 50001),
        ("location", "x" * 201),
        ("salary_range", "x" * 201),
        ("employment_type", "x" * 101),
        ("source_url", "javascript:alert(1)"),
        ("source_url", "https://example.com/" + "x" * 2000),
        ("status", "hired"),
        ("notes", "x" * 20001),
    ],
)
def test_edit__must_fit_its_column(
    db: Database, owner: Actor, job: UUID, column: str, value: str
) -> None:
    with refused("23514", match=f"jobs_{column}_check"):
        db.query(owner, f"update public.jobs set {column} = %s where id = %s", value, job)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("extracted_data", "[]"),
        ("extracted_data", json.dumps({"a": "x" * 65536})),
        ("extract_status", "unknown"),
        ("extract_status", "completed"),
        ("extract_error", "x" * 2001),
    ],
)
def test_system_columns__have_their_domain(
    db: Database, job: UUID, column: str, value: str
) -> None:
    with refused("23514", match="jobs_extract"):
        db.query(SYSTEM, f"update public.jobs set {column} = %s where id = %s", value, job)


@pytest.mark.parametrize(
    "column",
    ["id", "user_id", "status_changed_at", "extracted_data", "extract_status", "extract_error"]
    + ["deleted_at", "created_at", "updated_at"],
)
def test_system_columns__are_not_the_owners_to_change(
    db: Database, owner: Actor, job: UUID, column: str
) -> None:
    with refused("42501", match=NO_GRANT):
        db.query(owner, f"update public.jobs set {column} = {column} where id = %s", job)


@pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
def test_blocked_or_leaving_account__reads_but_writes_nothing(
    db: Database, owner: Actor, job: UUID, change: str
) -> None:
    db.query(SYSTEM, f"update public.profiles set {change} where id = %s", owner.user_id)
    assert db.value(owner, "select id from public.jobs") == job
    with refused("42501", match=POLICY):
        db.query(owner, INSERT)
    with refused("42501", match=POLICY):
        db.query(owner, "update public.jobs set notes = 'x' where id = %s", job)
    for call in ("trash_job", "restore_job"):
        with refused("PT403"):
            db.query(owner, f"select public.{call}(%s)", job)


def test_resume__is_optimised_for_a_job_of_its_owner_only(
    db: Database, owner: Actor, stranger: Actor, job: UUID
) -> None:
    resume = db.value(owner, "insert into public.resumes (title) values ('Mine') returning id")
    point = "update public.resumes set optimized_for_job_id = %s where id = %s"
    db.query(SYSTEM, point, job, resume)
    with refused("23503"):
        db.query(SYSTEM, point, add_job(db, stranger), resume)
    db.query(SYSTEM, "delete from public.jobs where id = %s", job)
    sql = "select user_id, optimized_for_job_id from public.resumes where id = %s"
    assert db.one(owner, sql, resume) == {"user_id": owner.user_id, "optimized_for_job_id": None}


# The limit -------------------------------------------------------------------------------------


def test_one_job_too_many__is_refused_until_another_goes(
    db: Database, owner: Actor, stranger: Actor, job: UUID
) -> None:
    set_max_jobs(db, 2)
    add_job(db, owner)
    with refused("PT422", match="2 jobs can be followed") as caught:
        db.query(owner, INSERT)
    assert json.loads(str(caught.value.diag.message_detail)) == {"max_jobs": 2}
    assert "trash" in str(caught.value.diag.message_hint)
    # Others have room of their own.
    add_job(db, stranger)
    db.query(owner, "select public.trash_job(%s)", job)
    add_job(db, owner)
    with refused("PT422"):
        db.query(owner, "select public.restore_job(%s)", job)


def test_trash__has_room_for_as_many_again(db: Database, owner: Actor) -> None:
    set_max_jobs(db, 1)
    db.query(owner, "select public.trash_job(%s)", add_job(db, owner))
    second = add_job(db, owner)
    db.query(owner, "select public.trash_job(%s)", second)
    with refused("PT422"):
        db.query(owner, INSERT)
    db.query(owner, "select public.restore_job(%s)", second)


@pytest.mark.parametrize("setting", ["many", None])
def test_limit_that_is_no_number__leaves_the_default(
    db: Database, owner: Actor, setting: object
) -> None:
    set_max_jobs(db, setting)
    fill = "insert into public.jobs (title) select 'x' from generate_series(1, %s)"
    db.query(owner, fill, 1000)
    with refused("PT422", match="1000 jobs"):
        db.query(owner, INSERT)


def test_full_board__is_no_news_for_strangers(db: Database, owner: Actor, stranger: Actor) -> None:
    set_max_jobs(db, 1)
    add_job(db, owner)
    sql = "insert into public.jobs (user_id, title) values (%s, 'x')"
    with refused("42501", match=POLICY):
        db.query(stranger, sql, owner.user_id)


def test_edit_of_a_job_on_a_full_board__is_no_new_job(db: Database, owner: Actor) -> None:
    set_max_jobs(db, 1)
    add_job(db, owner)
    set_max_jobs(db, 0)
    assert db.affected(owner, "update public.jobs set notes = 'Call'") == 1


# Trash -----------------------------------------------------------------------------------------


def test_trash__hides_and_restore_brings_back(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, job: UUID
) -> None:
    for user in (stranger, admin):
        with refused("PT404", match=str(job)):
            db.query(user, "select public.trash_job(%s)", job)
    assert db.one(owner, "select * from public.trash_job(%s)", job)["deleted_at"]
    assert db.query(owner, "select * from public.jobs") == []
    # Without a WHERE the policy of the command itself has to keep trash out.
    for where in (f" where id = '{job}'", ""):
        assert db.affected(owner, f"update public.jobs set title = 'x'{where}") == 0
    with refused("PT404", match=str(job)):
        db.query(owner, "select public.trash_job(%s)", job)
    with refused("PT404", match=str(job)):
        db.query(stranger, "select public.restore_job(%s)", job)
    assert db.one(owner, "select * from public.restore_job(%s)", job)["deleted_at"] is None
    assert db.value(owner, "select id from public.jobs") == job
    for id_ in (job, uuid4(), None):
        with refused("PT404"):
            db.query(owner, "select public.restore_job(%s)", id_)


def test_trash__takes_one_job_only(db: Database, owner: Actor, job: UUID) -> None:
    other = add_job(db, owner)
    db.query(owner, "select public.trash_job(%s)", job)
    assert db.value(owner, "select id from public.jobs") == other


@pytest.mark.parametrize(
    "call", ["trash_job(%s)", "restore_job(%s)", "request_job_extract(%s)", "search_jobs(%s::text)"]
)
def test_nobody__may_call_what_is_for_users(db: Database, call: str, job: UUID) -> None:
    with refused("42501", match=NO_GRANT):
        db.query(ANON, f"select public.{call}", job)
    with refused("42501", match=NO_GRANT):
        db.query(ANON, "select * from public.job_board()")


# Board -----------------------------------------------------------------------------------------


def test_board__counts_own_live_jobs_in_the_order_of_an_application(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    add_job(db, owner)
    add_job(db, owner, status="offered")
    db.query(owner, "select public.trash_job(%s)", add_job(db, owner, status="offered"))
    add_job(db, owner)
    add_job(db, stranger, status="accepted")
    rows = db.query(owner, "select * from public.job_board()")
    assert [(row["status"], row["jobs"]) for row in rows] == [
        ("saved", 2),
        ("applied", 0),
        ("interviewing", 0),
        ("offered", 1),
        ("rejected", 0),
        ("accepted", 0),
    ]
