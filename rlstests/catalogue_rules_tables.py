"""Rules for tables, columns, keys and comments."""

from rlstests.catalogue_queries import (
    A_TABLE,
    CLIENTS,
    OURS,
    Rule,
    a_function,
    of_columns,
    of_foreign_keys,
    of_functions,
    of_relations,
)

TABLE_RULES = (
    Rule(
        "a table without row level security",
        of_relations("not c.relrowsecurity"),
        A_TABLE,
    ),
    Rule(
        "a table without a policy",
        of_relations("not exists (select 1 from pg_policy p where p.polrelid = c.oid)"),
        A_TABLE + "alter table public.bad enable row level security;",
    ),
    Rule(
        "a view with the rights of its owner",
        of_relations("not coalesce(c.reloptions, '{}') @> '{security_invoker=true}'", "v,m"),
        "create view public.bad as select 1 as one;",
    ),
    Rule(
        "a grant of INSERT or UPDATE that lists no columns, or of more than the four commands",
        of_relations(
            f"exists (select 1 from {CLIENTS} where has_table_privilege(r.role, c.oid, "
            "'insert, update, truncate, references, trigger'))",
            "r,p,v",
        ),
        A_TABLE + "grant insert on public.bad to authenticated;",
    ),
    Rule(
        "a grant to everybody",
        of_relations(
            "exists (select 1 from aclexplode(c.relacl) a where a.grantee = 0) or exists ("
            "select 1 from pg_attribute t cross join aclexplode(t.attacl) a "
            "where t.attrelid = c.oid and a.grantee = 0)",
            "r,p,v,m,S",
        ),
        A_TABLE + "grant select (note) on public.bad to public;",
    ),
    Rule(
        "a default grant to a client",
        "select format('%s: %s', n.nspname, d.defaclobjtype) as name from pg_default_acl d "
        "join pg_namespace n on n.oid = d.defaclnamespace cross join aclexplode(d.defaclacl) a "
        "where n.nspname in ('public', 'private', 'queue', 'worker') "
        "and d.defaclrole = 'postgres'::regrole and a.grantee <> 'postgres'::regrole",
        "alter default privileges in schema public grant select on tables to anon;",
    ),
    Rule(
        "a tenant table without user_id or owner_id",
        of_relations(
            "c.relname <> 'profiles' and exists (select 1 from pg_policies p "
            "where p.schemaname = c.relnamespace::regnamespace::text and p.tablename = c.relname "
            "and concat(p.qual, p.with_check) ~ 'auth\\.uid') and not exists ("
            "select 1 from pg_attribute a where a.attrelid = c.oid "
            "and a.attname in ('user_id', 'owner_id'))"
        ),
        "create table public.bad (id uuid primary key, author uuid); "
        "create policy bad_select_owner on public.bad for select to authenticated "
        "using (author = (select auth.uid()));",
    ),
    Rule(
        "a table with updated_at that nothing stamps",
        of_relations(
            "c.relnamespace = 'public'::regnamespace and c.relname <> 'usage_counters' "
            "and not c.relispartition and exists (select 1 from pg_attribute a "
            "where a.attrelid = c.oid and a.attname = 'updated_at') and not exists ("
            "select 1 from pg_trigger t where t.tgrelid = c.oid "
            "and t.tgfoid = 'private.tg_set_updated_at()'::regprocedure)"
        ),
        "create table public.bad (updated_at timestamptz);",
    ),
    Rule(
        "a trigger whose name does not say when it fires, or whose function is not for triggers",
        "select format('%s on %s', t.tgname, t.tgrelid::regclass) as name from pg_trigger t "
        "join pg_proc p on p.oid = t.tgfoid where not t.tgisinternal "
        "and p.pronamespace = 'private'::regnamespace "
        "and not (t.tgname ~ '^_[1-9][0-9]0_[a-z_]+$' and p.proname ~ '^tg_[a-z_]+$')",
        "create trigger stamp before update on public.plans "
        "for each row execute function private.tg_set_updated_at();",
    ),
)

COLUMN_RULES = (
    Rule(
        "text or JSON that clients write, without a check",
        of_columns(
            "a.atttypid = any('{text,jsonb,text[],uuid[]}'::regtype[]) "
            "and (has_column_privilege('authenticated', c.oid, a.attname, 'insert') "
            "or has_column_privilege('authenticated', c.oid, a.attname, 'update')) "
            "and not exists (select 1 from pg_constraint k where k.conrelid = c.oid "
            "and k.contype = 'c' and a.attnum = any(k.conkey))"
        ),
        A_TABLE + "grant insert (note) on public.bad to authenticated;",
    ),
    Rule(
        "a user_id that clients write, but that is not the caller's by default",
        of_columns(
            "a.attname = 'user_id' "
            "and has_column_privilege('authenticated', c.oid, a.attname, 'insert') "
            "and not exists (select 1 from pg_attrdef d where d.adrelid = c.oid "
            "and d.adnum = a.attnum and pg_get_expr(d.adbin, d.adrelid) = 'auth.uid()')"
        ),
        A_TABLE + "grant insert (user_id) on public.bad to authenticated;",
    ),
    Rule(
        "a column that only the system writes, of a table that clients write, without a comment",
        of_columns(
            "not a.attname = any('{id,user_id,created_at,updated_at}') "
            "and a.attname !~ '_(id|at|ms|bytes|seconds)$' "
            "and has_any_column_privilege('authenticated', c.oid, 'insert, update') "
            "and has_column_privilege('authenticated', c.oid, a.attname, 'select') "
            "and not has_column_privilege('authenticated', c.oid, a.attname, 'insert') "
            "and not has_column_privilege('authenticated', c.oid, a.attname, 'update') "
            "and col_description(c.oid, a.attnum) is null"
        ),
        A_TABLE + "grant select, insert (id) on public.bad to authenticated;",
    ),
)

KEY_RULES = (
    Rule(
        "a foreign key without an index that begins with its columns",
        of_foreign_keys(
            "not exists (select 1 from pg_index i where i.indrelid = k.conrelid and i.indisvalid "
            "and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey "
            "and (i.indpred is null or exists (select 1 from pg_attribute a "
            "where a.attrelid = k.conrelid and a.attnum = any(k.conkey) "
            "and pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname))))"
        ),
        "create table public.bad (plan text references public.plans (code) on delete cascade); "
        "create index on public.bad (plan) where plan <> 'free';",
    ),
    Rule(
        "a foreign key that does not say what happens on delete",
        of_foreign_keys("k.confdeltype = 'a'"),
        "create table public.bad (plan text references public.plans (code));",
    ),
    Rule(
        # Foreign keys bypass row level security: a plain one lets a user point at a stranger's row.
        "a foreign key to a tenant table that does not carry the user",
        of_foreign_keys(
            "k.confrelid <> 'public.admin_users'::regclass "
            "and exists (select 1 from pg_attribute a "
            "where a.attrelid = k.confrelid and a.attname = 'user_id') "
            "and not exists (select 1 from pg_attribute a where a.attrelid = k.confrelid "
            "and a.attnum = any(k.confkey) and a.attname = 'user_id')"
        ),
        "create table public.bad "
        "(resume_id uuid references public.resumes (id) on delete cascade);",
    ),
    Rule(
        "a tenant table that others point at, without the key (user_id, id)",
        f"""
        select distinct k.confrelid::regclass::text as name from pg_constraint k
        join pg_attribute u on u.attrelid = k.confrelid and u.attname = 'user_id'
        join pg_attribute i on i.attrelid = k.confrelid and i.attname = 'id'
        where k.contype = 'f' and k.connamespace::regnamespace::text in {OURS}
            and not exists (
                select 1 from pg_constraint x
                where x.conrelid = k.confrelid and x.contype in ('p', 'u')
                    and x.conkey = array[u.attnum, i.attnum]
            )
        """,
        A_TABLE + "create table public.worse (bad_id uuid references public.bad (id));",
    ),
    Rule(
        "a foreign key to accounts that outlives them",
        of_foreign_keys(
            "k.confrelid in ('public.profiles'::regclass, 'auth.users'::regclass) "
            "and k.confdeltype not in ('c', 'n')"
        ),
        "create table public.bad "
        "(user_id uuid references public.profiles (id) on delete restrict);",
    ),
)

COMMENT_RULES = (
    Rule(
        "a relation without a comment",
        of_relations(
            "not c.relispartition and obj_description(c.oid, 'pg_class') is null", "r,p,v,m"
        ),
        A_TABLE,
    ),
    Rule(
        "a function without a comment",
        of_functions("obj_description(p.oid, 'pg_proc') is null"),
        a_function("public.bad()"),
    ),
    Rule(
        "a type or schema without a comment",
        f"""
        select t.oid::regtype::text as name from pg_type t
        left join pg_class c on c.oid = t.typrelid
        where t.typnamespace::regnamespace::text in {OURS} and (t.typtype = 'e' or c.relkind = 'c')
            and obj_description(t.oid, 'pg_type') is null
        union all
        select n.nspname from pg_namespace n
        where n.nspname in {OURS} and obj_description(n.oid, 'pg_namespace') is null
        """,
        "create type private.bad as (id uuid);",
    ),
    Rule(
        # PostgREST makes it the summary of the operation in OpenAPI.
        "a comment in public whose first line is too long for a summary",
        """
        select coalesce(c.oid::regclass::text, p.oid::regprocedure::text) as name
        from pg_description d
        left join pg_class c on c.oid = d.objoid and d.classoid = 'pg_class'::regclass
        left join pg_proc p on p.oid = d.objoid and d.classoid = 'pg_proc'::regclass
        where 'public'::regnamespace in (c.relnamespace, p.pronamespace)
            and char_length(split_part(d.description, e'\\n', 1)) > 100
        """,
        A_TABLE + "comment on table public.bad is "
        "'Says in one line what would read better in two, and goes on for longer than anybody will "
        "want to see it in a list of operations.';",
    ),
)
