-- Room: billing, part cancelling: what users and operators do with a subscription that runs.
--
-- What lives here: what a user can manage where (billing_portal), asking a provider to end a
-- subscription (task cancel_subscription), and having those ended whose account is gone.
-- The tasks belong to no user, or deleting the user would delete the task that stops the charges.
-- Who may touch it: the HTTP service calls schema worker; functions of private ask for a cancel.
-- Tests: rlstests/test_billing_cancelling.py

insert into queue.task_kinds (kind, description, priority, max_attempts, backoff_seconds)
values
('cancel_subscription', 'End a subscription at its payment provider.', 40, 10, 30)
on conflict (kind) do nothing;

create function private.enqueue_provider_cancel(
    p_provider text,
    p_provider_subscription_id text,
    p_at_period_end boolean
) returns uuid
language sql
volatile
set search_path = ''
as $$
    select private.enqueue_task(
        'cancel_subscription',
        jsonb_build_object(
            'provider', p_provider,
            'provider_subscription_id', p_provider_subscription_id,
            'at_period_end', p_at_period_end
        ),
        null,
        null,
        -- A digest, as an id of a provider may be longer than a key.
        format(
            'cancel_subscription:%s:%s',
            case when p_at_period_end then 'later' else 'now' end,
            md5(p_provider || ':' || p_provider_subscription_id)
        )
    );
$$;
comment on function private.enqueue_provider_cancel(text, text, boolean) is
    'Has a worker end a subscription at its provider; null when that is queued already.';

create function private.request_provider_cancel(
    p_subscription_id uuid,
    p_at_period_end boolean
) returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_subscription public.subscriptions;
begin
    perform private.lock_account(s.user_id)
    from public.subscriptions s where s.id = p_subscription_id;
    select * into v_subscription from public.subscriptions s where s.id = p_subscription_id;
    if not found then
        perform private.raise_not_found('subscription', p_subscription_id);
    end if;
    if v_subscription.provider = 'manual' then
        raise sqlstate 'PT422' using
            message = format('Subscription %s was granted, nobody runs it.', v_subscription.id),
            hint = 'End it with admin_cancel_subscription.';
    end if;
    if v_subscription.status in ('canceled', 'expired')
        or p_at_period_end and v_subscription.cancel_at_period_end then
        return null;
    end if;
    return private.enqueue_provider_cancel(
        v_subscription.provider, v_subscription.provider_subscription_id, p_at_period_end is true
    );
end;
$$;
comment on function private.request_provider_cancel(uuid, boolean) is
    'Has a worker end a subscription at its provider, at the end of what is paid or at once.
Returns the task; null when that is done or queued already. PT404 for none, PT422 for a grant.';

create function private.require_changes_of(
    p_data jsonb,
    p_provider text,
    p_provider_subscription_ids text[]
) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    if jsonb_typeof(p_data -> 'changes') is distinct from 'array' or exists (
        select 1
        from jsonb_array_elements(p_data -> 'changes') as c (change)
        where (
            c.change ->> 'type' = 'subscription'
            and c.change ->> 'provider' = p_provider
            and c.change ->> 'subscription_id' = any(p_provider_subscription_ids)
        ) is not true
    ) then
        perform private.raise_malformed_result(
            'changes: an array of subscriptions that the task names'
        );
    end if;
end;
$$;
comment on function private.require_changes_of(jsonb, text, text[]) is
    'PT422 unless a result speaks of these subscriptions of this provider only.';

create function private.on_cancel_subscription(p_task queue.tasks, p_event text, p_data jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_provider text := p_task.payload ->> 'provider';
    v_id text := p_task.payload ->> 'provider_subscription_id';
begin
    if p_event = 'failed' then
        -- The user goes on paying for what was to end: an operator has to look.
        perform private.record_event(
            'subscription.cancel_failed',
            p_task.payload || jsonb_build_object('error', left(p_data ->> 'error', 500)),
            p_severity => 'error'
        );
    elsif p_event = 'completed' then
        perform private.require_changes_of(p_data, v_provider, array[v_id]);
        if exists (
            select 1
            from public.subscriptions s
            where s.provider = v_provider and s.provider_subscription_id = v_id
        ) then
            perform private.apply_billing_changes(p_data -> 'changes');
        end if;
        perform private.record_event(
            'subscription.cancel_done',
            p_task.payload || jsonb_build_object('note', p_data -> 'note')
        );
    end if;
end;
$$;
comment on function private.on_cancel_subscription(queue.tasks, text, jsonb) is
    'Applies what the provider said of the subscription, if its account is still there. A failure
becomes a system event.';

-- For users -------------------------------------------------------------------------------------

create function private.managed_subscription(p_user_id uuid, p_provider text)
returns setof public.subscriptions
language sql
stable
set search_path = ''
rows 1
as $$
    select s.*
    from public.subscriptions s
    where s.user_id = p_user_id and s.provider <> 'manual'
        and s.provider = coalesce(p_provider, s.provider)
        and s.status not in ('canceled', 'expired')
    order by s.status = 'incomplete', s.superseded_at is not null, s.start_date desc, s.id
    limit 1;
$$;
comment on function private.managed_subscription(uuid, text) is
    'The subscription that a user manages, at a provider or at any: the one in effect comes first.';

create function worker.billing_portal(p_user_id uuid, p_provider text default null) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_facts jsonb;
begin
    perform private.require_active(p_user_id);
    perform private.limit_rate_of('portal', p_user_id::text);
    select jsonb_build_object(
        'provider', s.provider,
        'customer_id', coalesce(s.provider_customer_id, c.provider_customer_id),
        'subscription', jsonb_build_object(
            'id', s.id,
            'provider_subscription_id', s.provider_subscription_id,
            'plan_code', s.plan_code,
            'status', s.status,
            'current_period_end', s.current_period_end,
            'cancel_at_period_end', s.cancel_at_period_end
        )
    ) into v_facts
    from private.managed_subscription(p_user_id, p_provider) s
    left join public.billing_customers c on c.user_id = s.user_id and c.provider = s.provider;
    if not found then
        -- What is over can still be looked at, by a provider that has a place for it.
        select jsonb_build_object(
            'provider', c.provider, 'customer_id', c.provider_customer_id, 'subscription', null
        ) into v_facts
        from public.billing_customers c
        where c.user_id = p_user_id and c.provider = coalesce(p_provider, c.provider)
        order by c.provider = 'stripe' desc
        limit 1;
    end if;
    if v_facts is null then
        raise sqlstate 'PT404' using
            message = 'There is nothing to manage: you have not bought anything yet.',
            hint = 'Begin with POST /checkout.';
    end if;
    return v_facts;
end;
$$;
comment on function worker.billing_portal(uuid, text) is
    'What a user can manage, and where: {provider, customer_id, subscription}. The one in effect
before others; subscription is null when none runs. PT404 for a user that no provider knows.';

create function worker.cancel_own_subscription(p_user_id uuid, p_subscription_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    perform private.require_active(p_user_id);
    if not exists (
        select 1
        from public.subscriptions s
        where s.user_id = p_user_id and s.id = p_subscription_id and s.provider <> 'manual'
    ) then
        perform private.raise_not_found('subscription', p_subscription_id);
    end if;
    perform private.limit_rate_of('cancel_subscription', p_user_id::text);
    return jsonb_build_object(
        'task_id', private.request_provider_cancel(p_subscription_id, true)
    );
end;
$$;
comment on function worker.cancel_own_subscription(uuid, uuid) is
    'Has a user''s subscription ended at the end of what is paid: {task_id}, null when that is done
or queued already. PT404 for a missing or foreign one.';

grant execute on function
worker.billing_portal(uuid, text),
worker.cancel_own_subscription(uuid, uuid)
to service_role;
