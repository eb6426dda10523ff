-- Room: billing, part changes: the one way in for what providers say.
--
-- What lives here: apply_billing_changes, which webhooks, reconciliation and cancelling all call.
-- Who may touch it: functions of private.
-- Tests: rlstests/test_billing_changes.py, rlstests/test_billing_permutations.py

create function private.advance_checkout(
    p_id uuid,
    p_status text,
    p_subscription_id text,
    p_payment_id text
) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    -- What failed may be paid again, and what has expired may have been paid just before.
    v_ranks text[] := '{open,failed,expired,completed}'::text[];
begin
    update private.checkouts c
    set status = v_ranks[greatest(
            array_position(v_ranks, c.status), array_position(v_ranks, p_status)
        )],
        subscription_id = coalesce(c.subscription_id, p_subscription_id),
        payment_id = coalesce(c.payment_id, p_payment_id)
    where c.id = p_id and (
        array_position(v_ranks, c.status) < array_position(v_ranks, p_status)
        or c.subscription_id is null and p_subscription_id is not null
        or c.payment_id is null and p_payment_id is not null
    );
end;
$$;
comment on function private.advance_checkout(uuid, text, text, text) is
    'Moves a checkout forward, and notes what came of it.';

create function private.apply_checkout_change(p_change private.billing_change) returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_checkout private.checkouts := private.checkout_of(p_change);
begin
    -- One that we did not begin, as from the provider's dashboard, is nothing to us.
    if v_checkout.checkout_id is distinct from p_change.checkout_id then
        return 'ignored';
    end if;
    perform private.advance_checkout(
        v_checkout.id, p_change.status, p_change.subscription_id, p_change.payment_id
    );
    return 'applied';
end;
$$;
comment on function private.apply_checkout_change(private.billing_change) is
    'Moves the checkout forward that a change is about.';

create function private.learn_customer(p_change private.billing_change, p_user_id uuid)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- Whoever pays writes the notes of a payment; only a server of ours those of the others.
    if p_change.customer_id is null or p_change.type = 'payment' then
        return;
    end if;
    insert into public.billing_customers (user_id, provider, provider_customer_id)
    values (p_user_id, p_change.provider, p_change.customer_id)
    -- A customer stays whose it is.
    on conflict do nothing;
end;
$$;
comment on function private.learn_customer(private.billing_change, uuid) is
    'Notes which customer of a provider a user is.';

create function private.keeps_money(p_change private.billing_change) returns boolean
language sql
immutable
set search_path = ''
as $$
    select p_change.type = 'payment' and p_change.status = 'succeeded'
        and coalesce(p_change.refunded_amount, 0) < p_change.amount;
$$;
comment on function private.keeps_money(private.billing_change) is
    'Whether it says that somebody paid, and has not got all of it back.';

create function private.apply_billing_change(
    p_change private.billing_change,
    p_locked uuid[]
) returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_user_id uuid := private.owner_of(p_change);
    v_outcome text;
begin
    if v_user_id is null then
        -- What its provider still says when an account is gone, as that its subscription ended.
        -- Only its history is left, and every subscription and payment made some. Money that is
        -- ours all the same somebody has to give back.
        if not private.keeps_money(p_change) and exists (
            select 1
            from public.audit_logs l
            where l.owner_id = p_change.user_id
        ) then
            return 'forgotten';
        end if;
        if p_change.type = 'checkout' then
            return 'ignored';
        end if;
        perform private.park(
            format('Nobody knows whose this %s of %s is.', p_change.type, p_change.provider),
            private.billing_keys(p_change)
        );
    elsif not v_user_id = any(p_locked) then
        raise serialization_failure using
            message = format('A %s became known meanwhile.', p_change.type);
    end if;
    if p_change.type = 'checkout' then
        v_outcome := private.apply_checkout_change(p_change);
    elsif p_change.type = 'subscription' then
        v_outcome := private.apply_subscription_change(p_change, v_user_id);
        perform private.advance_checkout(
            (private.checkout_of(p_change)).id,
            case
                when p_change.status in ('canceled', 'expired') then 'expired'
                when p_change.status <> 'incomplete' then 'completed'
                else 'open'
            end,
            p_change.subscription_id,
            null
        );
    else
        v_outcome := private.apply_payment_change(p_change, v_user_id);
    end if;
    perform private.learn_customer(p_change, v_user_id);
    return v_outcome;
end;
$$;
comment on function private.apply_billing_change(private.billing_change, uuid[]) is
    'Applies one change to an account that is locked: applied, unchanged, ignored, or forgotten for
an account that was deleted.';

create function private.apply_billing_changes(p_changes jsonb) returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_changes private.billing_change[];
    v_change private.billing_change;
    v_owners uuid[];
    v_outcomes jsonb := '[]'::jsonb;
    v_message text;
    v_detail text;
begin
    if jsonb_typeof(p_changes) is distinct from 'array' then
        raise sqlstate 'PT422' using
            message = 'These are no changes.',
            hint = 'Send an array of what edge_workers.billing.changes describes.';
    end if;
    -- What a checkout or a subscription tells is what a payment may need.
    v_changes := array(
        select private.read_billing_change(c.value)
        from jsonb_array_elements(p_changes) with ordinality as c (value, position)
        order by array_position(
            '{checkout,subscription,payment}'::text[], c.value ->> 'type'
        ), c.position
    );
    v_owners := array(
        select distinct o.user_id
        from (select private.owner_of(c) as user_id from unnest(v_changes) as c) o
        where o.user_id is not null
        order by o.user_id
    );
    -- Accounts first and in order, as everywhere: nobody waits for somebody who waits for him.
    perform private.lock_billing(o.user_id)
    from unnest(v_owners) with ordinality as o (user_id, position)
    order by o.position;
    begin
        foreach v_change in array v_changes loop
            v_outcomes := v_outcomes || jsonb_build_object(
                'type', v_change.type,
                'status', private.apply_billing_change(v_change, v_owners)
            );
        end loop;
    exception when sqlstate 'RB001' then
        get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail;
        return jsonb_build_object(
            'status', 'parked', 'user_id', v_owners[1], 'error', v_message,
            'waits_for', v_detail::jsonb
        );
    end;
    return jsonb_build_object(
        'status', 'applied', 'user_id', v_owners[1], 'changes', v_outcomes
    );
end;
$$;
comment on function private.apply_billing_changes(jsonb) is
    'Applies all that one event says, or nothing of it. {status: applied, user_id, changes: [{type,
status: applied|unchanged|ignored|forgotten}]}, or {status: parked, error, waits_for} when something in it is
not known yet. PT422 for what is no change, and for a payment that is too small.';
