"""The catalogue as SQL text: one query per kind of object, its rows in a fixed order.

Each row has `lines`, the statements that would make one object. $schema stands for a schema's name.
"""

GRANTS = """
    select string_agg(
        format('grant %s on {kind} %s to %s;', g.privileges, {name}, g.grantee), e'\\n'
        order by g.grantee, g.privileges
    )
    from (
        select lower(string_agg(a.privilege_type, ', ' order by a.privilege_type)) as privileges,
            coalesce(a.grantee::regrole::text, 'public') as grantee
        from aclexplode({acl}) a
        where a.grantee <> {owner}
        group by a.grantee
    ) g
"""

SCHEMAS = f"""
    select n.nspname as name,
        concat_ws(e'\\n',
            format(
                'comment on schema %s is %L;', n.nspname, obj_description(n.oid, 'pg_namespace')
            ),
            ({GRANTS.format(kind="schema", name="n.nspname", acl="n.nspacl", owner="n.nspowner")})
        ) as lines
    from pg_catalog.pg_namespace n
    where n.nspname in ('public', 'private', 'queue', 'worker')
        and (n.nspname = $schema or $schema::text is null)
    order by 1
"""

TYPES = """
    select concat_ws(e'\\n',
        case t.typtype
            when 'e' then format('create type %s as enum (%s);', t.oid::regtype, (
                select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
                from pg_catalog.pg_enum e where e.enumtypid = t.oid
            ))
            else format('create type %s as (%s);', t.oid::regtype, (
                select string_agg(
                    format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', '
                    order by a.attnum
                )
                from pg_catalog.pg_attribute a
                where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
            ))
        end,
        format('comment on type %s is %L;', t.oid::regtype, obj_description(t.oid, 'pg_type'))
    ) as lines
    from pg_catalog.pg_type t
    left join pg_catalog.pg_class c on c.oid = t.typrelid
    where t.typnamespace::regnamespace::text = $schema
        and (t.typtype = 'e' or c.relkind = 'c')
    order by t.oid::regtype::text
"""

COLUMNS = """
    select string_agg(
        '    ' || concat_ws(' ',
            quote_ident(a.attname),
            format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then 'not null' end,
            case
                when a.attgenerated = 's'
                    then format('generated always as (%s) stored', pg_get_expr(d.adbin, d.adrelid))
                when a.attidentity <> '' then 'generated as identity'
                when d.adbin is not null then 'default ' || pg_get_expr(d.adbin, d.adrelid)
            end
        ), e',\\n' order by a.attnum
    )
    from pg_catalog.pg_attribute a
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
"""

CONSTRAINTS = """
    select string_agg(
        format('    constraint %I %s', k.conname, pg_get_constraintdef(k.oid)), e',\\n'
        order by array_position('{p,u,x,f,c}'::"char"[], k.contype), k.conname
    )
    from pg_catalog.pg_constraint k
    where k.conrelid = c.oid and k.contype in ('p', 'u', 'x', 'f', 'c') and k.conparentid = 0
"""

CREATE = f"""
    case
        when c.relispartition then format(
            'create table %s partition of %s %s;', c.oid::regclass,
            (select i.inhparent::regclass from pg_catalog.pg_inherits i where i.inhrelid = c.oid),
            pg_get_expr(c.relpartbound, c.oid)
        )
        when c.relkind = 'v' then format(
            e'create view %s with (%s) as\\n%s', c.oid::regclass,
            array_to_string(c.reloptions, ', '), pg_get_viewdef(c.oid, true)
        )
        else format(
            e'create %stable %s (\\n%s\\n)%s%s;',
            case c.relpersistence when 'u' then 'unlogged ' else '' end, c.oid::regclass,
            concat_ws(e',\\n', ({COLUMNS}), ({CONSTRAINTS})),
            ' partition by ' || pg_get_partkeydef(c.oid),
            ' with (' || array_to_string(c.reloptions, ', ') || ')'
        )
    end
"""

COMMENTS = """
    select string_agg(
        format(
            'comment on %s %s is %L;',
            case
                when d.objsubid > 0 then 'column'
                when c.relkind = 'v' then 'view'
                else 'table'
            end,
            c.oid::regclass || coalesce('.' || quote_ident(a.attname), ''), d.description
        ), e'\\n' order by d.objsubid
    )
    from pg_catalog.pg_description d
    left join pg_catalog.pg_attribute a
        on a.attrelid = d.objoid and a.attnum = d.objsubid and d.objsubid > 0
    where d.classoid = 'pg_catalog.pg_class'::regclass and d.objoid = c.oid
        and not c.relispartition
"""

INDEXES = """
    select string_agg(
        pg_get_indexdef(i.indexrelid) || ';', e'\\n' order by i.indexrelid::regclass::text
    )
    from pg_catalog.pg_index i
    where i.indrelid = c.oid and not c.relispartition
        and not exists (
            select 1 from pg_catalog.pg_constraint k
            where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
        )
"""

POLICIES = """
    select string_agg(
        concat_ws(e'\\n',
            concat_ws(e'\\n',
                format(
                    'create policy %I on %s for %s to %s', p.policyname, c.oid::regclass,
                    lower(p.cmd), array_to_string(p.roles, ', ')
                ),
                '    using (' || p.qual || ')',
                '    with check (' || p.with_check || ')'
            ) || ';',
            'comment on policy ' || quote_ident(p.policyname) || ' on ' || c.oid::regclass || ' is '
                || quote_literal(obj_description(o.oid, 'pg_policy')) || ';'
        ), e'\\n' order by p.policyname
    )
    from pg_catalog.pg_policies p
    join pg_catalog.pg_policy o on o.polrelid = c.oid and o.polname = p.policyname
    where p.schemaname = c.relnamespace::regnamespace::text and p.tablename = c.relname
"""

COLUMN_GRANTS = """
    select string_agg(
        format('grant %s (%s) on %s to %s;', g.privilege, g.columns, c.oid::regclass, g.grantee),
        e'\\n' order by g.grantee, g.privilege
    )
    from (
        select lower(x.privilege_type) as privilege, x.grantee::regrole::text as grantee,
            string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
        from pg_catalog.pg_attribute a cross join lateral aclexplode(a.attacl) x
        where a.attrelid = c.oid
        group by 1, 2
    ) g
"""

TRIGGERS = """
    select string_agg(
        concat_ws(e'\\n',
            pg_get_triggerdef(t.oid) || ';',
            case when t.tgenabled <> 'O' then format('-- %s is not enabled', t.tgname) end
        ), e'\\n' order by t.tgname
    )
    from pg_catalog.pg_trigger t
    where t.tgrelid = c.oid and not t.tgisinternal and t.tgparentid = 0
"""

RELATIONS = f"""
    select concat_ws(e'\\n',
        {CREATE},
        ({COMMENTS}),
        ({INDEXES}),
        case when c.relrowsecurity
            then format('alter table %s enable row level security;', c.oid::regclass)
        end,
        ({POLICIES}),
        ({GRANTS.format(kind="table", name="c.oid::regclass", acl="c.relacl", owner="c.relowner")}),
        ({COLUMN_GRANTS}),
        ({TRIGGERS})
    ) as lines
    from pg_catalog.pg_class c
    where c.relnamespace::regnamespace::text = $schema and c.relkind in ('r', 'p', 'v')
        and not (c.relispartition and c.relname ~ '_[0-9]{{4}}_[0-9]{{2}}$')
    order by c.relkind = 'v', c.oid::regclass::text
"""

FUNCTION_GRANTS = GRANTS.format(
    kind="function", name="p.oid::regprocedure", acl="p.proacl", owner="p.proowner"
)

FUNCTIONS = f"""
    select concat_ws(e'\\n',
        pg_get_functiondef(p.oid) || ';',
        format(
            'comment on function %s is %L;', p.oid::regprocedure, obj_description(p.oid, 'pg_proc')
        ),
        ({FUNCTION_GRANTS})
    ) as lines
    from pg_catalog.pg_proc p
    where p.pronamespace::regnamespace::text = $schema
    order by p.oid::regprocedure::text
"""

# What our migrations add to tables that are not ours, and to the database.
OUTSIDE = f"""
    select c.oid::regclass::text as name, concat_ws(e'\\n', ({POLICIES}), ({TRIGGERS})) as lines
    from pg_catalog.pg_class c
    where c.relnamespace::regnamespace::text in ('auth', 'storage') and c.relkind in ('r', 'p')
        and (
            exists (select 1 from pg_catalog.pg_policy p where p.polrelid = c.oid)
            or exists (
                select 1 from pg_catalog.pg_trigger t
                join pg_catalog.pg_proc p on p.oid = t.tgfoid
                where t.tgrelid = c.oid and p.pronamespace::regnamespace::text = 'private'
            )
        )
    union all
    select 'bucket ' || b.id, format(
        '-- bucket %s: %s, at most %s bytes, %s', b.id,
        case when b.public then 'public' else 'private' end, b.file_size_limit,
        b.allowed_mime_types::text
    )
    from storage.buckets b
    union all
    select 'publication', format(
        'alter publication %I add table %s.%s;', t.pubname, t.schemaname, t.tablename
    )
    from pg_catalog.pg_publication_tables t
    order by 1, 2
"""
