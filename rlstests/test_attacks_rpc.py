"""Attacks through functions: ids of other people's rows, no id at all, no account behind the token.

Every function that clients may call and that takes the id of a row is tried; one that is missing
from ROWS fails the suite.
"""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from rlstests.actors import SYSTEM, Actor, Database
from rlstests.intent import intended
from rlstests.samples import make_row, rows
from rlstests.tenancy import row_id

FUNCTIONS: dict[str, list[str]] = intended()["functions"]
CLIENT = [
    signature
    for signature, roles in FUNCTIONS.items()
    if signature.startswith("public.") and "authenticated" in roles
]
# What the id in a parameter names. None: no row of a tenant, or covered by a test of its own.
ROWS: dict[str, str | None] = {
    "p_resume_id": "public.resumes",
    "p_job_id": "public.jobs",
    "p_session_id": "public.interview_sessions",
    "p_generation_id": "public.resume_generations",
    "p_draft_id": "public.resume_drafts",
    "p_subscription_id": "public.subscriptions",
    # Templates and interviewers are public; an account is for admins, see test_reporting_accounts;
    # a request is whatever a live task works for, see test_queue.
    "p_template_id": None,
    "p_interviewer_id": None,
    "p_account_id": None,
    "p_request_id": None,
    # Of a webhook event: those are for admins alone, see test_billing_operating.
    "p_id": None,
}
# Where no row is an answer: a draft of a new résumé, bullets outside of interviews.
MAY_BE_NULL = {
    ("public.save_draft", "p_resume_id"),
    ("public.save_draft", "p_draft_id"),
    ("public.request_bullets", "p_session_id"),
}
# A harmless value for a parameter of this type.
VALUES: dict[str, Any] = {
    "text": "x",
    "integer": 1,
    "jsonb": "{}",
    "boolean": True,
    "text[]": ["pdf"],
    "uuid[]": [],
    "uuid": None,
    "date": "2026-01-01",
    "timestamp with time zone": "2026-01-01",
}


def parameters(db: Database, signature: str) -> dict[str, str]:
    """Return name and type of each parameter."""
    found = db.query(
        SYSTEM,
        """
        select a.name, a.type::regtype::text as type
        from pg_proc p
        cross join lateral unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[])
            as a (name, type)
        where p.oid = %s::regprocedure
        """,
        signature,
    )
    return {row["name"]: row["type"] for row in found}


def call(db: Database, actor: Actor, signature: str, **given: object) -> str:
    """Call it with harmless values for all that is not given; return how it was answered."""
    values = {name: VALUES[kind] for name, kind in parameters(db, signature).items()} | given
    name = signature.partition("(")[0]
    named = ", ".join(f"{key} => %({key})s" for key in values)
    try:
        with db.acting(actor) as connection:
            connection.execute(f"select * from {name}({named})", values)
    except psycopg.Error as error:
        return f"{error.sqlstate} {error.diag.message_primary}"
    return "answered"


def id_parameters(db: Database) -> list[tuple[str, str]]:
    """Return every client function with each parameter that takes the id of a row."""
    return [
        (signature, name)
        for signature in CLIENT
        for name, kind in parameters(db, signature).items()
        if kind == "uuid"
    ]


def test_id_of_a_strangers_row__answers_like_one_that_does_not_exist(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    tried = id_parameters(db)
    assert len(tried) > 2, "positive control: functions take ids"
    telling = []
    for signature, name in tried:
        relation = ROWS[name]
        if relation is None:
            continue
        foreign = row_id(db, relation, owner)
        before = rows(db, relation, owner)
        missing = uuid4()
        answers = [
            call(db, stranger, signature, **{name: value}).replace(str(value), "ID")
            for value in (foreign, missing)
        ]
        if answers[0] != answers[1] or answers[0] == "answered":
            telling.append((signature, name, answers))
        assert rows(db, relation, owner) == before, signature
    assert telling == []


@pytest.mark.parametrize("signature", CLIENT)
def test_token_without_an_account__gets_nothing_from_a_function(
    db: Database, signature: str
) -> None:
    # The account is gone, the token is still valid.
    nobody = Actor("deleted", "authenticated", uuid4())
    given: dict[str, UUID] = {
        name: uuid4() for name, kind in parameters(db, signature).items() if kind == "uuid"
    }
    answer = call(db, nobody, signature, **given)
    if answer == "answered":
        values = {name: VALUES[kind] for name, kind in parameters(db, signature).items()} | given
        name = signature.partition("(")[0]
        named = ", ".join(f"{key} => %({key})s" for key in values)
        with db.acting(nobody) as connection:
            found = connection.execute(f"select * from {name}({named})", values).fetchall()
        # No row, or the zeros of an account that has nothing.
        numbers = [value for row in found for value in row.values() if isinstance(value, int)]
        assert found == [] or (numbers and set(numbers) == {0}), found
    else:
        assert answer[:5] in ("PT401", "PT403", "PT404"), answer


def test_functions__do_not_run_for_an_id_that_is_null(db: Database, owner: Actor) -> None:
    make_row(db, "public.resumes", owner)
    answered = {
        (signature.partition("(")[0], name)
        for signature, name in id_parameters(db)
        if ROWS[name] is not None and call(db, owner, signature, **{name: None}) == "answered"
    }
    assert answered == MAY_BE_NULL
