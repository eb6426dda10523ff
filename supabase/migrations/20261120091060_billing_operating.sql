-- Room: billing, operating: what operators see of the webhooks, and trying them again.
--
-- What lives here: the inbox as a list, one event with its payload, replaying events, and whether
-- the inbox is well. The other part: billing_operating_subscriptions.
-- Who may touch it: admins call public.*; operators, as postgres, the same. Opening a payload and
-- replaying leave an event.
-- Tests: rlstests/test_billing_operating.py

-- Looking ---------------------------------------------------------------------------------------

create function private.report_webhook_events(
    p_provider text,
    p_status text,
    p_type text,
    p_account_id uuid,
    p_limit integer
) returns table (
    id uuid,
    provider text,
    event_id text,
    type text,
    status text,
    is_parked boolean,
    attempts smallint,
    error text,
    user_id uuid,
    occurred_at timestamptz,
    received_at timestamptz,
    next_attempt_at timestamptz,
    closed_at timestamptz
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform private.require_admin();
    if p_provider not in ('razorpay', 'stripe') then
        raise sqlstate 'PT400' using
            message = format('There is no provider %s.', left(p_provider, 40)),
            hint = 'Send razorpay, stripe, or nothing for both.';
    end if;
    if p_status not in ('received', 'parked', 'processed', 'ignored', 'failed') then
        raise sqlstate 'PT400' using
            message = format('There is no status %s.', left(p_status, 40)),
            hint = 'Send received, parked, processed, ignored, failed, or nothing for all.';
    end if;
    return query
    select e.id, e.provider, e.event_id, e.type, e.status,
        e.parked_at is not null, e.attempts, e.error, e.user_id, e.occurred_at, e.received_at,
        case when e.parked_at is not null then e.next_attempt_at end, e.closed_at
    from private.webhook_events e
    where (p_provider is null or e.provider = p_provider)
        and case p_status
            when 'parked' then e.parked_at is not null
            else e.status = coalesce(p_status, e.status)
        end
        and (p_type is null or e.type = p_type)
        and (p_account_id is null or e.user_id = p_account_id)
    order by e.received_at desc, e.id
    limit least(greatest(coalesce(p_limit, 0), 1), 500);
end;
$$;
comment on function private.report_webhook_events(text, text, text, uuid, integer) is
    'The latest webhook events; see public.report_webhook_events.';
grant execute on function private.report_webhook_events(text, text, text, uuid, integer)
to authenticated;

create function public.report_webhook_events(
    p_provider text default null,
    p_status text default null,
    p_type text default null,
    p_account_id uuid default null,
    p_limit integer default 50
) returns table (
    id uuid,
    provider text,
    event_id text,
    type text,
    status text,
    is_parked boolean,
    attempts smallint,
    error text,
    user_id uuid,
    occurred_at timestamptz,
    received_at timestamptz,
    next_attempt_at timestamptz,
    closed_at timestamptz
)
language sql
stable
set search_path = ''
as $$
    select *
    from private.report_webhook_events(p_provider, p_status, p_type, p_account_id, p_limit);
$$;
comment on function public.report_webhook_events(text, text, text, uuid, integer) is
    'For admins: the latest webhook events, up to 500, without their payloads.
p_status is received, parked (received, and waiting for what it needs), processed, ignored or
failed. PT403 for anybody else, PT400 for no provider or no status.';
grant execute on function public.report_webhook_events(text, text, text, uuid, integer)
to authenticated;

create function private.raise_no_webhook_event(p_id uuid) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    raise sqlstate 'PT404' using
        message = format('There is no webhook event %s.', coalesce(p_id::text, 'without an id')),
        hint = 'report_webhook_events lists them. Those that are over go after their retention.';
end;
$$;
comment on function private.raise_no_webhook_event(uuid) is 'PT404 for an unknown event.';

create function private.report_webhook_event(p_id uuid) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_event private.webhook_events;
begin
    perform private.require_admin();
    select * into v_event from private.webhook_events e where e.id = p_id;
    if not found then
        perform private.raise_no_webhook_event(p_id);
    end if;
    -- A payload has names and addresses in it.
    perform private.record_event(
        'webhook.opened', jsonb_build_object('webhook_event_id', p_id), auth.uid(), 'info'
    );
    return to_jsonb(v_event) || jsonb_build_object(
        'body_sha256', encode(v_event.body_sha256, 'hex'),
        'is_parked', v_event.parked_at is not null,
        'live_task', (
            select jsonb_build_object(
                'id', t.id, 'attempt', t.attempt, 'run_at', t.run_at,
                'is_running', t.lease_token is not null, 'last_error', t.last_error
            )
            from queue.tasks t
            where t.kind = 'webhook' and t.payload ->> 'webhook_event_id' = p_id::text
            order by t.run_at
            limit 1
        )
    );
end;
$$;
comment on function private.report_webhook_event(uuid) is
    'One webhook event with its payload; see public.report_webhook_event.';
grant execute on function private.report_webhook_event(uuid) to authenticated;

create function public.report_webhook_event(p_id uuid) returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.report_webhook_event(p_id);
$$;
comment on function public.report_webhook_event(uuid) is
    'For admins: one webhook event, all of it: payload, hash of its body, and its live task.
Leaves the event webhook.opened. PT403 for anybody else, PT404 for an unknown id.';
grant execute on function public.report_webhook_event(uuid) to authenticated;

create function private.report_webhook_stats(p_days integer) returns table (
    provider text,
    waiting bigint,
    parked bigint,
    processed bigint,
    ignored bigint,
    failed bigint,
    oldest_waiting_at timestamptz,
    last_received_at timestamptz,
    lag_median interval,
    lag_max interval,
    failures jsonb
)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_from timestamptz;
begin
    perform private.require_admin();
    v_from := private.require_days(p_days);
    return query
    with recent as (
        -- What waits counts however old it is.
        select e.*
        from private.webhook_events e
        where e.received_at >= v_from or e.status = 'received'
    ),

    failed_types as (
        select f.provider, jsonb_object_agg(f.type, f.events order by f.type) as failures
        from (
            select r.provider, r.type, count(*) as events
            from recent r
            where r.status = 'failed'
            group by r.provider, r.type
        ) f
        group by f.provider
    )

    select p.provider,
        count(r.id) filter (where r.status = 'received' and r.parked_at is null),
        count(r.id) filter (where r.parked_at is not null),
        count(r.id) filter (where r.status = 'processed'),
        count(r.id) filter (where r.status = 'ignored'),
        count(r.id) filter (where r.status = 'failed'),
        min(r.received_at) filter (where r.status = 'received'),
        max(r.received_at),
        percentile_cont(0.5) within group (order by r.closed_at - r.received_at)
            filter (where r.status in ('processed', 'ignored')),
        max(r.closed_at - r.received_at) filter (where r.status in ('processed', 'ignored')),
        coalesce((select t.failures from failed_types t where t.provider = p.provider), '{}')
    from (values ('razorpay'), ('stripe')) as p (provider)
    left join recent r on r.provider = p.provider
    group by p.provider
    order by p.provider;
end;
$$;
comment on function private.report_webhook_stats(integer) is
    'How the inbox is doing; see public.report_webhook_stats.';
grant execute on function private.report_webhook_stats(integer) to authenticated;

create function public.report_webhook_stats(p_days integer default 7) returns table (
    provider text,
    waiting bigint,
    parked bigint,
    processed bigint,
    ignored bigint,
    failed bigint,
    oldest_waiting_at timestamptz,
    last_received_at timestamptz,
    lag_median interval,
    lag_max interval,
    failures jsonb
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_webhook_stats(p_days);
$$;
comment on function public.report_webhook_stats(integer) is
    'For admins: the inbox by provider: events of the last days by status, everything that waits or
is parked, since when the oldest of these does, how long events took from arrival to end, and how
many failed by type: {type: count}. PT403 for anybody else, PT400 unless 1 to 366 days.';
grant execute on function public.report_webhook_stats(integer) to authenticated;

-- Trying again ----------------------------------------------------------------------------------

create function private.replay_by_admin(p_event private.webhook_events) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    update private.webhook_events e
    -- As when it came: by then maintenance looks whether there is a task at all.
    set status = 'received', error = null, closed_at = null, parked_at = null, waits_for = null,
        next_attempt_at = now() + interval '5 minutes'
    where e.id = p_event.id;
    perform private.enqueue_task(
        'webhook', jsonb_build_object('webhook_event_id', p_event.id), null, null,
        'webhook:' || p_event.id
    );
    perform private.record_event(
        'webhook.replayed',
        jsonb_build_object('webhook_event_id', p_event.id, 'status', p_event.status),
        auth.uid(), 'info'
    );
end;
$$;
comment on function private.replay_by_admin(private.webhook_events) is
    'Has an event applied once more, and remembers who wanted it. One that is in the queue already
stays there once.';

create function private.admin_replay_webhook_event(p_id uuid) returns text
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_event private.webhook_events;
begin
    perform private.require_admin();
    perform private.lock_account(e.user_id) from private.webhook_events e where e.id = p_id;
    select * into v_event
    from private.webhook_events e
    where e.id = p_id
    for no key update;
    if not found then
        perform private.raise_no_webhook_event(p_id);
    end if;
    if v_event.payload = '{}' then
        raise sqlstate 'PT409' using
            message = format('The payload of webhook event %s was forgotten.', p_id),
            hint = 'The account that it was about is gone.';
    end if;
    perform private.replay_by_admin(v_event);
    return v_event.status;
end;
$$;
comment on function private.admin_replay_webhook_event(uuid) is
    'Tries an event again; see public.admin_replay_webhook_event.';
grant execute on function private.admin_replay_webhook_event(uuid) to authenticated;

create function public.admin_replay_webhook_event(p_id uuid) returns text
language sql
volatile
set search_path = ''
as $$
    select private.admin_replay_webhook_event(p_id);
$$;
comment on function public.admin_replay_webhook_event(uuid) is
    'For admins: has a webhook event applied again, and returns the status that it had.
That is safe for any event: what is known already changes nothing. PT403 for anybody else, PT404
for an unknown id, PT409 for one whose payload was forgotten.';
grant execute on function public.admin_replay_webhook_event(uuid) to authenticated;

create function private.admin_replay_failed_webhook_events(
    p_provider text,
    p_failed_before timestamptz
) returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_ids uuid[];
    v_event private.webhook_events;
    v_replayed integer := 0;
begin
    perform private.require_admin();
    select array_agg(f.id) into v_ids
    from (
        select e.id
        from private.webhook_events e
        where e.status = 'failed' and e.payload <> '{}'
            and (p_provider is null or e.provider = p_provider)
            and e.closed_at < coalesce(p_failed_before, 'infinity')
        order by e.occurred_at, e.id
        limit 500
    ) f;
    perform private.lock_account(a.user_id)
    from (
        select distinct e.user_id
        from private.webhook_events e
        where e.id = any(v_ids)
        order by e.user_id
    ) a;
    for v_event in
        select *
        from private.webhook_events e
        where e.id = any(v_ids) and e.status = 'failed'
        order by e.occurred_at, e.id
        for no key update
    loop
        perform private.replay_by_admin(v_event);
        v_replayed := v_replayed + 1;
    end loop;
    return v_replayed;
end;
$$;
comment on function private.admin_replay_failed_webhook_events(text, timestamptz) is
    'Tries failed events again; see public.admin_replay_failed_webhook_events.';
grant execute on function private.admin_replay_failed_webhook_events(text, timestamptz)
to authenticated;

create function public.admin_replay_failed_webhook_events(
    p_provider text default null,
    p_failed_before timestamptz default null
) returns integer
language sql
volatile
set search_path = ''
as $$
    select private.admin_replay_failed_webhook_events(p_provider, p_failed_before);
$$;
comment on function public.admin_replay_failed_webhook_events(text, timestamptz) is
    'For admins: has failed webhook events applied again, those that happened first first, 500 a
call, and returns how many. With p_failed_before, only those that failed before it: who calls until
none are left does not meet those that failed again. PT403 for anybody else.';
grant execute on function public.admin_replay_failed_webhook_events(text, timestamptz)
to authenticated;
