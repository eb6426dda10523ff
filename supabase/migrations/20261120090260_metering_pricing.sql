-- Room: metering, pricing: changing what is sold.
--
-- What lives here: setting the price of a plan or of a token pack. A price that a provider knows
-- never changes: a new one takes its place, and the old one stays for those who have it.
-- Who may touch it: admins call public.*; operators, as postgres, the same. The tables are audited.
-- Tests: rlstests/test_metering_pricing.py

create function private.require_price(
    p_provider text,
    p_currency text,
    p_amount integer,
    p_provider_price_id text
) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (
        p_provider in ('razorpay', 'stripe') and p_currency ~ '^[A-Z]{3}$' and p_amount > 0
        and char_length(p_provider_price_id) between 1 and 255
    ) is true then
        return;
    end if;
    raise sqlstate 'PT400' using
        message = 'A price has a provider, a currency, an amount above 0 and an id.',
        hint = 'Provider razorpay or stripe, currency like USD, the amount in minor units, and the '
            || 'id that the provider gave the price.';
end;
$$;
comment on function private.require_price(text, text, integer, text) is
    'PT400 unless these make a price.';

create function private.raise_other_price(p_provider text, p_provider_price_id text) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    raise sqlstate 'PT409' using
        message = format('%s price %s is another one.', initcap(p_provider), p_provider_price_id),
        hint = 'A price at a provider never changes: make a new one there, and send its id.';
end;
$$;
comment on function private.raise_other_price(text, text) is
    'PT409 for the id of a price that is known for something else, or for another amount.';

-- Plans -----------------------------------------------------------------------------------------

create function private.admin_set_plan_price(
    p_plan_code text,
    p_interval text,
    p_provider text,
    p_currency text,
    p_amount integer,
    p_provider_price_id text
) returns setof public.plan_prices
language plpgsql
volatile
security definer
rows 1
set search_path = ''
as $$
declare
    v_known public.plan_prices;
    v_rank smallint;
begin
    perform private.require_admin();
    perform private.require_price(p_provider, p_currency, p_amount, p_provider_price_id);
    if p_interval is null or p_interval not in ('month', 'year') then
        raise sqlstate 'PT400' using
            message = 'A plan is paid by the month or by the year.',
            hint = 'Send p_interval month or year.';
    end if;
    -- Two changes of one plan take turns.
    select l.tier_rank into v_rank
    from public.plans l
    where l.code = p_plan_code
    for no key update;
    if v_rank is null or v_rank = 0 then
        raise sqlstate 'PT404' using
            message = format('There is no plan %s to be paid.', coalesce(p_plan_code, 'null')),
            hint = format('Plans: %s.', (
                select string_agg(l.code, ', ' order by l.tier_rank)
                from public.plans l where l.tier_rank > 0
            ));
    end if;
    select * into v_known
    from public.plan_prices r
    where r.provider = p_provider and r.provider_price_id = p_provider_price_id;
    if found and (v_known.plan_code, v_known.interval, v_known.currency, v_known.amount)
        is distinct from (p_plan_code, p_interval, p_currency, p_amount) then
        perform private.raise_other_price(p_provider, p_provider_price_id);
    end if;
    update public.plan_prices r
    set is_active = false
    where r.plan_code = p_plan_code and r.interval = p_interval and r.provider = p_provider
        and r.currency = p_currency and r.is_active
        and r.provider_price_id is distinct from p_provider_price_id;
    return query
    insert into public.plan_prices as r
    (plan_code, interval, provider, provider_price_id, amount, currency)
    values (p_plan_code, p_interval, p_provider, p_provider_price_id, p_amount, p_currency)
    -- Somebody may have used the id for another one at this moment.
    on conflict (provider, provider_price_id) do update set is_active = true
        where (r.plan_code, r.interval, r.currency, r.amount)
            = (excluded.plan_code, excluded.interval, excluded.currency, excluded.amount)
    returning r.*;
    if not found then
        perform private.raise_other_price(p_provider, p_provider_price_id);
    end if;
end;
$$;
comment on function private.admin_set_plan_price(text, text, text, text, integer, text) is
    'Sells a plan at a price; see public.admin_set_plan_price.';
grant execute on function private.admin_set_plan_price(text, text, text, text, integer, text)
to authenticated;

create function public.admin_set_plan_price(
    p_plan_code text,
    p_interval text,
    p_provider text,
    p_currency text,
    p_amount integer,
    p_provider_price_id text
) returns setof public.plan_prices
language sql
volatile
rows 1
set search_path = ''
as $$
    select *
    from private.admin_set_plan_price(
        p_plan_code, p_interval, p_provider, p_currency, p_amount, p_provider_price_id
    );
$$;
comment on function public.admin_set_plan_price(text, text, text, text, integer, text) is
    'For admins: sells a plan at this price from now on, by the id that the provider gave it.
The price it had in this interval, provider and currency is sold no more and stays for those who
have it. Doing it again changes nothing. PT403 for anybody else, PT404 for no plan, PT400 for no
price, PT409 for an id that is known for something else: prices at a provider never change.';
grant execute on function public.admin_set_plan_price(text, text, text, text, integer, text)
to authenticated;

-- Token packs -----------------------------------------------------------------------------------

create function private.admin_set_token_pack_price(
    p_pack_code text,
    p_provider text,
    p_currency text,
    p_amount integer,
    p_provider_price_id text
) returns setof public.token_pack_prices
language plpgsql
volatile
security definer
rows 1
set search_path = ''
as $$
declare
    v_known public.token_pack_prices;
begin
    perform private.require_admin();
    perform private.require_price(p_provider, p_currency, p_amount, p_provider_price_id);
    perform 1 from public.token_packs k where k.code = p_pack_code for no key update;
    if not found then
        raise sqlstate 'PT404' using
            message = format('There is no token pack %s.', coalesce(p_pack_code, 'null')),
            hint = format('Token packs: %s.', (
                select string_agg(k.code, ', ' order by k.tokens) from public.token_packs k
            ));
    end if;
    select * into v_known
    from public.token_pack_prices r
    where r.provider = p_provider and r.provider_price_id = p_provider_price_id;
    if found and (v_known.pack_code, v_known.currency, v_known.amount)
        is distinct from (p_pack_code, p_currency, p_amount) then
        perform private.raise_other_price(p_provider, p_provider_price_id);
    end if;
    update public.token_pack_prices r
    set is_active = false
    where r.pack_code = p_pack_code and r.provider = p_provider and r.currency = p_currency
        and r.is_active and r.provider_price_id is distinct from p_provider_price_id;
    return query
    insert into public.token_pack_prices as r
    (pack_code, provider, provider_price_id, amount, currency)
    values (p_pack_code, p_provider, p_provider_price_id, p_amount, p_currency)
    -- Somebody may have used the id for another one at this moment.
    on conflict (provider, provider_price_id) do update set is_active = true
        where (r.pack_code, r.currency, r.amount)
            = (excluded.pack_code, excluded.currency, excluded.amount)
    returning r.*;
    if not found then
        perform private.raise_other_price(p_provider, p_provider_price_id);
    end if;
end;
$$;
comment on function private.admin_set_token_pack_price(text, text, text, integer, text) is
    'Sells a token pack at a price; see public.admin_set_token_pack_price.';
grant execute on function private.admin_set_token_pack_price(text, text, text, integer, text)
to authenticated;

create function public.admin_set_token_pack_price(
    p_pack_code text,
    p_provider text,
    p_currency text,
    p_amount integer,
    p_provider_price_id text
) returns setof public.token_pack_prices
language sql
volatile
rows 1
set search_path = ''
as $$
    select *
    from private.admin_set_token_pack_price(
        p_pack_code, p_provider, p_currency, p_amount, p_provider_price_id
    );
$$;
comment on function public.admin_set_token_pack_price(text, text, text, integer, text) is
    'For admins: sells a token pack at this price from now on, by the id that the provider gave it.
The price it had at this provider in this currency is sold no more. Doing it again changes nothing.
PT403 for anybody else, PT404 for no pack, PT400 for no price, PT409 for an id that is known for
something else.';
grant execute on function public.admin_set_token_pack_price(text, text, text, integer, text)
to authenticated;
