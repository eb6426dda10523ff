-- Room: billing, part inbox: how events come in, and how a worker gets at them.
--
-- What lives here: record_webhook_events, which stores events and queues a task for each in one
-- transaction, so that whatever was answered with 200 is going to be applied; webhook_event.
-- Who may touch it: the HTTP service records, workers read the event of their task.
-- Tests: rlstests/test_billing_inbox.py

insert into queue.task_kinds (kind, description, priority, max_attempts, backoff_seconds)
values ('webhook', 'Apply what a payment provider told us.', 20, 20, 5)
on conflict (kind) do nothing;

create type private.inbox_event as (
    provider text,
    event_id text,
    body_sha256 text,
    type text,
    payload jsonb,
    occurred_at timestamptz
);
comment on type private.inbox_event is 'An event as the HTTP service sends it, its body checked.';

create function private.read_inbox_event(p_event jsonb) returns private.inbox_event
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_event private.inbox_event;
begin
    -- Numbers first: to write out some of them, if only in a message, takes gigabytes.
    if jsonb_typeof(p_event) = 'object' and private.has_short_numbers(p_event) then
        v_event := jsonb_populate_record(null::private.inbox_event, p_event);
    end if;
    if (
        v_event.provider in ('razorpay', 'stripe')
        and coalesce(char_length(v_event.event_id) between 1 and 255, true)
        and v_event.body_sha256 ~ '^[0-9a-f]{64}$'
        and char_length(v_event.type) between 1 and 100
        and jsonb_typeof(v_event.payload) = 'object'
        and octet_length(v_event.payload::text) <= 1048576
        and isfinite(v_event.occurred_at)
    ) is true then
        return v_event;
    end if;
    return null;
exception
    when data_exception then
        return null;
end;
$$;
comment on function private.read_inbox_event(jsonb) is
    'The event, or null when it is none that could be stored.';

create function private.read_inbox_events(p_events jsonb) returns setof private.inbox_event
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_event private.inbox_event;
begin
    if jsonb_typeof(p_events) is distinct from 'array' or jsonb_array_length(p_events) > 500 then
        raise sqlstate 'PT422' using
            message = 'p_events is no array of at most 500 events.',
            hint = 'Send fewer at a time.';
    end if;
    for v_index in 0 .. jsonb_array_length(p_events) - 1 loop
        v_event := private.read_inbox_event(p_events -> v_index);
        if v_event.provider is null then
            raise sqlstate 'PT422' using
                message = format('Event %s cannot be stored.', v_index),
                detail = jsonb_build_object('index', v_index)::text,
                hint = 'Send the others without it; none of them was stored.';
        end if;
        return next v_event;
    end loop;
end;
$$;
comment on function private.read_inbox_events(jsonb) is
    'Reads a batch. PT422 with detail {index} for the first event that cannot be stored.';

create function private.store_webhook_events(p_events private.inbox_event[]) returns uuid[]
language sql
volatile
set search_path = ''
as $$
    with added as (
        insert into private.webhook_events
        (provider, event_id, body_sha256, type, payload, occurred_at, next_attempt_at)
        select e.provider, e.event_id, decode(e.body_sha256, 'hex'), e.type, e.payload,
            -- Its task does it now. By then maintenance looks whether there is one at all.
            e.occurred_at, now() + interval '5 minutes'
        from unnest(p_events) as e
        -- Two batches meet in one order. Stripe's id is inside the body, which may come again with
        -- other facts beside it; Razorpay's is not, and whoever repeats a body may change it.
        order by e.provider, case e.provider when 'stripe' then e.event_id end, e.body_sha256
        on conflict do nothing
        returning id
    )

    select coalesce(array_agg(a.id), '{}') from added a;
$$;
comment on function private.store_webhook_events(private.inbox_event[]) is
    'Stores the events whose id and whose body are both new; returns what it made of them.';

create function private.store_under_used_ids(p_events private.inbox_event[]) returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_event private.inbox_event;
    v_added uuid[] := '{}'::uuid[];
    v_id uuid[];
begin
    foreach v_event in array p_events loop
        -- Its id is not signed: whoever saw one could send it first and keep the true event out.
        if v_event.provider = 'razorpay' and v_event.event_id is not null and not exists (
            select 1
            from private.webhook_events w
            where w.provider = v_event.provider
                and w.body_sha256 = decode(v_event.body_sha256, 'hex')
        ) then
            perform private.record_event(
                'webhook.id_reused',
                jsonb_build_object('provider', v_event.provider, 'event_id', v_event.event_id),
                p_severity => 'warning'
            );
            v_event.event_id := null;
            v_id := private.store_webhook_events(array[v_event]);
            v_added := v_added || v_id;
        end if;
    end loop;
    return v_added;
end;
$$;
comment on function private.store_under_used_ids(private.inbox_event[]) is
    'Stores, without an id, bodies of Razorpay that are new although their id is not.';

create function private.store_new_webhook_events(p_events private.inbox_event[]) returns uuid[]
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_added uuid[] := private.store_webhook_events(p_events);
begin
    if cardinality(v_added) < cardinality(p_events) then
        v_added := v_added || private.store_under_used_ids(p_events);
    end if;
    return v_added;
end;
$$;
comment on function private.store_new_webhook_events(private.inbox_event[]) is
    'Stores the events that are new; returns what it made of them.';

create function worker.record_webhook_events(p_events jsonb) returns table (
    event_index integer,
    webhook_event_id uuid,
    is_new boolean
)
language plpgsql
volatile
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    v_events private.inbox_event[] := array(select e from private.read_inbox_events(p_events) as e);
    v_added uuid[];
    -- As when a provider sends what it kept back for hours: users do not wait for all of it.
    v_is_flood boolean := exists (
        select 1
        from queue.tasks t
        where t.kind = 'webhook' and t.lease_token is null
        offset 1000
    );
begin
    begin
        perform pg_advisory_xact_lock_shared(hashtext('resumebase.webhook_events'));
        v_added := private.store_new_webhook_events(v_events);
    exception when deadlock_detected then
        -- Bodies that were captured and sent again under each other's ids. Undone, this one waits
        -- until those that are under way are through, and is alone then.
        perform pg_advisory_xact_lock(hashtext('resumebase.webhook_events'));
        v_added := private.store_new_webhook_events(v_events);
    end;
    perform private.enqueue_task(
        'webhook', jsonb_build_object('webhook_event_id', a.id), null, null, 'webhook:' || a.id
    )
    from unnest(v_added) as a (id);
    if v_is_flood then
        update queue.tasks t
        set priority = 120
        where t.dedupe_key = any(array(select 'webhook:' || a.id from unnest(v_added) as a (id)));
    end if;
    return query
    select (e.position - 1)::integer, w.id,
        w.id = any(v_added)
        and row_number() over (partition by w.id order by e.position) = 1
    from unnest(v_events) with ordinality
        as e (provider, event_id, body_sha256, type, payload, occurred_at, position)
    -- Two look-ups and no OR: a plan that was made while the inbox was small would go through all
    -- of it for each event. The body first: one that came without its id has a row of its own.
    cross join lateral (
        select coalesce(
            (
                select k.id
                from private.webhook_events k
                where k.provider = e.provider and k.body_sha256 = decode(e.body_sha256, 'hex')
            ),
            (
                select k.id
                from private.webhook_events k
                where k.provider = e.provider and k.event_id = e.event_id
            )
        ) as id
    ) w
    order by e.position;
end;
$$;
comment on function worker.record_webhook_events(jsonb) is
    'Stores up to 500 events, [{provider, event_id, body_sha256, type, payload, occurred_at}], and
queues a task for each that is new: by its id at the provider and by its body. Returns for each what
it became; is_new is false for one that was there. PT422 with detail {index} names an event that
cannot be stored; then none is. With a thousand waiting, more come after what users wait for.';

create function worker.webhook_event(p_task_id uuid, p_lease_token uuid) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_task queue.tasks := private.lock_leased_task(p_task_id, p_lease_token);
    v_id uuid := (v_task.payload ->> 'webhook_event_id')::uuid;
    v_event jsonb;
begin
    select jsonb_build_object(
        'id', w.id, 'provider', w.provider, 'type', w.type, 'payload', w.payload,
        'occurred_at', w.occurred_at, 'received_at', w.received_at, 'attempts', w.attempts
    ) into v_event
    from private.webhook_events w
    where w.id = v_id;
    if v_event is null then
        perform private.raise_not_found('webhook event', v_id);
    end if;
    return v_event;
end;
$$;
comment on function worker.webhook_event(uuid, uuid) is
    'The event of a task: {id, provider, type, payload, occurred_at, received_at, attempts}.
PT409 for a stale lease, PT404 for an event that is gone.';

grant execute on function
worker.record_webhook_events(jsonb),
worker.webhook_event(uuid, uuid)
to service_role;
