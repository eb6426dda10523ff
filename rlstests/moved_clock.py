"""A clock that a test can set: what the database's functions call now() becomes a setting.

Only in the transaction of the test, which takes the changed functions with it. Everything else of
them stays word for word what the migrations say.
"""

import re
from datetime import datetime

from rlstests.actors import SYSTEM, Database

# What follows the start of the transaction, in functions of this project.
_NOW = re.compile(
    r"\b(?:now\(\)|current_timestamp\b|clock_timestamp\(\)|transaction_timestamp\(\))"
)
_FUNCTIONS = """
    select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as definition
    from pg_proc p
    where p.pronamespace = any('{public,private,worker}'::regnamespace[]) and p.prokind = 'f'
        and p.prosrc ~ '(now|clock_timestamp|transaction_timestamp)\\(\\)|current_timestamp'
    order by p.oid
"""


def install_clock(db: Database) -> frozenset[str]:
    """Let every function read the time from a setting; gives the names of those changed."""
    changed = db.query(SYSTEM, _FUNCTIONS)
    db.query(
        SYSTEM,
        "create function private.moved_clock() returns timestamptz language sql stable "
        "return coalesce(nullif(current_setting('moved.clock', true), '')::timestamptz, now())",
    )
    db.query(SYSTEM, "grant execute on function private.moved_clock() to public")
    for function in changed:
        # The percent signs of the source are no placeholders: no values, no placeholders.
        with db.acting(SYSTEM) as connection:
            moved = _NOW.sub("private.moved_clock()", function["definition"])
            connection.execute(moved.encode())
    return frozenset(function["name"] for function in changed)


def set_clock(db: Database, at: datetime) -> None:
    """Let it be this moment, until it is told otherwise."""
    db.connection.execute("select set_config('moved.clock', %s, true)", [at.isoformat()])
