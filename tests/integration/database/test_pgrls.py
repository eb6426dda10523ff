"""A second opinion on row level security, and a proof that no user reaches another's rows.

`pgrls lint` looks for known mistakes; pgrls.toml says what is allowed and why. `pgrls verify`
proves isolation from the text of the policies. It cannot look inside functions, so the proof here
is about the worst case: a caller who is no admin, and for whom every condition but ownership holds.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pglast import ast, enums, parse_sql
from pglast.stream import RawStream
from pglast.visitors import Ancestor, Visitor
from pgrls.introspect import introspect
from pgrls.verify import Mode, build_verification
from psycopg import sql

from cli.stack.status import StackStatus
from rlstests.access_page import intended

ROOT = Path(__file__).resolve().parents[3]

# The columns that may say whose row it is; in profiles that is `id`.
IDENTITIES = frozenset({"user_id", "owner_id", "id"})

POLICIES = """
select p.polname as name, c.relname as table, pg_get_expr(p.polqual, p.polrelid) as rule,
    pg_get_expr(p.polwithcheck, p.polrelid) as check_rule
from pg_policy p join pg_class c on c.oid = p.polrelid
where c.relnamespace = 'public'::regnamespace
"""
TENANT_TABLES = """
select c.oid::regclass::text from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and (c.relname = 'profiles' or exists (
        select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id'
    ))
    and exists (
        select 1 from pg_policy p
        where p.polrelid = c.oid
            and 'false' is distinct from
                coalesce(pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))
    )
"""


TRUE, FALSE = (parse_sql(f"select {word}")[0].stmt.targetList[0].val for word in ("true", "false"))


class WorstCase(Visitor):  # type: ignore[misc]
    """Takes what pgrls cannot look into for what it lets through at most."""

    def visit_SubLink(self, ancestors: Ancestor, node: ast.SubLink) -> object:
        text = RawStream()(node)
        if "auth.uid()" in text and " FROM " not in text:
            return None
        # Only where `true` lets more through: not below a NOT.
        while ancestors.parent is not None:
            above = ancestors.node
            is_not = getattr(above, "boolop", None) == enums.BoolExprType.NOT_EXPR
            assert not is_not, text
            ancestors = ancestors.parent
        return FALSE if "private.is_admin()" in text else TRUE

    def visit_A_Expr(self, _: Ancestor, node: ast.A_Expr) -> object:
        return TRUE if node.kind == enums.A_Expr_Kind.AEXPR_OP_ALL else None


def worst_case(rule: str) -> str:
    """Take a rule for what it lets through at most: not to admins, but to every other caller."""
    tree = parse_sql(f"select {rule}")
    WorstCase()(tree)
    return str(RawStream()(tree[0].stmt.targetList[0].val))


def assume_the_worst(connection: psycopg.Connection) -> None:
    """Put the worst case of each policy in its place."""
    connection.execute("set local search_path = ''")
    for name, table, rule, check_rule in connection.execute(POLICIES).fetchall():
        clauses = [
            f"{word} ({worst_case(expression)})"
            for word, expression in (("using", rule), ("with check", check_rule))
            if expression
        ]
        connection.execute(
            sql.SQL("alter policy {} on public.{} {}").format(
                sql.Identifier(name),
                sql.Identifier(table),
                sql.SQL(" ".join(clauses)),  # type: ignore[arg-type]
            )
        )


@pytest.fixture
def connection(stack: StackStatus) -> Iterator[psycopg.Connection]:
    with (
        psycopg.connect(stack.db_url) as connection,
        connection.transaction(force_rollback=True),
    ):
        connection.execute("set local lock_timeout = '20s'")
        yield connection


def verdicts(connection: psycopg.Connection, mode: Mode) -> dict[str, str]:
    """Prove one kind of isolation; gives isolated, leak or unverified by table."""
    schema = introspect(connection, ["public"])
    proof = build_verification(schema, mode=mode, identity_columns=IDENTITIES)
    return {table.qualified_name: table.verdict for table in proof.tables}


def tenant_tables(connection: psycopg.Connection) -> set[str]:
    """The tables with rows of one user each that some policy admits somebody to."""
    connection.execute("set local search_path = ''")
    return {name for (name,) in connection.execute(TENANT_TABLES)}


def test_lint__finds_nothing_that_pgrls_toml_does_not_answer(stack: StackStatus) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pgrls", "lint", "--config", ROOT / "pgrls.toml"],
        env={**os.environ, "DATABASE_URL": stack.db_url},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_visitors__reach_no_row_but_those_access_yml_shows_them(
    connection: psycopg.Connection,
) -> None:
    shown = {
        name
        for name, intent in intended()["relations"].items()
        if "anon" in intent.get("select", {})
    }
    assume_the_worst(connection)
    found = verdicts(connection, "anon")
    assert len(found) > 10
    assert {name for name, verdict in found.items() if verdict != "isolated"} <= shown


@pytest.mark.parametrize("mode", ["cross-tenant", "write"])
def test_users__reach_no_row_of_another(connection: psycopg.Connection, mode: Mode) -> None:
    assume_the_worst(connection)
    found = verdicts(connection, mode)
    tables = tenant_tables(connection)
    assert len(tables) > 5
    assert {name: found[name] for name in tables if found[name] != "isolated"} == {}


@pytest.mark.parametrize("mode", ["reachability", "escalation"])
def test_views_and_roles__open_no_way_around(connection: psycopg.Connection, mode: Mode) -> None:
    assert set(verdicts(connection, mode).values()) <= {"isolated"}


@pytest.mark.parametrize(
    ("mode", "hole"),
    [
        ("anon", "alter policy resumes_select_owner on public.resumes to anon using (is_public)"),
        (
            "cross-tenant",
            "alter policy resumes_select_owner on public.resumes "
            "using (user_id = (select auth.uid()) or status = 'draft')",
        ),
        (
            "write",
            "alter policy resumes_insert_owner on public.resumes "
            "with check (user_id = (select auth.uid()) or status = 'draft')",
        ),
    ],
)
def test_proof__fails_where_there_is_a_hole(
    connection: psycopg.Connection, mode: Mode, hole: str
) -> None:
    connection.execute(hole)  # type: ignore[arg-type]
    assume_the_worst(connection)
    assert verdicts(connection, mode)["public.resumes"] == "leak"
