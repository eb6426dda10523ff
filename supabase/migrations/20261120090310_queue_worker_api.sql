-- Room: queue, second half: what a worker may call.
--
-- What lives here: the RPC of schema worker. They run with the rights of their owner, because the
-- queue itself is closed to everyone.
-- Who may touch it: service_role only.
-- Tests: rlstests/test_queue.py, rlstests/test_queue_leases.py

create function private.lease_interval(p_lease_seconds integer) returns interval
language plpgsql
immutable
set search_path = ''
as $$
begin
    if p_lease_seconds is null or p_lease_seconds not between 5 and 3600 then
        raise sqlstate 'PT400' using
            message = format('p_lease_seconds is %s.', coalesce(p_lease_seconds::text, 'null')),
            hint = 'A lease lasts 5 to 3600 seconds; extend it while you work.';
    end if;
    return make_interval(secs => p_lease_seconds);
end;
$$;
comment on function private.lease_interval(integer) is
    'The length of a lease. PT400 for a senseless one.';

create function worker.claim_tasks(
    p_worker text,
    p_kinds text[],
    p_limit integer default 1,
    p_lease_seconds integer default 60
) returns table (
    id uuid,
    kind text,
    payload jsonb,
    user_id uuid,
    attempt smallint,
    max_attempts smallint,
    lease_token uuid,
    lease_expires_at timestamptz
)
language plpgsql
volatile
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    v_now timestamptz := now();
    v_expires_at timestamptz := v_now + private.lease_interval(p_lease_seconds);
    v_task queue.tasks;
begin
    if p_limit is null or p_limit not between 1 and 100 then
        raise sqlstate 'PT400' using
            message = format('p_limit is %s.', coalesce(p_limit::text, 'null')),
            hint = 'Claim 1 to 100 tasks at a time.';
    end if;
    for v_task in
        update queue.tasks t
        set lease_token = gen_random_uuid(),
            lease_expires_at = v_expires_at,
            locked_by = left(p_worker, 200),
            attempt = t.attempt + 1
        -- An array keeps the sub-select one index scan; `in (select …)` may plan a seq scan.
        where t.id = any(array(
            select c.id
            from queue.tasks c
            where c.lease_token is null and c.run_at <= v_now and c.kind = any(p_kinds)
            order by c.priority, c.run_at, c.id
            limit p_limit
            for update skip locked
        ))
        returning t.*
    loop
        begin
            perform private.tell_task_event(v_task, 'started', null);
        -- One task that cannot start must not keep the others from being claimed.
        exception
            when lock_not_available or deadlock_detected or serialization_failure then
                raise warning 'Task % is busy; it is claimed later.', v_task.id;
                update queue.tasks t
                set lease_token = null, lease_expires_at = null, locked_by = null,
                    attempt = v_task.attempt - 1
                where t.id = v_task.id;
                continue;
            when others then
                raise warning 'Task % cannot start: %', v_task.id, sqlerrm;
                perform private.bury_broken_task(v_task);
                continue;
        end;
        id := v_task.id;
        kind := v_task.kind;
        payload := v_task.payload;
        user_id := v_task.user_id;
        attempt := v_task.attempt;
        max_attempts := v_task.max_attempts;
        lease_token := v_task.lease_token;
        lease_expires_at := v_task.lease_expires_at;
        return next;
    end loop;
end;
$$;
comment on function worker.claim_tasks(text, text[], integer, integer) is
    'Leases up to p_limit ready tasks of these kinds: the most urgent and oldest, in no set order.
Finish each with complete_task or fail_task before its lease expires, or extend it.';

create function worker.extend_lease(
    p_task_id uuid,
    p_lease_token uuid,
    p_lease_seconds integer default 60
) returns timestamptz
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_task queue.tasks := private.lock_leased_task(p_task_id, p_lease_token);
    v_expires_at timestamptz := now() + private.lease_interval(p_lease_seconds);
begin
    update queue.tasks t set lease_expires_at = v_expires_at where t.id = v_task.id;
    return v_expires_at;
end;
$$;
comment on function worker.extend_lease(uuid, uuid, integer) is
    'Keeps a task for p_lease_seconds from now; returns the new expiry. PT409 for a stale lease.';

create function worker.complete_task(
    p_task_id uuid,
    p_lease_token uuid,
    p_result jsonb
) returns text
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_task queue.tasks := private.lock_leased_task(p_task_id, p_lease_token);
begin
    perform private.tell_task_event(v_task, 'completed', p_result);
    perform private.settle_usage(v_task.usage_event_id);
    perform private.archive_task(v_task, 'done', null);
    return 'done';
end;
$$;
comment on function worker.complete_task(uuid, uuid, jsonb) is
    'Writes the result, settles the use and closes the task, all or nothing.
PT409 for a stale lease.';

create function worker.fail_task(
    p_task_id uuid,
    p_lease_token uuid,
    p_error text,
    p_retryable boolean default false
) returns text
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_task queue.tasks := private.lock_leased_task(p_task_id, p_lease_token);
    v_error text := left(coalesce(nullif(btrim(p_error), ''), 'Unknown error.'), 2000);
    v_pause double precision;
begin
    if p_retryable is not true or v_task.attempt >= v_task.max_attempts then
        perform private.bury_task(v_task, v_error);
        return 'dead';
    end if;
    -- Doubling, up to an hour, and half of it random: tasks that failed together come back apart.
    select least(3600, k.backoff_seconds * power(2, v_task.attempt - 1)) * (0.5 + random() / 2)
    into strict v_pause
    from queue.task_kinds k
    where k.kind = v_task.kind;
    perform private.requeue_task(
        v_task, now() + make_interval(secs => v_pause), v_task.attempt, v_error
    );
    return 'retry';
end;
$$;
comment on function worker.fail_task(uuid, uuid, text, boolean) is
    'Ends an attempt without a result. Returns retry, or dead when it was the last one or is not
retryable: then the use is released and the user reads p_error. PT409 for a stale lease.';

create function worker.release_task(p_task_id uuid, p_lease_token uuid) returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_task queue.tasks := private.lock_leased_task(p_task_id, p_lease_token);
begin
    perform private.requeue_task(
        v_task, now(), (v_task.attempt - 1)::smallint, v_task.last_error
    );
end;
$$;
comment on function worker.release_task(uuid, uuid) is
    'Hands a task back untouched, as at a shutdown; the attempt does not count. PT409 when stale.';

create function private.reap_expired(p_limit integer) returns table (
    requeued integer,
    buried integer
)
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_expired record;
    v_task queue.tasks;
begin
    requeued := 0;
    buried := 0;
    for v_expired in
        select t.id, t.user_id
        from queue.tasks t
        where t.lease_expires_at < now()
        order by t.lease_expires_at
        limit p_limit
    loop
        -- A sub-transaction each: one task must not keep the others from coming back.
        begin
            perform private.lock_account(v_expired.user_id);
            select * into v_task
            from queue.tasks t
            where t.id = v_expired.id and t.lease_expires_at < now()
            for update skip locked;
            continue when not found;
            if v_task.attempt >= v_task.max_attempts then
                perform private.bury_task(
                    v_task, 'It stopped in the middle several times. Please try again later.'
                );
                buried := buried + 1;
            else
                perform private.requeue_task(v_task, now(), v_task.attempt, 'The lease expired.');
                requeued := requeued + 1;
            end if;
        exception
            when lock_not_available or deadlock_detected or serialization_failure then
                raise warning 'Task % is busy; it is reaped later.', v_expired.id;
            when others then
                raise warning 'Task % cannot come back: %', v_expired.id, sqlerrm;
                if v_task.id is not distinct from v_expired.id then
                    perform private.bury_broken_task(v_task);
                    buried := buried + 1;
                end if;
        end;
    end loop;
    return next;
end;
$$;
comment on function private.reap_expired(integer) is
    'Takes back tasks whose worker went silent: requeues, or after the last attempt buries them.';

create function worker.task_stats() returns table (
    kind text,
    ready bigint,
    leased bigint,
    scheduled bigint,
    oldest_ready_seconds numeric
)
language sql
stable
security definer
set search_path = ''
as $$
    select k.kind,
        count(*) filter (where t.lease_token is null and t.run_at <= now()),
        count(*) filter (where t.lease_token is not null),
        count(*) filter (where t.lease_token is null and t.run_at > now()),
        round(extract(epoch from now() - min(t.run_at) filter (
            where t.lease_token is null and t.run_at <= now()
        )), 3)
    from queue.task_kinds k
    left join queue.tasks t on t.kind = k.kind
    group by k.kind
    order by k.kind;
$$;
comment on function worker.task_stats() is
    'Per kind: tasks ready, leased and scheduled, and how long the oldest ready one has waited.';

grant execute on function
worker.claim_tasks(text, text[], integer, integer),
worker.extend_lease(uuid, uuid, integer),
worker.complete_task(uuid, uuid, jsonb),
worker.fail_task(uuid, uuid, text, boolean),
worker.release_task(uuid, uuid),
worker.task_stats()
to service_role;
