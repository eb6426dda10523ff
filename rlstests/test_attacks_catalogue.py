"""Ways in that no row shows: rights left on a partition, a function that runs as its owner."""

import re

import pytest

from rlstests.actors import SYSTEM, Database
from rlstests.intent import intended

RELATIONS = intended()["relations"]
SCHEMAS = ["public", "private", "queue", "worker"]
API_ROLES = ("anon", "authenticated", "service_role")
IDENTITIES_OF = {
    "anon": ("anon",),
    "authenticated": ("owner", "stranger", "admin"),
    "service_role": ("service",),
}
# Definer functions that only other definer functions call: they say who the caller is.
DEFINERS_INSIDE = {"private.require_user()", "private.require_account()"}
# What a function must do to need the rights of its owner: reach a table, or a function that does.
REACHES = re.compile(
    r"\b(from|join|into|update|perform|select|:=|and|or|not)\s+"
    r"(public|private|queue|auth|storage)\.\w+"
)


@pytest.mark.parametrize("relation", sorted(RELATIONS))
def test_delete_grants__are_the_ones_access_yml_tells_of(db: Database, relation: str) -> None:
    for role, identities in IDENTITIES_OF.items():
        expected = any(
            RELATIONS[relation].get(identity, {}).get("delete", "refused") != "refused"
            for identity in identities
        )
        sql = "select has_table_privilege(%s, %s, 'delete')"
        assert db.value(SYSTEM, sql, role, relation) is expected, role


def test_partitions__are_reached_through_their_parent_only(db: Database) -> None:
    partitions = db.query(
        SYSTEM,
        """
        select c.oid::regclass::text as name, r.role
        from pg_class c cross join unnest(%s::text[]) as r (role)
        where c.relispartition and c.relkind = 'r'
            and c.relnamespace::regnamespace::text = any(%s)
            and (
                has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')
                or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger')
            )
        """,
        list(API_ROLES),
        SCHEMAS,
    )
    assert partitions == []
    assert db.value(SYSTEM, "select count(*) from pg_class where relispartition") > 5


def test_definer_functions__are_called_from_outside_and_reach_something(db: Database) -> None:
    # Elsewhere the rights of the owner would only make a mistake worse.
    definers = db.query(
        SYSTEM,
        """
        select p.oid::regprocedure::text as name, p.prosrc as body,
            p.prorettype = 'trigger'::regtype
                or has_function_privilege('authenticated', p.oid, 'execute')
                or has_function_privilege('service_role', p.oid, 'execute') as is_called
        from pg_proc p
        where p.prosecdef and p.pronamespace::regnamespace::text = any(%s)
        """,
        SCHEMAS,
    )
    assert len(definers) > 10
    assert {d["name"] for d in definers if not d["is_called"]} <= DEFINERS_INSIDE
    assert [d["name"] for d in definers if not REACHES.search(d["body"])] == []


def test_user_id__is_a_foreign_key_that_says_what_happens_to_the_row(db: Database) -> None:
    # Nothing of a deleted account may be left behind by forgetting the key.
    loose = db.query(
        SYSTEM,
        """
        select c.oid::regclass::text as name
        from pg_class c
        inner join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id'
        where c.relkind in ('r', 'p') and not c.relispartition and not a.attisdropped
            and c.relnamespace::regnamespace::text = any(%s)
            and not exists (
                select 1 from pg_constraint k
                where k.conrelid = c.oid and k.contype = 'f' and a.attnum = any(k.conkey)
                    and k.confdeltype in ('c', 'n')
            )
        """,
        SCHEMAS,
    )
    assert loose == []


def test_direct_changes_of_clients__lock_the_account_first(db: Database) -> None:
    # Rows whose change refers to the profile; test_races_deleting shows what happens without.
    found = db.query(
        SYSTEM,
        "select c.relname as name, t.tgtype & 8 = 8 as on_delete, t.tgtype & 16 = 16 as on_update "
        "from pg_trigger t join pg_class c on c.oid = t.tgrelid "
        "where t.tgfoid = 'private.tg_lock_account()'::regprocedure and t.tgtype & 3 = 2",
    )
    assert {row["name"] for row in found if row["on_delete"]} == {
        *("ai_documents", "analyses", "interview_sessions", "interview_transcripts"),
        *("resume_bullets", "resume_generations", "resume_templates"),
    }
    assert {row["name"] for row in found if row["on_update"]} == {"resumes"}
