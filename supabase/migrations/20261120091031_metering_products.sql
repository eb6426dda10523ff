-- Room: metering, products: for server code of products that do work of their own.
--
-- What lives here: reserve, settle and release for work that is no task of the queue, such as an
-- edge function's; increment_usage of ResumePilot, for work that is done already.
-- Who may touch it: service_role only.
-- Tests: rlstests/test_metering_products.py

create function private.lock_usable_account(p_user_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_is_active boolean;
begin
    perform private.lock_account(p_user_id);
    select p.is_active and p.deleted_at is null into v_is_active
    from public.profiles p
    where p.id = p_user_id;
    if v_is_active is null then
        raise sqlstate 'PT404' using
            message = format('There is no user %s.', coalesce(p_user_id::text, 'without an id')),
            hint = 'Send the id of auth.users, which profiles has as well.';
    end if;
    if not v_is_active then
        raise sqlstate 'PT403' using
            message = format('The account %s is not active.', p_user_id),
            hint = 'It was blocked, or its deletion was requested.';
    end if;
end;
$$;
comment on function private.lock_usable_account(uuid) is
    'Locks the account of a user who may use something. PT404 when there is none, PT403 when it is
not active.';

create function private.is_held_use(p_user_id uuid, p_usage_event_id uuid) returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return exists (
        select 1
        from queue.tasks t
        where t.user_id = p_user_id and t.usage_event_id = p_usage_event_id
    ) or exists (
        select 1
        from public.interview_sessions s
        where s.user_id = p_user_id and s.usage_event_id = p_usage_event_id
            and s.status = 'active'
    );
end;
$$;
comment on function private.is_held_use(uuid, uuid) is
    'True when a task or an interview that is not over will close this use.';

create function private.lock_free_use(p_usage_event_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_user_id uuid;
begin
    select e.user_id into v_user_id
    from public.usage_events e
    where e.id = p_usage_event_id;
    if v_user_id is null then
        raise sqlstate 'PT404' using
            message = format(
                'There is no use %s.', coalesce(p_usage_event_id::text, 'without an id')
            ),
            hint = 'Send the usage_event_id that reserve_usage returned.';
    end if;
    perform private.lock_account(v_user_id);
    if private.is_held_use(v_user_id, p_usage_event_id) then
        raise sqlstate 'PT409' using
            message = format('The use %s belongs to a task or an interview.', p_usage_event_id),
            hint = 'It is closed by the end of that; complete or cancel it.';
    end if;
end;
$$;
comment on function private.lock_free_use(uuid) is
    'Locks the account of a use that server code may close. PT404 when there is none, PT409 when it
is closed by a task or an interview.';

create function worker.reserve_usage(
    p_user_id uuid,
    p_operation text,
    p_idempotency_key text default null,
    p_payload jsonb default '{}'
) returns table (
    usage_event_id uuid,
    is_replay boolean,
    state text,
    source text,
    credits_used integer
)
language plpgsql
volatile
security definer
rows 1
set search_path = ''
as $$
#variable_conflict use_column
declare
    v_use private.reservation;
begin
    perform private.lock_usable_account(p_user_id);
    v_use := private.reserve_usage(
        p_user_id, p_operation, p_idempotency_key, coalesce(p_payload, '{}')
    );
    return query
    select e.id, v_use.is_replay, e.state, e.source, e.credits_used
    from public.usage_events e
    where e.id = v_use.usage_event_id;
end;
$$;
comment on function worker.reserve_usage(uuid, text, text, jsonb) is
    'Counts one use of an operation for work that a product does by itself. Settle it when the work
is done, release it when it came to nothing; left open it is released after global_config
reservation_hours.
The same key and payload again return the first use: with is_replay look at state before you repeat
the work. source is plan or tokens, credits_used what it took of that. PT402 when a limit is
reached, PT403 and PT404 for the account, PT409 for a key that came with another payload.';

create function worker.settle_usage(p_usage_event_id uuid) returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    perform private.lock_free_use(p_usage_event_id);
    return private.settle_usage(p_usage_event_id);
end;
$$;
comment on function worker.settle_usage(uuid) is
    'The work is done: the use stays counted. False when it was settled, released or expired before.
PT404 for an unknown one, PT409 for one that a task or an interview closes.';

create function worker.release_usage(p_usage_event_id uuid) returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    perform private.lock_free_use(p_usage_event_id);
    return private.release_usage(p_usage_event_id);
end;
$$;
comment on function worker.release_usage(uuid) is
    'The work came to nothing: the use is given back, once. False when it was closed before.
PT404 for an unknown one, PT409 for one that a task or an interview closes.';

grant execute on function
worker.reserve_usage(uuid, text, text, jsonb),
worker.settle_usage(uuid),
worker.release_usage(uuid)
to service_role;

-- ResumePilot -----------------------------------------------------------------------------------

create function private.moment_in_month(p_month text, p_now timestamptz) returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
    v_this_month text := private.period_key('month', p_now);
begin
    if p_month = v_this_month then
        return p_now;
    end if;
    if p_month ~ '^20[0-9]{2}-(0[1-9]|1[0-2])$' and p_month < v_this_month then
        return (
            (p_month || '-01')::timestamp + interval '1 month' - interval '1 microsecond'
        ) at time zone 'UTC';
    end if;
    raise sqlstate 'PT400' using
        message = format('p_month is %s.', coalesce(quote_literal(p_month), 'null')),
        hint = format('Send YYYY-MM, %s or a month before it.', v_this_month);
end;
$$;
comment on function private.moment_in_month(text, timestamptz) is
    'The moment at which a use of a UTC month counts: now in the current one, the last instant of
one that is over. PT400 for what is no month, and for one to come.';

create function worker.increment_usage(p_user_id uuid, p_action text, p_month text) returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_at timestamptz := private.moment_in_month(p_month, now());
begin
    if p_action is null or p_action not in ('interview', 'cover_letter') then
        raise sqlstate 'PT400' using
            message = format('p_action is %s.', coalesce(quote_literal(p_action), 'null')),
            hint = 'Send interview or cover_letter.';
    end if;
    perform private.lock_usable_account(p_user_id);
    perform private.record_use(gen_random_uuid(), p_user_id, p_action, v_at, 'settled');
end;
$$;
comment on function worker.increment_usage(uuid, text, text) is
    'Counts a use that is over; see public.increment_usage.';
grant execute on function worker.increment_usage(uuid, text, text) to service_role;

create function public.increment_usage(
    p_user_id uuid,
    p_action text,
    p_month text default to_char(now() at time zone 'UTC', 'YYYY-MM')
) returns void
language sql
volatile
set search_path = ''
as $$
    select worker.increment_usage(p_user_id, p_action, p_month);
$$;
comment on function public.increment_usage(uuid, text, text) is
    'For server code: counts one interview or cover_letter that is over, as reserve and settle do.
PT402 when the limits of the user are reached and tokens do not help; PT400 for another action, or
for what is no month; PT403 and PT404 for the account.
A month before the current one (YYYY-MM, in UTC) is for a use that is booked late: it counts in that
month, against the limits of that month, and on its last day. Each call is a use: it knows no key.';
grant execute on function public.increment_usage(uuid, text, text) to service_role;
