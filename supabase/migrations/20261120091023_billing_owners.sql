-- Room: billing, part owners: whom a change is about, and what has to wait.
--
-- What lives here: a normalised change as SQL reads it (private.billing_change), whose it is, the
-- lock that makes changes of one account take turns, and what becomes of changes that speak of
-- something unknown: they wait, and are woken when it becomes known.
-- Who may touch it: functions of private.
-- Tests: rlstests/test_billing_owners.py

create type private.billing_change as (
    type text,
    provider text,
    occurred_at timestamptz,
    user_id uuid,
    customer_id text,
    subscription_id text,
    status text,
    price_id text,
    current_period_start timestamptz,
    current_period_end timestamptz,
    start_date timestamptz,
    trial_end timestamptz,
    cancel_at_period_end boolean,
    canceled_at timestamptz,
    ended_at timestamptz,
    payment_id text,
    other_ids text [],
    kind text,
    checkout_id text,
    amount integer,
    currency text,
    refunded_amount integer,
    failure_reason text,
    paid_at timestamptz
);
comment on type private.billing_change is
    'What a provider says of one subscription, payment or checkout, whoever says it. The workers
make it: edge_workers/billing/changes.py.';

create function private.read_billing_change(p_change jsonb) returns private.billing_change
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_change private.billing_change;
begin
    if jsonb_typeof(p_change) = 'object' and private.has_short_numbers(p_change) then
        v_change := jsonb_populate_record(null::private.billing_change, p_change);
    end if;
    if (
        v_change.provider in ('razorpay', 'stripe')
        and isfinite(v_change.occurred_at)
        and case v_change.type
            when 'subscription' then
                v_change.subscription_id <> ''
                and private.subscription_status_rank(v_change.status) is not null
            when 'payment' then
                v_change.payment_id <> ''
                and v_change.status in ('pending', 'failed', 'succeeded')
                and coalesce(v_change.kind in ('subscription', 'tokens'), true)
                and v_change.amount >= 0
                and v_change.currency ~ '^[A-Z]{3}$'
                and coalesce(v_change.refunded_amount between 0 and v_change.amount, true)
                and (coalesce(v_change.refunded_amount, 0) = 0 or v_change.status = 'succeeded')
            when 'checkout' then
                v_change.checkout_id <> ''
                and v_change.status in ('completed', 'expired', 'failed')
        end
    ) is true then
        return v_change;
    end if;
    raise sqlstate 'PT422' using
        message = 'This is no change of a subscription, payment or checkout.',
        hint = 'Send what edge_workers.billing.changes describes.';
exception
    when data_exception then
        raise sqlstate 'PT422' using
            message = 'This is no change of a subscription, payment or checkout.',
            hint = 'Send what edge_workers.billing.changes describes.';
end;
$$;
comment on function private.read_billing_change(jsonb) is
    'Reads a normalised change. PT422 for what is none.';

create function private.content_sha256(p_change private.billing_change) returns bytea
language sql
stable
set search_path = ''
-- Moments are written out in the time zone of the session.
set timezone = 'UTC'
as $$
    select sha256(convert_to((to_jsonb(p_change) - 'user_id')::text, 'UTF8'));
$$;
comment on function private.content_sha256(private.billing_change) is
    'SHA-256 of what a change says, the same for the same facts.';

-- Whose it is -----------------------------------------------------------------------------------

create table private.payment_aliases (
    provider text not null check (provider in ('razorpay', 'stripe')),
    alias text not null check (char_length(alias) between 1 and 255),
    user_id uuid not null,
    payment_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (provider, alias),
    constraint payment_aliases_payment_fkey foreign key (user_id, payment_id)
    references public.payments (user_id, id) on delete cascade
);
comment on table private.payment_aliases is
    'Other ids by which a provider calls a payment, such as the charge of an invoice.';
create index payment_aliases_payment_idx on private.payment_aliases (user_id, payment_id);
select private.close_table('private.payment_aliases');

create function private.payment_of(p_change private.billing_change) returns public.payments
language plpgsql
stable
set search_path = ''
as $$
declare
    v_payment public.payments;
    v_id text;
begin
    if p_change.payment_id is null then
        return null;
    end if;
    foreach v_id in array array[p_change.payment_id] || p_change.other_ids loop
        select p.* into v_payment
        from public.payments p
        where p.provider = p_change.provider and p.provider_payment_id = v_id;
        exit when found;
        select p.* into v_payment
        from private.payment_aliases a
        inner join public.payments p on p.id = a.payment_id
        where a.provider = p_change.provider and a.alias = v_id;
        exit when found;
    end loop;
    return v_payment;
end;
$$;
comment on function private.payment_of(private.billing_change) is
    'The payment that a change is about, by any of its ids; null when it is not known.';

create function private.checkout_of(p_change private.billing_change) returns private.checkouts
language plpgsql
stable
set search_path = ''
as $$
declare
    v_checkout private.checkouts;
begin
    select c.* into v_checkout
    from private.checkouts c
    where c.provider = p_change.provider and (
        c.checkout_id = p_change.checkout_id
        -- Razorpay's checkout of a subscription is the subscription.
        or c.checkout_id = p_change.subscription_id
        or c.subscription_id = p_change.subscription_id
        or c.payment_id = p_change.payment_id
    )
    order by c.checkout_id = p_change.checkout_id desc nulls last,
        c.checkout_id = p_change.subscription_id desc nulls last, c.created_at, c.id
    limit 1;
    return v_checkout;
end;
$$;
comment on function private.checkout_of(private.billing_change) is
    'The checkout that a change came of; null when it is none of ours.';

create function private.owner_of(p_change private.billing_change) returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
    v_user_id uuid := (private.payment_of(p_change)).user_id;
begin
    if v_user_id is null then
        select s.user_id into v_user_id
        from public.subscriptions s
        where s.provider = p_change.provider
            and s.provider_subscription_id = p_change.subscription_id;
    end if;
    if v_user_id is null then
        v_user_id := (private.checkout_of(p_change)).user_id;
    end if;
    if v_user_id is null then
        select p.id into v_user_id from public.profiles p where p.id = p_change.user_id;
    end if;
    if v_user_id is null then
        select c.user_id into v_user_id
        from public.billing_customers c
        where c.provider = p_change.provider
            and c.provider_customer_id = p_change.customer_id;
    end if;
    return v_user_id;
end;
$$;
comment on function private.owner_of(private.billing_change) is
    'Whose a change is: what we know of the payment, the subscription and the checkout comes before
what it says itself. Null when nobody knows.';

create function private.lock_billing(p_user_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- Who changes a profile twice, as the mirror may, has its user checked. Deleting an account
    -- begins with the user: so does this.
    perform 1 from auth.users u where u.id = p_user_id for key share;
    -- The mirror changes the profile in the end; whoever began with less would wait for himself.
    perform 1 from public.profiles p where p.id = p_user_id for no key update;
end;
$$;
comment on function private.lock_billing(uuid) is
    'As private.lock_account, and whoever changes subscriptions and payments of the account takes
turns: each sees what the others did.';

-- What has to wait ------------------------------------------------------------------------------

create function private.billing_keys(p_change private.billing_change) returns text[]
language sql
immutable
set search_path = ''
as $$
    select coalesce(array_agg(format('%s:%s:%s', k.what, p_change.provider, k.id)), '{}')
    from (
        values
        ('customer', p_change.customer_id),
        ('subscription', p_change.subscription_id),
        ('checkout', p_change.checkout_id),
        ('payment', p_change.payment_id)
    ) as k (what, id)
    where k.id is not null;
$$;
comment on function private.billing_keys(private.billing_change) is
    'What a change speaks of, as webhook_events.waits_for names it.';

create function private.park(p_why text, p_waits_for text[]) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    raise sqlstate 'RB001' using message = p_why, detail = to_jsonb(p_waits_for[:50])::text;
end;
$$;
comment on function private.park(text, text[]) is
    'Ends the application of changes that cannot be applied yet; apply_billing_changes says so.';

create function private.wake_webhook_events(p_keys text[]) returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_id uuid;
    v_woken integer := 0;
begin
    for v_id in
        update private.webhook_events w
        set next_attempt_at = now()
        where w.id = any(array(
            select e.id
            from private.webhook_events e
            where e.status = 'received' and e.waits_for && p_keys
            order by e.id
            limit 100
            -- One that somebody is busy with comes again by the clock.
            for update skip locked
        ))
        returning w.id
    loop
        perform private.enqueue_task(
            'webhook', jsonb_build_object('webhook_event_id', v_id), null, null,
            'webhook:' || v_id
        );
        v_woken := v_woken + 1;
    end loop;
    return v_woken;
end;
$$;
comment on function private.wake_webhook_events(text[]) is
    'Queues the parked events that wait for any of these, a hundred at most; returns how many.';

create function private.tg_billing__wake_webhook_events() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_new jsonb := to_jsonb(new);
    v_keys text[];
begin
    select array_agg(format('%s:%s:%s', a.what, new.provider, v_new ->> c.name))
    into v_keys
    from unnest(tg_argv) with ordinality as c (name, position)
    cross join lateral (select tg_argv[c.position - 2] as what) a
    where c.position % 2 = 0 and v_new ->> c.name is not null;
    perform private.wake_webhook_events(v_keys);
    return null;
end;
$$;
comment on function private.tg_billing__wake_webhook_events() is
    'Wakes events that wait for a new row. Arguments: what it is called, and the column of its id.';

create trigger _500_wake_webhook_events
after insert or update of provider_customer_id on public.billing_customers
for each row execute function private.tg_billing__wake_webhook_events(
    'customer', 'provider_customer_id'
);
create trigger _500_wake_webhook_events after insert on public.subscriptions
for each row execute function private.tg_billing__wake_webhook_events(
    'subscription', 'provider_subscription_id'
);
create trigger _500_wake_webhook_events after insert on public.payments
for each row execute function private.tg_billing__wake_webhook_events(
    'payment', 'provider_payment_id'
);
create trigger _500_wake_webhook_events after insert on private.payment_aliases
for each row execute function private.tg_billing__wake_webhook_events('payment', 'alias');
create trigger _500_wake_webhook_events
after insert or update of checkout_id, subscription_id, payment_id on private.checkouts
for each row execute function private.tg_billing__wake_webhook_events(
    'checkout', 'checkout_id', 'subscription', 'checkout_id', 'subscription', 'subscription_id',
    'payment', 'payment_id'
);
create trigger _500_wake_webhook_events
after insert or update of provider_price_id on public.plan_prices
for each row execute function private.tg_billing__wake_webhook_events('price', 'provider_price_id');
create trigger _500_wake_webhook_events
after insert or update of provider_price_id on public.token_pack_prices
for each row execute function private.tg_billing__wake_webhook_events('price', 'provider_price_id');
