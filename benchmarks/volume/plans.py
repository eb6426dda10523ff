"""Read the plans of client queries at volume, also of those inside functions.

auto_explain tells the plan of every statement that really ran, as a notice. It needs a superuser to
load it; the queries then run as `authenticated` with the claims of one user.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

# Tables with fewer rows are read as a whole by any sensible planner.
LARGE_ROWS = 10_000
# A function of the caller inside a filter runs once per row; as an InitPlan it runs once.
# auth.uid() may show as what it reads: Postgres writes its body into the plan.
PER_ROW_CALLS = ("auth.uid()", "current_setting(", "private.is_admin()", "private.is_active_user()")


@dataclass
class Finding:
    """What the plans of one pattern showed."""

    name: str
    milliseconds: float
    plans: int = 0
    faults: list[str] = field(default_factory=list)


def large_tables(connection: psycopg.Connection) -> set[str]:
    """Return the tables, and partitions, of tenants that hold many rows."""
    rows = connection.execute(
        "select relname from pg_class c where c.relnamespace = any("
        "'{public,private,queue,auth,storage}'::regnamespace[]) "
        "and c.relkind = 'r' and c.reltuples >= %s",
        [LARGE_ROWS],
    )
    return {name for (name,) in rows}


def explain(
    connection: psycopg.Connection, name: str, sql: str, values: dict[str, str], large: set[str]
) -> Finding:
    """Run one pattern as the user of `values` and judge every plan in it; nothing is kept.

    Raises psycopg errors when the query itself fails.
    """
    texts: list[str] = []
    connection.add_notice_handler(lambda notice: texts.append(notice.message_primary or ""))
    with connection.transaction(force_rollback=True):
        connection.execute(
            "select set_config('role', 'authenticated', true), "
            "set_config('request.jwt.claims', %s, true), "
            "set_config('request.jwt.claim.sub', %s, true)",
            [json.dumps({"sub": values["user"], "role": "authenticated"}), values["user"]],
        )
        texts.clear()
        begun = time.perf_counter()
        connection.execute(sql, values).fetchall()
        finding = Finding(name, (time.perf_counter() - begun) * 1000)
    for plan in plans_in(texts):
        finding.plans += 1
        finding.faults += sorted(set(faults_of(plan, large)))
    return finding


def plans_in(texts: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the plan trees of auto_explain's notices."""
    for text in texts:
        start = text.find("{")
        if "plan:" in text and start >= 0:
            yield json.loads(text[start:])["Plan"]


def faults_of(node: dict[str, Any], large: set[str]) -> Iterator[str]:
    """Yield what is wrong in a plan: a large table read as a whole, the caller asked per row."""
    relation = node.get("Relation Name", "")
    if node["Node Type"] == "Seq Scan" and relation in large:
        yield f"seq scan on {relation}"
    for key in ("Filter", "Index Cond", "Recheck Cond", "Join Filter"):
        for call in PER_ROW_CALLS:
            if relation in large and call in node.get(key, ""):
                yield f"{call} per row of {relation}"
    for child in node.get("Plans", ()):
        yield from faults_of(child, large)


def prepare(connection: psycopg.Connection) -> None:
    """Have this session tell the plan of every statement it runs."""
    connection.execute("load 'auto_explain'")
    for setting, value in {
        "auto_explain.log_min_duration": "0",
        "auto_explain.log_nested_statements": "on",
        "auto_explain.log_format": "json",
        "auto_explain.log_level": "notice",
        "client_min_messages": "notice",
        "log_min_messages": "fatal",
        "jit": "off",
    }.items():
        connection.execute("select set_config(%s, %s, false)", [setting, value])


# Policies that read well and cost a lot: what this benchmark must find, or it proves nothing.
CARELESS = {
    "auth.uid() for every row": "user_id = auth.uid()",
    "an `or` that no index serves": "user_id = (select auth.uid()) or (select private.is_admin())",
}


def check_the_check(
    connection: psycopg.Connection, values: dict[str, str], large: set[str]
) -> list[str]:
    """Weaken the policy of résumés in each careless way; return those that were not noticed."""
    unnoticed = []
    for name, rule in CARELESS.items():
        with connection.transaction(force_rollback=True):
            connection.execute(
                f"alter policy resumes_select_owner on public.resumes using ({rule})"
            )
            query = "select title from public.resumes order by updated_at desc limit 20"
            if not explain(connection, name, query, values, large).faults:
                unnoticed.append(name)
    return unnoticed
