-- Room: metering, uses: reserve, settle, release.
--
-- What lives here: the only functions that write usage. A use counts on every limit that applies;
-- where the plan allows no more, tokens pay for it; else it is refused with PT402.
-- Locks are taken in one order: the account, the idempotency key, the counters by meter and period,
-- the token balance.
-- Who may touch it: business functions of private call reserve_usage, settle_usage and
-- release_usage.
-- Tests: rlstests/test_metering.py, rlstests/test_metering_tokens_drawn.py

-- Counters --------------------------------------------------------------------------------------

create function private.lower_counters(p_user_id uuid, p_charges jsonb, p_at timestamptz)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_charge record;
begin
    for v_charge in
        select c.meter, c.period_type, c.period_key
        from jsonb_to_recordset(p_charges) as c (meter text, period_type text, period_key text)
        order by c.meter, c.period_type
    loop
        update public.usage_counters c
        -- An operator may have set the counter back meanwhile.
        set used = greatest(c.used - 1, 0), updated_at = p_at
        where c.user_id = p_user_id and c.meter = v_charge.meter
            and c.period_type = v_charge.period_type and c.period_key = v_charge.period_key;
    end loop;
end;
$$;
comment on function private.lower_counters(uuid, jsonb, timestamptz) is
    'Takes one use back from the counters that it raised.';

create function private.raise_counters(
    p_user_id uuid,
    p_meters text[],
    p_at timestamptz,
    out charges jsonb,
    out refusal jsonb
)
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_limit record;
    v_key text;
    v_used integer;
begin
    charges := '[]';
    -- Always in the order of meter and period, so that two requests never wait for each other.
    for v_limit in
        select l.meter, l.period, l.max_uses
        from private.effective_limits(p_user_id, p_meters) l
        order by l.meter, l.period
    loop
        v_key := private.period_key(v_limit.period, p_at);
        v_used := null;
        if v_limit.max_uses is distinct from 0 then
            -- The condition is checked on the locked row: one statement decides who gets the last
            -- use.
            insert into public.usage_counters as c
            (user_id, meter, period_type, period_key, used, updated_at)
            values (p_user_id, v_limit.meter, v_limit.period, v_key, 1, p_at)
            on conflict (user_id, meter, period_type, period_key) do update
                set used = c.used + 1, updated_at = p_at
                where v_limit.max_uses is null or c.used < v_limit.max_uses
            returning c.used into v_used;
        end if;
        if v_used is null then
            select jsonb_build_object(
                'meter', v_limit.meter, 'limit', v_limit.max_uses,
                'used', coalesce(max(c.used), 0), 'period', v_limit.period
            ) into refusal
            from public.usage_counters c
            where c.user_id = p_user_id and c.meter = v_limit.meter
                and c.period_type = v_limit.period and c.period_key = v_key;
            -- All or nothing, without the cost of a sub-transaction for those who are let in.
            perform private.lower_counters(p_user_id, charges, p_at);
            charges := '[]';
            return;
        end if;
        charges := charges || jsonb_build_object(
            'meter', v_limit.meter, 'period_type', v_limit.period, 'period_key', v_key
        );
    end loop;
end;
$$;
comment on function private.raise_counters(uuid, text[], timestamptz) is
    'Counts one use on every limit of these meters that applies, or on none.
charges are the counters it raised: none when the plan does not include it, or when a limit is
reached. Then refusal is {meter, limit, used, period}.';

-- Tokens ----------------------------------------------------------------------------------------

create function private.raise_use_refused(
    p_operation text,
    p_refusal jsonb,
    p_token_cost integer,
    p_balance integer
) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    raise sqlstate 'PT402' using
        message = case
            when p_refusal is null then format('Your plan does not include %s.', p_operation)
            else format(
                'Your plan allows %s %s in this %s and %s are used.',
                p_refusal ->> 'limit', p_refusal ->> 'meter',
                case p_refusal ->> 'period'
                    when 'lifetime' then 'account' else p_refusal ->> 'period'
                end,
                p_refusal ->> 'used'
            )
        end,
        detail = (
            coalesce(p_refusal, '{"meter": null, "limit": 0, "used": 0, "period": null}')
            || jsonb_build_object('token_cost', p_token_cost, 'balance', p_balance)
        )::text,
        hint = case
            when p_token_cost > 0 then format(
                'With tokens it costs %s, and you have %s: buy tokens, or choose a larger plan.',
                p_token_cost, p_balance
            )
            else 'Tokens do not help here: choose a larger plan, or wait for the next period where '
                'there is one.'
        end;
end;
$$;
comment on function private.raise_use_refused(text, jsonb, integer, integer) is
    'PT402 with detail {meter, limit, used, period, token_cost, balance}; the hint says whether
tokens would help. Without a refusal the plan does not include the operation.';

create function private.draw_tokens(
    p_usage_event_id uuid,
    p_user_id uuid,
    p_operation text,
    p_token_cost integer,
    p_refusal jsonb
) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_balance integer;
begin
    -- Locked, so that the answer is still true when the ledger is written.
    select b.current_balance into v_balance
    from public.token_balances b
    where b.user_id = p_user_id
    for no key update;
    if p_token_cost > 0 and p_token_cost <= v_balance then
        insert into public.token_transactions
        (user_id, amount, transaction_type, feature_type, usage_event_id)
        values (p_user_id, -p_token_cost, 'usage', p_operation, p_usage_event_id);
        return;
    end if;
    perform private.raise_use_refused(
        p_operation, p_refusal, p_token_cost, coalesce(v_balance, 0)
    );
end;
$$;
comment on function private.draw_tokens(uuid, uuid, text, integer, jsonb) is
    'Pays a use with tokens, or raises PT402: it is not sold for tokens, or there are too few.';

-- Idempotency -----------------------------------------------------------------------------------

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

-- Reserve, settle, release ----------------------------------------------------------------------

create function private.record_use(
    p_usage_event_id uuid,
    p_user_id uuid,
    p_operation text,
    p_at timestamptz,
    p_state text
) returns void
language plpgsql
volatile
set search_path = ''
-- Each use comes here, and the statements have few rows to choose from: planning them anew would
-- take most of the time.
set plan_cache_mode = force_generic_plan
as $$
declare
    v_now timestamptz := now();
    v_operation public.operations;
    v_counted record;
    v_is_paid boolean;
begin
    select * into v_operation
    from public.operations o
    where o.code = p_operation and o.is_active;
    -- One that is not sold, or unheard of, has no meters: no limit allows it.
    v_counted := private.raise_counters(
        p_user_id, coalesce(v_operation.meters, '{}'), p_at
    );
    v_is_paid := v_counted.charges = '[]';
    if v_is_paid then
        perform private.draw_tokens(
            p_usage_event_id, p_user_id, p_operation, v_operation.token_cost, v_counted.refusal
        );
    end if;

    -- Tokens do not run out with a period.
    insert into public.usage_events (
        id, user_id, operation, source, credits_used, period_type, period_key, charges, state,
        created_at, closed_at
    )
    values (
        p_usage_event_id, p_user_id, p_operation,
        case when v_is_paid then 'tokens' else 'plan' end,
        case when v_is_paid then v_operation.token_cost else 1 end,
        case when v_is_paid then 'lifetime' else v_counted.charges -> 0 ->> 'period_type' end,
        case when v_is_paid then 'lifetime' else v_counted.charges -> 0 ->> 'period_key' end,
        v_counted.charges, p_state, v_now,
        case when p_state is distinct from 'reserved' then v_now end
    );
end;
$$;
comment on function private.record_use(uuid, uuid, text, timestamptz, text) is
    'Counts one use of an operation in the periods that hold p_at, or pays it with tokens, and
records it. PT402 when neither is possible. Call private.lock_account before.';

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
    v_id uuid := gen_random_uuid();
    v_known_id uuid;
begin
    perform private.lock_account(p_user_id);
    v_known_id := private.remember_request(
        p_user_id, p_operation, p_idempotency_key, p_payload, v_id
    );
    if v_known_id is distinct from v_id then
        return (v_known_id, true)::private.reservation;
    end if;
    perform private.record_use(v_id, p_user_id, p_operation, now(), 'reserved');
    return (v_id, false)::private.reservation;
end;
$$;
comment on function private.reserve_usage(uuid, text, text, jsonb) is
    'Counts one use of an operation before the work starts; tokens pay where the plan allows no
more. PT402 when a limit is reached or the plan does not include it, and tokens do not help; PT409
and PT400 for a bad key. The same key and payload again return the first reservation.';

create function private.close_use(p_usage_event_id uuid, p_state text)
returns public.usage_events
language plpgsql
volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_event public.usage_events;
begin
    -- Most are closed soon, and the month of a use is not in its id: a look at one partition or two
    -- comes before a look at all of them.
    update public.usage_events
    set state = p_state, closed_at = now()
    where id = p_usage_event_id and state = 'reserved'
        and created_at between now() - interval '1 day' and now()
    returning * into v_event;
    if not found then
        update public.usage_events
        set state = p_state, closed_at = now()
        where id = p_usage_event_id and state = 'reserved'
        returning * into v_event;
    end if;
    return v_event;
end;
$$;
comment on function private.close_use(uuid, text) is
    'Settles or releases a reserved use, and returns it; null when it was closed before.';

create function private.settle_usage(p_usage_event_id uuid) returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_event public.usage_events := private.close_use(p_usage_event_id, 'settled');
begin
    return v_event.id is not null;
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
    v_event public.usage_events := private.close_use(p_usage_event_id, 'released');
begin
    if v_event.id is null then
        return false;
    end if;
    perform private.lower_counters(v_event.user_id, v_event.charges, now());
    if v_event.source = 'tokens' then
        insert into public.token_transactions
        (user_id, amount, transaction_type, feature_type, usage_event_id)
        values (
            v_event.user_id, v_event.credits_used, 'refund', v_event.operation, v_event.id
        );
        perform private.pay_token_debt(v_event.user_id);
    end if;
    return true;
end;
$$;
comment on function private.release_usage(uuid) is
    'The work came to nothing: its counters go back, or its tokens, once. False when it was closed
before. Call private.lock_account before.';

-- Partitions ------------------------------------------------------------------------------------

select private.ensure_month_partition('public.usage_events', 'created_at', current_date);
