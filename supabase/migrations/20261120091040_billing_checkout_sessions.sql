-- Room: billing, part checkout: what happens before a user pays.
--
-- What lives here: the first half of a checkout, which says what is bought by whom at which price
-- before a provider is asked (begin_checkout), its second half, which notes what the provider made
-- of it (open_checkout), and what a user can manage where (billing_portal).
-- Who may touch it: the HTTP service calls schema worker, once it knows who is asking.
-- Tests: rlstests/test_billing_checkout.py, rlstests/test_billing_checkout_opening.py

create function private.require_active(p_user_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.lock_account(p_user_id);
    if not exists (
        select 1
        from public.profiles p
        where p.id = p_user_id and p.is_active and p.deleted_at is null
    ) then
        raise sqlstate 'PT403' using
            message = format('The account %s is not active.', coalesce(p_user_id::text, 'null')),
            hint = 'It was blocked, or its deletion was requested. Contact support.';
    end if;
end;
$$;
comment on function private.require_active(uuid) is
    'Locks the account somebody acts for; PT403 when it is gone, blocked or about to be deleted.';

-- What is sold ----------------------------------------------------------------------------------

create type private.offer as (
    plan_price_id uuid,
    pack_price_id uuid,
    tokens integer,
    amount integer,
    currency text
);
comment on type private.offer is
    'A price of a plan or of a token pack, the other null. amount in minor units.';

create function private.offers(
    p_provider text,
    p_kind text,
    p_code text,
    p_interval text,
    p_currency text
) returns setof private.offer
language sql
stable
set search_path = ''
as $$
    select r.id, null::uuid, null::integer, r.amount, r.currency
    from public.plan_prices r
    inner join public.plans p on p.code = r.plan_code and p.is_active
    where p_kind = 'subscription' and r.plan_code = p_code and r.interval = p_interval
        and r.provider = p_provider and r.is_active
        and r.currency = coalesce(p_currency, r.currency)
    union all
    select null::uuid, r.id, k.tokens, r.amount, r.currency
    from public.token_pack_prices r
    inner join public.token_packs k on k.code = r.pack_code and k.is_active
    where p_kind = 'tokens' and r.pack_code = p_code and r.provider = p_provider and r.is_active
        and r.currency = coalesce(p_currency, r.currency);
$$;
comment on function private.offers(text, text, text, text, text) is
    'The prices at which this is sold now at a provider: one per currency.';

create function private.require_offer(
    p_provider text,
    p_kind text,
    p_code text,
    p_interval text,
    p_currency text
) returns private.offer
language plpgsql
stable
set search_path = ''
as $$
declare
    v_offers private.offer[] := array(
        select o
        from private.offers(p_provider, p_kind, p_code, p_interval, p_currency) o
        order by o.currency
    );
begin
    if cardinality(v_offers) = 0 then
        raise sqlstate 'PT404' using
            message = format(
                '%s %s is not sold through %s%s%s.',
                case p_kind when 'tokens' then 'The token pack' else 'The plan' end, p_code,
                p_provider, ' by the ' || p_interval, ' in ' || p_currency
            ),
            hint = 'plan_prices and token_pack_prices say what is sold.';
    end if;
    if cardinality(v_offers) > 1 then
        raise sqlstate 'PT400' using
            message = format('%s is sold in several currencies.', p_code),
            detail = jsonb_build_object('currencies', array(
                select o.currency from unnest(v_offers) o
            ))::text,
            hint = 'Say in which currency.';
    end if;
    return v_offers[1];
end;
$$;
comment on function private.require_offer(text, text, text, text, text) is
    'The one price of what is wanted. PT404 when it is not sold, PT400 when it needs a currency.';

create function private.refuse_second_subscription(p_user_id uuid, p_plan_code text) returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    v_subscription public.subscriptions;
begin
    -- Whatever its provider still runs counts, superseded or not: it is being paid for.
    select * into v_subscription
    from public.subscriptions s
    where s.user_id = p_user_id and s.provider <> 'manual'
        and s.status in ('trialing', 'active', 'past_due', 'paused', 'unpaid')
        -- Another plan may follow on one that ends.
        and (s.plan_code = p_plan_code or not s.cancel_at_period_end)
    order by s.plan_code = p_plan_code desc, s.created_at desc, s.id
    limit 1;
    if found then
        raise sqlstate 'PT409' using
            message = format('You are subscribed to %s already.', v_subscription.plan_code),
            detail = jsonb_build_object(
                'reason', 'already-subscribed',
                'plan', v_subscription.plan_code,
                'subscription_id', v_subscription.id,
                'provider', v_subscription.provider,
                'status', v_subscription.status
            )::text,
            hint = case v_subscription.plan_code
                when p_plan_code then 'Change, pay or cancel it through POST /portal.'
                else 'Change it through POST /portal; or cancel it there, and then buy the other.'
            end;
    end if;
end;
$$;
comment on function private.refuse_second_subscription(uuid, text) is
    'PT409 when a provider runs a subscription of the user to this plan, or to another one that will
be renewed: nobody pays for two unawares.';

-- The checkout ----------------------------------------------------------------------------------

create function private.checkout_facts(p_checkout private.checkouts) returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'id', p_checkout.id,
        'user_id', p_checkout.user_id,
        'provider', p_checkout.provider,
        'kind', p_checkout.kind,
        'code', coalesce(p_checkout.plan_code, p_checkout.pack_code),
        'interval', r.interval,
        'price_id', coalesce(r.provider_price_id, k.provider_price_id),
        'tokens', p_checkout.tokens,
        'amount', p_checkout.amount,
        'currency', p_checkout.currency,
        'checkout_id', p_checkout.checkout_id,
        'url', p_checkout.url,
        'status', p_checkout.status,
        'created_at', p_checkout.created_at,
        'email', f.email,
        'customer_id', c.provider_customer_id
    )
    from public.profiles f
    left join public.plan_prices r on r.id = p_checkout.plan_price_id
    left join public.token_pack_prices k on k.id = p_checkout.pack_price_id
    left join public.billing_customers c
        on c.user_id = f.id and c.provider = p_checkout.provider
    where f.id = p_checkout.user_id;
$$;
comment on function private.checkout_facts(private.checkouts) is
    'All that a provider has to be told about a checkout, and what it answered so far.';

create function private.require_same_checkout(
    p_facts jsonb,
    p_provider text,
    p_kind text,
    p_code text,
    p_interval text,
    p_currency text
) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (
        p_facts ->> 'provider', p_facts ->> 'kind', p_facts ->> 'code', p_facts ->> 'interval',
        p_facts ->> 'currency'
    ) is distinct from (
        p_provider, p_kind, p_code, p_interval, coalesce(p_currency, p_facts ->> 'currency')
    ) then
        raise sqlstate 'PT409' using
            message = 'This idempotency key was used for another checkout.',
            detail = jsonb_build_object('reason', 'key-used', 'id', p_facts -> 'id')::text,
            hint = 'Send a new key for each purchase, and the same one only to ask again.';
    end if;
end;
$$;
comment on function private.require_same_checkout(jsonb, text, text, text, text, text) is
    'PT409 when a key is used again for something else.';

create function private.require_checkout_terms(
    p_provider text,
    p_kind text,
    p_interval text,
    p_idempotency_key text
) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (
        p_provider in ('razorpay', 'stripe')
        and char_length(p_idempotency_key) between 1 and 200
        and case p_kind
            when 'subscription' then p_interval in ('month', 'year')
            when 'tokens' then p_interval is null
        end
    ) is not true then
        raise sqlstate 'PT400' using
            message = 'This is no checkout.',
            hint = 'Send provider razorpay or stripe, kind subscription with an interval, month or'
                ' year, or kind tokens without one, and an idempotency key of 1 to 200 characters.';
    end if;
end;
$$;
comment on function private.require_checkout_terms(text, text, text, text) is
    'PT400 for terms that no checkout can have.';

create function worker.begin_checkout(
    p_user_id uuid,
    p_provider text,
    p_kind text,
    p_code text,
    p_interval text,
    p_currency text,
    p_idempotency_key text
) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_checkout private.checkouts;
    v_offer private.offer;
    v_is_new boolean;
    v_facts jsonb;
begin
    perform private.require_checkout_terms(p_provider, p_kind, p_interval, p_idempotency_key);
    perform private.require_active(p_user_id);
    select * into v_checkout
    from private.checkouts c
    where c.user_id = p_user_id and c.idempotency_key = p_idempotency_key;
    if v_checkout.checkout_id is null then
        -- The provider is going to be asked, whether for the first time or again.
        perform private.limit_rate_of('checkout', p_user_id::text);
    end if;
    v_is_new := v_checkout.id is null;
    if v_is_new then
        if p_kind = 'subscription' then
            perform private.refuse_second_subscription(p_user_id, p_code);
        end if;
        v_offer := private.require_offer(p_provider, p_kind, p_code, p_interval, p_currency);
        insert into private.checkouts (
            user_id, provider, kind, plan_code, plan_price_id, pack_code, pack_price_id, tokens,
            amount, currency, idempotency_key
        ) values (
            p_user_id, p_provider, p_kind,
            case p_kind when 'subscription' then p_code end, v_offer.plan_price_id,
            case p_kind when 'tokens' then p_code end, v_offer.pack_price_id,
            v_offer.tokens, v_offer.amount, v_offer.currency, p_idempotency_key
        )
        -- Two calls with one key at the same time: the second finds what the first made.
        on conflict (user_id, idempotency_key) do update set updated_at = excluded.updated_at
        returning * into v_checkout;
    end if;
    v_facts := private.checkout_facts(v_checkout);
    perform private.require_same_checkout(
        v_facts, p_provider, p_kind, p_code, p_interval, p_currency
    );
    -- Whether the provider may have been asked before, without us hearing of it.
    return v_facts || jsonb_build_object('is_new', v_is_new);
end;
$$;
comment on function worker.begin_checkout(uuid, text, text, text, text, text, text) is
    'Notes who buys what at which price, before the provider is asked, and returns what to tell it.
The same key again returns the same checkout. kind is subscription or tokens, code a plan or a pack;
p_currency may be null when it is sold in one only. PT403 for an account that is not active, PT404
for what is not sold, PT409 for a key used otherwise or a plan the user has, PT429 when too often.';

create function worker.open_checkout(
    p_id uuid,
    p_checkout_id text,
    p_customer_id text,
    p_url text
) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_checkout private.checkouts;
begin
    perform private.lock_account(c.user_id) from private.checkouts c where c.id = p_id;
    select * into v_checkout from private.checkouts c where c.id = p_id for update;
    if not found then
        perform private.raise_not_found('checkout', p_id);
    end if;
    if p_checkout_id is null then
        raise sqlstate 'PT400' using
            message = 'p_checkout_id is null.',
            hint = 'Send the id of the provider: order, subscription or checkout session.';
    end if;
    if v_checkout.checkout_id is null then
        update private.checkouts c
        set checkout_id = p_checkout_id, url = p_url
        where c.id = p_id
        returning * into v_checkout;
        insert into public.billing_customers (user_id, provider, provider_customer_id)
        select v_checkout.user_id, v_checkout.provider, p_customer_id
        where p_customer_id is not null
        -- A customer stays whose it is.
        on conflict do nothing;
    end if;
    return private.checkout_facts(v_checkout);
end;
$$;
comment on function worker.open_checkout(uuid, text, text, text) is
    'Notes what the provider made of a checkout; returns it as begin_checkout does.
Whoever comes second, after two calls to the provider, gets what the first one noted.';

grant execute on function
worker.begin_checkout(uuid, text, text, text, text, text, text),
worker.open_checkout(uuid, text, text, text)
to service_role;
