-- Room: billing, third part: which subscription is in effect.
--
-- What lives here: the one rule of entitlement, and the mirror of it in profiles, which metering
-- and policies read.
-- Who may touch it: functions of private. A subscription is written after private.lock_account,
-- because the mirror changes the profile.
-- Tests: rlstests/test_billing_mirror.py, rlstests/test_billing_races.py

create function private.past_due_grace() returns interval
language sql
stable
set search_path = ''
as $$
    select make_interval(
        days => greatest(private.config_integer('billing_grace_days', 7), 0)
    );
$$;
comment on function private.past_due_grace() is
    'How long access lasts after a failed payment: global_config billing_grace_days, or 7 days.';

create function private.renewal_leeway() returns interval
language sql
stable
set search_path = ''
as $$
    select make_interval(
        hours => greatest(private.config_integer('billing_renewal_leeway_hours', 6), 0)
    );
$$;
comment on function private.renewal_leeway() is
    'How long a provider may take to tell of a renewal: global_config billing_renewal_leeway_hours,
or 6 hours.';

create function private.entitled_until(p_subscription public.subscriptions) returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
    return case
        when p_subscription.status = 'past_due' then
            p_subscription.past_due_at + private.past_due_grace()
        when p_subscription.status not in ('trialing', 'active') then null
        when p_subscription.provider = 'manual' then
            coalesce(p_subscription.current_period_end, 'infinity')
        when p_subscription.cancel_at_period_end then p_subscription.current_period_end
        -- Charging takes a while, and whoever pays must not fall out of the plan meanwhile.
        else p_subscription.current_period_end + private.renewal_leeway()
    end;
end;
$$;
comment on function private.entitled_until(public.subscriptions) is
    'Until when a subscription is worth its plan; null for one that is not, and infinity for a grant
without end. Paid ones until current_period_end, and a little longer while they renew; past_due
ones for a grace.';

create function private.is_entitling(p_subscription public.subscriptions) returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return coalesce(now() < private.entitled_until(p_subscription), false);
end;
$$;
comment on function private.is_entitling(public.subscriptions) is
    'Whether a subscription is worth its plan now; see private.entitled_until.';

create function private.effective_subscription(p_user_id uuid) returns setof public.subscriptions
language sql
stable
set search_path = ''
rows 1
as $$
    select s.*
    from public.subscriptions s
    where s.user_id = p_user_id and s.superseded_at is null and private.is_entitling(s);
$$;
comment on function private.effective_subscription(uuid) is
    'The subscription that entitles a user now: none, or one.';

create function private.mirror_subscription(p_user_id uuid) returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
    update public.profiles p
    set subscription_tier = m.tier, subscription_status = m.status, custom_limits = m.limits
    from (
        select coalesce(s.plan_code, 'free') as tier, coalesce(s.status, 'none') as status,
            coalesce(s.custom_limits, '{}') as limits
        from (select 1) as always
        left join private.effective_subscription(p_user_id) s on true
    ) m
    where p.id = p_user_id
        and (p.subscription_tier, p.subscription_status, p.custom_limits)
            is distinct from (m.tier, m.status, m.limits);
    return found;
end;
$$;
comment on function private.mirror_subscription(uuid) is
    'Writes plan, status and custom limits of the subscription in effect into the profile; free,
none and no limits without one. False when they were that already.';

create function private.tg_subscriptions__mirror() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- While it is being settled which one counts, the profile waits for the outcome: whoever writes
    -- it twice in a transaction locks its row in auth.users, which a deletion locks first.
    if current_setting('resumebase.settling', true) is distinct from 'on' then
        perform private.mirror_subscription(new.user_id);
    end if;
    return null;
end;
$$;
comment on function private.tg_subscriptions__mirror() is
    'Keeps the profile in step with its subscriptions.';

create trigger _400_mirror after insert or update on public.subscriptions
for each row execute function private.tg_subscriptions__mirror();

-- By the clock ------------------------------------------------------------------------------------

create function private.maintain_subscriptions() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_user_id uuid;
    v_mirrored integer := 0;
begin
    for v_user_id in
        select p.id
        from public.subscriptions s
        inner join public.profiles p on p.id = s.user_id
        inner join auth.users u on u.id = p.id
        where s.superseded_at is null and p.subscription_status <> 'none'
            and (
                s.status in ('trialing', 'active') and s.current_period_end <= now()
                and not private.is_entitling(s)
                or s.past_due_at <= now() - private.past_due_grace()
            )
        order by p.id
        limit 500
        -- Somebody who is busy with an account leaves it in step, or it is found next time.
        for no key update of p skip locked
        -- A profile that changes twice has its user checked, which a deletion has locked first.
        for key share of u skip locked
    loop
        v_mirrored := v_mirrored + private.mirror_subscription(v_user_id)::integer;
    end loop;
    return jsonb_build_object('mirrored', v_mirrored);
end;
$$;
comment on function private.maintain_subscriptions() is
    'Ends the access of subscriptions whose time ran out without a word from the provider. At most
500 a round.';

insert into private.maintenance_jobs (name, description, repeat_every)
values ('subscriptions', 'End access that is no longer paid for.', interval '1 minute')
on conflict (name) do nothing;
