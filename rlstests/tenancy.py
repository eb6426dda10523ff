"""What the catalogue says about tenants: whose a row is, and what it hangs on."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from rlstests.actors import SYSTEM, Actor, Database, Row
from rlstests.samples import make_row


@dataclass(frozen=True)
class TenantKey:
    """A foreign key between two tables that both have a user_id."""

    name: str
    column: str
    child: str
    parent: str


def tenant_keys(db: Database) -> list[TenantKey]:
    """Return every composite key (user_id, x_id) between tables of public."""
    rows = db.query(
        SYSTEM,
        """
        select k.conname as name, c.attname as column,
            'public.' || t.relname as child, 'public.' || r.relname as parent
        from pg_constraint k
        join pg_class t on t.oid = k.conrelid
        join pg_class r on r.oid = k.confrelid
        cross join generate_subscripts(k.conkey, 1) as i
        cross join generate_subscripts(k.conkey, 1) as j
        join pg_attribute c on c.attrelid = k.conrelid and c.attnum = k.conkey[i]
        join pg_attribute u on u.attrelid = k.conrelid and u.attnum = k.conkey[j]
            and u.attname in ('user_id', 'id')
        join pg_attribute w on w.attrelid = k.confrelid and w.attnum = k.confkey[j]
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace
            and r.relnamespace = k.connamespace
            and cardinality(k.conkey) = 2 and i <> j and w.attname = 'user_id'
            and k.conparentid = 0
        order by child, name
        """,
    )
    return [TenantKey(**row) for row in rows]


def row_id(db: Database, relation: str, owner: Actor) -> UUID:
    """Return the id of a row of the owner's, making the sample row if there is none."""
    sql = f"select id from {relation} where user_id = %(owner)s order by id limit 1"
    with db.acting(SYSTEM) as connection:
        found = connection.execute(sql, {"owner": owner.user_id}).fetchone()
    if found is None:
        make_row(db, relation, owner)
        with db.acting(SYSTEM) as connection:
            found = connection.execute(sql, {"owner": owner.user_id}).fetchone()
    assert found is not None, f"{relation} has no sample row"
    return UUID(str(found["id"]))


def copied(column: Row) -> str:
    """What a copy has in this column: nothing to hang on, and another value where one must be."""
    if column["hangs"]:
        return "null"
    if column["is_unique"]:
        if column["type"] != "text":
            return "null"
        # The key of something, or the provider that it is the key at.
        is_key = column["name"].endswith(("_id", "_key", "slug", "name"))
        return "gen_random_uuid()::text" if is_key else str(column["name"])
    return str(column["name"])


def copy_for(db: Database, relation: str, owner: Actor, other: Actor) -> UUID:
    """Give somebody else a copy of the owner's sample row, hanging on nothing; return its id."""
    source = row_id(db, relation, owner)
    columns = db.query(
        SYSTEM,
        """
        select a.attname as name, a.atttypid::regtype::text as type,
            exists (
                select 1 from pg_constraint k
                where k.conrelid = a.attrelid and k.contype = 'f' and a.attnum = any(k.conkey)
            ) and not a.attnotnull as hangs,
            exists (
                select 1 from pg_index i
                where i.indrelid = a.attrelid and i.indisunique and a.attnum = any(i.indkey)
            ) and (not a.attnotnull or a.atttypid = 'text'::regtype) as is_unique
        from pg_attribute a
        where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
            and a.attgenerated = ''
        """,
        relation,
    )
    copy_id = uuid4()
    values = {column["name"]: copied(column) for column in columns}
    values |= {"id": f"'{copy_id}'", "user_id": f"'{other.user_id}'"}
    db.query(
        SYSTEM,
        f"insert into {relation} ({', '.join(values)}) "
        f"select {', '.join(values.values())} from {relation} where id = %s",
        source,
    )
    return copy_id
