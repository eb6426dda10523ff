"""Metering as callers of the API meet it: many requests at once, and keys that come twice."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus

from .worker.documents import resume_document, upload_resume

CALLERS = 64
LIMIT = 100
# As often as one caller may ask for a résumé to be read.
A_MINUTE = 20
DOCUMENT = resume_document("Jo Roe", "jo@example.com", "Skills", "Python, SQL")
Connection = psycopg.Connection[DictRow]


@pytest.fixture
def database(stack: StackStatus) -> Iterator[Connection]:
    with psycopg.connect(stack.db_url, row_factory=dict_row, autocommit=True) as connection:
        yield connection


@pytest.fixture
def limited(user: DemoUser, database: Connection) -> DemoUser:
    """A user with a hundred of each this month, by agreement."""
    limits = {meter: {"month": LIMIT} for meter in ("ai_actions", "interviews", "cover_letters")}
    database.execute(
        "insert into public.subscriptions (user_id, provider, plan_code, status, custom_limits) "
        "values (%s, 'manual', 'career', 'active', %s)",
        (user.user_id, json.dumps(limits)),
    )
    return user


def at_once(
    stack: StackStatus,
    call: Callable[[httpx.Client], str],
    *,
    callers: int = CALLERS,
    times: int = 1,
) -> Counter[str]:
    """Make a call from every caller at the same moment, each on a connection of its own."""
    barrier = threading.Barrier(callers)

    def act(_: int) -> list[str]:
        with httpx.Client(base_url=stack.api_url, trust_env=False, timeout=60) as client:
            # The connection is there before the moment comes.
            client.get("/rest/v1/plans", headers={"apikey": stack.publishable_key})
            barrier.wait(60)
            return [call(client) for _ in range(times)]

    with ThreadPoolExecutor(callers) as pool:
        return Counter(
            outcome for outcomes in pool.map(act, range(callers)) for outcome in outcomes
        )


def counted(database: Connection, user: DemoUser) -> dict[str, int]:
    """What the counters of a user say that say anything."""
    rows = database.execute(
        "select meter, used from public.usage_counters where user_id = %s and used > 0",
        (user.user_id,),
    )
    return {row["meter"]: row["used"] for row in rows}


def states(database: Connection, user: DemoUser) -> Counter[str]:
    rows = database.execute(
        "select state from public.usage_events where user_id = %s", (user.user_id,)
    )
    return Counter(row["state"] for row in rows)


def code_of(response: httpx.Response) -> str:
    return "ok" if response.is_success else f"{response.status_code} {response.json()['code']}"


def service(stack: StackStatus, client: httpx.Client, function: str, **values: object) -> str:
    """Call a function of schema worker or public as a product's server does."""
    schema, _, name = function.partition(".")
    headers = {"apikey": stack.secret_key, "content-profile": schema}
    return code_of(client.post(f"/rest/v1/rpc/{name}", headers=headers, json=values))


def test_reservations_at_once__get_exactly_what_the_limit_allows(
    stack: StackStatus, limited: DemoUser, database: Connection
) -> None:
    values = {"p_user_id": limited.user_id, "p_operation": "resume_parse"}
    outcomes = at_once(
        stack, lambda client: service(stack, client, "worker.reserve_usage", **values), times=3
    )
    assert outcomes == {"ok": LIMIT, "402 PT402": 3 * CALLERS - LIMIT}
    assert counted(database, limited) == {"ai_actions": LIMIT}
    assert states(database, limited) == {"reserved": LIMIT}


def test_increments_at_once__get_what_the_limit_allows_and_then_the_tokens(
    stack: StackStatus, limited: DemoUser, database: Connection
) -> None:
    bought = 3
    database.execute(
        "insert into public.token_transactions (user_id, amount, transaction_type) "
        "select %s, token_cost * %s, 'grant' from public.operations where code = 'interview'",
        (limited.user_id, bought),
    )
    values = {"p_user_id": limited.user_id, "p_action": "interview"}
    outcomes = at_once(
        stack, lambda client: service(stack, client, "public.increment_usage", **values), times=3
    )
    assert outcomes == {"ok": LIMIT + bought, "402 PT402": 3 * CALLERS - LIMIT - bought}
    assert counted(database, limited) == {"interviews": LIMIT}
    assert states(database, limited) == {"settled": LIMIT + bought}
    assert database.execute(
        "select current_balance from public.token_balances where user_id = %s", (limited.user_id,)
    ).fetchone() == {"current_balance": 0}


def test_one_key_in_many_requests__is_one_use_and_one_task(
    stack: StackStatus, user: DemoUser, database: Connection
) -> None:
    resume_id = add_resume(user)
    headers = headers_of(stack, user)
    values = {"p_resume_id": resume_id, "p_idempotency_key": "once"}
    outcomes = at_once(
        stack,
        lambda client: code_of(
            client.post("/rest/v1/rpc/request_resume_parse", headers=headers, json=values)
        ),
        callers=A_MINUTE,
    )
    assert outcomes == {"ok": A_MINUTE}
    assert counted(database, user) == {"ai_actions": 1}
    assert states(database, user) == {"reserved": 1}
    assert database.execute(
        "select count(*) as tasks from queue.tasks where user_id = %s", (user.user_id,)
    ).fetchone() == {"tasks": 1}


def add_resume(user: DemoUser) -> str:
    """An uploaded résumé with something in it; gives its id."""
    resume_id = upload_resume(user, DOCUMENT)
    content = {"summary": "Ten years of Python and SQL."}
    user.client.table("resumes").update({"content": content}).eq("id", resume_id).execute()
    return resume_id


def headers_of(stack: StackStatus, user: DemoUser) -> dict[str, str]:
    session = user.client.auth.get_session()
    assert session is not None
    return {
        "apikey": stack.publishable_key,
        "authorization": f"Bearer {session.access_token}",
    }


@pytest.mark.parametrize(
    ("function", "values", "others"),
    [
        ("request_resume_parse", {}, {"p_resume_id": "another"}),
        (
            "request_analysis",
            {"p_analysis_type": "match", "p_job_description": "Python and SQL."},
            {"p_job_description": "Plumbing."},
        ),
        (
            "request_document",
            {"p_kind": "answer", "p_prompt": "Why you?"},
            {"p_prompt": "Why us?"},
        ),
    ],
)
def test_key_that_comes_again__is_answered_for_the_same_and_refused_for_another(
    stack: StackStatus,
    user: DemoUser,
    database: Connection,
    function: str,
    values: dict[str, str],
    others: dict[str, str],
) -> None:
    resumes = [add_resume(user) for _ in range(2)]
    first = {"p_resume_id": resumes[0], "p_idempotency_key": "a key", **values}
    second = {**first, **others, **({"p_resume_id": resumes[1]} if "p_resume_id" in others else {})}
    headers = headers_of(stack, user)

    def ask(body: dict[str, str]) -> httpx.Response:
        url = f"{stack.api_url}/rest/v1/rpc/{function}"
        return httpx.post(url, headers=headers, json=body, trust_env=False)

    answers = [ask(first) for _ in range(2)]
    assert [code_of(answer) for answer in answers] == ["ok", "ok"], answers[0].text
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert code_of(ask(second)) == "409 PT409"
    assert counted(database, user)["ai_actions"] == 1
    assert states(database, user) == {"reserved": 1}
