"""Every function, called by every role: who may not is refused, and who may is not."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from rlstests.actors import SYSTEM, Actor
from rlstests.conftest import World
from rlstests.intent import API_ROLES, intended

INTENT = intended()
FUNCTIONS: dict[str, list[str]] = INTENT["functions"]
SCHEMA_USAGE: dict[str, list[str]] = INTENT["schemas"]
INACTIVE_MAY_CALL: dict[str, list[str]] = INTENT["inactive_may_call"]
CALLERS = {"anon": "anon", "authenticated": "owner", "service_role": "service"}
WITHOUT_ACCOUNT = ("leaving", "blocked", "deleted")
FOR_CLIENTS = [
    name for name, roles in FUNCTIONS.items() if "authenticated" in roles and "anon" not in roles
]


@dataclass(frozen=True)
class Call:
    """How a function is called with nothing but nulls, and how the call ended."""

    sql: str
    is_volatile: bool


@pytest.fixture(scope="module")
def calls(world: World) -> dict[str, Call]:
    """A call of each function of access.yml, every argument a null of its type."""
    found = world.db.query(
        SYSTEM,
        """
        select s.signature, p.provolatile = 'v' as is_volatile,
            format(
                'select %%s(%%s)', p.oid::regproc,
                (
                    -- A cast to a type of a closed schema would be refused before the function.
                    select string_agg(
                        case
                            when has_schema_privilege('anon', t.typnamespace, 'usage')
                                then format('null::%%s', format_type(t.oid, null))
                            else 'null'
                        end,
                        ', ' order by a.position
                    )
                    from unnest(p.proargtypes) with ordinality as a (type, position)
                    join pg_type t on t.oid = a.type
                )
            ) as sql
        from unnest(%s::text[]) as s (signature)
        join pg_proc p on p.oid = s.signature::regprocedure
        """,
        list(FUNCTIONS),
    )
    return {row["signature"]: Call(row["sql"], row["is_volatile"]) for row in found}


@pytest.fixture
def people(world: World) -> Iterator[dict[str, Actor]]:
    with world.db.connection.transaction(force_rollback=True):
        yield world.people


def failure(world: World, actor: Actor, call: Call) -> psycopg.Error | None:
    """Call a function and return what it raised."""
    try:
        world.db.query(actor, call.sql)
    except psycopg.Error as error:
        return error
    return None


def test_calls__are_there_for_every_function(calls: dict[str, Call]) -> None:
    assert set(calls) == set(FUNCTIONS)


@pytest.mark.parametrize("signature", list(FUNCTIONS))
@pytest.mark.parametrize("role", API_ROLES)
def test_function_cell__runs_for_the_roles_of_access_yml_only(
    world: World, people: dict[str, Actor], calls: dict[str, Call], signature: str, role: str
) -> None:
    schema, name = signature.partition("(")[0].split(".")
    error = failure(world, people[CALLERS[role]], calls[signature])
    if role not in SCHEMA_USAGE[schema]:
        assert error is not None and error.sqlstate == "42501"
        assert f"permission denied for schema {schema}" in str(error)
    elif role not in FUNCTIONS[signature]:
        assert error is not None and error.sqlstate == "42501"
        assert f"permission denied for function {name}" in str(error)
    else:
        # Nulls may be refused, but neither the function nor what it calls is out of reach.
        assert error is None or error.sqlstate != "42501", error


@pytest.mark.parametrize("signature", FOR_CLIENTS)
@pytest.mark.parametrize("identity", WITHOUT_ACCOUNT)
def test_client_function__does_nothing_for_an_account_that_is_not_active(
    world: World, people: dict[str, Actor], calls: dict[str, Call], signature: str, identity: str
) -> None:
    actor, call = people[identity], calls[signature]
    if identity != "deleted":
        world.db.make_inactive(identity, actor)
    error = failure(world, actor, call)
    if identity in INACTIVE_MAY_CALL.get(signature, []):
        assert error is None or error.sqlstate != "PT403", "inactive_may_call says otherwise"
    elif call.is_volatile:
        # Whether the function asks for the account first shows on nulls, too: one that forgot to
        # would find nothing (PT404), complain about its arguments, or just do it.
        assert error is not None and error.sqlstate == "PT403", error


@pytest.mark.parametrize("signature", FOR_CLIENTS)
def test_client_function__does_nothing_for_a_token_without_a_user(
    world: World, people: dict[str, Actor], calls: dict[str, Call], signature: str
) -> None:
    assert people
    error = failure(world, Actor("nobody", "authenticated"), calls[signature])
    if calls[signature].is_volatile:
        assert error is not None and error.sqlstate == "PT401", error


def test_inactive_may_call__names_functions_for_clients() -> None:
    assert set(INACTIVE_MAY_CALL) <= set(FOR_CLIENTS)
    assert {i for identities in INACTIVE_MAY_CALL.values() for i in identities} <= set(
        WITHOUT_ACCOUNT
    )
