-- Room: billing, part reconcile: asking the providers what webhooks may not have told.
--
-- What lives here: task reconcile, which fetches up to a hundred subscriptions and open checkouts
-- of one provider and applies them as webhooks are applied; every night for all, and on demand. It
-- finds what was lost while a provider had switched our webhook off, and what has no event.
-- Who may touch it: maintenance and admins queue, workers call subscriptions_to_reconcile.
-- Tests: rlstests/test_billing_reconcile.py, rlstests/test_billing_reconcile_checkouts.py,
--   rlstests/test_billing_compacting.py

insert into queue.task_kinds (kind, description, priority, max_attempts, backoff_seconds)
values
('reconcile', 'Ask a payment provider how subscriptions and checkouts stand.', 180, 6, 60)
on conflict (kind) do nothing;

create function private.reconcilable(p_user_id uuid) returns table (
    provider text,
    kind text,
    id uuid
)
language sql
stable
set search_path = ''
as $$
    select s.provider, 'subscription', s.id
    from public.subscriptions s
    where s.provider <> 'manual' and s.status not in ('canceled', 'expired')
        and s.user_id = coalesce(p_user_id, s.user_id)
    union all
    -- Paid, perhaps, and no webhook said so; what failed once may have been paid after all. What is
    -- not paid within days never is.
    select c.provider, 'checkout', c.id
    from private.checkouts c
    where c.status in ('open', 'failed') and c.checkout_id is not null
        and c.created_at > now() - interval '8 days'
        and c.user_id = coalesce(p_user_id, c.user_id)
        and not exists (
            select 1
            from public.subscriptions s
            where s.provider = c.provider and s.provider_subscription_id = c.checkout_id
        );
$$;
comment on function private.reconcilable(uuid) is
    'Subscriptions that run at a provider, and checkouts that may have been paid: of one user, or of
all when null.';

create function private.enqueue_reconcile(p_user_id uuid default null) returns jsonb
language sql
volatile
set search_path = ''
as $$
    with numbered as (
        select r.provider, r.kind, r.id,
            (row_number() over (partition by r.provider order by r.kind desc, r.id) - 1) / 100
                as batch
        from private.reconcilable(p_user_id) r
    ),

    batches as (
        select n.provider, n.batch,
            coalesce(jsonb_agg(n.id) filter (where n.kind = 'subscription'), '[]') as subscriptions,
            coalesce(jsonb_agg(n.id) filter (where n.kind = 'checkout'), '[]') as checkouts
        from numbered n
        group by n.provider, n.batch
    ),

    queued as (
        select b.subscriptions, b.checkouts, private.enqueue_task(
            'reconcile',
            jsonb_build_object(
                'provider', b.provider,
                'subscription_ids', b.subscriptions,
                'checkout_ids', b.checkouts
            ),
            null,
            null,
            -- A round that is not over is not begun again.
            format('reconcile:%s:%s:%s', coalesce(p_user_id::text, 'all'), b.provider, b.batch)
        ) as task_id
        from batches b
    )

    select jsonb_build_object(
        'subscriptions', coalesce(sum(jsonb_array_length(q.subscriptions)), 0),
        'checkouts', coalesce(sum(jsonb_array_length(q.checkouts)), 0),
        'tasks', count(*)
    )
    from queued q
    where q.task_id is not null;
$$;
comment on function private.enqueue_reconcile(uuid) is
    'Queues the fetching of all that is reconcilable, or of one user''s, a hundred a task.
Returns how many: {subscriptions, checkouts, tasks}. What is queued already is not queued again.';

create function private.payload_ids(p_task queue.tasks, p_key text) returns uuid[]
language sql
immutable
set search_path = ''
as $$
    select array(
        select i.id::uuid from jsonb_array_elements_text(p_task.payload -> p_key) as i (id)
    );
$$;
comment on function private.payload_ids(queue.tasks, text) is
    'A list of ids in the payload of a task.';

create function private.reconciled_ids(p_task queue.tasks) returns text[]
language sql
stable
set search_path = ''
as $$
    select array(
        select s.provider_subscription_id
        from public.subscriptions s
        where s.provider = p_task.payload ->> 'provider'
            and s.id = any(private.payload_ids(p_task, 'subscription_ids'))
        order by s.id
    );
$$;
comment on function private.reconciled_ids(queue.tasks) is
    'The ids, at the provider, of the subscriptions of a reconcile task.';

create function private.reconciled_checkouts(p_task queue.tasks) returns setof private.checkouts
language sql
stable
set search_path = ''
as $$
    select c.*
    from private.checkouts c
    where c.provider = p_task.payload ->> 'provider' and c.checkout_id is not null
        and c.id = any(private.payload_ids(p_task, 'checkout_ids'));
$$;
comment on function private.reconciled_checkouts(queue.tasks) is
    'The checkouts of a reconcile task.';

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
        'subscription_ids', private.reconciled_ids(v_task),
        'checkouts', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'checkout_id', c.checkout_id, 'kind', c.kind
            ) order by c.id), '[]')
            from private.reconciled_checkouts(v_task) c
        )
    );
end;
$$;
comment on function worker.subscriptions_to_reconcile(uuid, uuid) is
    'What a reconcile task has to fetch, by ids of the provider:
{provider, subscription_ids, checkouts: [{checkout_id, kind}]}. PT409 for a stale lease.';
grant execute on function worker.subscriptions_to_reconcile(uuid, uuid) to service_role;

create function private.compact_observations(p_provider text, p_provider_subscription_id text)
returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_deleted integer;
begin
    delete from private.subscription_observations d
    where d.id in (
        select n.id
        from (
            select o.id, o.occurred_at, o.facts,
                lag(o.facts) over seen as facts_before, lead(o.facts) over seen as facts_after
            from (
                select k.*, to_jsonb(k) - '{id,occurred_at,created_at,content_sha256}'::text[]
                    as facts
                from private.subscription_observations k
                where k.provider = p_provider
                    and k.provider_subscription_id = p_provider_subscription_id
            ) o
            window seen as (
                order by o.occurred_at, private.subscription_status_rank(o.status),
                    o.current_period_end nulls first, o.content_sha256
            )
        ) n
        where n.facts = n.facts_before and n.facts = n.facts_after
            -- A late event may still come in between; not after so long.
            and n.occurred_at < now() - interval '30 days'
    );
    get diagnostics v_deleted = row_count;
    return v_deleted;
end;
$$;
comment on function private.compact_observations(text, text) is
    'Forgets what was seen between two times when the same was seen, a month ago or earlier: every
night adds one, and the fold says the same without it. Returns how many.';

create function private.apply_reconciled(p_id text, p_changes jsonb) returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_outcome jsonb;
begin
    v_outcome := private.apply_billing_changes(p_changes);
    -- Such as a price that no plan has. No webhook waits for it here; the next night asks again.
    return case when v_outcome ->> 'status' = 'parked' then v_outcome ->> 'error' end;
exception
    -- Somebody else is at it: the whole task comes again.
    when lock_not_available or deadlock_detected or serialization_failure then
        raise;
    when others then
        raise warning '% is not reconciled: %', p_id, sqlerrm;
        return sqlerrm;
end;
$$;
comment on function private.apply_reconciled(text, jsonb) is
    'Applies what was fetched of one subscription or checkout. Gives why that failed, or null: the
others must not suffer from it.';

create function private.reconciled_groups(p_task queue.tasks, p_data jsonb) returns table (
    id text,
    changes jsonb
)
language sql
stable
set search_path = ''
as $$
    select g.id, g.changes
    from (
        select c.change ->> 'subscription_id' as id, jsonb_build_array(c.change) as changes,
            s.user_id
        from jsonb_array_elements(p_data -> 'changes') as c (change)
        inner join public.subscriptions s
            on s.provider = p_task.payload ->> 'provider'
            and s.provider_subscription_id = c.change ->> 'subscription_id'
        union all
        select f.found ->> 'checkout_id', f.found -> 'changes', k.user_id
        from jsonb_array_elements(p_data -> 'found') as f (found)
        inner join private.reconciled_checkouts(p_task) k
            on k.checkout_id = f.found ->> 'checkout_id'
    ) g
    -- Accounts are locked one after another, by everybody in the same order.
    order by g.user_id, g.id;
$$;
comment on function private.reconciled_groups(queue.tasks, jsonb) is
    'What was fetched, as changes that belong together.';

create function private.on_reconcile(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_group record;
    v_error text;
    v_problems jsonb := coalesce(p_data -> 'problems', '[]');
begin
    if p_event = 'failed' then
        perform private.record_event(
            'reconcile.failed',
            jsonb_build_object(
                'provider', p_task.payload -> 'provider',
                'subscriptions', jsonb_array_length(p_task.payload -> 'subscription_ids'),
                'checkouts', jsonb_array_length(p_task.payload -> 'checkout_ids'),
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
    if jsonb_typeof(coalesce(p_data -> 'found', '[]')) is distinct from 'array' then
        perform private.raise_malformed_result('found: [{checkout_id, changes}]');
    end if;
    for v_group in select * from private.reconciled_groups(p_task, p_data) loop
        v_error := private.apply_reconciled(v_group.id, v_group.changes);
        perform private.compact_observations(p_task.payload ->> 'provider', v_group.id);
        if v_error is not null then
            v_problems := v_problems || jsonb_build_object(
                'id', v_group.id, 'code', 'not_applied', 'error', left(v_error, 100)
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
    'Applies what was fetched, each for itself. What could not be fetched or applied becomes one
system event.';

-- By the clock, and on demand -------------------------------------------------------------------

create function private.maintain_reconcile() returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.enqueue_reconcile();
$$;
comment on function private.maintain_reconcile() is
    'Queues the fetching of every subscription that runs and every checkout that may be paid.';

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
    if p_account_id is not null then
        perform private.lock_known_account(p_account_id);
    end if;
    v_queued := private.enqueue_reconcile(p_account_id);
    -- An event of the admin, whose address it notes: users get a copy of theirs.
    perform private.record_event(
        'reconcile.requested', v_queued || jsonb_build_object('account_id', p_account_id),
        auth.uid()
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
    'Asks the payment providers how a user''s subscriptions and checkouts stand, or everybody''s.
Returns how many were queued: {subscriptions, checkouts, tasks}. Admins only: PT403; PT404 for no
account.';
grant execute on function public.admin_reconcile(uuid) to authenticated;
