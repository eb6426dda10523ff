-- Room: billing, part subscriptions: how what providers say becomes one row per subscription.
--
-- What lives here: everything that was ever said of a subscription, each once
-- (private.subscription_observations), the row as the set of these says it, whatever the order they
-- came in, and which of several subscriptions of a user counts.
-- Why: docs/decisions/0019-billing-state.md
-- Who may touch it: functions of private, after private.lock_billing.
-- Tests: rlstests/test_billing_folding.py, rlstests/test_billing_permutations.py

create function private.subscription_status_rank(p_status text) returns smallint
language sql
immutable
set search_path = ''
as $$
    select array_position(
        '{incomplete,trialing,active,past_due,paused,unpaid,canceled,expired}'::text[], p_status
    )::smallint;
$$;
comment on function private.subscription_status_rank(text) is
    'Which of two statuses of the same second is the later one. Null for no status.';

create table private.subscription_observations (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.profiles (id) on delete cascade,
    provider text not null check (provider in ('razorpay', 'stripe')),
    provider_subscription_id text not null check (
        char_length(provider_subscription_id) between 1 and 255
    ),
    occurred_at timestamptz not null,
    status text not null check (
        status in (
            'incomplete', 'trialing', 'active', 'past_due', 'paused', 'unpaid', 'canceled',
            'expired'
        )
    ),
    provider_customer_id text check (char_length(provider_customer_id) between 1 and 255),
    plan_price_id uuid references public.plan_prices (id) on delete restrict,
    current_period_start timestamptz,
    current_period_end timestamptz,
    start_date timestamptz,
    trial_end timestamptz,
    cancel_at_period_end boolean,
    canceled_at timestamptz,
    ended_at timestamptz,
    content_sha256 bytea not null check (octet_length(content_sha256) = 32),
    created_at timestamptz not null default now(),
    constraint subscription_observations_content_key
    unique (provider, provider_subscription_id, content_sha256),
    constraint subscription_observations_period_check check (
        current_period_end > current_period_start
    )
);
comment on table private.subscription_observations is
    'How a subscription was at a time, as its provider said. Each once, in no order.';
comment on column private.subscription_observations.content_sha256 is
    'SHA-256 of all that was said: the same said again is no other observation.';
create index subscription_observations_user_id_idx
on private.subscription_observations (user_id);
create index subscription_observations_plan_price_id_idx
on private.subscription_observations (plan_price_id) where plan_price_id is not null;
select private.close_table('private.subscription_observations');

create function private.is_known_end(
    p_provider text,
    p_provider_subscription_id text,
    p_status text,
    p_ended_at timestamptz
) returns boolean
language sql
stable
set search_path = ''
as $$
    select exists (
        select 1
        from private.subscription_observations o
        where o.provider = p_provider
            and o.provider_subscription_id = p_provider_subscription_id
            and o.status = p_status
            and coalesce(o.ended_at, o.occurred_at) = p_ended_at
    );
$$;
comment on function private.is_known_end(text, text, text, timestamptz) is
    'Whether the provider said that a subscription ended so.';

-- The fold --------------------------------------------------------------------------------------

create function private.take_in(
    p_subscription public.subscriptions,
    p_seen private.subscription_observations
) returns public.subscriptions
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_new public.subscriptions := p_subscription;
begin
    v_new.last_event_at := p_seen.occurred_at;
    v_new.start_date := least(p_subscription.start_date, p_seen.start_date);
    v_new.provider_customer_id := coalesce(
        p_seen.provider_customer_id, p_subscription.provider_customer_id
    );
    -- What comes after the end changes it no more, but may tell what nobody told before.
    if p_subscription.status in ('canceled', 'expired') then
        v_new.price_id := coalesce(p_subscription.price_id, p_seen.plan_price_id);
        return v_new;
    end if;

    v_new.status := p_seen.status;
    v_new.price_id := coalesce(p_seen.plan_price_id, p_subscription.price_id);
    -- Begin and end of a period belong together.
    if p_seen.current_period_end is not null then
        v_new.current_period_start := p_seen.current_period_start;
        v_new.current_period_end := p_seen.current_period_end;
    end if;
    v_new.trial_end := coalesce(p_seen.trial_end, p_subscription.trial_end);
    v_new.cancel_at_period_end := coalesce(
        p_seen.cancel_at_period_end, p_subscription.cancel_at_period_end, false
    );
    v_new.canceled_at := p_seen.canceled_at;
    -- Who changed their mind has not cancelled any more.
    if v_new.cancel_at_period_end or p_seen.status in ('canceled', 'expired') then
        v_new.canceled_at := coalesce(p_seen.canceled_at, p_subscription.canceled_at);
    end if;
    v_new.ended_at := case
        when p_seen.status in ('canceled', 'expired')
            then coalesce(p_seen.ended_at, p_seen.occurred_at)
    end;
    v_new.past_due_at := case p_seen.status
        when 'past_due' then coalesce(p_subscription.past_due_at, p_seen.occurred_at)
    end;
    return v_new;
end;
$$;
comment on function private.take_in(public.subscriptions, private.subscription_observations) is
    'The subscription after the next thing that was said of it; null means that it was not said.';

create function private.fold_subscription(p_provider text, p_provider_subscription_id text)
returns public.subscriptions
language plpgsql
stable
set search_path = ''
as $$
declare
    v_folded public.subscriptions;
    v_seen private.subscription_observations;
    v_first_at timestamptz;
begin
    for v_seen in
        select o.*
        from private.subscription_observations o
        where o.provider = p_provider
            and o.provider_subscription_id = p_provider_subscription_id
        order by o.occurred_at, private.subscription_status_rank(o.status),
            o.current_period_end nulls first, o.content_sha256
    loop
        v_first_at := coalesce(v_first_at, v_seen.occurred_at);
        v_folded := private.take_in(v_folded, v_seen);
    end loop;
    v_folded.user_id := v_seen.user_id;
    v_folded.provider := p_provider;
    v_folded.provider_subscription_id := p_provider_subscription_id;
    v_folded.start_date := coalesce(v_folded.start_date, v_first_at);
    if v_folded.price_id is null then
        -- Nobody but our own checkout says.
        select c.plan_price_id into v_folded.price_id
        from private.checkouts c
        where c.provider = p_provider and c.plan_price_id is not null
            and p_provider_subscription_id in (c.checkout_id, c.subscription_id)
        order by c.created_at, c.id
        limit 1;
    end if;
    select r.plan_code into v_folded.plan_code
    from public.plan_prices r
    where r.id = v_folded.price_id;
    return v_folded;
end;
$$;
comment on function private.fold_subscription(text, text) is
    'The subscription as all observations of it say: the same for the same set, in any order.
Without a plan when none of them names a price.';

create function private.store_subscription(p_folded public.subscriptions) returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_id uuid;
    v_live text[] := '{trialing,active,past_due,paused,unpaid}'::text[];
    -- Another one counts now; settle_subscriptions says which of them shall.
    v_superseded_at timestamptz := (
        select max(now())
        from public.subscriptions s
        where s.user_id = p_folded.user_id and s.superseded_at is null
            and s.status = any(v_live) and p_folded.status = any(v_live)
            and (s.provider, s.provider_subscription_id)
            is distinct from (p_folded.provider, p_folded.provider_subscription_id)
    );
begin
    -- Until then the profile stays as it is.
    perform set_config('resumebase.settling', 'on', true);
    insert into public.subscriptions as s (
        user_id, provider, provider_subscription_id, provider_customer_id, plan_code, price_id,
        status, current_period_start, current_period_end, start_date, trial_end,
        cancel_at_period_end, canceled_at, ended_at, superseded_at, past_due_at, last_event_at
    ) values (
        p_folded.user_id, p_folded.provider, p_folded.provider_subscription_id,
        p_folded.provider_customer_id, p_folded.plan_code, p_folded.price_id, p_folded.status,
        p_folded.current_period_start, p_folded.current_period_end, p_folded.start_date,
        p_folded.trial_end, p_folded.cancel_at_period_end, p_folded.canceled_at,
        p_folded.ended_at, v_superseded_at, p_folded.past_due_at, p_folded.last_event_at
    )
    on conflict on constraint subscriptions_provider_subscription_id_key do update
        set provider_customer_id = excluded.provider_customer_id,
            plan_code = excluded.plan_code,
            price_id = excluded.price_id,
            status = excluded.status,
            current_period_start = excluded.current_period_start,
            current_period_end = excluded.current_period_end,
            start_date = excluded.start_date,
            trial_end = excluded.trial_end,
            cancel_at_period_end = excluded.cancel_at_period_end,
            canceled_at = excluded.canceled_at,
            ended_at = excluded.ended_at,
            superseded_at = coalesce(s.superseded_at, excluded.superseded_at),
            past_due_at = excluded.past_due_at,
            last_event_at = greatest(s.last_event_at, excluded.last_event_at)
        where s.user_id = excluded.user_id
    returning s.id into v_id;
    if v_id is null then
        raise serialization_failure using
            message = 'Another event gave this subscription to somebody else meanwhile.';
    end if;
    return v_id;
end;
$$;
comment on function private.store_subscription(public.subscriptions) is
    'Writes a folded subscription; returns the id of its row. Call settle_subscriptions then.';

create function private.settle_subscriptions(p_user_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_winner public.subscriptions;
begin
    perform private.lock_billing(p_user_id);
    perform set_config('resumebase.settling', 'on', true);
    select s.* into v_winner
    from public.subscriptions s
    inner join public.plans p on p.code = s.plan_code
    where s.user_id = p_user_id
        and s.status in ('trialing', 'active', 'past_due', 'paused', 'unpaid')
    order by private.is_entitling(s) desc,
        s.status in ('trialing', 'active', 'past_due') desc,
        p.tier_rank desc,
        s.start_date desc,
        -- Ids of our own depend on what came first.
        s.provider,
        coalesce(s.provider_subscription_id, s.id::text)
    limit 1;

    update public.subscriptions s
    set superseded_at = n.superseded_at
    from (
        select o.id,
            case when o.status in ('trialing', 'active', 'past_due', 'paused', 'unpaid')
                then greatest(o.start_date, v_winner.start_date)
            end as superseded_at
        from public.subscriptions o
        where o.user_id = p_user_id and o.id is distinct from v_winner.id
    ) n
    where s.id = n.id and s.superseded_at is distinct from n.superseded_at;

    update public.subscriptions s
    set superseded_at = null
    where s.id = v_winner.id and s.superseded_at is not null;
    perform set_config('resumebase.settling', '', true);
    perform private.mirror_subscription(p_user_id);
end;
$$;
comment on function private.settle_subscriptions(uuid) is
    'Says which of a user''s subscriptions counts, and that the others gave way: one that entitles
now, of the highest plan, the latest. Call it after every change of a subscription, a granted one
too; insert that one with superseded_at, as two may not count at once.';

create function private.subscriptions_paid_for(p_user_id uuid) returns uuid[]
language sql
stable
set search_path = ''
as $$
    select array(
        select s.id
        from public.subscriptions s
        where s.user_id = p_user_id and s.provider <> 'manual'
            and s.status in ('trialing', 'active', 'past_due') and not s.cancel_at_period_end
        order by s.id
    );
$$;
comment on function private.subscriptions_paid_for(uuid) is
    'Subscriptions that a provider is going to charge a user for again.';

create function private.apply_subscription_change(
    p_change private.billing_change,
    p_user_id uuid
) returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_price_id uuid;
    v_folded public.subscriptions;
    v_paid_for uuid[];
    v_id uuid;
begin
    if p_change.price_id is not null then
        select r.id into v_price_id
        from public.plan_prices r
        where r.provider = p_change.provider and r.provider_price_id = p_change.price_id;
        -- An end is an end, whatever it was the end of.
        if not found and p_change.status not in ('canceled', 'expired') then
            perform private.park(
                format('No plan has the price %s of %s.', p_change.price_id, p_change.provider),
                array[format('price:%s:%s', p_change.provider, p_change.price_id)]
            );
        end if;
    end if;
    insert into private.subscription_observations (
        user_id, provider, provider_subscription_id, occurred_at, status, provider_customer_id,
        plan_price_id, current_period_start, current_period_end, start_date, trial_end,
        cancel_at_period_end, canceled_at, ended_at, content_sha256
    ) values (
        p_user_id, p_change.provider, p_change.subscription_id, p_change.occurred_at,
        p_change.status, p_change.customer_id, v_price_id, p_change.current_period_start,
        p_change.current_period_end, p_change.start_date, p_change.trial_end,
        p_change.cancel_at_period_end, p_change.canceled_at, p_change.ended_at,
        private.content_sha256(p_change)
    )
    on conflict on constraint subscription_observations_content_key do nothing;
    if not found then
        return 'unchanged';
    end if;

    v_folded := private.fold_subscription(p_change.provider, p_change.subscription_id);
    if v_folded.plan_code is null then
        perform private.park(
            format(
                'Nobody said which price subscription %s of %s has.',
                p_change.subscription_id, p_change.provider
            ),
            private.billing_keys(p_change)
            || array(
                select format('price:%s:%s', p_change.provider, p_change.price_id)
                where p_change.price_id is not null
            )
        );
    end if;
    v_paid_for := private.subscriptions_paid_for(p_user_id);
    v_id := private.store_subscription(v_folded);
    perform private.settle_subscriptions(p_user_id);
    if cardinality(private.subscriptions_paid_for(p_user_id))
        > greatest(cardinality(v_paid_for), 1) then
        perform private.record_event(
            'subscription.paid_twice',
            jsonb_build_object('subscriptions', private.subscriptions_paid_for(p_user_id)),
            p_user_id,
            'warning'
        );
    end if;
    update public.payments p
    set subscription_id = v_id
    where p.provider = p_change.provider and p.user_id = p_user_id and p.kind = 'subscription'
        and p.provider_subscription_id = p_change.subscription_id
        and p.subscription_id is distinct from v_id;
    return 'applied';
end;
$$;
comment on function private.apply_subscription_change(private.billing_change, uuid) is
    'Adds an observation and writes what all of them say. Parks for a price that nobody knows,
unless it is over. A system event tells operators when a user comes to be charged
for more than one.';
