-- Room: reporting, fifth part: how the database itself is doing.
--
-- What lives here: sizes, indexes, connections, slow queries and long transactions, from the
-- statistics of Postgres. They tell what an operator may see: postgres is no superuser here, and
-- sessions of other roles show no more than that they are there.
-- Who may touch it: admins call public.report_*; operators, as postgres, private.report_*.
-- Tests: rlstests/test_reporting_database.py

create function private.report_table_sizes() returns table (
    table_name text,
    row_estimate bigint,
    total_bytes bigint,
    index_bytes bigint,
    dead_rows bigint
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform private.require_admin();
    return query
    select format('%I.%I', n.nspname, c.relname),
        coalesce(sum(greatest(t.reltuples, 0)), 0)::bigint,
        coalesce(sum(pg_total_relation_size(t.oid)), 0)::bigint,
        coalesce(sum(pg_indexes_size(t.oid)), 0)::bigint,
        coalesce(sum(pg_stat_get_dead_tuples(t.oid)), 0)::bigint
    from pg_catalog.pg_class c
    inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    -- A partitioned table is as large as its partitions.
    cross join lateral (
        select l.oid, l.reltuples
        from pg_partition_tree(c.oid) x
        inner join pg_catalog.pg_class l on l.oid = x.relid
        where x.isleaf
        union all
        select c.oid, c.reltuples where c.relkind = 'r'
    ) t
    where n.nspname = any('{public,private,queue}') and c.relkind in ('r', 'p')
        and not c.relispartition
    group by n.nspname, c.relname
    order by 3 desc, 1;
end;
$$;
comment on function private.report_table_sizes() is
    'Sizes of tables; see public.report_table_sizes.';
grant execute on function private.report_table_sizes() to authenticated;

create function public.report_table_sizes() returns table (
    table_name text,
    row_estimate bigint,
    total_bytes bigint,
    index_bytes bigint,
    dead_rows bigint
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_table_sizes();
$$;
comment on function public.report_table_sizes() is
    'How large each table is with its indexes and partitions, the largest first. Rows are estimates.
Admins only: PT403.';
grant execute on function public.report_table_sizes() to authenticated;

create function private.report_index_use() returns table (
    table_name text,
    index_name text,
    scans bigint,
    tuples_read bigint,
    tuples_fetched bigint,
    bytes bigint
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform private.require_admin();
    return query
    select format('%I.%I', i.schemaname, i.relname), i.indexrelname::text, i.idx_scan,
        i.idx_tup_read, i.idx_tup_fetch, pg_relation_size(i.indexrelid)
    from pg_catalog.pg_stat_user_indexes i
    where i.schemaname = any('{public,private,queue}')
    order by i.idx_scan, 6 desc, 1, 2;
end;
$$;
comment on function private.report_index_use() is
    'Use of indexes; see public.report_index_use.';
grant execute on function private.report_index_use() to authenticated;

create function public.report_index_use() returns table (
    table_name text,
    index_name text,
    scans bigint,
    tuples_read bigint,
    tuples_fetched bigint,
    bytes bigint
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_index_use();
$$;
comment on function public.report_index_use() is
    'How often each index was used since statistics began, the least used first.
Admins only: PT403.';
grant execute on function public.report_index_use() to authenticated;

create function private.report_connections() returns table (
    role text,
    state text,
    connections bigint,
    max_connections integer
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform private.require_admin();
    return query
    select coalesce(a.usename::text, 'unknown'), coalesce(a.state, 'hidden'), count(*),
        current_setting('max_connections')::integer
    from pg_catalog.pg_stat_activity a
    where a.backend_type = 'client backend'
    group by 1, 2
    order by 3 desc, 1, 2;
end;
$$;
comment on function private.report_connections() is
    'Counts connections; see public.report_connections.';
grant execute on function private.report_connections() to authenticated;

create function public.report_connections() returns table (
    role text,
    state text,
    connections bigint,
    max_connections integer
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_connections();
$$;
comment on function public.report_connections() is
    'How many connections each role has, by state, and how many there may be in all. A state that
only a monitor may see reads hidden. Admins only: PT403.';
grant execute on function public.report_connections() to authenticated;

create function private.report_open_transactions() returns table (
    pid integer,
    role text,
    application text,
    state text,
    started_at timestamptz,
    open_for interval
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform private.require_admin();
    return query
    select a.pid, a.usename::text, a.application_name, a.state, a.xact_start,
        clock_timestamp() - a.xact_start
    from pg_catalog.pg_stat_activity a
    where a.xact_start is not null and a.backend_type = 'client backend'
    order by a.xact_start
    limit 10;
end;
$$;
comment on function private.report_open_transactions() is
    'Lists open transactions; see public.report_open_transactions.';
grant execute on function private.report_open_transactions() to authenticated;

create function public.report_open_transactions() returns table (
    pid integer,
    role text,
    application text,
    state text,
    started_at timestamptz,
    open_for interval
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_open_transactions();
$$;
comment on function public.report_open_transactions() is
    'The ten transactions that are open the longest, the oldest first. One that stays open keeps old
rows from being cleaned up and slows the queue down. Admins only: PT403.';
grant execute on function public.report_open_transactions() to authenticated;

create function private.report_slow_queries() returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_schema text := (
        select n.nspname
        from pg_catalog.pg_extension e
        inner join pg_catalog.pg_namespace n on n.oid = e.extnamespace
        where e.extname = 'pg_stat_statements'
    );
    v_queries jsonb;
begin
    perform private.require_admin();
    if v_schema is null then
        return jsonb_build_object(
            'queries', '[]'::jsonb, 'note', 'The extension pg_stat_statements is not installed.'
        );
    end if;
    execute format(
        'select coalesce(jsonb_agg(to_jsonb(q)), %L) from ('
        'select left(s.query, 1000) as query, s.calls, s.mean_exec_time as mean_ms, '
        's.total_exec_time as total_ms, s.rows from %I.pg_stat_statements s '
        -- Other statements are recorded with their values, such as the password of a role.
        'where s.query ~* %L order by s.mean_exec_time desc limit 20) q',
        '[]', v_schema, '^[[:space:]]*(select|with|insert|update|delete|merge)[[:space:]]'
    ) into v_queries;
    return jsonb_build_object('queries', v_queries, 'note', null);
exception when object_not_in_prerequisite_state then
    return jsonb_build_object(
        'queries', '[]'::jsonb,
        'note', 'pg_stat_statements is installed, but the server did not load its library.'
    );
end;
$$;
comment on function private.report_slow_queries() is
    'Lists slow queries; see public.report_slow_queries.';
grant execute on function private.report_slow_queries() to authenticated;

create function public.report_slow_queries() returns jsonb
language sql
stable
set search_path = ''
as $$
    select private.report_slow_queries();
$$;
comment on function public.report_slow_queries() is
    'The twenty queries with the longest mean time: {queries: [{query, calls, mean_ms, total_ms,
rows}], note}. The note says why there are none where Postgres does not record them.
Admins only: PT403.';
grant execute on function public.report_slow_queries() to authenticated;
