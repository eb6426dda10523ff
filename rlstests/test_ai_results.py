"""Room ai: what a worker sends is written whole or refused whole, in the row of its task."""

import json
from typing import Any
from uuid import UUID

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row, refused
from rlstests.ai_helpers import CONTENT, FACTS, add_job, add_resume
from rlstests.request_helpers import claim, complete, fail, malformed, subscribe, uses
from rlstests.test_ai import TYPES, request

BETTER = CONTENT | {"summary": "Engineer of analytical engines."}
RESULT: dict[str, Any] = FACTS | {
    "score": 78,
    "keywords_matched": 7,
    "keywords_missing": 3,
    "keywords_total": 10,
    "issues": [{"type": "format", "text": "Two columns."}],
    "suggestions": ["Use one column."],
    "results": {"keywordAnalysis": {"foundKeywords": ["Python"]}},
    "content": BETTER,
}


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    subscribe(db, owner, "unlimited")
    return add_resume(db, owner)


def ask(db: Database, owner: Actor, resume: UUID, kind: str) -> Row:
    """Ask for an analysis against a job, and lease its task."""
    request(db, owner, resume, kind, job_id=add_job(db, owner))
    return claim(db, kind)


def only(db: Database, user: Actor) -> Row:
    return db.one(user, "select * from public.analyses")


@pytest.mark.parametrize("kind", TYPES)
def test_result__is_written_and_the_use_settled(
    db: Database, owner: Actor, resume: UUID, kind: str
) -> None:
    complete(db, ask(db, owner, resume, kind), RESULT)
    row = only(db, owner)
    assert row["status"] == "completed"
    assert row["completed_at"] is not None
    for column in set(RESULT) - {"content", "estimated_cost"}:
        assert row[column] == RESULT[column], column
    assert float(row["estimated_cost"]) == FACTS["estimated_cost"]
    assert row["error_message"] is None
    assert uses(db, owner) == ["settled"]


@pytest.mark.parametrize("kind", TYPES)
def test_failure__tells_the_user_why_and_costs_nothing(
    db: Database, owner: Actor, resume: UUID, kind: str
) -> None:
    task = ask(db, owner, resume, kind)
    assert fail(db, task, retryable=True) == "retry"
    assert only(db, owner)["status"] == "pending"
    db.query(SYSTEM, "update queue.tasks set run_at = now()")
    fail(db, claim(db, kind), "The provider is down.")
    row = only(db, owner)
    assert (row["status"], row["error_message"]) == ("failed", "The provider is down.")
    assert (row["score"], row["completed_at"]) == (None, None)
    assert uses(db, owner) == ["released"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("ats_score", 78), ("full_analysis", 78), ("match", None), ("keyword_match", None)]
    + [("optimization", None)],
)
def test_score_of_the_resume__is_that_of_its_ats_analysis(
    db: Database, owner: Actor, resume: UUID, kind: str, expected: int | None
) -> None:
    other = add_resume(db, owner)
    complete(db, ask(db, owner, resume, kind), RESULT)
    sql = "select ats_score from public.resumes where id = %s"
    assert db.value(owner, sql, resume) == expected
    assert db.value(owner, sql, other) is None


@pytest.mark.parametrize("kind", ["ats_score", "match"])
def test_keywords__may_be_left_out_where_none_are_compared(
    db: Database, owner: Actor, resume: UUID, kind: str
) -> None:
    plain = {k: v for k, v in RESULT.items() if not k.startswith("keywords")}
    complete(db, ask(db, owner, resume, kind), plain)
    assert only(db, owner)["keywords_total"] is None


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        "text",
        {},
        RESULT | {"score": None},
        RESULT | {"score": 101},
        RESULT | {"score": -1},
        RESULT | {"score": 7.5},
        RESULT | {"score": 10**9},
        RESULT | {"score": "good"},
        RESULT | {"keywords_total": 11},
        RESULT | {"keywords_total": None},
        RESULT | {"keywords_matched": -1, "keywords_missing": 11},
        RESULT | {"keywords_matched": 11, "keywords_missing": -1},
        RESULT | {"keywords_matched": None, "keywords_missing": None, "keywords_total": None},
        RESULT | {"issues": None},
        RESULT | {"issues": "text"},
        RESULT | {"issues": ["text"]},
        RESULT | {"issues": [[{"type": "nested", "text": "x"}]]},
        RESULT | {"issues": [{"type": "format"}]},
        RESULT | {"issues": [{"text": "No type."}]},
        RESULT | {"issues": [{"type": "format", "text": 1}]},
        RESULT | {"issues": [{"type": "format", "text": "x" * 65536}]},
        RESULT | {"suggestions": None},
        RESULT | {"suggestions": [1]},
        RESULT | {"suggestions": [["nested"]]},
        RESULT | {"suggestions": ["x" * 65536]},
        RESULT | {"results": None},
        RESULT | {"results": []},
        RESULT | {"results": {"a": "x" * 524288}},
        RESULT | {"ai_provider": None},
        RESULT | {"ai_provider": "somebody"},
        RESULT | {"model_used": "x" * 201},
        RESULT | {"tokens_used": -1},
        RESULT | {"processing_time_ms": -1},
        RESULT | {"estimated_cost": -1},
        RESULT | {"estimated_cost": 10**5},
    ],
)
def test_malformed_result__is_refused_whole(
    db: Database, owner: Actor, resume: UUID, result: object
) -> None:
    task = ask(db, owner, resume, "keyword_match")
    before = only(db, owner)
    with malformed():
        complete(db, task, result)
    assert only(db, owner) == before
    assert uses(db, owner) == ["reserved"]
    # The worker may still send a sound one.
    complete(db, task, RESULT)


def test_columns__refuse_what_no_event_writes(db: Database, owner: Actor, resume: UUID) -> None:
    ask(db, owner, resume, "match")
    for change in (
        "status = 'unknown'",
        "status = 'completed'",
        "completed_at = now()",
        "status = 'completed', completed_at = now(), ai_provider = 'offline'",
        "status = 'completed', completed_at = now(), score = 1",
        "analysis_type = 'resume_parse'",
        "error_message = repeat('x', 2001)",
        "job_title = repeat('x', 201)",
        "company = repeat('x', 201)",
        "job_description = repeat('x', 50001)",
        "tokens_used = -1",
        "processing_time_ms = -1",
        "estimated_cost = -1",
    ):
        with refused("23514"):
            db.query(SYSTEM, f"update public.analyses set {change}")


def test_task_event__reaches_only_the_row_of_its_owner_and_kind(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    row = request(db, owner, resume, "ats_score")
    db.query(SYSTEM, "delete from queue.tasks")
    for user, kind in ((stranger, "ats_score"), (owner, "full_analysis")):
        db.query(
            SYSTEM,
            "select private.enqueue_task(%s, jsonb_build_object('analysis_id', %s::uuid), "
            "%s, null)",
            kind,
            row["id"],
            user.user_id,
        )
        complete(db, claim(db, kind), RESULT)
        assert only(db, owner)["status"] == "pending"


# Optimization ----------------------------------------------------------------------------------


def variant(db: Database, owner: Actor) -> Row:
    return db.one(
        owner,
        "select * from public.resumes where id = (select variant_resume_id from public.analyses)",
    )


def test_optimization__makes_a_new_resume_beside_the_old_one(
    db: Database, owner: Actor, resume: UUID
) -> None:
    db.query(
        SYSTEM,
        "update public.resumes set layout = %s, template_id = "
        "(select id from public.resume_templates where slug = 'classic') where id = %s",
        json.dumps({"sectionOrder": ["summary"]}),
        resume,
    )
    parent = db.one(owner, "select * from public.resumes where id = %s", resume)
    complete(db, ask(db, owner, resume, "optimization"), RESULT)
    made = variant(db, owner)
    assert made["id"] != resume
    assert made["user_id"] == owner.user_id
    assert made["content"] == BETTER
    assert made["title"] == "Engineer – Programmer"
    assert made["parent_resume_id"] == resume
    assert made["optimized_for_job_id"] == only(db, owner)["job_id"]
    assert made["optimization_score"] == 78
    assert (made["layout"], made["template_id"]) == (parent["layout"], parent["template_id"])
    assert db.one(owner, "select * from public.resumes where id = %s", resume) == parent
    assert "content" not in only(db, owner)["results"]


def test_optimization__says_what_the_new_version_is(
    db: Database, owner: Actor, resume: UUID
) -> None:
    complete(db, ask(db, owner, resume, "optimization"), RESULT)
    sql = "select change_type, change_summary from public.resume_versions where resume_id = %s"
    (version,) = db.query(owner, sql, variant(db, owner)["id"])
    assert version == {
        "change_type": "ai_optimized",
        "change_summary": "Programmer, Babbage & Co",
    }


def test_optimization_of_a_resume_that_is_gone__still_gives_one(
    db: Database, owner: Actor, resume: UUID
) -> None:
    task = ask(db, owner, resume, "optimization")
    db.query(SYSTEM, "delete from public.resumes where id = %s", resume)
    complete(db, task, RESULT)
    made = variant(db, owner)
    assert (made["title"], made["parent_resume_id"]) == ("Optimised résumé – Programmer", None)
    assert made["layout"] == {}


def test_title_of_the_variant__fits_its_column(db: Database, owner: Actor, resume: UUID) -> None:
    db.query(owner, "update public.resumes set title = repeat('x', 200)")
    complete(db, ask(db, owner, resume, "optimization"), RESULT)
    assert variant(db, owner)["title"] == "x" * 200


@pytest.mark.parametrize("content", [None, [], "text", {}, {"a": "x" * 262144}])
def test_optimization_without_a_usable_resume__is_refused_whole(
    db: Database, owner: Actor, resume: UUID, content: object
) -> None:
    task = ask(db, owner, resume, "optimization")
    with malformed():
        complete(db, task, RESULT | {"content": content})
    assert only(db, owner)["status"] == "processing"
    assert db.value(owner, "select count(*) from public.resumes") == 1


def test_optimization_without_room_for_a_resume__keeps_the_work(
    db: Database, owner: Actor, resume: UUID
) -> None:
    task = ask(db, owner, resume, "optimization")
    db.query(
        SYSTEM,
        """
        create function pg_temp.no_room() returns trigger language plpgsql as $$
        begin raise sqlstate 'PT402' using message = 'No room for a résumé.'; end $$
        """,
    )
    db.query(
        SYSTEM,
        "create trigger _500_no_room before insert on public.resumes "
        "for each row execute function pg_temp.no_room()",
    )
    complete(db, task, RESULT)
    row = only(db, owner)
    assert (row["status"], row["variant_resume_id"]) == ("completed", None)
    assert row["error_message"] == "No room for a résumé."
    assert row["results"] == RESULT["results"] | {"content": BETTER}
    assert db.value(owner, "select count(*) from public.resumes") == 1


def test_other_analyses__make_no_resume(db: Database, owner: Actor, resume: UUID) -> None:
    complete(db, ask(db, owner, resume, "full_analysis"), RESULT)
    assert only(db, owner)["variant_resume_id"] is None
    assert db.value(owner, "select count(*) from public.resumes") == 1


def test_variant__reaches_the_user_who_asked(db: Database, owner: Actor, resume: UUID) -> None:
    complete(db, ask(db, owner, resume, "optimization"), json.loads(json.dumps(RESULT)))
    db.query(owner, "select public.trash_resume(%s)", variant(db, owner)["id"])
    assert db.value(owner, "select id from public.resumes") == resume
