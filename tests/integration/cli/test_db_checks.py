"""`db lint`, `db advise` and `db types` on real databases, with real mistakes."""

from __future__ import annotations

import os

import pytest

from cli.environments import select
from cli.plpgsql_check import check_functions, create_extension, find_postgres
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack
from cli.target import Target

from .checkout import REPOSITORY, Checkout

REQUIRED = os.environ.get("RESUMEBASE_REQUIRE_PLPGSQL_CHECK")

# Postgres and sqlfluff accept it; only plpgsql_check sees what will happen when it is called.
MISTAKE = """\
create function private.broken() returns integer
language plpgsql
set search_path = ''
as $$
begin
    return (select p.no_such_column from public.profiles p);
end;
$$;
"""
CARELESS = """\
create function public.careless() returns integer
language sql
as $$
    select 1;
$$;
"""

needs_plpgsql_check = pytest.mark.skipif(
    find_postgres() is None and not REQUIRED,
    reason="PLPGSQL_CHECK IS NOT INSTALLED: functions are not checked",
)


@needs_plpgsql_check
def test_lint__finds_nothing_in_our_own_sql(checkout: Checkout) -> None:
    answer = checkout.run("db", "lint", "--require-plpgsql-check", "--json")
    assert answer.code == 0, answer
    assert answer.data["style"] == []
    assert answer.data["plpgsql_check"] == "passed"


@needs_plpgsql_check
def test_lint__finds_a_mistake_inside_a_function(changing: Checkout) -> None:
    changing.add_migration("broken", MISTAKE)
    answer = changing.run("db", "lint")
    assert answer.code == 1
    assert "private.broken, line 3: error: column p.no_such_column does not exist" in answer.stdout
    assert "style: no offences" in answer.stdout
    left = changing.query("select to_regprocedure('private.broken()') is null")
    assert left == [(True,)], "lint works on a scratch database"


@needs_plpgsql_check
def test_lint__fails_when_a_migration_cannot_be_applied_where_functions_are_checked(
    changing: Checkout,
) -> None:
    changing.add_migration("nowhere", "alter table public.nowhere add column a integer;\n")
    answer = changing.run("db", "lint", "--json")
    assert answer.code == 1
    assert answer.data["plpgsql_check"] == "failed"
    detail = answer.data["plpgsql_check_detail"]
    assert "_nowhere.sql" in detail
    assert 'relation "public.nowhere" does not exist' in detail
    found = find_postgres()
    assert found is not None
    if int(found.parent.name) < 17:
        assert f"this is Postgres {found.parent.name}; supabase/config.toml has" in detail
    assert "apt-get install" not in answer.stderr


@needs_plpgsql_check
def test_lint__of_a_stack_whose_postgres_has_the_extension_asks_that(checkout: Checkout) -> None:
    state_dir, base = checkout.root / "with-extension", free_base()
    stack = Stack(
        root=REPOSITORY, state_dir=state_dir, port_base=base, postgres_bin=find_postgres()
    )
    try:
        status = stack.up(without=frozenset({"worker", "http"}))
        create_extension(stack, Target.from_url(status.db_url))
        outcome = check_functions(select(REPOSITORY, "local", state_dir=state_dir, port_base=base))
    finally:
        stack.destroy()
    assert (outcome.state, outcome.detail) == ("passed", "on local")


def test_lint__takes_the_options_of_a_stack_elsewhere(checkout: Checkout) -> None:
    words = ("--state-dir", str(checkout.root / "none"), "--port-base", "80")
    answer = checkout.run("db", "lint", *words, "--json")
    assert answer.code == 2
    assert "--port-base" in answer.error["message"]


def test_lint__finds_bad_style(changing: Checkout) -> None:
    path = changing.add_migration("ugly", "SELECT 1;\n")
    answer = changing.run("db", "lint", "--env", "staging", "--json")
    assert answer.code == 1
    assert [(one["file"], one["line"]) for one in answer.data["style"]] == [
        (str(path.relative_to(changing.root)), 1)
    ]


def test_lint__says_loudly_when_plpgsql_check_is_not_available(checkout: Checkout) -> None:
    # Reached as a remote database, the embedded Postgres is asked itself, and lacks the extension.
    answer = checkout.run("db", "lint", "--env", "staging", "--json")
    assert answer.code == 0
    assert answer.data["plpgsql_check"] == "skipped"
    assert "SKIPPED" in answer.stderr
    assert "apt-get install" in answer.stderr


def test_lint__fails_in_that_case_when_the_check_is_required(checkout: Checkout) -> None:
    required = {"RESUMEBASE_REQUIRE_PLPGSQL_CHECK": "1"}
    answer = checkout.run("db", "lint", "--env", "staging", "--json", **required)
    assert answer.code == 1
    assert answer.error["code"] == "plpgsql-check-skipped"
    assert "apt-get install" in answer.error["hint"]


def test_advise__finds_nothing_in_our_own_schema(checkout: Checkout) -> None:
    answer = checkout.run("db", "advise", "--json")
    assert answer.code == 0, answer
    assert answer.data["findings"] == []
    assert {one["name"] for one in answer.data["expected"]} <= {"unused_index"}


def test_advise__counts_unused_indexes_of_a_remote_database(checkout: Checkout) -> None:
    answer = checkout.run("db", "advise", "--env", "staging", "--json")
    assert answer.data["expected"] == []
    assert answer.code == 1
    assert {one["name"] for one in answer.data["findings"]} == {"unused_index"}


def test_advise__finds_a_careless_function(changing: Checkout) -> None:
    changing.add_migration("careless", CARELESS)
    assert changing.run("db", "push").code == 0
    answer = changing.run("db", "advise", "--json")
    assert answer.code == 1
    assert [one["name"] for one in answer.data["findings"]] == ["function_search_path_mutable"]


def test_types__are_written_once_and_checked_against_the_database(changing: Checkout) -> None:
    file = changing.root / "supabase" / "types" / "database.ts"
    stale = changing.run("db", "types", "--check", "--json")
    assert (stale.code, stale.error["code"]) == (5, "types-out-of-date")
    assert not file.exists()

    assert changing.run("db", "types", "--json").data["changed"]
    assert not changing.run("db", "types", "--json").data["changed"]
    assert changing.run("db", "types", "--check").code == 0
    text = file.read_text()
    assert changing.run("db", "types", "--stdout").stdout == text
    for part in ('"profiles": {', '"claim_tasks": {', "export const Constants"):
        assert part in text

    changing.add_migration("coupons", "create table public.coupons (id integer primary key);")
    changing.run("db", "push")
    assert changing.run("db", "types", "--check").code == 5
    assert file.read_text() == text


def test_types_in_the_repository__are_those_of_its_migrations(checkout: Checkout) -> None:
    committed = (REPOSITORY / "supabase" / "types" / "database.ts").read_text("utf-8")
    answer = checkout.run("db", "types", "--stdout")
    assert answer.code == 0, answer
    assert answer.stdout == committed, "run: resumebase db types"
