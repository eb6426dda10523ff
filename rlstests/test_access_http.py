"""The client-facing half of the access matrix, through the gateway: status, body and effect."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest

from rlstests.actors import NO_GRANT, POLICY, SYSTEM, Actor, Database
from rlstests.intent import COMMANDS, intended, outcome, role_of
from rlstests.over_http import Answer, Api, Connection, Stage, staged

INTENT = intended()
RELATIONS: dict[str, Any] = {
    name: intent for name, intent in INTENT["relations"].items() if name.startswith("public.")
}
IDENTITIES = ("anon", "owner", "stranger", "admin", "service", "deleted", "leaving", "blocked")
WRITES = ("insert", "update", "delete")
# Nobody writes a generated column, and Postgres says so before it looks at grants.
GENERATED = "428C9"


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


def readable(relation: str, identity: str) -> str:
    """The columns that an identity can be answered with."""
    columns = RELATIONS[relation].get("select", {}).get(role_of(identity), [])
    return "*" if columns == "all" else ",".join(columns)


def ask(api: Api, stage: Stage, identity: str, command: str, **more: Any) -> Answer:
    """Run one cell. Without a grant to read, the answer is asked to be empty."""
    seen = readable(stage.relation, identity)
    if command == "select":
        seen = seen or "*"
    elif command == "insert" and outcome(RELATIONS[stage.relation], identity, "select") != "yes":
        seen = ""
    headers = api.headers(stage.people[identity])
    return stage.requests.send(api, headers, command, seen, **more)


def complaint(identity: str, command: str, expected: str, answer: Answer) -> str:
    """Say what is wrong with an answer; nothing when it is what the outcome means over HTTP."""
    denied = 401 if identity == "anon" else 403
    refusal = answer.status == denied and answer.code == "42501"
    # Postgres asks whether a view can be written at all before it looks at grants.
    unwritable = answer.code == "55000" and "view" in answer.message
    fits = {
        "yes": answer.status in (200, 201, 204) and answer.count in (1, -1),
        "nothing": (answer.status, answer.body) in ((200, []), (204, None)),
        "policy": refusal and POLICY in answer.message,
        "refused": (refusal and NO_GRANT in answer.message) or unwritable,
    }[expected]
    return "" if fits else f"{identity} {command}: expected {expected}, got {answer}"


def try_harmless(
    api: Api, stage: Stage, pool: ThreadPoolExecutor, identities: tuple[str, ...]
) -> list[str]:
    """Run all cells that change nothing, side by side, and see that nothing changed."""
    intent, before = RELATIONS[stage.relation], stage.rows()

    def run(cell: tuple[str, str]) -> str:
        identity, command = cell
        expected = outcome(intent, identity, command)
        if expected == "yes" and command != "select":
            return ""
        return complaint(identity, command, expected, ask(api, stage, identity, command))

    said = pool.map(run, product(identities, COMMANDS))
    found = [words for words in said if words]
    return found if stage.rows() == before else [*found, "a row changed"]


@pytest.mark.parametrize("relation", list(RELATIONS))
def test_cells_that_change_nothing__answer_as_access_yml_says(
    api: Api,
    connection: Connection,
    people: dict[str, Actor],
    pool: ThreadPoolExecutor,
    relation: str,
) -> None:
    with staged(connection, relation, people) as stage:
        complaints = try_harmless(api, stage, pool, IDENTITIES[:-2])
        for identity in IDENTITIES[-2:]:
            with stage.inactive(identity):
                complaints += try_harmless(api, stage, pool, (identity,))
    assert complaints == []


@pytest.mark.parametrize("relation", list(RELATIONS))
def test_expired_token__is_401_everywhere(
    api: Api,
    connection: Connection,
    people: dict[str, Actor],
    pool: ThreadPoolExecutor,
    relation: str,
) -> None:
    with staged(connection, relation, people) as stage:
        before = stage.rows()
        headers = api.headers(stage.people["owner"], lifetime=-60)
        answers = pool.map(
            lambda command: stage.requests.send(api, headers, command, "*").status, COMMANDS
        )
        assert list(answers) == [401, 401, 401, 401]
        assert stage.rows() == before


WRITERS = [
    (relation, identity)
    for relation, intent in RELATIONS.items()
    for identity in IDENTITIES
    if any(outcome(intent, identity, command) == "yes" for command in WRITES)
]


@pytest.mark.parametrize(("relation", "identity"), WRITERS)
def test_cells_that_write__write_what_they_say(
    api: Api, connection: Connection, people: dict[str, Actor], relation: str, identity: str
) -> None:
    with staged(connection, relation, people) as stage, stage.inactive(identity):
        for command in WRITES:
            if outcome(RELATIONS[relation], identity, command) != "yes":
                continue
            row, count = stage.rows()
            answer = ask(api, stage, identity, command)
            assert not complaint(identity, command, "yes", answer)
            new_row, new_count = stage.rows()
            assert new_count - count == {"insert": 1, "update": 0, "delete": -1}[command]
            assert command == "insert" or new_row != row


WITH_COLUMNS = [
    (relation, command)
    for relation, intent in RELATIONS.items()
    for command in ("insert", "update")
    if outcome(intent, "owner", command) == "yes"
]


@pytest.mark.parametrize(("relation", "command"), WITH_COLUMNS)
def test_columns_of_the_system__cannot_be_written(
    api: Api,
    connection: Connection,
    people: dict[str, Actor],
    pool: ThreadPoolExecutor,
    relation: str,
    command: str,
) -> None:
    with staged(connection, relation, people) as stage:
        before = stage.rows()
        closed = [c for c in stage.requests.current if c not in RELATIONS[relation][command]]

        def write(column: str) -> str:
            extra = {column: stage.requests.current[column]}
            answer = ask(api, stage, "owner", command, extra=extra)
            if answer.code == GENERATED:
                return ""
            return complaint("owner", f"{command} of {column}", "refused", answer)

        assert [words for words in pool.map(write, closed) if words] == []
        assert stage.rows() == before


def test_signed_tokens__are_those_that_auth_gives_out(api: Api, connection: Connection) -> None:
    # The people of this module are made in the database; this one comes in through the front door.
    url = f"{api.stack.api_url}/auth/v1/signup"
    account = {"email": "front-door@example.com", "password": "long enough, and then some"}
    headers = {"apikey": api.stack.publishable_key}
    session = api.client.post(url, json=account, headers=headers).json()
    mine = Actor("signed up", "authenticated", session["user"]["id"])
    for token in (session["access_token"], api.headers(mine)["authorization"].split()[1]):
        signed_in = headers | {"authorization": f"Bearer {token}"}
        answer = api.ask("GET", "profiles", signed_in, {"select": "id"})
        assert (answer.status, answer.body) == (200, [{"id": str(mine.user_id)}])
    forged = api.headers(mine)["authorization"][:-8] + "AAAAAAAA"
    answer = api.ask("GET", "profiles", headers | {"authorization": forged})
    assert answer.status == 401
    Database(connection).query(SYSTEM, "delete from auth.users where id = %s", mine.user_id)
