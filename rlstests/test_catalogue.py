"""Rules that hold for every object, read from the catalogue: a new object cannot forget one."""

import re
from pathlib import Path

import pytest

from rlstests.actors import SYSTEM, Database, Row

SCHEMAS = ["public", "private", "queue", "worker"]
MIGRATIONS = Path(__file__).parent.parent / "supabase" / "migrations"
# Without arguments, or with a literal: nothing that differs from row to row.
WRAPPED_CALL = re.compile(r"\( ?SELECT (auth|private)\.\w+\(('[\w-]+'::text)?\) AS \w+\)")
POLICY_NAME = re.compile(r"_(select|insert|update|delete)_[a-z_]+$")


@pytest.fixture
def policies(db: Database) -> list[Row]:
    return db.query(
        SYSTEM,
        "select *, coalesce(qual, '') || ' ' || coalesce(with_check, '') as rule from pg_policies "
        "where schemaname = any(%s) or schemaname = 'storage'",
        SCHEMAS,
    )


def test_every_table__has_row_level_security(db: Database) -> None:
    tables = db.query(
        SYSTEM,
        """
        select c.oid::regclass::text as name, c.relrowsecurity as is_closed,
            exists (select 1 from pg_policy p where p.polrelid = c.oid) as has_policy
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any(%s) and c.relkind in ('r', 'p')
        """,
        SCHEMAS,
    )
    assert len(tables) > 10
    assert [t["name"] for t in tables if not t["is_closed"] or not t["has_policy"]] == []


def test_policies__are_named_after_table_command_and_actor(policies: list[Row]) -> None:
    assert len(policies) > 10
    for policy in policies:
        name, table, command = policy["policyname"], policy["tablename"], policy["cmd"].lower()
        if policy["schemaname"] == "storage":
            assert re.match(rf"[a-z_]+_bucket_{command}_[a-z_]+$", name), name
        elif command == "all":
            assert (name, policy["rule"].strip()) == (f"{table}_all_nobody", "false false"), name
        else:
            assert name.startswith(f"{table}_{command}_"), name
            assert POLICY_NAME.search(name), name


def test_policies__name_their_role_and_check_new_rows(policies: list[Row]) -> None:
    for policy in policies:
        if not policy["policyname"].endswith("_all_nobody"):
            assert set(policy["roles"]) <= {"anon", "authenticated"}, policy["policyname"]
        if policy["cmd"] == "UPDATE":
            assert policy["with_check"], policy["policyname"]


def test_policies__ask_for_the_caller_once_per_statement(policies: list[Row]) -> None:
    # Postgres evaluates a bare auth.uid() for every row; inside a sub-select it is an InitPlan.
    for policy in policies:
        wrapped = re.sub(WRAPPED_CALL, "", policy["rule"])
        assert "auth." not in wrapped and "private." not in wrapped, policy["policyname"]


def test_functions__pin_their_search_path(db: Database) -> None:
    assert (
        db.query(
            SYSTEM,
            "select p.oid::regprocedure::text as name from pg_proc p "
            "where p.pronamespace::regnamespace::text = any(%s) "
            "and not coalesce(p.proconfig, '{}') @> array['search_path=\"\"']",
            SCHEMAS,
        )
        == []
    )


def test_public_functions__run_with_the_rights_of_the_caller(db: Database) -> None:
    assert (
        db.query(
            SYSTEM,
            "select p.oid::regprocedure::text as name from pg_proc p "
            "where p.pronamespace = 'public'::regnamespace and p.prosecdef",
        )
        == []
    )


def test_definer_functions_for_clients__take_no_user_id(db: Database) -> None:
    assert (
        db.query(
            SYSTEM,
            "select p.oid::regprocedure::text as name from pg_proc p "
            "where p.pronamespace = 'private'::regnamespace and p.prosecdef "
            "and has_function_privilege('authenticated', p.oid, 'execute') "
            "and array_to_string(p.proargnames, ',') ~ 'user'",
        )
        == []
    )


def test_every_object__says_what_it_is(db: Database) -> None:
    silent = db.query(
        SYSTEM,
        """
        select c.oid::regclass::text as name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'v') and not c.relispartition
            and obj_description(c.oid, 'pg_class') is null
        union all
        select p.oid::regprocedure::text
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = any(%(schemas)s) and obj_description(p.oid, 'pg_proc') is null
        """.replace("%(schemas)s", "%s"),
        SCHEMAS,
        SCHEMAS,
    )
    assert silent == []


def test_foreign_keys__are_indexed(db: Database) -> None:
    assert (
        db.query(
            SYSTEM,
            """
            select k.conrelid::regclass::text as name, k.conname
            from pg_constraint k join pg_class c on c.oid = k.conrelid
            where k.contype = 'f' and k.connamespace::regnamespace::text = any(%s)
                and not exists (
                    select 1 from pg_index i
                    where i.indrelid = k.conrelid
                        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
                )
            """,
            SCHEMAS,
        )
        == []
    )


def test_foreign_keys_between_tenant_tables__carry_the_user(db: Database) -> None:
    # Foreign keys bypass row level security: a plain one lets a user point at a stranger's row.
    loose = db.query(
        SYSTEM,
        """
        with tenant as (
            select attrelid from pg_attribute
            where attname = 'user_id' and attrelid <> 'public.admin_users'::regclass
        )
        select k.conrelid::regclass::text as name, k.conname
        from pg_constraint k
        where k.contype = 'f' and k.connamespace::regnamespace::text = any(%s)
            and k.confrelid in (select attrelid from tenant)
            and not exists (
                select 1 from pg_attribute a
                where a.attrelid = k.confrelid and a.attnum = any(k.confkey)
                    and a.attname = 'user_id'
            )
        """,
        SCHEMAS,
    )
    assert loose == []


def test_foreign_keys__say_what_happens_on_delete(db: Database) -> None:
    assert (
        db.query(
            SYSTEM,
            "select conrelid::regclass::text as name, conname from pg_constraint "
            "where contype = 'f' and confdeltype = 'a' "
            "and connamespace::regnamespace::text = any(%s)",
            SCHEMAS,
        )
        == []
    )


def test_task_kinds__have_a_function_that_hears_their_events(db: Database) -> None:
    assert (
        db.query(
            SYSTEM,
            "select kind from queue.task_kinds where to_regprocedure("
            "format('private.on_%%s(queue.tasks, text, jsonb)', kind)) is null",
        )
        == []
    )


def test_rooms__have_a_test_file_each() -> None:
    rooms = {re.match(r"\d{14}_([a-z]+)", path.name)[1] for path in MIGRATIONS.glob("*.sql")}  # type: ignore[index]
    here = Path(__file__).parent
    assert {room for room in rooms if not (here / f"test_{room}.py").exists()} == set()
    assert len(rooms) >= 6


def test_functions__say_their_volatility() -> None:
    for path in MIGRATIONS.glob("*.sql"):
        for head in re.findall(r"create function .*?\nas \$\$", path.read_text("utf-8"), re.DOTALL):
            assert re.search(r"^(volatile|stable|immutable)$", head, re.MULTILINE), head


def test_client_writable_columns__have_a_check(db: Database) -> None:
    unchecked = db.query(
        SYSTEM,
        """
        select a.attrelid::regclass::text as relation, a.attname as column
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
            and a.attnum > 0 and a.atttypid = any('{text,jsonb}'::regtype[])
            and (
                has_column_privilege('authenticated', c.oid, a.attname, 'insert')
                or has_column_privilege('authenticated', c.oid, a.attname, 'update')
            )
            and not exists (
                select 1 from pg_constraint k
                where k.conrelid = c.oid and k.contype = 'c' and a.attnum = any(k.conkey)
            )
        """,
    )
    assert unchecked == []


def test_updated_at__is_stamped_on_every_table_that_has_it(db: Database) -> None:
    forgotten = db.query(
        SYSTEM,
        """
        select a.attrelid::regclass::text as name
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
            and a.attname = 'updated_at' and c.oid <> 'public.usage_counters'::regclass
            and not exists (
                select 1 from pg_trigger t
                where t.tgrelid = c.oid
                    and t.tgfoid = 'private.tg_set_updated_at()'::regprocedure
            )
        """,
    )
    assert forgotten == []


def test_migrations__are_short_enough_to_read() -> None:
    for path in MIGRATIONS.glob("*.sql"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path.name
