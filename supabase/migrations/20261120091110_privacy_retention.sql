-- Room: privacy, third part: how long things are kept.
--
-- What lives here: retention_policies, and how each of their actions is done; run_retention is in
-- privacy_retention_run. Accounts have a period of their own: see deletion_period.
-- Who may touch it: operators change policies, admins read them, maintenance runs them.
-- Tests: rlstests/test_privacy_retention.py

-- Tables ----------------------------------------------------------------------------------------

create table public.retention_policies (
    relation text not null check (
        relation = 'storage.objects'
        or relation ~ '^(public|private|queue)[.][a-z][a-z0-9_]{0,62}$'
    ),
    condition text not null default 'always' check (
        condition in ('always', 'ended', 'errors', 'not_lifetime', 'interview_audio')
    ),
    column_name text not null check (column_name ~ '^[a-z][a-z0-9_]{0,62}$'),
    keep interval not null check (keep >= interval '1 day'),
    action text not null default 'delete' check (
        action in ('delete', 'delete_with_files', 'purge_files')
    ),
    description text not null default '' check (char_length(description) <= 2000),
    is_active boolean not null default true,
    last_run_at timestamptz,
    last_count bigint check (last_count >= 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (relation, condition),
    -- Whoever has an account keeps it, however old it is.
    constraint retention_policies_accounts_check check (
        relation not in ('public.profiles', 'public.admin_users')
    ),
    -- By its row an event is known when it comes again, from the provider or an impostor.
    constraint retention_policies_webhooks_check check (
        relation <> 'private.webhook_events' or keep >= interval '30 days' and condition = 'ended'
    ),
    -- A counter that goes before its period is over gives all its uses back.
    constraint retention_policies_counters_check check (
        relation <> 'public.usage_counters'
        or keep >= interval '32 days' and condition = 'not_lifetime' and column_name = 'updated_at'
    ),
    constraint retention_policies_files_check check (
        (action = 'purge_files') = (relation = 'storage.objects')
        and (relation = 'storage.objects') = (condition = 'interview_audio')
    )
);
comment on table public.retention_policies is
    'How long rows are kept; see run_retention. Written by operators, read by admins.';
comment on column public.retention_policies.relation is 'Schema and name of the table.';
comment on column public.retention_policies.condition is
    'Which rows: always (all), ended (by their status), errors, not_lifetime, interview_audio.';
comment on column public.retention_policies.column_name is
    'The timestamp that says how old a row is. Null means it stays.';
comment on column public.retention_policies.keep is 'Rows older than this go.';
comment on column public.retention_policies.action is
    'delete: whole months as partitions where possible, the rest in batches; delete_with_files: and
queue the removal of the files that a row names; purge_files: queue the removal of the files.';
comment on column public.retention_policies.last_run_at is 'System-written.';
comment on column public.retention_policies.last_count is
    'Rows or files that the last run took. System-written.';

alter table public.retention_policies enable row level security;

create policy retention_policies_select_admin on public.retention_policies
for select to authenticated
using ((select private.is_admin()));

grant select on public.retention_policies to authenticated, service_role;

create trigger _100_set_updated_at before update on public.retention_policies
for each row execute function private.tg_set_updated_at();
select private.audit_table(
    'public.retention_policies', 'relation,condition', '{last_run_at,last_count}'
);

-- Which rows ------------------------------------------------------------------------------------

create function private.retention_filter(p_policy public.retention_policies) returns text
language sql
immutable
set search_path = ''
as $$
    -- The whole vocabulary: no text of a table becomes SQL, but for two checked names.
    select format('t.%I < $1 and ', p_policy.column_name) || case p_policy.condition
        when 'always' then 'true'
        when 'ended' then
            't.status not in (''pending'', ''processing'', ''active'', ''received'')'
        when 'errors' then 't.severity = ''error'''
        when 'not_lifetime' then 't.period_type <> ''lifetime'''
        when 'interview_audio' then 't.bucket_id = ''interview-audio'''
    end;
$$;
comment on function private.retention_filter(public.retention_policies) is
    'The rows a policy takes, as a condition on t, where $1 is the time before which they are old.';

create function private.count_old_rows(p_policy public.retention_policies, p_cutoff timestamptz)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
declare
    v_count bigint;
begin
    execute format(
        'select count(*) from %s t where %s',
        p_policy.relation::regclass, private.retention_filter(p_policy)
    )
    into v_count
    using p_cutoff;
    return v_count;
end;
$$;
comment on function private.count_old_rows(public.retention_policies, timestamptz) is
    'How many rows a policy would take.';

-- Files -----------------------------------------------------------------------------------------

create function private.files_of_rows(p_rows jsonb) returns jsonb
language sql
immutable
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object('bucket', f.bucket, 'name', f.name)), '[]')
    from jsonb_array_elements(p_rows) as r (value)
    cross join lateral (values
        ('resumes', r.value ->> 'file_path'),
        ('exports', r.value ->> 'thumbnail_path'),
        ('exports', r.value ->> 'exported_pdf_path')
    ) as f (bucket, name)
    where f.name is not null;
$$;
comment on function private.files_of_rows(jsonb) is
    'The files that these rows of résumés name: [{bucket, name}].';

create function private.enqueue_file_purge(p_files jsonb) returns integer
language sql
volatile
set search_path = ''
as $$
    -- Fifty a task keep its payload small. The key stops a second task for the same files.
    with file as (
        select f.bucket, f.name, (row_number() over (order by f.bucket, f.name) - 1) / 50 as part
        from jsonb_to_recordset(p_files) as f (bucket text, name text)
        where f.name is not null
    ),
    bucket as (
        select f.part, f.bucket, jsonb_agg(f.name order by f.name) as names
        from file f
        group by f.part, f.bucket
    ),
    task as (
        select jsonb_object_agg(b.bucket, b.names) as files
        from bucket b
        group by b.part
    )
    select count(private.enqueue_task(
        'purge_files', jsonb_build_object('files', t.files), null, null,
        'purge_files:' || md5(t.files::text)
    ))::integer
    from task t;
$$;
comment on function private.enqueue_file_purge(jsonb) is
    'Queues the removal of files, [{bucket, name}]. Returns how many tasks that took.';

create function private.purge_old_files(p_policy public.retention_policies, p_cutoff timestamptz)
returns bigint
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_files jsonb;
begin
    execute format(
        'select jsonb_agg(jsonb_build_object(''bucket'', f.bucket_id, ''name'', f.name)) '
        'from (select t.bucket_id, t.name from %s t where %s order by t.%I, t.name limit 5000) f',
        p_policy.relation::regclass, private.retention_filter(p_policy), p_policy.column_name
    )
    into v_files
    using p_cutoff;
    if v_files is null then
        return 0;
    end if;
    perform private.enqueue_file_purge(v_files);
    return jsonb_array_length(v_files);
end;
$$;
comment on function private.purge_old_files(public.retention_policies, timestamptz) is
    'Queues the removal of old files, five thousand a run at most. Returns their number.';

-- Rows ------------------------------------------------------------------------------------------

create function private.drop_old_partitions(p_parent regclass, p_cutoff timestamptz)
returns bigint
language plpgsql
volatile
set search_path = ''
-- Dropping waits for readers, and readers wait behind it: rather give up and come again.
set lock_timeout = '500ms'
as $$
declare
    v_partition record;
    v_rows bigint;
    v_count bigint := 0;
begin
    for v_partition in
        select i.inhrelid::regclass as name, c.reltuples
        from pg_catalog.pg_inherits i
        inner join pg_catalog.pg_class c on c.oid = i.inhrelid
        where i.inhparent = p_parent
            and substring(
                pg_get_expr(c.relpartbound, c.oid) from 'TO \(''([^'']+)''\)'
            )::timestamptz <= p_cutoff
        order by c.relname
    loop
        begin
            -- Counting millions would take longer than the drop; there the estimate will do.
            v_rows := v_partition.reltuples;
            if v_rows < 1000000 then
                execute format('select count(*) from %s', v_partition.name) into v_rows;
            end if;
            execute format('drop table %s', v_partition.name);
            v_count := v_count + v_rows;
        exception when lock_not_available or deadlock_detected then
            raise warning 'Partition % is in use; it is dropped another time.', v_partition.name;
        end;
    end loop;
    return v_count;
end;
$$;
comment on function private.drop_old_partitions(regclass, timestamptz) is
    'Drops the months that ended before p_cutoff. Returns how many rows were in them.';

create function private.delete_old_batch(
    p_policy public.retention_policies,
    p_partition regclass,
    p_cutoff timestamptz,
    p_limit integer
) returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_filter text := private.retention_filter(p_policy);
    v_users uuid[];
    v_free uuid[];
    v_deleted integer;
    v_rows jsonb;
begin
    if exists (
        select 1 from pg_catalog.pg_attribute a
        where a.attrelid = p_partition and a.attname = 'user_id' and not a.attisdropped
    ) then
        -- Accounts first, as everywhere; one that is being deleted takes its rows along by itself.
        execute format(
            'select array_agg(distinct o.user_id) '
            'from (select t.user_id from %s t where %s limit $2) o',
            p_partition, v_filter
        )
        into v_users
        using p_cutoff, p_limit;
        v_free := array(
            select p.id from public.profiles p
            where p.id = any(v_users)
            order by p.id
            for key share skip locked
        ) || array(
            select u.id from unnest(v_users) as u (id)
            where not exists (select 1 from public.profiles p where p.id = u.id)
        );
        v_filter := v_filter || ' and (t.user_id is null or t.user_id = any($3))';
    end if;
    execute format(
        'with gone as (delete from %1$s d where d.ctid = any(array('
        '    select t.ctid from %1$s t where %2$s limit $2 for update skip locked'
        ')) returning %3$s as kept) select count(*), jsonb_agg(kept) from gone',
        p_partition, v_filter,
        case p_policy.action when 'delete_with_files' then 'to_jsonb(d)' else 'null::jsonb' end
    )
    into v_deleted, v_rows
    using p_cutoff, p_limit, v_free;
    if p_policy.action = 'delete_with_files' and v_deleted > 0 then
        perform private.enqueue_file_purge(private.files_of_rows(v_rows));
    end if;
    return v_deleted;
end;
$$;
comment on function private.delete_old_batch(
    public.retention_policies, regclass, timestamptz, integer
) is
    'Deletes up to p_limit old rows of a table or partition; rows and accounts in use must wait.';
