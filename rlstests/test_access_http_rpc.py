"""Functions over HTTP: who may not call one is told so, and closed schemas are not there at all."""

from collections.abc import Iterator

import pytest

from rlstests.actors import ANON, SERVICE, SYSTEM, Actor, Database
from rlstests.intent import INACTIVE, intended
from rlstests.over_http import Answer, Api, Connection

INTENT = intended()
INACTIVE_MAY_CALL: dict[str, list[str]] = INTENT["inactive_may_call"]
EXPOSED = {
    signature: roles
    for signature, roles in INTENT["functions"].items()
    if signature.startswith(("public.", "worker."))
}
FOR_USERS = [
    signature
    for signature, roles in EXPOSED.items()
    if "authenticated" in roles and "anon" not in roles
]
UNREACHABLE = ("42501", "PGRST202")


@pytest.fixture(scope="module")
def owner(connection: Connection) -> Iterator[Actor]:
    db = Database(connection)
    actor = db.add_user("caller")
    yield actor
    db.query(SYSTEM, "delete from auth.users where id = %s", actor.user_id)


@pytest.fixture(scope="module")
def volatile(connection: Connection) -> set[str]:
    """The exposed functions that may write."""
    sql = (
        "select s from unnest(%s::text[]) s join pg_proc p on p.oid = s::regprocedure "
        "where p.provolatile = 'v'"
    )
    return {row["s"] for row in connection.execute(sql, [list(EXPOSED)])}


@pytest.fixture(scope="module")
def parameters(connection: Connection) -> dict[str, list[str]]:
    """The names of the parameters of each function."""
    sql = (
        "select s, coalesce(p.proargnames[1:p.pronargs], '{}') as names "
        "from unnest(%s::text[]) s join pg_proc p on p.oid = s::regprocedure"
    )
    return {row["s"]: row["names"] for row in connection.execute(sql, [list(EXPOSED)])}


def call(
    api: Api,
    actor: Actor,
    signature: str,
    parameters: dict[str, list[str]],
    *,
    lifetime: int = 3600,
) -> Answer:
    """Call a function with nothing but nulls."""
    schema, name = signature.partition("(")[0].split(".")
    headers = api.headers(actor, lifetime=lifetime) | {"content-profile": schema}
    body: dict[str, None] = dict.fromkeys(parameters[signature])
    return api.ask("POST", f"rpc/{name}", headers, body=body)


@pytest.mark.parametrize("signature", list(EXPOSED))
def test_function__is_out_of_reach_without_a_grant(
    api: Api, owner: Actor, parameters: dict[str, list[str]], signature: str
) -> None:
    for role, actor in (("anon", ANON), ("authenticated", owner), ("service_role", SERVICE)):
        if role in EXPOSED[signature]:
            continue
        answer = call(api, actor, signature, parameters)
        assert answer.status in (401, 403, 404), (role, answer)
        assert answer.code in UNREACHABLE, (role, answer)


@pytest.mark.parametrize("signature", FOR_USERS)
def test_client_function__is_within_reach_of_a_user_but_not_of_an_expired_token(
    api: Api, owner: Actor, parameters: dict[str, list[str]], signature: str
) -> None:
    assert call(api, owner, signature, parameters, lifetime=-60).status == 401
    answer = call(api, owner, signature, parameters)
    assert answer.status < 500 and answer.code not in UNREACHABLE, answer


@pytest.mark.parametrize("signature", FOR_USERS)
@pytest.mark.parametrize("identity", [*INACTIVE, "deleted"])
def test_client_function_that_writes__is_403_for_an_account_that_is_not_active(
    api: Api,
    connection: Connection,
    volatile: set[str],
    parameters: dict[str, list[str]],
    signature: str,
    identity: str,
) -> None:
    if signature not in volatile or identity in INACTIVE_MAY_CALL.get(signature, []):
        return
    db = Database(connection)
    actor = db.add_deleted_user("caller") if identity == "deleted" else db.add_user("caller")
    if identity != "deleted":
        db.make_inactive(identity, actor)
    answer = call(api, actor, signature, parameters)
    db.query(SYSTEM, "delete from auth.users where id = %s", actor.user_id)
    assert (answer.status, answer.code) == (403, "PT403")


@pytest.mark.parametrize("schema", ["private", "queue", "auth", "storage", "pg_catalog"])
def test_closed_schema__is_not_exposed_to_anybody(api: Api, owner: Actor, schema: str) -> None:
    for actor in (ANON, owner, SERVICE):
        headers = api.headers(actor)
        read = api.ask("GET", "tasks", headers | {"accept-profile": schema})
        run = api.ask("POST", "rpc/is_admin", headers | {"content-profile": schema}, body={})
        assert (read.status, run.status) == (406, 406)


CLOSED = [name for name in INTENT["relations"] if not name.startswith("public.")]


@pytest.mark.parametrize("relation", CLOSED)
def test_relation_of_a_closed_schema__is_not_found_in_public(api: Api, relation: str) -> None:
    name = relation.split(".")[1]
    assert api.ask("GET", name, api.headers(SERVICE)).status == 404
