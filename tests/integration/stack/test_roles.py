"""The database starts out as a hosted one does: the same roles, open where hosted is open."""

from __future__ import annotations

import psycopg
import pytest

from cli.stack import secrets as stack_secrets
from cli.stack.supervisor import Stack

from .conftest import connect, query


def test_roles__have_the_powers_that_hosted_gives_them(stack: Stack) -> None:
    found = query(
        stack.status(),
        """
        select rolname, rolsuper, rolcanlogin, rolinherit, rolcreaterole, rolcreatedb,
               rolbypassrls, rolreplication
        from pg_roles where rolname !~ '^pg_' order by rolname
        """,
    )
    t, f = True, False
    assert found == [
        ("anon", f, f, f, f, f, f, f),
        ("authenticated", f, f, f, f, f, f, f),
        ("gateway", f, t, t, f, f, f, f),
        ("postgres", f, t, t, t, t, t, t),
        ("service_role", f, f, f, f, f, t, f),
        ("supabase_admin", t, t, t, t, t, t, t),
    ]


def test_migrations__run_as_postgres_which_is_no_superuser(stack: Stack) -> None:
    owner = "select tableowner from pg_tables where tablename = 'notes'"
    assert query(stack.status(), owner) == [("postgres",)]
    with (
        connect(stack.status()) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("alter system set fsync = off")


def test_postgres__may_act_as_each_api_role_and_pass_them_on(stack: Stack) -> None:
    with connect(stack.status()) as connection:
        for role in ("anon", "authenticated", "service_role"):
            connection.execute(f"set role {role}".encode())
            assert connection.execute("select current_user").fetchone() == (role,)
            connection.execute("reset role")
        connection.execute("create role passed_on")
        connection.execute("grant anon to passed_on")
        connection.execute("drop role passed_on")


def test_new_tables__are_as_open_as_on_hosted_unless_a_migration_closes_them(stack: Stack) -> None:
    with connect(stack.status()) as connection, connection.transaction(force_rollback=True):
        connection.execute("create table public.fresh (id integer)")
        for role in ("anon", "authenticated", "service_role"):
            found = connection.execute(
                "select has_table_privilege(%s, 'public.fresh', 'insert')", [role]
            )
            assert found.fetchone() == (True,)


def test_extensions__live_in_their_own_schema(stack: Stack) -> None:
    found = query(
        stack.status(),
        "select extname, extnamespace::regnamespace::text from pg_extension"
        " where extname <> 'plpgsql' order by 1",
    )
    assert found == [
        ("pg_stat_statements", "extensions"),
        ("pgcrypto", "extensions"),
        ("uuid-ossp", "extensions"),
    ]
    assert query(stack.status(), "select gen_salt('bf') is not null") == [(True,)]


def test_settings__are_durable_and_local(stack: Stack) -> None:
    with connect(stack.status()) as connection:
        for name, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "server_encoding": "UTF8",
            "timezone": "UTC",
            "idle_in_transaction_session_timeout": "10min",
        }.items():
            shown = connection.execute(f"show {name}".encode()).fetchone()
            assert shown == (value,), name


def test_sorting__does_not_depend_on_the_machine(stack: Stack) -> None:
    words = "select string_agg(w, ' ' order by w) from unnest(array['b', 'a', 'B', 'é', 'Z']) w"
    assert query(stack.status(), words) == [("B Z a b é",)]
    assert query(stack.status(), "select lower('É')") == [("é",)]


def test_login__needs_the_password(stack: Stack) -> None:
    status = stack.status()
    secrets = stack_secrets.load(stack.layout)
    assert secrets is not None
    passwords = {
        "postgres": secrets.postgres_password,
        "gateway": secrets.gateway_password,
        "supabase_admin": secrets.supabase_admin_password,
    }
    port = status.services["postgres"].port
    for user, password in passwords.items():
        where = f"host=127.0.0.1 port={port} user={user} dbname=postgres sslmode=disable"
        psycopg.connect(where, password=password).close()
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(where, password="wrong")


def test_gateway_role__can_neither_grant_nor_make_roles(stack: Stack) -> None:
    secrets = stack_secrets.load(stack.layout)
    assert secrets is not None
    with (
        psycopg.connect(
            host="127.0.0.1",
            port=stack.status().services["postgres"].port,
            user="gateway",
            password=secrets.gateway_password,
            dbname="postgres",
            autocommit=True,
        ) as connection,
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create role sneaky")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("alter table public.notes enable row level security")
        connection.execute("grant all on public.notes to authenticated with grant option")
    acl = (
        "select relacl::text like '%authenticated=arwdDxtm*%' from pg_class where relname = 'notes'"
    )
    assert query(stack.status(), acl) == [(False,)]
