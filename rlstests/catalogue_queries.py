"""What a rule for the catalogue is, and the queries that most of them are made of.

A rule is a query that names its offenders. Where `broken_by` has run, it must name at least one
more: a rule that finds nothing because it looks at nothing would fail there.
"""

from dataclasses import dataclass

OURS = "('public', 'private', 'queue', 'worker')"
CLIENTS = "unnest('{anon,authenticated,service_role}'::text[]) as r (role)"


@dataclass(frozen=True)
class Rule:
    """What no object may be. `offenders` is a query with a column `name`."""

    title: str
    offenders: str
    broken_by: str


def of_relations(condition: str, kinds: str = "r,p") -> str:
    """Find tables, and partitions, of ours."""
    return f"""
        select c.oid::regclass::text as name from pg_class c
        where c.relnamespace::regnamespace::text in {OURS} and c.relkind = any('{{{kinds}}}')
            and ({condition})
    """


def of_columns(condition: str) -> str:
    """Find columns of tables in public."""
    return f"""
        select format('%s.%s', c.oid::regclass, a.attname) as name
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
            and not c.relispartition and a.attnum > 0 and not a.attisdropped and ({condition})
    """


def of_functions(condition: str) -> str:
    """Find functions of ours."""
    return f"""
        select p.oid::regprocedure::text as name from pg_proc p
        where p.pronamespace::regnamespace::text in {OURS} and ({condition})
    """


def of_policies(condition: str) -> str:
    """Find policies on our tables and on those of Storage; `rule` is all that one says."""
    return f"""
        select format('%s on %s.%s', policyname, schemaname, tablename) as name
        from (
            select *, concat_ws(' ', qual, with_check) as rule,
                policyname = tablename || '_all_nobody' as is_closing
            from pg_policies where schemaname in {OURS} or schemaname = 'storage'
        ) p
        where {condition}
    """


def of_foreign_keys(condition: str) -> str:
    """Find foreign keys of our tables."""
    return f"""
        select format('%s on %s', k.conname, k.conrelid::regclass) as name
        from pg_constraint k
        where k.contype = 'f' and k.connamespace::regnamespace::text in {OURS} and ({condition})
    """


A_TABLE = "create table public.bad (id uuid primary key, user_id uuid, note text);"
A_FUNCTION = (
    "create function {name} returns int language plpgsql {more} as "
    "$$ begin {body} return 1; end $$;"
)


def a_function(
    name: str, *, more: str = "volatile security definer set search_path = ''", body: str = ""
) -> str:
    """A function that signed-in users may call."""
    made = A_FUNCTION.format(name=name, more=more, body=body)
    return f"{made} grant execute on function {name} to authenticated;"
