-- Room: billing, operating: subscriptions that admins give, change and end.
--
-- What lives here: granting a plan without a payment, agreeing limits with one user, and ending a
-- subscription. Which subscription counts is decided where it always is:
-- private.settle_subscriptions.
-- Who may touch it: admins call public.*; operators, as postgres, the same. The tables are audited.
-- Tests: rlstests/test_billing_operating_subscriptions.py

-- Granting --------------------------------------------------------------------------------------

create function private.require_custom_limits(p_limits jsonb) returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    v_nothing text;
begin
    if (private.is_custom_limits(p_limits) and octet_length(p_limits::text) <= 16384) is not true
    then
        raise sqlstate 'PT400' using
            message = 'These are no custom limits.',
            hint = 'Send {meter: {day, month or lifetime: a whole number, or null for unlimited}}, '
                || 'such as {"interviews": {"month": 20}}.';
    end if;
    -- An agreement that nothing reads looks kept, and is not.
    select min(format('%s:%s', m.meter, l.period)) into v_nothing
    from jsonb_each(p_limits) as m (meter, periods)
    cross join lateral jsonb_object_keys(m.periods) as l (period)
    where case m.meter
        when 'resumes' then l.period <> 'lifetime'
        else not exists (select 1 from public.operations o where m.meter = any(o.meters))
    end;
    if v_nothing is not null then
        raise sqlstate 'PT400' using
            message = format('Nothing is limited by %s.', v_nothing),
            hint = format('Meters: %s; and resumes, lifetime only.', (
                select string_agg(distinct m.meter, ', ' order by m.meter)
                from public.operations o
                cross join lateral unnest(o.meters) as m (meter)
            ));
    end if;
end;
$$;
comment on function private.require_custom_limits(jsonb) is
    'PT400 for what subscriptions.custom_limits does not take, and for what nothing is limited by.';

create function private.admin_grant_subscription(
    p_account_id uuid,
    p_plan_code text,
    p_until timestamptz,
    p_custom_limits jsonb
) returns setof public.subscriptions
language plpgsql
volatile
security definer
rows 1
set search_path = ''
as $$
declare
    v_id uuid;
begin
    perform private.require_admin();
    perform private.require_custom_limits(coalesce(p_custom_limits, '{}'));
    if p_until <= now() then
        raise sqlstate 'PT400' using
            message = format('A plan cannot be granted until %s, which is over.', p_until),
            hint = 'Send a later p_until, or null for a grant without end.';
    end if;
    if not exists (select 1 from public.plans l where l.code = p_plan_code) then
        raise sqlstate 'PT404' using
            message = format('There is no plan %s.', coalesce(p_plan_code, 'null')),
            hint = format('Plans: %s.', (
                select string_agg(l.code, ', ' order by l.tier_rank) from public.plans l
            ));
    end if;
    perform private.lock_billing(p_account_id);
    perform private.lock_known_account(p_account_id);
    select s.id into v_id
    from public.subscriptions s
    where s.user_id = p_account_id and s.provider = 'manual'
        and s.status in ('trialing', 'active', 'past_due', 'paused', 'unpaid')
    order by s.superseded_at nulls first, s.created_at desc
    limit 1;
    if found then
        update public.subscriptions s
        set plan_code = p_plan_code, status = 'active', current_period_end = p_until,
            cancel_at_period_end = false, canceled_at = null, past_due_at = null,
            custom_limits = coalesce(p_custom_limits, s.custom_limits),
            current_period_start = now(), last_event_at = greatest(s.last_event_at, now())
        where s.id = v_id
            and (
                s.plan_code, s.status, s.current_period_end, s.cancel_at_period_end,
                s.custom_limits
            ) is distinct from (
                p_plan_code, 'active', p_until, false, coalesce(p_custom_limits, s.custom_limits)
            );
    else
        -- It takes its place once it is known which one counts.
        insert into public.subscriptions (
            user_id, provider, plan_code, status, current_period_start, current_period_end,
            custom_limits, superseded_at
        )
        values (
            p_account_id, 'manual', p_plan_code, 'active', now(), p_until,
            coalesce(p_custom_limits, '{}'), now()
        )
        returning id into v_id;
    end if;
    perform private.settle_subscriptions(p_account_id);
    return query select * from public.subscriptions s where s.id = v_id;
end;
$$;
comment on function private.admin_grant_subscription(uuid, text, timestamptz, jsonb) is
    'Gives a user a plan; see public.admin_grant_subscription.';
grant execute on function private.admin_grant_subscription(uuid, text, timestamptz, jsonb)
to authenticated;

create function public.admin_grant_subscription(
    p_account_id uuid,
    p_plan_code text,
    p_until timestamptz default null,
    p_custom_limits jsonb default null
) returns setof public.subscriptions
language sql
volatile
rows 1
set search_path = ''
as $$
    select *
    from private.admin_grant_subscription(p_account_id, p_plan_code, p_until, p_custom_limits);
$$;
comment on function public.admin_grant_subscription(uuid, text, timestamptz, jsonb) is
    'For admins: gives a user a plan that is paid to nobody, until a day or without end.
A user has one grant: another one changes it, the same one again does nothing; p_custom_limits null
leaves its limits. A subscription that is paid for stays, and whichever plan includes more counts.
PT403 for anybody else, PT404 for an unknown account or plan, PT400 for a day that is over or limits
of the wrong shape.';
grant execute on function public.admin_grant_subscription(uuid, text, timestamptz, jsonb)
to authenticated;

create function private.admin_set_custom_limits(p_account_id uuid, p_custom_limits jsonb)
returns setof public.subscriptions
language plpgsql
volatile
security definer
rows 1
set search_path = ''
as $$
declare
    v_id uuid;
begin
    perform private.require_admin();
    perform private.require_custom_limits(p_custom_limits);
    perform private.lock_billing(p_account_id);
    perform private.lock_known_account(p_account_id);
    select s.id into v_id from private.effective_subscription(p_account_id) s;
    if not found then
        raise sqlstate 'PT409' using
            message = 'This account has no subscription that the limits could belong to.',
            hint = 'Grant one with these limits; the plan may be free.';
    end if;
    return query
    update public.subscriptions s
    set custom_limits = p_custom_limits
    where s.id = v_id
    returning s.*;
end;
$$;
comment on function private.admin_set_custom_limits(uuid, jsonb) is
    'Agrees limits with a user; see public.admin_set_custom_limits.';
grant execute on function private.admin_set_custom_limits(uuid, jsonb) to authenticated;

create function public.admin_set_custom_limits(p_account_id uuid, p_custom_limits jsonb)
returns setof public.subscriptions
language sql
volatile
rows 1
set search_path = ''
as $$
    select * from private.admin_set_custom_limits(p_account_id, p_custom_limits);
$$;
comment on function public.admin_set_custom_limits(uuid, jsonb) is
    'For admins: sets the limits agreed with a user, on the subscription in effect; {} takes them
back. A meter that is named there has these limits instead of all that the plan has for it. PT403
for anybody else, PT404 for an unknown account, PT409 without a subscription in effect, PT400 for
limits of the wrong shape.';
grant execute on function public.admin_set_custom_limits(uuid, jsonb) to authenticated;

-- Ending ----------------------------------------------------------------------------------------

create function private.end_granted_subscription(
    p_subscription public.subscriptions,
    p_at_period_end boolean
) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    if p_at_period_end and p_subscription.current_period_end is null then
        raise sqlstate 'PT409' using
            message = 'This grant has no end that could be waited for.',
            hint = 'Send p_at_period_end false to end it now, or grant it until a day.';
    end if;
    -- What was asked for first stays the day of it.
    update public.subscriptions s
    set cancel_at_period_end = true,
        canceled_at = coalesce(s.canceled_at, now()),
        status = case when p_at_period_end then s.status else 'canceled' end,
        ended_at = case when not p_at_period_end then now() end,
        past_due_at = case when p_at_period_end then s.past_due_at end,
        last_event_at = greatest(s.last_event_at, now())
    where s.id = p_subscription.id;
    perform private.settle_subscriptions(p_subscription.user_id);
end;
$$;
comment on function private.end_granted_subscription(public.subscriptions, boolean) is
    'Ends a manual subscription now, or lets it run out. PT409 for one without end.';

create function private.admin_cancel_subscription(
    p_account_id uuid,
    p_at_period_end boolean,
    p_subscription_id uuid
) returns setof public.subscriptions
language plpgsql
volatile
security definer
rows 1
set search_path = ''
as $$
declare
    v_subscription public.subscriptions;
begin
    perform private.require_admin();
    perform private.lock_billing(p_account_id);
    perform private.lock_known_account(p_account_id);
    select * into v_subscription
    from public.subscriptions s
    where s.user_id = p_account_id
        and case
            when p_subscription_id is not null then s.id = p_subscription_id
            else s.status in ('trialing', 'active', 'past_due', 'paused', 'unpaid')
                and s.superseded_at is null
        end
    for no key update;
    if not found then
        raise sqlstate 'PT404' using
            message = format('Account %s has no such subscription that runs.', p_account_id),
            hint = 'report_subscription lists all of them.';
    end if;
    if v_subscription.status in ('canceled', 'expired') then
        return next v_subscription;
        return;
    end if;
    if v_subscription.provider = 'manual' then
        perform private.end_granted_subscription(
            v_subscription, coalesce(p_at_period_end, true)
        );
    else
        perform private.request_provider_cancel(
            v_subscription.id, coalesce(p_at_period_end, true)
        );
        perform private.record_event(
            'subscription.cancel_requested',
            jsonb_build_object(
                'subscription_id', v_subscription.id,
                'at_period_end', coalesce(p_at_period_end, true)
            ),
            auth.uid(), 'info'
        );
    end if;
    return query select * from public.subscriptions s where s.id = v_subscription.id;
end;
$$;
comment on function private.admin_cancel_subscription(uuid, boolean, uuid) is
    'Ends a subscription; see public.admin_cancel_subscription.';
grant execute on function private.admin_cancel_subscription(uuid, boolean, uuid) to authenticated;

create function public.admin_cancel_subscription(
    p_account_id uuid,
    p_at_period_end boolean default true,
    p_subscription_id uuid default null
) returns setof public.subscriptions
language sql
volatile
rows 1
set search_path = ''
as $$
    select *
    from private.admin_cancel_subscription(p_account_id, p_at_period_end, p_subscription_id);
$$;
comment on function public.admin_cancel_subscription(uuid, boolean, uuid) is
    'For admins: ends a subscription at the end of what is paid, or now: the one that counts, or one
that is named, such as a second one that still costs the user.
A granted one ends here. One at a provider is ended there by a worker, and the answer shows it as it
was: its end comes by webhook. One that is over stays as it is. PT403 for anybody else, PT404 for an
unknown account or subscription, PT409 when a grant without end should end by itself.';
grant execute on function public.admin_cancel_subscription(uuid, boolean, uuid) to authenticated;

-- By the clock ------------------------------------------------------------------------------------

create function private.maintain_granted_subscriptions() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_user_id uuid;
    v_ended integer := 0;
begin
    -- No provider tells when these are over.
    for v_user_id in
        select p.id
        from public.profiles p
        inner join auth.users u on u.id = p.id
        where p.id = any(array(
            select distinct s.user_id
            from public.subscriptions s
            where s.provider = 'manual' and s.status in ('trialing', 'active')
                and s.current_period_end <= now()
            limit 500
        ))
        order by p.id
        -- As lock_billing does, and waiting for nobody.
        for no key update of p skip locked
        for key share of u skip locked
    loop
        update public.subscriptions s
        set status = case when s.cancel_at_period_end then 'canceled' else 'expired' end,
            ended_at = s.current_period_end,
            last_event_at = greatest(s.last_event_at, now())
        where s.user_id = v_user_id and s.provider = 'manual'
            and s.status in ('trialing', 'active') and s.current_period_end <= now();
        perform private.settle_subscriptions(v_user_id);
        v_ended := v_ended + 1;
    end loop;
    return jsonb_build_object('ended', v_ended, 'again', v_ended = 500);
end;
$$;
comment on function private.maintain_granted_subscriptions() is
    'Ends granted subscriptions whose time ran out, so that another one of the user may count. At
most 500 a round.';

insert into private.maintenance_jobs (name, description, repeat_every)
values ('granted_subscriptions', 'End grants whose time ran out.', interval '1 minute')
on conflict (name) do nothing;
