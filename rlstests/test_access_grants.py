"""What the catalogue grants is what rlstests/access.yml says, object by object, both ways."""

from typing import Any

import pytest

from rlstests.actors import SYSTEM, Database
from rlstests.intent import API_ROLES, intended

INTENT = intended()
RELATIONS: dict[str, Any] = INTENT["relations"]
FUNCTIONS: dict[str, list[str]] = INTENT["functions"]
SCHEMA_USAGE: dict[str, list[str]] = INTENT["schemas"]
SCHEMAS = list(SCHEMA_USAGE)


def test_schemas__may_be_used_by_the_roles_of_access_yml(db: Database) -> None:
    for schema, roles in SCHEMA_USAGE.items():
        sql = "select has_schema_privilege(%s, %s, %s)"
        assert [role for role in API_ROLES if db.value(SYSTEM, sql, role, schema, "usage")] == roles
        assert not any(db.value(SYSTEM, sql, role, schema, "create") for role in API_ROLES)


def test_relations__are_the_ones_in_the_catalogue(db: Database) -> None:
    found = db.query(
        SYSTEM,
        """
        select format('%%I.%%I', n.nspname, c.relname) as name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any(%s) and not c.relispartition
            and c.relkind in ('r', 'p', 'v', 'm', 'f')
        """,
        SCHEMAS,
    )
    assert {row["name"] for row in found} == set(RELATIONS)


def test_partitions__are_closed_to_everyone(db: Database) -> None:
    # A grant on a partition is a way around the policies of its parent.
    partitions = db.query(
        SYSTEM,
        """
        select c.oid::regclass::text as name,
            exists (
                select 1 from unnest(%s::text[]) as r (role)
                where has_table_privilege(r.role, c.oid, 'select, insert, update, delete, truncate')
                    or has_any_column_privilege(r.role, c.oid, 'select, insert, update')
            ) as is_open
        from pg_class c
        where c.relispartition and c.relkind in ('r', 'p')
            and c.relnamespace::regnamespace::text = any(%s)
        """,
        list(API_ROLES),
        SCHEMAS,
    )
    assert len(partitions) > 3
    assert [p["name"] for p in partitions if p["is_open"]] == []


def test_sequences__are_closed_to_everyone(db: Database) -> None:
    open_ones = db.query(
        SYSTEM,
        """
        select c.oid::regclass::text as name, r.role
        from pg_class c cross join unnest(%s::text[]) as r (role)
        where c.relkind = 'S' and c.relnamespace::regnamespace::text = any(%s)
            and has_sequence_privilege(r.role, c.oid, 'usage, select, update')
        """,
        list(API_ROLES),
        SCHEMAS,
    )
    assert open_ones == []


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
        SCHEMAS,
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
