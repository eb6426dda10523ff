-- Room: billing
--
-- What lives here: what the payment providers say. Who is whose customer (billing_customers), what
-- is subscribed to (subscriptions) and what was paid (payments). History is kept: rows only move
-- forward. The other parts: billing_webhooks and billing_mirror.
-- Who may touch it: owners read subscriptions and payments. Only functions of private
-- write, after private.lock_account.
-- Tests: rlstests/test_billing.py, rlstests/test_billing_payments.py

-- Tables --------------------------------------------------------------------------------------

create table public.billing_customers (
    user_id uuid not null references public.profiles (id) on delete cascade,
    provider text not null check (provider in ('razorpay', 'stripe')),
    provider_customer_id text not null check (char_length(provider_customer_id) between 1 and 255),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (user_id, provider),
    constraint billing_customers_provider_customer_id_key unique (provider, provider_customer_id)
);
comment on table public.billing_customers is
    'Which customer of a payment provider a user is. System-written, read by workers.';

create table public.subscriptions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.profiles (id) on delete cascade,
    provider text not null check (provider in ('razorpay', 'stripe', 'manual')),
    provider_subscription_id text check (char_length(provider_subscription_id) between 1 and 255),
    provider_customer_id text check (char_length(provider_customer_id) between 1 and 255),
    plan_code text not null references public.plans (code) on delete restrict,
    price_id uuid,
    status text not null check (
        status in (
            'incomplete', 'trialing', 'active', 'past_due', 'paused', 'unpaid', 'canceled',
            'expired'
        )
    ),
    current_period_start timestamptz,
    current_period_end timestamptz,
    start_date timestamptz not null default now(),
    trial_end timestamptz,
    cancel_at_period_end boolean not null default false,
    canceled_at timestamptz,
    ended_at timestamptz,
    superseded_at timestamptz,
    past_due_at timestamptz,
    custom_limits jsonb not null default '{}' check (
        private.is_custom_limits(custom_limits) and octet_length(custom_limits::text) <= 16384
    ),
    last_event_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- What tenant-safe foreign keys of other tables point at.
    unique (user_id, id),
    constraint subscriptions_provider_subscription_id_key
    unique (provider, provider_subscription_id),
    -- The price is one of this plan at this provider.
    constraint subscriptions_price_fkey foreign key (price_id, plan_code, provider)
    references public.plan_prices (id, plan_code, provider) on delete restrict,
    constraint subscriptions_manual_check check (
        case provider
            when 'manual' then provider_subscription_id is null and price_id is null
            else provider_subscription_id is not null
        end
    ),
    constraint subscriptions_period_check check (current_period_end > current_period_start),
    constraint subscriptions_ended_at_check check (
        (status in ('canceled', 'expired')) = (ended_at is not null)
    ),
    constraint subscriptions_past_due_at_check check (
        (status = 'past_due') = (past_due_at is not null)
    )
);
comment on table public.subscriptions is
    'What a user subscribed to, one row per subscription, kept for ever. System-written.
Owners see theirs.';
comment on column public.subscriptions.provider is
    'razorpay, stripe, or manual: granted by an operator, paid to nobody.';
comment on column public.subscriptions.plan_code is 'The plan it entitles to.';
comment on column public.subscriptions.price_id is 'The price paid. Null for a granted one.';
comment on column public.subscriptions.status is
    'incomplete: the first payment is open. trialing, active: paid. past_due: a payment failed, and
access lasts for a grace. paused, unpaid: no access, yet it may come back. canceled, expired: over.';
comment on column public.subscriptions.current_period_end is
    'Until when it is paid. Null means without end for a granted one, and not paid for another.';
comment on column public.subscriptions.start_date is 'When it began at the provider.';
comment on column public.subscriptions.cancel_at_period_end is
    'It will not be renewed; access lasts until current_period_end.';
comment on column public.subscriptions.canceled_at is 'When the user asked to end it.';
comment on column public.subscriptions.ended_at is 'When it was over.';
comment on column public.subscriptions.superseded_at is
    'When another subscription of the user took its place while the provider still ran this one.';
comment on column public.subscriptions.past_due_at is
    'When the payment failed that made it past_due: from there the grace counts.';
comment on column public.subscriptions.custom_limits is
    'Limits agreed with this user: {meter: {period: number or null}}; null is unlimited. Those of a
meter stand in place of all that the plan says of it; see profiles.custom_limits.';
comment on column public.subscriptions.last_event_at is
    'When what we know was true at the provider. It never goes back.';
create index subscriptions_user_id_idx on public.subscriptions (user_id, created_at desc);
create index subscriptions_plan_code_idx on public.subscriptions (plan_code);
create index subscriptions_price_id_idx
on public.subscriptions (price_id, plan_code, provider) where price_id is not null;
-- At most one entitles. incomplete is none yet: a checkout may be begun twice.
create unique index subscriptions_live_key on public.subscriptions (user_id)
where status in ('trialing', 'active', 'past_due', 'paused', 'unpaid') and superseded_at is null;
create index subscriptions_current_period_end_idx on public.subscriptions (current_period_end)
where status in ('trialing', 'active') and superseded_at is null;
create index subscriptions_superseded_idx on public.subscriptions (user_id)
where superseded_at is not null;
create index subscriptions_past_due_at_idx on public.subscriptions (past_due_at)
where past_due_at is not null;

create table public.payments (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.profiles (id) on delete cascade,
    provider text not null check (provider in ('razorpay', 'stripe')),
    provider_payment_id text not null check (char_length(provider_payment_id) between 1 and 255),
    kind text not null check (kind in ('subscription', 'tokens')),
    subscription_id uuid,
    provider_subscription_id text check (char_length(provider_subscription_id) between 1 and 255),
    token_pack_code text references public.token_packs (code) on delete restrict,
    tokens integer check (tokens > 0),
    amount integer not null check (amount >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    status text not null check (status in ('pending', 'succeeded', 'failed', 'refunded')),
    refunded_amount integer not null default 0,
    failure_reason text check (char_length(failure_reason) <= 1000),
    failed_at timestamptz,
    paid_at timestamptz,
    last_event_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- What tenant-safe foreign keys of other tables point at.
    unique (user_id, id),
    constraint payments_provider_payment_id_key unique (provider, provider_payment_id),
    -- Only for a subscription of the same user.
    constraint payments_subscription_fkey foreign key (user_id, subscription_id)
    references public.subscriptions (user_id, id) on delete set null (subscription_id),
    constraint payments_purpose_check check (
        case kind
            when 'tokens' then tokens is not null and subscription_id is null
            else tokens is null and token_pack_code is null
        end
    ),
    constraint payments_refunded_amount_check check (
        refunded_amount between 0 and amount
        and (refunded_amount = 0 or status in ('succeeded', 'refunded'))
        and (status <> 'refunded' or refunded_amount = amount)
    ),
    constraint payments_paid_at_check check (
        status not in ('succeeded', 'refunded') or paid_at is not null
    )
);
comment on table public.payments is
    'What a user paid, one row per payment of a provider, kept for ever. System-written.
Owners see theirs.';
comment on column public.payments.kind is 'What was paid for: subscription or tokens.';
comment on column public.payments.subscription_id is
    'The subscription paid for; null until a provider says which.';
comment on column public.payments.provider_subscription_id is
    'The same by its id at the provider, which may be known before.';
comment on column public.payments.tokens is 'How many tokens were bought, when they were.';
comment on column public.payments.amount is 'In minor units of the currency: paise, cents.';
comment on column public.payments.currency is 'ISO 4217, upper case.';
comment on column public.payments.status is
    'pending, succeeded, failed (may still succeed) or refunded: all of it given back.';
comment on column public.payments.refunded_amount is
    'What was given back so far, in minor units. It never falls.';
comment on column public.payments.failed_at is
    'When it last failed; null once it has succeeded.';
comment on column public.payments.last_event_at is
    'When what we know was true at the provider. It never goes back.';
create index payments_user_id_idx on public.payments (user_id, created_at desc);
create index payments_subscription_id_idx on public.payments (user_id, subscription_id)
where subscription_id is not null;
create index payments_provider_subscription_id_idx
on public.payments (provider, provider_subscription_id)
where provider_subscription_id is not null;
create index payments_token_pack_code_idx on public.payments (token_pack_code)
where token_pack_code is not null;

-- Row level security ----------------------------------------------------------------------------

alter table public.billing_customers enable row level security;
alter table public.subscriptions enable row level security;
alter table public.payments enable row level security;

create policy billing_customers_all_nobody on public.billing_customers
for all to public
using (false)
with check (false);
comment on policy billing_customers_all_nobody on public.billing_customers is
    'Clients never see it. service_role and operators bypass row level security.';

create policy subscriptions_select_owner on public.subscriptions
for select to authenticated
using (user_id = (select auth.uid()));

create policy payments_select_owner on public.payments
for select to authenticated
using (user_id = (select auth.uid()));

-- Grants ----------------------------------------------------------------------------------------

grant select on public.billing_customers, public.subscriptions, public.payments to service_role;
-- Every column, the own ids at the provider too: a client that asks for select=* gets an answer.
grant select on public.subscriptions, public.payments to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.billing_customers
for each row execute function private.tg_set_updated_at();
create trigger _100_set_updated_at before update on public.subscriptions
for each row execute function private.tg_set_updated_at();
create trigger _100_set_updated_at before update on public.payments
for each row execute function private.tg_set_updated_at();

create function private.tg_subscriptions__guard_history() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    if (new.id, new.user_id, new.provider, new.provider_subscription_id, new.created_at)
        is distinct from
        (old.id, old.user_id, old.provider, old.provider_subscription_id, old.created_at) then
        raise exception 'Subscription % cannot become another one.', old.id;
    end if;
    if old.status in ('canceled', 'expired')
        and (new.status, new.ended_at) is distinct from (old.status, old.ended_at)
        -- Word of the end may come twice, and the later one first.
        and not (
            new.ended_at <= old.ended_at
            and private.is_known_end(
                new.provider, new.provider_subscription_id, new.status, new.ended_at
            )
        )
    then
        raise exception 'Subscription % is %: that is final.', old.id, old.status;
    end if;
    if new.last_event_at < old.last_event_at then
        raise exception 'Subscription % knows of later events than %.', old.id, new.last_event_at;
    end if;
    return new;
end;
$$;
comment on function private.tg_subscriptions__guard_history() is
    'Keeps a subscription the same one, its end final, and its clock from going back.';

create trigger _200_guard_history before update on public.subscriptions
for each row execute function private.tg_subscriptions__guard_history();

create function private.tg_payments__guard_history() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    if (new.id, new.user_id, new.provider, new.provider_payment_id, new.created_at)
        is distinct from
        (old.id, old.user_id, old.provider, old.provider_payment_id, old.created_at)
    then
        raise exception 'Payment % cannot become another one.', old.id;
    end if;
    if new.refunded_amount < old.refunded_amount or new.last_event_at < old.last_event_at then
        raise exception 'Payment % moves forward only.', old.id;
    end if;
    if old.status = 'refunded' and new.status is distinct from 'refunded'
        or old.status = 'succeeded' and new.status in ('pending', 'failed') then
        raise exception 'Payment % is % and cannot become %.', old.id, old.status, new.status;
    end if;
    -- What was paid for what, and how much, is settled with the money.
    if old.status in ('succeeded', 'refunded')
        and (new.kind, new.tokens, new.token_pack_code, new.amount, new.currency)
            is distinct from (old.kind, old.tokens, old.token_pack_code, old.amount, old.currency)
    then
        raise exception 'Payment % is %: what it was for cannot change.', old.id, old.status;
    end if;
    return new;
end;
$$;
comment on function private.tg_payments__guard_history() is
    'Keeps a payment the same one, and its refunds and its status from going back.';

create trigger _200_guard_history before update on public.payments
for each row execute function private.tg_payments__guard_history();

create function private.tg_billing__keep_history() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    if exists (select 1 from public.profiles p where p.id = old.user_id) then
        raise exception '% % is history and stays as long as its account.', tg_table_name, old.id;
    end if;
    return old;
end;
$$;
comment on function private.tg_billing__keep_history() is
    'Keeps subscriptions and payments from being deleted, but with their account.';

create trigger _300_keep_history before delete on public.subscriptions
for each row execute function private.tg_billing__keep_history();
create trigger _300_keep_history before delete on public.payments
for each row execute function private.tg_billing__keep_history();

select private.audit_table(
    'public.subscriptions', 'id', '{last_event_at}',
    '{provider_subscription_id,provider_customer_id}'
);
select private.audit_table(
    'public.payments', 'id', '{last_event_at}', '{provider_payment_id,provider_subscription_id}'
);
