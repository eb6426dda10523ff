-- Room: privacy, fourth part: keeping to the retention policies.
--
-- What lives here: run_retention, and the nightly job that calls it. A table that a policy names
-- and that does not exist is passed over.
-- Who may touch it: maintenance; operators, who may look first what a run would do.
-- Tests: rlstests/test_privacy_retention_run.py

create function private.delete_old_rows(
    p_policy public.retention_policies,
    p_cutoff timestamptz,
    p_until timestamptz,
    out deleted bigint,
    out is_complete boolean
)
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_parent regclass := p_policy.relation::regclass;
    v_limit integer := case p_policy.action when 'delete_with_files' then 100 else 1000 end;
    v_partitions bigint := (select count(*) from pg_partition_tree(v_parent));
    v_partition regclass;
    v_batch integer;
begin
    deleted := 0;
    is_complete := true;
    if p_policy.condition = 'always' then
        deleted := private.drop_old_partitions(v_parent, p_cutoff);
        if v_partitions > (select count(*) from pg_partition_tree(v_parent)) then
            -- Until the transaction ends nobody reads or writes any month of this table.
            is_complete := false;
            return;
        end if;
    end if;
    for v_partition in
        select p.relid from pg_partition_tree(v_parent) p where p.isleaf
        union all
        select v_parent
        where not exists (select 1 from pg_partition_tree(v_parent))
    loop
        loop
            if clock_timestamp() > p_until then
                is_complete := false;
                return;
            end if;
            v_batch := private.delete_old_batch(p_policy, v_partition, p_cutoff, v_limit);
            deleted := deleted + v_batch;
            exit when v_batch < v_limit;
        end loop;
    end loop;
end;
$$;
comment on function private.delete_old_rows(
    public.retention_policies, timestamptz, timestamptz
) is
    'Deletes what a policy takes, until p_until: incomplete when that came first, or when it dropped
whole months and left the rest for another transaction.';

create function private.run_retention_policy(
    p_policy public.retention_policies,
    p_dry_run boolean,
    p_until timestamptz,
    out affected bigint,
    out is_complete boolean
)
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_cutoff timestamptz := now() - p_policy.keep;
begin
    is_complete := true;
    if p_dry_run then
        affected := private.count_old_rows(p_policy, v_cutoff);
        return;
    end if;
    if p_policy.action = 'purge_files' then
        affected := private.purge_old_files(p_policy, v_cutoff);
    else
        select d.deleted, d.is_complete into affected, is_complete
        from private.delete_old_rows(p_policy, v_cutoff, p_until) d;
    end if;
    update public.retention_policies r
    set last_run_at = now(), last_count = affected
    where r.relation = p_policy.relation and r.condition = p_policy.condition;
exception when others then
    -- One policy that cannot be kept must not keep the others from being kept.
    raise warning 'Retention of % failed: %', p_policy.relation, sqlerrm;
    perform private.record_event(
        'retention.failed',
        jsonb_build_object(
            'relation', p_policy.relation, 'condition', p_policy.condition,
            'error', left(sqlerrm, 2000)
        ),
        p_severity => 'error'
    );
    affected := 0;
    is_complete := true;
end;
$$;
comment on function private.run_retention_policy(
    public.retention_policies, boolean, timestamptz
) is
    'Keeps to one policy; a failure becomes a system event.';

create function private.run_retention(
    p_dry_run boolean default false,
    p_seconds integer default private.config_integer('retention_seconds', 5)
) returns table (relation text, condition text, action text, affected bigint, is_complete boolean)
language plpgsql
volatile
set search_path = ''
as $$
#variable_conflict use_column
declare
    v_until timestamptz := clock_timestamp() + make_interval(secs => p_seconds);
    v_policy public.retention_policies;
begin
    for v_policy in
        select * from public.retention_policies p where p.is_active order by p.relation, p.condition
    loop
        -- Its room is not installed.
        continue when to_regclass(v_policy.relation) is null;
        relation := v_policy.relation;
        condition := v_policy.condition;
        action := v_policy.action;
        select r.affected, r.is_complete into affected, is_complete
        from private.run_retention_policy(v_policy, p_dry_run, v_until) r;
        if not is_complete then
            v_until := least(v_until, clock_timestamp());
        end if;
        return next;
    end loop;
end;
$$;
comment on function private.run_retention(boolean, integer) is
    'Deletes what is older than the policies allow, a row a policy with what it took.
p_dry_run only counts. p_seconds bounds the time, global_config retention_seconds by default:
is_complete says whether anything is left to do.';

create function private.maintain_retention() returns jsonb
language sql
volatile
set search_path = ''
as $$
    select jsonb_build_object(
        'affected', coalesce(
            jsonb_object_agg(r.relation || ':' || r.condition, r.affected)
            filter (where r.affected > 0),
            '{}'
        ),
        'again', not coalesce(bool_and(r.is_complete), true)
    )
    from private.run_retention() r;
$$;
comment on function private.maintain_retention() is
    'Keeps to the retention policies; runs again in a minute while there is more to delete.';

insert into private.maintenance_jobs (name, description, repeat_every, first_run_at, next_run_at)
select
    'retention', 'Delete what the retention policies no longer keep.', interval '24 hours',
    n.run_at as first_run_at, n.run_at as next_run_at
from (
    -- Two o'clock of this night, or of the next when that is over.
    select date_trunc('day', now(), 'UTC') + case
            when now() < date_trunc('day', now(), 'UTC') + interval '2 hours'
                then interval '2 hours'
            else interval '26 hours'
        end as run_at
) n
on conflict (name) do nothing;
