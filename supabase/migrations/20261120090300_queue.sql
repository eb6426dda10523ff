-- Room: queue
--
-- What lives here: tasks that wait or run (queue.tasks), tasks that are over (queue.finished) and
-- the moves between them: enqueue, claim, extend, complete, fail, release, reap. The other parts:
-- queue_worker_api, queue_requests and queue_maintenance.
-- Who may touch it: business functions of private enqueue; workers call schema worker with the
-- secret key. Nobody reads or writes the tables directly.
-- Each task kind has a function private.on_<kind>(task, event, data) that changes the product's own
-- rows in the same transaction: events started, retried, completed, failed, cancelled.
-- Tests: rlstests/test_queue.py

-- Tables --------------------------------------------------------------------------------------

create table queue.task_kinds (
    kind text primary key check (kind ~ '^[a-z][a-z0-9_]{1,39}$'),
    description text not null,
    priority smallint not null default 100,
    max_attempts smallint not null default 5 check (max_attempts between 1 and 25),
    backoff_seconds integer not null default 5 check (backoff_seconds between 1 and 3600)
);
comment on table queue.task_kinds is
    'What can be queued, and how patiently it is tried. private.on_<kind> handles its events.';
comment on column queue.task_kinds.priority is 'Lower runs first.';
comment on column queue.task_kinds.backoff_seconds is
    'Pause before the second attempt; it doubles with each further one, up to an hour.';

create table queue.tasks (
    id uuid primary key default gen_random_uuid(),
    kind text not null references queue.task_kinds (kind) on delete restrict,
    payload jsonb not null default '{}' check (
        jsonb_typeof(payload) = 'object' and octet_length(payload::text) <= 65536
    ),
    user_id uuid references public.profiles (id) on delete cascade,
    usage_event_id uuid,
    dedupe_key text unique check (char_length(dedupe_key) between 1 and 200),
    priority smallint not null,
    run_at timestamptz not null default now(),
    attempt smallint not null default 0,
    max_attempts smallint not null,
    lease_token uuid,
    lease_expires_at timestamptz,
    locked_by text,
    last_error text,
    created_at timestamptz not null default now(),
    constraint tasks_lease_check check ((lease_token is null) = (lease_expires_at is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
comment on table queue.tasks is 'Tasks that wait (no lease) or run (leased).';
comment on column queue.tasks.usage_event_id is 'The reserved use that the end of the task closes.';
comment on column queue.tasks.dedupe_key is
    'Unique while the task lives: a second one is not queued.';
comment on column queue.tasks.lease_token is 'Proof of the right to finish this attempt.';
create index tasks_ready_idx on queue.tasks (priority, run_at, id) where lease_token is null;
create index tasks_lease_expires_at_idx on queue.tasks (lease_expires_at)
where lease_token is not null;
create index tasks_user_id_idx on queue.tasks (user_id);
create index tasks_kind_idx on queue.tasks (kind);

create table queue.finished (
    id uuid not null,
    kind text not null,
    outcome text not null check (outcome in ('done', 'dead', 'cancelled')),
    payload jsonb not null,
    user_id uuid references public.profiles (id) on delete cascade,
    usage_event_id uuid,
    attempt smallint not null,
    worker text,
    error text,
    created_at timestamptz not null,
    finished_at timestamptz not null default now(),
    primary key (id, finished_at)
) partition by range (finished_at);
comment on table queue.finished is 'History: tasks that were done, died, or were cancelled.';
create index finished_user_id_idx on queue.finished (user_id);
create index finished_kind_finished_at_idx on queue.finished (kind, finished_at desc);

create table private.finished_default partition of queue.finished default;

select private.close_table('queue.task_kinds');
select private.close_table('queue.tasks');
select private.close_table('queue.finished');
select private.close_table('private.finished_default');

select private.ensure_month_partition('queue.finished', 'finished_at', current_date);

-- Inside the database ---------------------------------------------------------------------------

create function private.enqueue_task(
    p_kind text,
    p_payload jsonb,
    p_user_id uuid,
    p_usage_event_id uuid,
    p_dedupe_key text default null,
    p_run_at timestamptz default now()
) returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_id uuid;
begin
    if not exists (select 1 from queue.task_kinds k where k.kind = p_kind) then
        raise exception 'There is no task kind %.', p_kind;
    end if;
    insert into queue.tasks
    (kind, payload, user_id, usage_event_id, dedupe_key, run_at, priority, max_attempts)
    select k.kind, p_payload, p_user_id, p_usage_event_id, p_dedupe_key, p_run_at,
        k.priority, k.max_attempts
    from queue.task_kinds k
    where k.kind = p_kind
    on conflict (dedupe_key) do nothing
    returning id into v_id;
    return v_id;
end;
$$;
comment on function private.enqueue_task(text, jsonb, uuid, uuid, text, timestamptz) is
    'Queues a task and returns its id; null when a live task has the same dedupe key.';

create function private.tell_task_event(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    execute format('select private.%I($1, $2, $3)', 'on_' || p_task.kind)
    using p_task, p_event, p_data;
end;
$$;
comment on function private.tell_task_event(queue.tasks, text, jsonb) is
    'Calls private.on_<kind>, so that the product''s rows move in the transaction of the task.';

create function private.archive_task(p_task queue.tasks, p_outcome text, p_error text) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    insert into queue.finished
    (id, kind, outcome, payload, user_id, usage_event_id, attempt, worker, error, created_at)
    values (
        p_task.id, p_task.kind, p_outcome, p_task.payload, p_task.user_id, p_task.usage_event_id,
        p_task.attempt, p_task.locked_by, p_error, p_task.created_at
    );
    delete from queue.tasks t where t.id = p_task.id;
end;
$$;
comment on function private.archive_task(queue.tasks, text, text) is
    'Moves a task to the history.';

create function private.bury_task(p_task queue.tasks, p_error text) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.tell_task_event(p_task, 'failed', jsonb_build_object('error', p_error));
    perform private.release_usage(p_task.usage_event_id);
    perform private.archive_task(p_task, 'dead', p_error);
end;
$$;
comment on function private.bury_task(queue.tasks, text) is
    'Ends a task without a result: its rows say why and its use is given back.';

create function private.bury_broken_task(p_task queue.tasks) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_error text := 'Something went wrong on our side. Please try again later.';
begin
    begin
        perform private.bury_task(p_task, v_error);
        return;
    exception when others then
        raise warning 'Task % cannot tell that it failed: %', p_task.id, sqlerrm;
    end;
    begin
        perform private.release_usage(p_task.usage_event_id);
    exception when others then
        -- It stays reserved, and the job reservations tries again.
        raise warning 'Task % cannot give its use back: %', p_task.id, sqlerrm;
    end;
    perform private.archive_task(p_task, 'dead', v_error);
end;
$$;
comment on function private.bury_broken_task(queue.tasks) is
    'Ends a task whose end raises: it leaves the queue, and gives its use back if that works.';

create function private.requeue_task(
    p_task queue.tasks,
    p_run_at timestamptz,
    p_attempt smallint,
    p_error text
) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    update queue.tasks t
    set lease_token = null, lease_expires_at = null, locked_by = null,
        run_at = p_run_at, attempt = p_attempt, last_error = p_error
    where t.id = p_task.id;
    perform private.tell_task_event(p_task, 'retried', null);
end;
$$;
comment on function private.requeue_task(queue.tasks, timestamptz, smallint, text) is
    'Puts a leased task back into the queue.';

create function private.lock_leased_task(p_task_id uuid, p_lease_token uuid) returns queue.tasks
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_task queue.tasks;
begin
    perform private.lock_account(t.user_id) from queue.tasks t where t.id = p_task_id;
    select * into v_task
    from queue.tasks t
    where t.id = p_task_id and t.lease_token = p_lease_token
    for update;
    if not found then
        raise sqlstate 'PT409' using
            message = format('Task %s is not leased with this token.', p_task_id),
            hint = 'The lease ran out, or the task is over. Drop the result and claim again.';
    end if;
    return v_task;
end;
$$;
comment on function private.lock_leased_task(uuid, uuid) is
    'The task of this lease, locked. PT409 when the lease is no longer valid.';
