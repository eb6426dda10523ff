-- Room: billing, third part: what users went to a payment provider for.
--
-- What lives here: every checkout that we began (private.checkouts). It says who buys and what is
-- bought, so that no payment has to be believed about that.
-- Who may touch it: functions only, after private.lock_account.
-- Tests: rlstests/test_billing_checkouts.py

create table private.checkouts (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.profiles (id) on delete cascade,
    provider text not null check (provider in ('razorpay', 'stripe')),
    kind text not null check (kind in ('subscription', 'tokens')),
    checkout_id text check (char_length(checkout_id) between 1 and 255),
    plan_code text references public.plans (code) on delete restrict,
    plan_price_id uuid,
    pack_code text references public.token_packs (code) on delete restrict,
    pack_price_id uuid references public.token_pack_prices (id) on delete restrict,
    tokens integer check (tokens > 0),
    amount integer not null check (amount >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    url text check (char_length(url) between 1 and 4096 and private.is_web_link(url)),
    idempotency_key text not null check (char_length(idempotency_key) between 1 and 200),
    status text not null default 'open' check (
        status in ('open', 'completed', 'expired', 'failed')
    ),
    subscription_id text check (char_length(subscription_id) between 1 and 255),
    payment_id text check (char_length(payment_id) between 1 and 255),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint checkouts_checkout_id_key unique (provider, checkout_id),
    constraint checkouts_idempotency_key_key unique (user_id, idempotency_key),
    -- The price is one of this plan at this provider.
    constraint checkouts_plan_price_fkey foreign key (plan_price_id, plan_code, provider)
    references public.plan_prices (id, plan_code, provider) on delete restrict,
    constraint checkouts_purpose_check check (
        case kind
            when 'tokens' then
                num_nonnulls(pack_code, pack_price_id, tokens) = 3
                and num_nonnulls(plan_code, plan_price_id) = 0
            else
                num_nonnulls(plan_code, plan_price_id) = 2
                and num_nonnulls(pack_code, pack_price_id, tokens) = 0
        end
    )
);
comment on table private.checkouts is
    'What a user began to buy at a payment provider, one row per checkout, kept for ever.';
comment on column private.checkouts.checkout_id is
    'The id of the provider: the order or subscription at Razorpay, the checkout session at Stripe.
Null until the provider was asked.';
comment on column private.checkouts.tokens is 'How many tokens the pack had when it was offered.';
comment on column private.checkouts.amount is
    'What was asked for it, in minor units of the currency.';
comment on column private.checkouts.url is 'Where the user pays, when the provider has a page.';
comment on column private.checkouts.idempotency_key is
    'By which a client that asks again gets the same checkout.';
comment on column private.checkouts.status is
    'open; completed: gone through, which says nothing of the money; expired; failed: may be paid
again.';
comment on column private.checkouts.subscription_id is
    'The subscription that came of it, by the id of the provider.';
comment on column private.checkouts.payment_id is
    'The payment that came of it, by the id of the provider.';
create index checkouts_user_id_idx on private.checkouts (user_id, created_at desc);
create index checkouts_plan_code_idx on private.checkouts (plan_code)
where plan_code is not null;
create index checkouts_plan_price_id_idx
on private.checkouts (plan_price_id, plan_code, provider) where plan_price_id is not null;
create index checkouts_pack_code_idx on private.checkouts (pack_code)
where pack_code is not null;
create index checkouts_pack_price_id_idx on private.checkouts (pack_price_id)
where pack_price_id is not null;
create index checkouts_subscription_id_idx on private.checkouts (provider, subscription_id)
where subscription_id is not null;
create index checkouts_payment_id_idx on private.checkouts (provider, payment_id)
where payment_id is not null;
select private.close_table('private.checkouts');

create trigger _100_set_updated_at before update on private.checkouts
for each row execute function private.tg_set_updated_at();

create function private.tg_checkouts__guard_offer() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    if (
        new.id, new.user_id, new.provider, new.kind, new.plan_code, new.plan_price_id,
        new.pack_code, new.pack_price_id, new.tokens, new.amount, new.currency,
        new.idempotency_key, new.created_at
    ) is distinct from (
        old.id, old.user_id, old.provider, old.kind, old.plan_code, old.plan_price_id,
        old.pack_code, old.pack_price_id, old.tokens, old.amount, old.currency,
        old.idempotency_key, old.created_at
    ) or new.checkout_id is distinct from old.checkout_id and old.checkout_id is not null then
        raise exception 'Checkout % offers what it offered.', old.id;
    end if;
    return new;
end;
$$;
comment on function private.tg_checkouts__guard_offer() is
    'Keeps what was offered to whom at which price, which is what a payment is measured by.';

create trigger _200_guard_offer before update on private.checkouts
for each row execute function private.tg_checkouts__guard_offer();
