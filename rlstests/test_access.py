"""The access matrix: what rlstests/access.yml intends is what the database does, and no more."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from rlstests.access_page import PAGE, intended, render
from rlstests.actors import ANON, NO_GRANT, POLICY, SERVICE, SYSTEM, Actor, Database, refused
from rlstests.samples import SAMPLES, make_row, rows, statement

INTENT = intended()
RELATIONS: dict[str, Any] = INTENT["relations"]
FUNCTIONS: dict[str, list[str]] = INTENT["functions"]
SCHEMA_USAGE: dict[str, list[str]] = INTENT["schemas"]
IDENTITIES = ("anon", "owner", "stranger", "admin", "service")
COMMANDS = ("select", "insert", "update", "delete")
API_ROLES = ("anon", "authenticated", "service_role")
SCHEMAS = tuple(SCHEMA_USAGE)


def cells() -> Iterator[tuple[str, str, str, str]]:
    for relation, intent in RELATIONS.items():
        for identity in IDENTITIES:
            for command in COMMANDS:
                outcome = intent.get(identity, {}).get(command, "refused")
                # YAML reads a bare yes as true.
                yield relation, identity, command, "yes" if outcome is True else outcome


@pytest.fixture
def people(owner: Actor, stranger: Actor, admin: Actor) -> dict[str, Actor]:
    return {a.name: a for a in (ANON, SERVICE, owner, stranger, admin)}


@pytest.mark.parametrize(("relation", "identity", "command", "outcome"), list(cells()))
def test_matrix_cell__does_what_access_yml_says(
    db: Database, people: dict[str, Actor], relation: str, identity: str, command: str, outcome: str
) -> None:
    # Only admins are listed in admin_users, so there the admin owns the row.
    owner = people["admin"] if relation == "public.admin_users" else people["owner"]
    if relation != "public.admin_users":
        make_row(db, relation, owner)
    before = rows(db, relation, owner)
    assert before, "positive control: the row that is asked for exists"
    sql, values = statement(relation, command), {"owner": owner.user_id}

    def run() -> int:
        with db.acting(people[identity]) as connection:
            return connection.execute(sql, values).rowcount

    if outcome == "yes":
        assert run() == 1
        if command != "select":
            assert command == "insert" or rows(db, relation, owner) != before
        return
    if outcome == "nothing":
        assert run() == 0
    else:
        with refused("42501", match=POLICY if outcome == "policy" else NO_GRANT):
            run()
    assert rows(db, relation, owner) == before


@pytest.mark.parametrize("relation", sorted(RELATIONS))
@pytest.mark.parametrize("identity", ["anon", "stranger", "admin", "service"])
@pytest.mark.parametrize("command", ["update", "delete"])
def test_command_on_everything__leaves_other_peoples_rows_alone(
    db: Database, people: dict[str, Actor], relation: str, identity: str, command: str
) -> None:
    # A WHERE needs SELECT, whose policy would hide the row: without one, the policy of the command
    # itself has to keep strangers out.
    owner = people["owner"]
    if relation == "public.admin_users":
        owner = db.add_admin("another-admin")
    else:
        make_row(db, relation, owner)
    before = rows(db, relation, owner)
    assert before, "positive control: the row that must survive exists"
    sql = statement(relation, command).partition(" where ")[0]
    with suppress(psycopg.errors.InsufficientPrivilege):
        db.query(people[identity], sql)
    assert rows(db, relation, owner) == before


def test_schemas__may_be_used_by_the_roles_of_access_yml(db: Database) -> None:
    for schema, roles in SCHEMA_USAGE.items():
        sql = "select has_schema_privilege(%s, %s, %s)"
        assert [role for role in API_ROLES if db.value(SYSTEM, sql, role, schema, "usage")] == roles
        assert not any(db.value(SYSTEM, sql, role, schema, "create") for role in API_ROLES)


def test_page__is_what_access_yml_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(INTENT), "run: make access"


def test_samples__cover_every_relation_of_access_yml() -> None:
    assert set(SAMPLES) == set(RELATIONS)


def test_relations__are_the_ones_in_the_catalogue(db: Database) -> None:
    found = db.query(
        SYSTEM,
        """
        select format('%%I.%%I', n.nspname, c.relname) as name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any(%s) and not c.relispartition
            and c.relkind in ('r', 'p', 'v', 'm', 'f')
        """,
        list(SCHEMAS),
    )
    assert {row["name"] for row in found} == set(RELATIONS)


def test_functions__are_the_ones_in_the_catalogue(db: Database) -> None:
    found = db.query(
        SYSTEM,
        """
        select p.oid,
            array(
                select r from unnest(%s::text[]) r where has_function_privilege(r, p.oid, 'execute')
            ) as roles,
            exists (
                select 1 from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                where a.grantee = 0
            ) as is_public
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = any(%s)
        """,
        list(API_ROLES),
        list(SCHEMAS),
    )
    named = {
        signature: db.value(SYSTEM, "select to_regprocedure(%s)::oid", signature)
        for signature in FUNCTIONS
    }
    assert [signature for signature, oid in named.items() if oid is None] == []
    forgotten = {f["oid"] for f in found} - set(named.values())
    assert db.query(SYSTEM, "select %s::oid[]::regprocedure[]::text[]", list(forgotten)) == [
        {"text": []}
    ]
    roles = {f["oid"]: f["roles"] for f in found}
    assert {signature: roles[oid] for signature, oid in named.items()} == FUNCTIONS
    assert not any(f["is_public"] for f in found)


@pytest.mark.parametrize("relation", sorted(RELATIONS))
def test_column_grants__are_the_ones_in_access_yml(db: Database, relation: str) -> None:
    intent = RELATIONS[relation]
    found = db.query(
        SYSTEM,
        """
        select r.role, a.attname as column,
            array(
                select p from unnest('{select,insert,update,references}'::text[]) p
                where has_column_privilege(r.role, %s::regclass, a.attname, p)
            ) as privileges,
            has_table_privilege(r.role, %s::regclass, 'truncate, trigger') as more
        from pg_attribute a cross join unnest(%s::text[]) as r (role)
        where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
        """,
        relation,
        relation,
        list(API_ROLES),
        relation,
    )
    every = {row["column"] for row in found}
    for role in API_ROLES:
        readable = intent.get("select", {}).get(role, [])
        expected = {
            "select": every if readable == "all" else set(readable),
            "insert": set(intent.get("insert", [])) if role == "authenticated" else set(),
            "update": set(intent.get("update", [])) if role == "authenticated" else set(),
            "references": set(),
        }
        for privilege, columns in expected.items():
            assert {
                row["column"]
                for row in found
                if row["role"] == role and privilege in row["privileges"]
            } == columns, (role, privilege)
    assert not any(row["more"] for row in found)
