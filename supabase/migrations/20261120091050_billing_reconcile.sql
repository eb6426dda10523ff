-- Room: billing, part reconcile: asking the providers what webhooks may not have told.
--
-- What lives here: task reconcile, which fetches up to a hundred subscriptions of one provider and
-- applies them as webhooks are applied; every night for all that run, and on demand. It finds what
-- was lost while a provider had switched our webhook off, and what it sends no event for.
-- Who may touch it: maintenance and admins queue, workers call subscriptions_to_reconcile.
-- Tests: rlstests/test_billing_reconcile.py

insert into queue.task_kinds (kind, description, priority, max_attempts, backoff_seconds)
values
('reconcile', 'Ask a payment provider how its subscriptions stand.', 180, 6, 60)
on conflict (kind) do nothing;

create function private.enqueue_reconcile(p_user_id uuid default null) returns jsonb
language sql
volatile
set search_path = ''
as $$
    with live as (
        select s.id, s.provider,
            (row_number() over (partition by s.provider order by s.id) - 1) / 100 as batch
        from public.subscriptions s
        where s.provider <> 'manual' and s.status not in ('canceled', 'expired')
            and s.user_id = coalesce(p_user_id, s.user_id)
    ),

    batches as (
        select l.provider, l.batch, jsonb_agg(l.id order by l.id) as ids
        from live l
        group by l.provider, l.batch
    ),

    queued as (
        select b.ids, private.enqueue_task(
            'reconcile',
            jsonb_build_object('provider', b.provider, 'subscription_ids', b.ids),
            null,
            null,
            -- A round that is not over is not begun again.
            format('reconcile:%s:%s:%s', coalesce(p_user_id::text, 'all'), b.provider, b.batch)
        ) as task_id
        from batches b
    )

    select jsonb_build_object(
        'subscriptions', coalesce(sum(jsonb_array_length(q.ids)) filter (
            where q.task_id is not null
        ), 0),
        'tasks', count(q.task_id)
    )
    from queued q;
$$;
comment on function private.enqueue_reconcile(uuid) is
    'Queues the fetching of all subscriptions that run, or of one user''s, a hundred a task.
Returns how many of both: {subscriptions, tasks}. What is queued already is not queued again.';

create function private.reconciled_ids(p_task queue.tasks) returns text[]
language sql
stable
set search_path = ''
as $$
    select array(
        select s.provider_subscription_id
        from public.subscriptions s
        where s.provider = p_task.payload ->> 'provider'
            and s.id = any(array(
                select i.id::uuid
                from jsonb_array_elements_text(p_task.payload -> 'subscription_ids') as i (id)
            ))
        order by s.id
    );
$$;
comment on function private.reconciled_ids(queue.tasks) is
    'The ids, at the provider, of the subscriptions of a reconcile task.';

create function worker.subscriptions_to_reconcile(
    p_task_id uuid,
    p_lease_token uuid
) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_task queue.tasks := private.lock_leased_task(p_task_id, p_lease_token);
begin
    if v_task.kind is distinct from 'reconcile' then
        raise sqlstate 'PT422' using
            message = format('Task %s is a %s: it fetches nothing.', p_task_id, v_task.kind),
            hint = 'Call this for reconcile.';
    end if;
    return jsonb_build_object(
        'provider', v_task.payload -> 'provider',
        'subscription_ids', private.reconciled_ids(v_task)
    );
end;
$$;
comment on function worker.subscriptions_to_reconcile(uuid, uuid) is
    'What a reconcile task has to fetch: {provider, subscription_ids: [ids of the provider]}.
PT409 for a stale lease.';
grant execute on function worker.subscriptions_to_reconcile(uuid, uuid) to service_role;

create function private.apply_reconciled(p_change jsonb) returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_outcome jsonb;
begin
    v_outcome := private.apply_billing_changes(jsonb_build_array(p_change));
    -- Such as a price that no plan has. No webhook waits for it here; the next night asks again.
    return case when v_outcome ->> 'status' = 'parked' then v_outcome ->> 'error' end;
exception
    -- Somebody else is at it: the whole task comes again.
    when lock_not_available or deadlock_detected or serialization_failure then
        raise;
    when others then
        raise warning 'Subscription % is not reconciled: %',
            p_change ->> 'subscription_id', sqlerrm;
        return sqlerrm;
end;
$$;
comment on function private.apply_reconciled(jsonb) is
    'Applies what was fetched of one subscription. Gives why that failed, or null: others must not
suffer from it.';

create function private.on_reconcile(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_change jsonb;
    v_error text;
    v_problems jsonb := coalesce(p_data -> 'problems', '[]');
begin
    if p_event = 'failed' then
        perform private.record_event(
            'reconcile.failed',
            jsonb_build_object(
                'provider', p_task.payload -> 'provider',
                'subscriptions', jsonb_array_length(p_task.payload -> 'subscription_ids'),
                'error', left(p_data ->> 'error', 500)
            ),
            p_severity => 'error'
        );
    end if;
    if p_event is distinct from 'completed' then
        return;
    end if;
    perform private.require_changes_of(
        p_data, p_task.payload ->> 'provider', private.reconciled_ids(p_task)
    );
    for v_change in
        select c.change
        from jsonb_array_elements(p_data -> 'changes') as c (change)
        left join public.subscriptions s
            on s.provider = c.change ->> 'provider'
            and s.provider_subscription_id = c.change ->> 'subscription_id'
        -- Accounts are locked one after another, by everybody in the same order.
        order by s.user_id, s.id
    loop
        v_error := private.apply_reconciled(v_change);
        if v_error is not null then
            v_problems := v_problems || jsonb_build_object(
                'subscription_id', v_change -> 'subscription_id',
                'code', 'not_applied',
                'error', left(v_error, 100)
            );
        end if;
    end loop;
    if v_problems <> '[]' then
        perform private.record_event(
            'reconcile.incomplete',
            jsonb_build_object('provider', p_task.payload -> 'provider', 'problems', v_problems),
            p_severity => 'warning'
        );
    end if;
end;
$$;
comment on function private.on_reconcile(queue.tasks, text, jsonb) is
    'Applies the subscriptions that were fetched, each for itself. What could not be fetched or
applied becomes one system event.';

-- By the clock, and on demand -------------------------------------------------------------------

create function private.maintain_reconcile() returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.enqueue_reconcile();
$$;
comment on function private.maintain_reconcile() is
    'Queues the fetching of every subscription that runs.';

insert into private.maintenance_jobs (name, description, repeat_every, first_run_at, next_run_at)
select
    'reconcile', 'Ask the payment providers how their subscriptions stand.', interval '24 hours',
    n.run_at as first_run_at, n.run_at as next_run_at
from (
    -- Three o'clock of this night, or of the next when that is over: after the retention.
    select date_trunc('day', now(), 'UTC') + case
            when now() < date_trunc('day', now(), 'UTC') + interval '3 hours'
                then interval '3 hours'
            else interval '27 hours'
        end as run_at
) n
on conflict (name) do nothing;

create function private.admin_reconcile(p_account_id uuid) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_queued jsonb;
begin
    perform private.require_admin();
    if p_account_id is not null
        and not exists (select 1 from public.profiles p where p.id = p_account_id) then
        perform private.raise_not_found('account', p_account_id);
    end if;
    v_queued := private.enqueue_reconcile(p_account_id);
    perform private.record_event(
        'reconcile.requested', v_queued || jsonb_build_object('by', auth.uid()), p_account_id
    );
    return v_queued;
end;
$$;
comment on function private.admin_reconcile(uuid) is
    'Queues a reconciliation for an admin; see public.admin_reconcile.';
grant execute on function private.admin_reconcile(uuid) to authenticated;

create function public.admin_reconcile(p_account_id uuid default null) returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.admin_reconcile(p_account_id);
$$;
comment on function public.admin_reconcile(uuid) is
    'Asks the payment providers now how a user''s subscriptions stand, or everybody''s.
Returns how many were queued: {subscriptions, tasks}. Admins only: PT403; PT404 for no account.';
grant execute on function public.admin_reconcile(uuid) to authenticated;
