"""Room privacy: whatever an account had, its purge leaves no row that names it."""

import pytest

from rlstests.actors import SYSTEM, Actor, Database
from rlstests.samples import SAMPLES, make_row, rows

# The history keeps the number of an account, without anything that it was.
NUMBERS = {("public.audit_logs", "owner_id")}


def user_columns(db: Database) -> set[tuple[str, str]]:
    """Every column of our schemas that holds the id of a user."""
    found = db.query(
        SYSTEM,
        """
        select format('%%I.%%I', n.nspname, c.relname) as relation, a.attname as column
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid
        join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'private', 'queue') and c.relkind in ('r', 'p')
            and not c.relispartition and a.atttypid = 'uuid'::regtype and not a.attisdropped
            and (
                a.attname in ('user_id', 'owner_id')
                or (c.oid, a.attname) = ('public.profiles'::regclass, 'id')
                or exists (
                    select 1 from pg_constraint k
                    where k.conrelid = c.oid and k.confrelid = 'public.profiles'::regclass
                        and a.attnum = any(k.conkey)
                )
            )
        """,
    )
    return {(row["relation"], row["column"]) for row in found}


def purge(db: Database, actor: Actor) -> None:
    sql = "update public.profiles set deleted_at = now() where id = %s"
    db.query(SYSTEM, sql, actor.user_id)
    confirm = "insert into private.account_purges (user_id) values (%s) on conflict do nothing"
    db.query(SYSTEM, confirm, actor.user_id)
    db.query(SYSTEM, "select private.purge_account(%s)", actor.user_id)


@pytest.mark.parametrize(
    "relation", sorted(name for name, sample in SAMPLES.items() if "owner" in sample.where)
)
def test_purge__leaves_no_row_of_the_account(db: Database, owner: Actor, relation: str) -> None:
    if relation == "public.admin_users":
        owner = db.add_admin("another-admin")
    else:
        make_row(db, relation, owner)
    assert rows(db, relation, owner), "positive control: there is a row"
    purge(db, owner)
    columns = user_columns(db)
    assert {("public.profiles", "id"), ("queue.tasks", "user_id")} <= columns
    for table, column in columns - NUMBERS:
        sql = f"select 1 from {table} where {column} = %s"
        assert db.query(SYSTEM, sql, owner.user_id) == [], (table, column)
    sql = "select action from public.audit_logs where owner_id = %s and changes -> 'after' <> '{}'"
    assert db.query(SYSTEM, sql, owner.user_id) == []
