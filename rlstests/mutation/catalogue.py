"""Queries that list the mutants of tables, grants, functions and triggers, one query per kind.

Each gives rows of (object and detail, the SQL that weakens it, the names it concerns). Partitions
of a month are left out, for their names change with the calendar; their parent and the default
partition are there.
"""

ROOMS = """
select n.nspname from pg_catalog.pg_namespace n
where pg_catalog.pg_get_userbyid(n.nspowner) = current_user and n.nspname <> 'extensions'
order by 1
"""

_RELATIONS = """
with relations as (
    select c.oid, c.relkind, c.relrowsecurity, c.reloptions, n.nspname, c.relname,
        format('%%I.%%I', n.nspname, c.relname) as name,
        array[format('%%I.%%I', n.nspname, c.relname), c.relname] as names
    from pg_catalog.pg_class c
    inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any(%(rooms)s) and c.relkind in ('r', 'p', 'v', 'm')
        and c.relname !~ '_[0-9]{4}_[0-9]{2}$'
)
"""

_POLICIES = """
with policies as (
    select p.polname, p.polcmd, p.polroles, format('%%I.%%I', n.nspname, c.relname) as name,
        pg_catalog.pg_get_expr(p.polqual, p.polrelid) as rule,
        pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check_rule,
        array[format('%%I.%%I', n.nspname, c.relname), c.relname] as names
    from pg_catalog.pg_policy p
    inner join pg_catalog.pg_class c on c.oid = p.polrelid
    inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where (n.nspname = any(%(rooms)s) or n.nspname = 'storage')
        and c.relname !~ '_[0-9]{4}_[0-9]{2}$'
)
select name || ':' || polname, format('<sql>', polname, name), names
from policies where <where>
"""

_FUNCTIONS = """
with functions as (
    select p.oid, p.prosecdef, p.proconfig, p.proacl, p.proowner,
        p.oid::pg_catalog.regprocedure::text as name,
        array[format('%%I.%%I', n.nspname, p.proname), p.proname] as names
    from pg_catalog.pg_proc p
    inner join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname = any(%(rooms)s) and p.prokind in ('f', 'p')
        and not exists (
            select 1 from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e'
        )
)
select name, format(<sql>), names from functions where <where>
"""

_COLUMN_GRANTS = (
    _RELATIONS
    + """
select r.name || ':' || a.attname,
    format('grant <privilege> (%%I) on %%s to authenticated', a.attname, r.name), r.names
from relations r
inner join pg_catalog.pg_attribute a on a.attrelid = r.oid
where a.attnum > 0 and not a.attisdropped
    and has_any_column_privilege('authenticated', r.oid, '<privilege>')
    and not has_column_privilege('authenticated', r.oid, a.attnum, '<privilege>')
"""
)

_CONSTRAINTS = """
with constraints as (
    select k.*, format('%%I.%%I', n.nspname, c.relname) as name,
        array[format('%%I.%%I', n.nspname, c.relname), c.relname] || array(
            select a.attname::text from pg_catalog.pg_attribute a
            where a.attrelid = k.conrelid and a.attnum = any(k.conkey)
        ) as names
    from pg_catalog.pg_constraint k
    inner join pg_catalog.pg_class c on c.oid = k.conrelid
    inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any(%(rooms)s) and k.conparentid = 0 and k.coninhcount = 0
        and not c.relispartition
)
select name || ':' || conname, <sql>, names from constraints k where <where>
"""

_DROP_CONSTRAINT = "format('alter table %%s drop constraint %%I', name, conname)"

# A tenant-safe key made plain: without the user it lets a row point at a stranger's.
_PLAIN_KEY = """
format(
    'alter table %%s drop constraint %%I, '
    'add constraint %%I foreign key (%%I) references %%s (%%I)',
    name, conname, conname,
    (select a.attname from pg_catalog.pg_attribute a
    where a.attrelid = conrelid and a.attnum = conkey[cardinality(conkey)]),
    confrelid::pg_catalog.regclass,
    (select a.attname from pg_catalog.pg_attribute a
    where a.attrelid = confrelid and a.attnum = confkey[cardinality(confkey)])
) || case confdeltype
    when 'c' then ' on delete cascade'
    when 'n' then ' on delete set null'
    when 'r' then ' on delete restrict'
    else ''
end
"""


def _fill(query: str, **parts: str) -> str:
    for name, part in parts.items():
        query = query.replace(f"<{name}>", part)
    return query


def _policy(sql: str, where: str = "true") -> str:
    return _fill(_POLICIES, sql=sql, where=where)


def _function(sql: str, where: str = "true") -> str:
    return _fill(_FUNCTIONS, sql=sql, where=where)


def _execute(role: str) -> str:
    return _function(
        f"'grant execute on routine %%s to {role}', name",
        f"not has_function_privilege('{role}', oid, 'execute')",
    )


def _column(privilege: str) -> str:
    return _fill(_COLUMN_GRANTS, privilege=privilege)


def _constraint(sql: str, where: str) -> str:
    return _fill(_CONSTRAINTS, sql=sql, where=where)


QUERIES = {
    "policy-drop": _policy("drop policy %%I on %%s"),
    "policy-using-true": _policy("alter policy %%I on %%s using (true)", "rule <> 'true'"),
    "policy-check-true": _policy(
        "alter policy %%I on %%s with check (true)",
        "polcmd in ('a', 'w', '*') and check_rule is distinct from 'true'",
    ),
    "policy-to-public": _policy("alter policy %%I on %%s to public", "polroles <> '{0}'"),
    "rls-off": _RELATIONS
    + """
select name, format('alter table %%s disable row level security', name), names
from relations where relrowsecurity
""",
    "table-grant": _RELATIONS
    + """
select r.name || ':' || p.privilege || ':' || a.role,
    format('grant %%s on %%s to %%I', p.privilege, r.name, a.role), r.names
from relations r
cross join unnest('{select,insert,update,delete}'::text[]) as p (privilege)
cross join unnest('{anon,authenticated}'::text[]) as a (role)
where not has_table_privilege(a.role, r.oid, p.privilege)
""",
    "column-select": _column("select"),
    "column-insert": _column("insert"),
    "column-update": _column("update"),
    "execute-to-authenticated": _execute("authenticated"),
    "execute-to-anon": _execute("anon"),
    "execute-to-public": _execute("public"),
    "definer-flip": _function(
        "'alter routine %%s security %%s', name, "
        "case when prosecdef then 'invoker' else 'definer' end",
    ),
    "search-path-reset": _function("'alter routine %%s reset search_path', name"),
    "search-path-public": _function("'alter routine %%s set search_path = public', name"),
    "view-as-owner": _RELATIONS
    + """
select name, format('alter view %%s set (security_invoker = false)', name), names
from relations where relkind = 'v'
    and reloptions && '{security_invoker=true,security_invoker=on,security_invoker=1}'
""",
    "trigger-drop": """
select format('%%I.%%I:%%I', n.nspname, c.relname, t.tgname),
    format('drop trigger %%I on %%I.%%I', t.tgname, n.nspname, c.relname),
    array[p.proname, format('%%I.%%I', n.nspname, c.relname), c.relname]
from pg_catalog.pg_trigger t
inner join pg_catalog.pg_class c on c.oid = t.tgrelid
inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace
inner join pg_catalog.pg_proc p on p.oid = t.tgfoid
where not t.tgisinternal and t.tgparentid = 0
    and p.pronamespace::pg_catalog.regnamespace::text = any(%(rooms)s)
""",
    "check-drop": _constraint(_DROP_CONSTRAINT, "contype = 'c'"),
    "foreign-key-drop": _constraint(_DROP_CONSTRAINT, "contype = 'f'"),
    "foreign-key-plain": _constraint(
        _PLAIN_KEY,
        "contype = 'f' and cardinality(conkey) > 1 and exists ("
        "select 1 from pg_catalog.pg_constraint u where u.conrelid = k.confrelid "
        "and u.contype in ('p', 'u') and u.conkey = array[k.confkey[cardinality(k.confkey)]])",
    ),
    # A key that something refers to cannot go alone.
    "unique-drop": _constraint(
        _DROP_CONSTRAINT,
        "contype = 'u' and not exists ("
        "select 1 from pg_catalog.pg_constraint f "
        "where f.contype = 'f' and f.conindid = k.conindid)",
    ),
    "unique-index-drop": _RELATIONS
    + """
select format('%%s:%%I', r.name, c.relname), format('drop index %%I.%%I', r.nspname, c.relname),
    r.names
from pg_catalog.pg_index i
inner join relations r on r.oid = i.indrelid
inner join pg_catalog.pg_class c on c.oid = i.indexrelid
where i.indisunique and not c.relispartition
    and not exists (
        select 1 from pg_catalog.pg_constraint k
        where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x', 'f')
    )
""",
}
