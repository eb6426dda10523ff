-- Room: metering, second half: reserve, settle, release, and what a client may ask.
--
-- What lives here: the only functions that write usage.
-- Who may touch it: business functions of private call reserve_usage, settle_usage and
-- release_usage; clients call my_usage.
-- Tests: rlstests/test_metering.py

create function private.period_key(p_period text, p_at timestamptz) returns text
language sql
stable
set search_path = ''
as $$
    select case p_period
        when 'day' then to_char(p_at at time zone 'UTC', 'YYYY-MM-DD')
        when 'month' then to_char(p_at at time zone 'UTC', 'YYYY-MM')
        when 'lifetime' then 'lifetime'
    end;
$$;
comment on function private.period_key(text, timestamptz) is
    'The key of the UTC day or month that holds p_at; periods are half-open.';
grant execute on function private.period_key(text, timestamptz) to authenticated;

create function private.raise_limit_reached(
    p_operation text,
    p_limit public.plan_limits,
    p_used integer
) returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    raise sqlstate 'PT402' using
        message = format(
            'The plan %s allows %s %s in this %s and %s are used.',
            p_limit.plan_code, p_limit.max_uses, p_limit.meter,
            case p_limit.period when 'lifetime' then 'account' else p_limit.period end, p_used
        ),
        detail = jsonb_build_object(
            'meter', p_limit.meter,
            'limit', p_limit.max_uses,
            'used', p_used,
            'period', p_limit.period,
            'token_cost', (select o.token_cost from public.operations o where o.code = p_operation),
            'balance', 0
        )::text,
        hint = 'Choose a larger plan, or wait for the next period where there is one.';
end;
$$;
comment on function private.raise_limit_reached(text, public.plan_limits, integer) is
    'PT402 with detail {meter, limit, used, period, token_cost, balance}.';

create function private.raise_counters(
    p_user_id uuid,
    p_operation text,
    p_at timestamptz
) returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_limit public.plan_limits;
    v_key text;
    v_used integer;
    v_charges jsonb := '[]'::jsonb;
begin
    -- Always in the order of meter and period, so that two requests never wait for each other.
    for v_limit in
        select l.*
        from public.profiles p
        inner join public.operations o on o.code = p_operation and o.is_active
        inner join public.plan_limits l
            on l.plan_code = p.subscription_tier and l.meter = any(o.meters)
        where p.id = p_user_id
        order by l.meter, l.period
    loop
        v_key := private.period_key(v_limit.period, p_at);
        v_used := null;
        -- The condition is checked on the locked row: one statement decides who gets the last use.
        insert into public.usage_counters as c (user_id, meter, period_type, period_key, used)
        values (p_user_id, v_limit.meter, v_limit.period, v_key, 1)
        on conflict (user_id, meter, period_type, period_key) do update
            set used = c.used + 1, updated_at = p_at
            where v_limit.max_uses is null or c.used < v_limit.max_uses
        returning c.used into v_used;

        if v_used is null or v_used > v_limit.max_uses then
            select coalesce(max(c.used), 0) into v_used
            from public.usage_counters c
            where c.user_id = p_user_id and c.meter = v_limit.meter
                and c.period_type = v_limit.period and c.period_key = v_key;
            perform private.raise_limit_reached(
                p_operation, v_limit, least(v_used, v_limit.max_uses)
            );
        end if;
        v_charges := v_charges || jsonb_build_object(
            'meter', v_limit.meter, 'period_type', v_limit.period, 'period_key', v_key
        );
    end loop;
    return v_charges;
end;
$$;
comment on function private.raise_counters(uuid, text, timestamptz) is
    'Counts one use on every limit that applies, or raises PT402. Returns the counters it raised.';

create function private.remember_request(
    p_user_id uuid,
    p_operation text,
    p_idempotency_key text,
    p_payload jsonb,
    p_usage_event_id uuid
) returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_hash bytea := sha256(convert_to(p_payload::text, 'UTF8'));
    v_seen private.idempotency_keys;
begin
    if p_idempotency_key is null then
        return p_usage_event_id;
    end if;
    if char_length(p_idempotency_key) not between 1 and 200 then
        raise sqlstate 'PT400' using
            message = 'The idempotency key must have 1 to 200 characters.',
            hint = 'Send a UUID that you make once per user action.';
    end if;

    -- A second request with this key waits here until the first one is over.
    insert into private.idempotency_keys
    (user_id, operation, idempotency_key, payload_sha256, usage_event_id)
    values (p_user_id, p_operation, p_idempotency_key, v_hash, p_usage_event_id)
    on conflict do nothing;
    if found then
        return p_usage_event_id;
    end if;

    select * into strict v_seen
    from private.idempotency_keys k
    where k.user_id = p_user_id and k.operation = p_operation
        and k.idempotency_key = p_idempotency_key;
    if v_seen.payload_sha256 is distinct from v_hash then
        raise sqlstate 'PT409' using
            message = format(
                'The idempotency key %s was used for another %s request.',
                p_idempotency_key, p_operation
            ),
            hint = 'Make a new key for a new request; reuse one only to repeat it.';
    end if;
    return v_seen.usage_event_id;
end;
$$;
comment on function private.remember_request(uuid, text, text, jsonb, uuid) is
    'Remembers which use a key stands for, and returns that use: the given one when the key is new.
PT409 when the key came with another payload, PT400 for a key that is empty or too long.';

create type private.reservation as (usage_event_id uuid, is_replay boolean);
comment on type private.reservation is
    'A reserved use. is_replay: the same key was seen before and nothing was counted again.';

create function private.reserve_usage(
    p_user_id uuid,
    p_operation text,
    p_idempotency_key text,
    p_payload jsonb
) returns private.reservation
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_now timestamptz := now();
    v_id uuid := gen_random_uuid();
    v_known_id uuid;
    v_charges jsonb;
begin
    v_known_id := private.remember_request(
        p_user_id, p_operation, p_idempotency_key, p_payload, v_id
    );
    if v_known_id is distinct from v_id then
        return (v_known_id, true)::private.reservation;
    end if;

    v_charges := private.raise_counters(p_user_id, p_operation, v_now);
    if v_charges = '[]' then
        raise sqlstate 'PT402' using
            message = format('Your plan does not include %s.', p_operation),
            detail = jsonb_build_object(
                'meter', null, 'limit', 0, 'used', 0, 'period', null,
                'token_cost', null, 'balance', 0
            )::text,
            hint = 'Choose a plan that includes it.';
    end if;

    insert into public.usage_events
    (id, user_id, operation, period_type, period_key, charges, created_at)
    values (
        v_id, p_user_id, p_operation, v_charges -> 0 ->> 'period_type',
        v_charges -> 0 ->> 'period_key', v_charges, v_now
    );
    return (v_id, false)::private.reservation;
end;
$$;
comment on function private.reserve_usage(uuid, text, text, jsonb) is
    'Counts one use of an operation before the work starts.
PT402 when a limit is reached or the plan does not include it; PT409 and PT400 for a bad key. The
same key and payload again return the first reservation.';

create function private.settle_usage(p_usage_event_id uuid) returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
    update public.usage_events
    set state = 'settled', closed_at = now()
    where id = p_usage_event_id and state = 'reserved';
    return found;
end;
$$;
comment on function private.settle_usage(uuid) is
    'The work is done: the use stays counted. False when it was closed before.';

create function private.release_usage(p_usage_event_id uuid) returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_event public.usage_events;
    v_charge record;
begin
    update public.usage_events
    set state = 'released', closed_at = now()
    where id = p_usage_event_id and state = 'reserved'
    returning * into v_event;
    if not found then
        return false;
    end if;
    for v_charge in
        select c.meter, c.period_type, c.period_key
        from jsonb_to_recordset(v_event.charges)
            as c (meter text, period_type text, period_key text)
        order by c.meter, c.period_type
    loop
        update public.usage_counters c
        -- An operator may have set the counter back meanwhile.
        set used = greatest(c.used - 1, 0), updated_at = now()
        where c.user_id = v_event.user_id and c.meter = v_charge.meter
            and c.period_type = v_charge.period_type and c.period_key = v_charge.period_key;
    end loop;
    return true;
end;
$$;
comment on function private.release_usage(uuid) is
    'The work came to nothing: its counters go back, once. False when it was closed before.';

-- What a client may ask -------------------------------------------------------------------------

create function public.my_usage() returns table (
    meter text,
    period text,
    period_key text,
    used integer,
    max_uses integer,
    remaining integer
)
language sql
stable
set search_path = ''
as $$
    select l.meter, l.period, k.period_key, coalesce(c.used, 0), l.max_uses,
        -- greatest passes over a null, and this one has a meaning.
        case when l.max_uses is not null then greatest(l.max_uses - coalesce(c.used, 0), 0) end
    from public.profiles p
    inner join public.plan_limits l on l.plan_code = p.subscription_tier
    cross join lateral (select private.period_key(l.period, now()) as period_key) k
    left join public.usage_counters c
        on c.user_id = p.id and c.meter = l.meter
        and c.period_type = l.period and c.period_key = k.period_key
    where p.id = (select auth.uid())
    order by l.meter, l.period;
$$;
comment on function public.my_usage() is
    'Your allowance: each limit of your plan, how much of it is used, and what remains.
Null max_uses and remaining mean unlimited.';
grant execute on function public.my_usage() to authenticated;

-- Partitions ------------------------------------------------------------------------------------

select private.ensure_month_partition('public.usage_events', 'created_at', current_date);
