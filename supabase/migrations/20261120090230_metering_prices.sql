-- Room: metering, prices: what plans and tokens cost.
--
-- What lives here: prices of plans (plan_prices), token packs and their prices, each known to a
-- payment provider by an id of its own; and the audit of the whole catalogue.
-- Who may touch it: everybody reads what is sold now. Only operators write.
-- Tests: rlstests/test_metering_prices.py

-- Tables --------------------------------------------------------------------------------------

create table public.plan_prices (
    id uuid primary key default gen_random_uuid(),
    plan_code text not null references public.plans (code) on delete restrict,
    interval text not null check (interval in ('month', 'year')),
    provider text not null check (provider in ('razorpay', 'stripe')),
    provider_price_id text not null check (char_length(provider_price_id) between 1 and 255),
    amount integer not null check (amount >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint plan_prices_provider_price_id_key unique (provider, provider_price_id),
    -- Lets a subscription prove that its price is one of its plan and provider.
    constraint plan_prices_identity_key unique (id, plan_code, provider)
);
comment on table public.plan_prices is
    'What a plan costs, and the id by which a payment provider knows that price.
Read by anyone while it is sold, written by operators. A price that is no longer sold stays, for the
subscriptions that have it.';
comment on column public.plan_prices.interval is 'How often it is paid: month or year.';
comment on column public.plan_prices.provider_price_id is
    'The plan_id of Razorpay, the price id of Stripe.';
comment on column public.plan_prices.amount is
    'In minor units of the currency: paise, cents. Per interval.';
comment on column public.plan_prices.currency is 'ISO 4217, upper case.';
comment on column public.plan_prices.is_active is 'Whether it is sold now.';
create index plan_prices_plan_code_idx on public.plan_prices (plan_code);
-- A checkout finds one price, not several.
create unique index plan_prices_offer_key
on public.plan_prices (plan_code, interval, provider, currency) where is_active;

create table public.token_packs (
    code text primary key check (code ~ '^[a-z][a-z0-9_]{1,39}$'),
    name text not null check (char_length(name) between 1 and 100),
    tokens integer not null check (tokens > 0),
    description text not null default '' check (char_length(description) <= 2000),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.token_packs is
    'Tokens that can be bought at once. Read by anyone while sold, written by operators.';
comment on column public.token_packs.tokens is 'How many tokens a purchase adds.';

create table public.token_pack_prices (
    id uuid primary key default gen_random_uuid(),
    pack_code text not null references public.token_packs (code) on delete restrict,
    provider text not null check (provider in ('razorpay', 'stripe')),
    provider_price_id text not null check (char_length(provider_price_id) between 1 and 255),
    amount integer not null check (amount >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint token_pack_prices_provider_price_id_key unique (provider, provider_price_id)
);
comment on table public.token_pack_prices is
    'What a token pack costs, once, and the id by which a payment provider knows that price.
Read by anyone while it is sold, written by operators.';
comment on column public.token_pack_prices.provider_price_id is
    'The price id of Stripe; for Razorpay, whose orders carry an amount, a name of our own.';
comment on column public.token_pack_prices.amount is
    'In minor units of the currency: paise, cents.';
comment on column public.token_pack_prices.currency is 'ISO 4217, upper case.';
comment on column public.token_pack_prices.is_active is 'Whether it is sold now.';
create index token_pack_prices_pack_code_idx on public.token_pack_prices (pack_code);
create unique index token_pack_prices_offer_key
on public.token_pack_prices (pack_code, provider, currency) where is_active;

-- Row level security ----------------------------------------------------------------------------

alter table public.plan_prices enable row level security;
alter table public.token_packs enable row level security;
alter table public.token_pack_prices enable row level security;

create policy plan_prices_select_anyone on public.plan_prices
for select to anon, authenticated
using (is_active);

create policy token_packs_select_anyone on public.token_packs
for select to anon, authenticated
using (is_active);

create policy token_pack_prices_select_anyone on public.token_pack_prices
for select to anon, authenticated
using (is_active);

-- Grants ----------------------------------------------------------------------------------------

grant select on public.plan_prices, public.token_packs, public.token_pack_prices
to anon, authenticated, service_role;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.plan_prices
for each row execute function private.tg_set_updated_at();
create trigger _100_set_updated_at before update on public.token_packs
for each row execute function private.tg_set_updated_at();
create trigger _100_set_updated_at before update on public.token_pack_prices
for each row execute function private.tg_set_updated_at();

-- Audit: whoever may change these decides what everybody pays and may do.
select private.audit_table('public.plans', 'code');
select private.audit_table('public.plan_limits', 'plan_code,meter,period');
select private.audit_table('public.operations', 'code');
select private.audit_table('public.plan_prices', 'id');
select private.audit_table('public.token_packs', 'code');
select private.audit_table('public.token_pack_prices', 'id');
