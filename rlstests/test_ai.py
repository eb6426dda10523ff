"""Room ai: a request for an analysis is checked, counted once, and keeps what the job said."""

from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.ai_helpers import add_job, add_resume
from rlstests.request_helpers import claim, fail, limit, live_tasks, subscribe, uses

TYPES = ["ats_score", "keyword_match", "match", "full_analysis", "optimization"]
WITH_JOB = ["keyword_match", "match", "optimization"]


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    subscribe(db, owner, "unlimited")
    return add_resume(db, owner)


@pytest.fixture
def job(db: Database, owner: Actor) -> UUID:
    return add_job(db, owner)


def request(db: Database, user: Actor, resume: object, kind: object, **more: object) -> Row:
    named = "".join(f", p_{name} => %s" for name in more)
    sql = f"select * from public.request_analysis(%s, %s{named})"
    return db.one(user, sql, kind, resume, *more.values())


def analyses(db: Database, user: Actor) -> list[Row]:
    return db.query(user, "select * from public.analyses order by created_at")


# Asking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_request__makes_the_row_counts_the_use_and_queues_the_task(
    db: Database, owner: Actor, resume: UUID, job: UUID, kind: str
) -> None:
    row = request(db, owner, resume, kind, job_id=job)
    assert (row["user_id"], row["resume_id"], row["job_id"]) == (owner.user_id, resume, job)
    assert (row["analysis_type"], row["status"], row["completed_at"]) == (kind, "pending", None)
    use = db.one(owner, "select * from public.usage_events")
    assert (use["id"], use["operation"]) == (row["usage_event_id"], kind)
    task = claim(db, kind)
    assert task["user_id"] == owner.user_id
    assert task["payload"] == {
        "analysis_id": str(row["id"]),
        "resume_id": str(resume),
        "job_id": str(job),
    }
    assert analyses(db, owner)[0]["status"] == "processing"


def test_request__keeps_what_the_job_said(
    db: Database, owner: Actor, resume: UUID, job: UUID
) -> None:
    request(db, owner, resume, "match", job_id=job)
    db.query(owner, "update public.jobs set title = 'x', company = 'x', description = 'x'")
    (row,) = analyses(db, owner)
    assert (row["job_title"], row["company"]) == ("Programmer", "Babbage & Co")
    assert row["job_description"] == "Engines, analytical."
    db.query(SYSTEM, "delete from public.jobs where id = %s", job)
    db.query(SYSTEM, "delete from public.resumes where id = %s", resume)
    (row,) = analyses(db, owner)
    assert (row["user_id"], row["resume_id"], row["job_id"]) == (owner.user_id, None, None)
    assert row["job_description"] == "Engines, analytical."


def test_what_the_client_says_of_the_job__goes_first(
    db: Database, owner: Actor, resume: UUID, job: UUID
) -> None:
    said = {"job_description": "  Looms. ", "job_title": "Weaver", "company": "Jacquard"}
    row = request(db, owner, resume, "match", job_id=job, **said)
    assert (row["job_description"], row["job_title"]) == ("Looms.", "Weaver")
    assert (row["company"], row["job_id"]) == ("Jacquard", job)
    row = request(db, owner, resume, "match", **said)
    assert (row["job_description"], row["job_id"]) == ("Looms.", None)
    blank = {"job_description": " ", "job_title": "", "company": "\n"}
    row = request(db, owner, resume, "match", job_id=job, **blank)
    assert (row["job_description"], row["company"]) == ("Engines, analytical.", "Babbage & Co")


@pytest.mark.parametrize("kind", WITH_JOB)
def test_comparison__needs_the_description_of_a_job(
    db: Database, owner: Actor, resume: UUID, kind: str
) -> None:
    for more in ({}, {"job_description": " \n"}, {"job_id": add_job(db, owner, None)}):
        with refused("PT422", match="needs the description"):
            request(db, owner, resume, kind, **more)
    assert uses(db, owner) == []
    assert analyses(db, owner) == []


@pytest.mark.parametrize("kind", sorted(set(TYPES) - set(WITH_JOB)))
def test_score__needs_no_job(db: Database, owner: Actor, resume: UUID, kind: str) -> None:
    assert request(db, owner, resume, kind)["job_description"] is None


@pytest.mark.parametrize("kind", ["resume_parse", "cover_letter", "", None])
def test_other_type__is_no_analysis(
    db: Database, owner: Actor, resume: UUID, kind: str | None
) -> None:
    with refused("PT422", match="There is no analysis"):
        request(db, owner, resume, kind)


@pytest.mark.parametrize(
    ("name", "length"), [("job_description", 50000), ("job_title", 200), ("company", 200)]
)
def test_text_that_is_too_long__is_refused_by_name(
    db: Database, owner: Actor, resume: UUID, name: str, length: int
) -> None:
    more = {"job_description": "Looms."} | {name: "x" * length}
    assert request(db, owner, resume, "match", **more)[name] == "x" * length
    with refused("PT422", match=f"p_{name} has {length + 1} characters"):
        request(db, owner, resume, "match", **more | {name: "x" * (length + 1)})


def test_resume_without_content__cannot_be_analysed(
    db: Database, owner: Actor, resume: UUID
) -> None:
    empty = add_resume(db, owner, {})
    with refused("PT422", match="no content"):
        request(db, owner, empty, "ats_score")
    db.query(
        SYSTEM,
        "update public.resumes set parsed_data = '{}', parse_status = 'completed' where id = %s",
        empty,
    )
    assert request(db, owner, empty, "ats_score")["resume_id"] == empty
    assert resume != empty


def test_foreign_missing_and_trashed_resume__get_the_same_answer(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, resume: UUID
) -> None:
    for user in (stranger, admin):
        subscribe(db, user, "unlimited")
        with refused("PT404", match=f"résumé {resume}"):
            request(db, user, resume, "ats_score")
    for missing in (uuid4(), None):
        with refused("PT404"):
            request(db, owner, missing, "ats_score")
    db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404", match=f"résumé {resume}"):
        request(db, owner, resume, "ats_score")


def test_foreign_missing_and_trashed_job__get_the_same_answer(
    db: Database, owner: Actor, stranger: Actor, resume: UUID, job: UUID
) -> None:
    for other in (add_job(db, stranger), uuid4()):
        with refused("PT404", match=f"job {other}"):
            request(db, owner, resume, "match", job_id=other, job_description="Looms.")
    db.query(owner, "select public.trash_job(%s)", job)
    with refused("PT404", match=f"job {job}"):
        request(db, owner, resume, "match", job_id=job)


@pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
def test_blocked_or_leaving_account__asks_for_nothing_new(
    db: Database, owner: Actor, resume: UUID, change: str
) -> None:
    db.query(SYSTEM, f"update public.profiles set {change} where id = %s", owner.user_id)
    with refused("PT403"):
        request(db, owner, resume, "ats_score")


def test_nobody_and_service__may_not_ask(db: Database, resume: UUID) -> None:
    for actor in (ANON, SERVICE):
        with refused("42501", match=NO_GRANT):
            request(db, actor, resume, "ats_score")


def test_requests_too_often__have_to_wait(db: Database, owner: Actor, resume: UUID) -> None:
    limit(db, "analysis", 1)
    request(db, owner, resume, "ats_score")
    with refused("PT429"):
        request(db, owner, resume, "full_analysis")


def test_request_without_allowance__leaves_nothing_behind(db: Database, stranger: Actor) -> None:
    mine = add_resume(db, stranger)
    for _ in range(3):
        request(db, stranger, mine, "ats_score")
    with refused("PT402"):
        request(db, stranger, mine, "ats_score")
    assert len(analyses(db, stranger)) == len(live_tasks(db, stranger)) == 3


# Asking again ----------------------------------------------------------------------------------


def test_same_key__gives_the_same_row_and_counts_nothing(
    db: Database, owner: Actor, resume: UUID, job: UUID
) -> None:
    asked = {"job_id": job, "idempotency_key": "k"}
    request(db, owner, resume, "optimization", job_id=job)
    first = request(db, owner, resume, "match", **asked)
    request(db, owner, resume, "full_analysis", job_id=job)
    # What the job says now is another matter.
    db.query(owner, "update public.jobs set description = 'Looms.'")
    assert request(db, owner, resume, "match", **asked)["id"] == first["id"]
    assert len(uses(db, owner)) == len(live_tasks(db, owner)) == 3
    # Another operation has keys of its own, and no key is a new request.
    for kind, key in (("ats_score", "k"), ("match", None)):
        again = request(db, owner, resume, kind, job_id=job, idempotency_key=key)
        assert again["id"] != first["id"]


@pytest.mark.parametrize(
    "change",
    [
        {"job_id": None, "job_description": "Looms."},
        {"job_description": "Looms."},
        {"job_title": "Weaver"},
        {"company": "Jacquard"},
    ],
)
def test_key_of_another_request__is_a_conflict(
    db: Database, owner: Actor, resume: UUID, job: UUID, change: dict[str, object]
) -> None:
    asked: dict[str, object] = {"job_id": job, "idempotency_key": "k"}
    request(db, owner, resume, "match", **asked)
    with refused("PT409", match="was used for another"):
        request(db, owner, resume, "match", **asked | change)
    with refused("PT409"):
        request(db, owner, add_resume(db, owner), "match", **asked)


def test_key_of_a_deleted_row__is_a_conflict_with_a_way_out(
    db: Database, owner: Actor, resume: UUID
) -> None:
    request(db, owner, resume, "ats_score", idempotency_key="k")
    fail(db, claim(db, "ats_score"))
    assert db.affected(owner, "delete from public.analyses") == 1
    with refused("PT409", match="was deleted") as caught:
        request(db, owner, resume, "ats_score", idempotency_key="k")
    assert "new key" in str(caught.value.diag.message_hint)


# Own rows only ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["pending", "processing", "failed", "cancelled"])
def test_open_request__is_cancelled_before_it_is_deleted(
    db: Database, owner: Actor, resume: UUID, status: str
) -> None:
    row = request(db, owner, resume, "ats_score")
    db.query(SYSTEM, "update public.analyses set status = %s where id = %s", status, row["id"])
    gone = 0 if status in ("pending", "processing") else 1
    assert db.affected(owner, "delete from public.analyses") == gone


def test_cancelling__gives_the_use_back(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    row = request(db, owner, resume, "ats_score")
    with refused("PT404"):
        db.query(stranger, "select public.cancel_request(%s)", row["id"])
    assert db.value(owner, "select public.cancel_request(%s)", row["id"]) == 1
    (row,) = analyses(db, owner)
    assert (row["status"], row["completed_at"]) == ("cancelled", None)
    assert uses(db, owner) == ["released"]
    assert live_tasks(db, owner) == []


@pytest.mark.parametrize("column", ["resume_id", "variant_resume_id", "job_id"])
def test_analysis__refers_to_rows_of_its_owner_only(
    db: Database, owner: Actor, stranger: Actor, resume: UUID, column: str
) -> None:
    row = request(db, owner, resume, "ats_score")
    make = add_job if column == "job_id" else add_resume
    point = f"update public.analyses set {column} = %s where id = %s"
    mine = make(db, owner)
    db.query(SYSTEM, point, mine, row["id"])
    with refused("23503"):
        db.query(SYSTEM, point, make(db, stranger), row["id"])
    table = "jobs" if column == "job_id" else "resumes"
    db.query(SYSTEM, f"delete from public.{table} where id = %s", mine)
    (row,) = analyses(db, owner)
    assert (row["user_id"], row[column]) == (owner.user_id, None)


def test_use__stands_for_one_analysis(db: Database, owner: Actor, resume: UUID) -> None:
    row = request(db, owner, resume, "ats_score")
    with refused("23505"):
        db.query(
            SYSTEM,
            "insert into public.analyses (user_id, analysis_type, usage_event_id) "
            "values (%s, 'match', %s)",
            owner.user_id,
            row["usage_event_id"],
        )
