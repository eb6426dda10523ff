-- Room: queue, fourth part: what must happen by the clock.
--
-- What lives here: run_maintenance, which a worker calls every half minute, and the list of jobs of
-- the other rooms that it runs when they are due. A room adds a job by inserting a row and making
-- private.maintain_<name>().
-- Who may touch it: service_role calls run_maintenance.
-- Tests: rlstests/test_queue.py, rlstests/test_queue_leases.py,
--   rlstests/test_queue_partitions.py

create table private.maintenance_jobs (
    name text primary key check (name ~ '^[a-z][a-z0-9_]{1,39}$'),
    description text not null,
    repeat_every interval not null check (repeat_every >= interval '1 second'),
    first_run_at timestamptz not null default now(),
    next_run_at timestamptz not null default now(),
    last_run_at timestamptz,
    last_result jsonb,
    last_error text
);
comment on table private.maintenance_jobs is
    'Jobs by the clock: private.maintain_<name>() returns jsonb and runs from next_run_at on.
One that returns {"again": true} has more to do than it may do at once: it runs again in a minute.';
comment on column private.maintenance_jobs.first_run_at is
    'Where the rounds are counted from, so that a daily job keeps its hour.';
select private.close_table('private.maintenance_jobs');

create function private.run_maintenance_job(p_job private.maintenance_jobs) returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_result jsonb;
    v_error text;
begin
    begin
        execute format('select private.%I()', 'maintain_' || p_job.name) into v_result;
    exception when others or query_canceled then
        -- One job that fails must not keep the others from running; it is tried again in time. Nor
        -- must one that runs into the statement timeout: undone as a whole, it would stay due.
        v_error := sqlerrm;
        raise warning 'Maintenance job % failed: %', p_job.name, v_error;
    end;
    -- Once for a failure that stays, not once a round.
    if v_error is distinct from p_job.last_error and v_error is not null then
        perform private.record_event(
            'maintenance.failed',
            jsonb_build_object('job', p_job.name, 'error', left(v_error, 2000)),
            p_severity => 'error'
        );
    end if;
    update private.maintenance_jobs j
    set last_run_at = now(),
        last_result = v_result,
        last_error = v_error,
        -- Rounds that were missed are not made up for.
        next_run_at = least(
            j.first_run_at + j.repeat_every * (1 + floor(
                extract(epoch from now() - j.first_run_at) / extract(epoch from j.repeat_every)
            )),
            case when v_result @> '{"again": true}' then now() + interval '1 minute' end
        )
    where j.name = p_job.name;
    return v_error is null;
end;
$$;
comment on function private.run_maintenance_job(private.maintenance_jobs) is
    'Runs one job and notes how it went; a failure becomes a system event. False when it failed.';

create function private.try_month_partition(p_parent regclass, p_key text, p_month date)
returns integer
language plpgsql
volatile
set search_path = ''
as $$
begin
    return private.ensure_month_partition(p_parent, p_key, p_month)::integer;
exception when lock_not_available or deadlock_detected then
    -- Somebody reads the table. The default partition takes the rows until the next round.
    raise warning 'The partition of % for % has to wait: %', p_parent, p_month, sqlerrm;
    return 0;
end;
$$;
comment on function private.try_month_partition(regclass, text, date) is
    'Makes the partition of a month, 1, or does nothing, 0: it is there, or the table is busy.';

create function private.filled_default_partitions() returns text[]
language plpgsql
stable
set search_path = ''
as $$
declare
    v_name text;
    v_is_filled boolean;
    v_filled text[] := '{}'::text[];
begin
    for v_name in
        select c.oid::regclass::text
        from pg_catalog.pg_partitioned_table p
        inner join pg_catalog.pg_class c on c.oid = p.partdefid
        where c.relnamespace = 'private'::regnamespace
        order by c.relname
    loop
        execute format('select exists (select 1 from %s)', v_name) into v_is_filled;
        if v_is_filled then
            v_filled := v_filled || v_name;
        end if;
    end loop;
    return v_filled;
end;
$$;
comment on function private.filled_default_partitions() is
    'The default partitions that hold rows: of a month that had no partition when they came.';

create function private.maintain_partitions() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_table record;
    v_made integer := 0;
    v_filled text[];
    v_known jsonb := (
        select j.last_result -> 'filled' from private.maintenance_jobs j where j.name = 'partitions'
    );
begin
    for v_table in
        select p.partrelid::regclass as name, a.attname as key, m.month::date
        from pg_catalog.pg_partitioned_table p
        inner join pg_catalog.pg_class c on c.oid = p.partrelid
        inner join pg_catalog.pg_attribute a
            on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
        cross join generate_series(
            date_trunc('month', now() at time zone 'UTC'),
            (now() at time zone 'UTC') + interval '2 months',
            interval '1 month'
        ) as m (month)
        where c.relnamespace = any('{public,queue,private}'::regnamespace[])
        order by c.relname, m.month
    loop
        v_made := v_made
            + private.try_month_partition(v_table.name, v_table.key::text, v_table.month);
    end loop;
    v_filled := private.filled_default_partitions();
    -- Once for what stays, not once a round.
    if v_filled <> '{}' and to_jsonb(v_filled) is distinct from v_known then
        perform private.record_event(
            'partitions.missing', jsonb_build_object('filled', v_filled), p_severity => 'warning'
        );
    end if;
    return jsonb_build_object('made', v_made, 'filled', v_filled);
end;
$$;
comment on function private.maintain_partitions() is
    'Makes this month''s partition of every partitioned table, and those of the next two. Rows that
found no partition become a system event.';

create function private.maintain_rate_limits() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_deleted integer;
begin
    -- Whoever is calling just now starts the window anew; that must not hold up everything else.
    delete from private.rate_limits r
    where r.key = any(array(
        select e.key
        from private.rate_limits e
        where e.window_ends_at < now()
        order by e.window_ends_at
        limit 5000
        for update skip locked
    ));
    get diagnostics v_deleted = row_count;
    return jsonb_build_object('deleted', v_deleted, 'again', v_deleted = 5000);
end;
$$;
comment on function private.maintain_rate_limits() is
    'Forgets windows that are over, at most 5000 at once.';

insert into private.maintenance_jobs (name, description, repeat_every)
values
('partitions', 'Make monthly partitions ahead.', interval '1 hour'),
('rate_limits', 'Forget rate limit windows that are over.', interval '5 minutes')
on conflict (name) do nothing;

create function worker.run_maintenance() returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_reaped record;
    v_job private.maintenance_jobs;
    v_jobs text[] := '{}'::text[];
begin
    -- One at a time is enough: whoever comes second has nothing to do.
    if not pg_try_advisory_xact_lock(hashtext('resumebase.maintenance')) then
        return jsonb_build_object('reaped', 0, 'dead', 0, 'jobs', v_jobs);
    end if;
    for v_job in
        select * from private.maintenance_jobs j
        where j.next_run_at <= now()
        -- All is one transaction. The long jobs are the rare ones: they come first, or what the
        -- others lock would stay locked meanwhile.
        order by j.repeat_every desc, j.name
    loop
        if private.run_maintenance_job(v_job) then
            v_jobs := v_jobs || v_job.name;
        end if;
    end loop;
    -- Last, for the same reason: it may lock accounts of many that are working just now.
    select * into v_reaped from private.reap_expired(500);
    return jsonb_build_object(
        'reaped', v_reaped.requeued, 'dead', v_reaped.buried, 'jobs', v_jobs
    );
end;
$$;
comment on function worker.run_maintenance() is
    'What must happen every half minute: reap expired leases, run the jobs that are due.
Returns {reaped, dead, jobs: [names that ran]}. Safe to call from many workers at once.';
grant execute on function worker.run_maintenance() to service_role;
