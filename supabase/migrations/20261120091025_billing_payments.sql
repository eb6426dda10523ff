-- Room: billing, part payments: how payments move on, and tokens with them.
--
-- What lives here: the ledger's side of money (credit_tokens, debit_tokens: debt is paid first),
-- and how a payment change becomes a row that only moves forward. What was bought is what our
-- checkout, or a price of a token pack, says; never what the payment says of itself.
-- Who may touch it: functions of private, after private.lock_billing.
-- Tests: rlstests/test_billing_tokens.py, rlstests/test_billing_permutations.py

-- Tokens ----------------------------------------------------------------------------------------

create function private.credit_tokens(
    p_user_id uuid,
    p_amount integer,
    p_type text,
    p_reference text,
    p_description text
) returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_debt integer;
    v_id uuid;
begin
    perform private.lock_account(p_user_id);
    -- Before looking for the reference: two who bring the same one take turns here.
    select b.debt into v_debt
    from public.token_balances b
    where b.user_id = p_user_id
    for update;
    if exists (
        select 1
        from public.token_transactions t
        where t.transaction_type = p_type and t.reference = p_reference and t.status = 'completed'
    ) then
        return null;
    end if;
    insert into public.token_transactions
    (user_id, amount, transaction_type, reference, description)
    values (p_user_id, p_amount, p_type, p_reference, p_description)
    returning id into v_id;
    if v_debt > 0 then
        insert into public.token_transactions
        (user_id, amount, debt_change, transaction_type, reference, description)
        values (
            p_user_id, -least(v_debt, p_amount), -least(v_debt, p_amount), 'adjustment',
            p_reference, 'Debt of an earlier refund, paid first.'
        );
    end if;
    return v_id;
end;
$$;
comment on function private.credit_tokens(uuid, integer, text, text, text) is
    'Gives tokens, as a purchase or a grant; what the user owes is paid from them first.
Returns the id of the row of the ledger; null when this reference was credited before.';

create function private.debit_tokens(
    p_user_id uuid,
    p_amount integer,
    p_reference text,
    p_description text
) returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_taken integer;
    v_id uuid;
begin
    perform private.lock_account(p_user_id);
    select least(b.current_balance, p_amount) into v_taken
    from public.token_balances b
    where b.user_id = p_user_id
    for update;
    if exists (
        select 1
        from public.token_transactions t
        where t.transaction_type = 'refund' and t.reference = p_reference
            and t.status = 'completed'
    ) then
        return null;
    end if;
    insert into public.token_transactions
    (user_id, amount, debt_change, transaction_type, reference, description)
    values (p_user_id, -v_taken, p_amount - v_taken, 'refund', p_reference, p_description)
    returning id into v_id;
    return v_id;
end;
$$;
comment on function private.debit_tokens(uuid, integer, text, text) is
    'Takes back tokens whose payment was given back; what the balance lacks becomes debt.
Returns the id of the row of the ledger; null when this reference was debited before.';

create function private.settle_tokens(p_payment public.payments, p_refunded_before integer)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_reference text := format('%s:%s', p_payment.provider, p_payment.provider_payment_id);
    v_due integer;
begin
    perform private.credit_tokens(
        p_payment.user_id, p_payment.tokens, 'purchase', v_reference,
        format('Bought: %s tokens.', p_payment.tokens)
    );
    -- Rounded down each time from all that was given back, so that parts add up to the whole.
    v_due := p_payment.tokens::bigint * p_payment.refunded_amount / greatest(p_payment.amount, 1)
        - p_payment.tokens::bigint * p_refunded_before / greatest(p_payment.amount, 1);
    if v_due > 0 then
        perform private.debit_tokens(
            p_payment.user_id, v_due, format('%s:%s', v_reference, p_payment.refunded_amount),
            'The payment was given back, or a part of it.'
        );
    end if;
end;
$$;
comment on function private.settle_tokens(public.payments, integer) is
    'Credits what a payment bought, once, and debits what was given back since.';

-- What was bought -------------------------------------------------------------------------------

create type private.bought as (
    kind text,
    pack_code text,
    tokens integer,
    amount integer,
    currency text
);
comment on type private.bought is
    'What a payment is for, and the least it has to be; null amounts say that nobody set one.';

create function private.bought_by(
    p_change private.billing_change,
    p_payment public.payments,
    p_checkout private.checkouts
) returns private.bought
language plpgsql
stable
set search_path = ''
as $$
declare
    v_bought private.bought;
begin
    v_bought.kind := coalesce(p_payment.kind, p_checkout.kind, p_change.kind);
    if v_bought.kind is null and exists (
        select 1
        from public.subscriptions s
        where s.provider = p_change.provider
            and s.provider_subscription_id = p_change.subscription_id
    ) then
        v_bought.kind := 'subscription';
    end if;
    if v_bought.kind is null then
        perform private.park(
            format('Nobody said what payment %s is for.', p_change.payment_id),
            private.billing_keys(p_change)
        );
    elsif v_bought.kind = 'tokens' and p_checkout.kind = 'tokens' then
        v_bought.pack_code := p_checkout.pack_code;
        v_bought.tokens := p_checkout.tokens;
        v_bought.amount := p_checkout.amount;
        v_bought.currency := p_checkout.currency;
    elsif v_bought.kind = 'tokens' then
        select k.code, k.tokens, r.amount, r.currency
        into v_bought.pack_code, v_bought.tokens, v_bought.amount, v_bought.currency
        from public.token_pack_prices r
        inner join public.token_packs k on k.code = r.pack_code
        where r.provider = p_change.provider and (
            r.provider_price_id = p_change.price_id
            -- What it is for was said before.
            or p_change.price_id is null and k.code = p_payment.token_pack_code
        )
        order by r.currency = p_change.currency desc, r.amount
        limit 1;
        if not found then
            perform private.park(
                format('Nobody said which tokens payment %s is for.', p_change.payment_id),
                private.billing_keys(p_change)
                || format('price:%s:%s', p_change.provider, p_change.price_id)
            );
        end if;
    end if;
    if p_payment.kind = 'tokens' then
        -- What was bought stays bought, even if the pack changes.
        v_bought.pack_code := p_payment.token_pack_code;
        v_bought.tokens := p_payment.tokens;
    end if;
    return v_bought;
end;
$$;
comment on function private.bought_by(
    private.billing_change, public.payments, private.checkouts
) is
    'What a payment is for, and what that costs. Parks while nobody but the payer says so.';

create function private.require_full_price(
    p_change private.billing_change,
    p_bought private.bought
) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if p_change.amount < p_bought.amount or p_change.currency is distinct from p_bought.currency
    then
        raise sqlstate 'PT422' using
            message = format(
                'Payment %s is %s %s, and the %s tokens cost %s %s.',
                p_change.payment_id, p_change.amount, p_change.currency, p_bought.tokens,
                p_bought.amount, p_bought.currency
            ),
            hint = 'Give the money back at the provider, or grant the tokens.';
    end if;
end;
$$;
comment on function private.require_full_price(private.billing_change, private.bought) is
    'PT422 for a payment of tokens that is less than they cost, or in other money.';

-- The payment -----------------------------------------------------------------------------------

create function private.payment_status_rank(p_status text) returns smallint
language sql
immutable
set search_path = ''
as $$
    select array_position('{pending,failed,succeeded,refunded}'::text[], p_status)::smallint;
$$;
comment on function private.payment_status_rank(text) is
    'How far a payment is. It moves forward only.';

create function private.advance_payment(
    p_payment public.payments,
    p_change private.billing_change
) returns public.payments
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_new public.payments := p_payment;
    v_rank smallint := private.payment_status_rank(p_change.status);
    v_rank_before smallint := coalesce(private.payment_status_rank(p_payment.status), 0);
begin
    v_new.last_event_at := greatest(p_payment.last_event_at, p_change.occurred_at);
    v_new.provider_subscription_id := coalesce(
        p_payment.provider_subscription_id, p_change.subscription_id
    );
    v_new.refunded_amount := greatest(
        coalesce(p_payment.refunded_amount, 0), p_change.refunded_amount
    );
    if v_rank > v_rank_before then
        v_new.status := p_change.status;
        v_new.amount := p_change.amount;
        v_new.currency := p_change.currency;
    elsif v_rank = v_rank_before and p_change.status <> 'succeeded' then
        v_new.amount := greatest(p_payment.amount, p_change.amount);
    end if;
    -- A lost dispute may be in the money of the bank, and more than what was paid.
    v_new.refunded_amount := least(v_new.refunded_amount, v_new.amount);
    if v_new.refunded_amount > 0 and v_new.refunded_amount = v_new.amount then
        v_new.status := 'refunded';
    end if;
    if p_change.status = 'succeeded' then
        -- A word of the refund comes later, and says no time of the payment.
        v_new.paid_at := least(
            p_payment.paid_at, coalesce(p_change.paid_at, p_change.occurred_at)
        );
    end if;
    if v_new.status in ('succeeded', 'refunded') then
        v_new.failure_reason := null;
        v_new.failed_at := null;
    elsif p_change.status = 'failed'
        and (p_change.occurred_at, coalesce(p_change.failure_reason, '')) > (
            coalesce(p_payment.failed_at, '-infinity'), coalesce(p_payment.failure_reason, '')
        ) then
        v_new.failure_reason := p_change.failure_reason;
        v_new.failed_at := p_change.occurred_at;
    end if;
    return v_new;
end;
$$;
comment on function private.advance_payment(public.payments, private.billing_change) is
    'The payment once a change is taken in: each column has one direction, so that changes may come
in any order and more than once. p_payment is all null for a new one.';

create function private.store_payment(p_payment public.payments) returns public.payments
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_stored public.payments;
begin
    insert into public.payments as p (
        user_id, provider, provider_payment_id, kind, subscription_id, provider_subscription_id,
        token_pack_code, tokens, amount, currency, status, refunded_amount, failure_reason,
        failed_at, paid_at, last_event_at
    ) values (
        p_payment.user_id, p_payment.provider, p_payment.provider_payment_id, p_payment.kind,
        p_payment.subscription_id, p_payment.provider_subscription_id, p_payment.token_pack_code,
        p_payment.tokens, p_payment.amount, p_payment.currency, p_payment.status,
        p_payment.refunded_amount, p_payment.failure_reason, p_payment.failed_at,
        p_payment.paid_at, p_payment.last_event_at
    )
    on conflict on constraint payments_provider_payment_id_key do update
        set subscription_id = excluded.subscription_id,
            provider_subscription_id = excluded.provider_subscription_id,
            amount = excluded.amount,
            currency = excluded.currency,
            status = excluded.status,
            refunded_amount = excluded.refunded_amount,
            failure_reason = excluded.failure_reason,
            failed_at = excluded.failed_at,
            paid_at = excluded.paid_at,
            last_event_at = excluded.last_event_at
        where p.user_id = excluded.user_id
    returning * into v_stored;
    if v_stored.id is null then
        raise serialization_failure using
            message = 'Another event said at the same time that this payment is somebody else''s.';
    end if;
    return v_stored;
end;
$$;
comment on function private.store_payment(public.payments) is
    'Writes a payment; what it is for stays as it was first.';

create function private.apply_payment_change(
    p_change private.billing_change,
    p_user_id uuid
) returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_before public.payments := private.payment_of(p_change);
    v_checkout private.checkouts := private.checkout_of(p_change);
    v_bought private.bought := private.bought_by(p_change, v_before, v_checkout);
    v_after public.payments := private.advance_payment(v_before, p_change);
begin
    if v_bought.kind = 'tokens' then
        -- What was paid is measured once; a dispute may be about a part of it.
        if v_before.status is null or v_before.status not in ('succeeded', 'refunded') then
            perform private.require_full_price(p_change, v_bought);
        end if;
        v_after.provider_subscription_id := null;
    end if;
    v_after.user_id := p_user_id;
    v_after.provider := p_change.provider;
    v_after.provider_payment_id := coalesce(v_before.provider_payment_id, p_change.payment_id);
    v_after.kind := v_bought.kind;
    v_after.token_pack_code := v_bought.pack_code;
    v_after.tokens := v_bought.tokens;
    v_after.subscription_id := (
        select s.id
        from public.subscriptions s
        where s.user_id = p_user_id and s.provider = v_after.provider
            and s.provider_subscription_id = v_after.provider_subscription_id
    );
    v_after := private.store_payment(v_after);

    insert into private.payment_aliases (provider, alias, user_id, payment_id)
    select distinct p_change.provider, i.id, p_user_id, v_after.id
    from unnest(array[p_change.payment_id] || p_change.other_ids) as i (id)
    where i.id <> v_after.provider_payment_id
    on conflict do nothing;
    if v_after.kind = 'tokens' and v_after.status in ('succeeded', 'refunded') then
        perform private.settle_tokens(v_after, coalesce(v_before.refunded_amount, 0));
    end if;
    -- That of a subscription is over once the subscription runs, whatever its payments do.
    if v_after.kind = 'tokens' then
        perform private.advance_checkout(
            v_checkout.id,
            case p_change.status
                when 'succeeded' then 'completed'
                when 'failed' then 'failed'
                else 'open'
            end,
            null,
            case p_change.status when 'succeeded' then v_after.provider_payment_id end
        );
    end if;
    return 'applied';
end;
$$;
comment on function private.apply_payment_change(private.billing_change, uuid) is
    'Moves a payment on, and the tokens it bought. Parks while nobody knows what it is for; PT422
when it is less than what it buys.';
