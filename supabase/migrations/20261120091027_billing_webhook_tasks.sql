-- Room: billing, part webhook tasks: what becomes of an event.
--
-- What lives here: the events of task webhook, and the clock of events that wait. An event is
-- received until it is processed, ignored or failed; while something it speaks of is unknown it is
-- parked: tried again, ever more rarely, and failed after three days. A failed one can be replayed.
-- Who may touch it: the queue, and maintenance.
-- Tests: rlstests/test_billing_webhook_tasks.py, rlstests/test_billing_waiting.py

create function private.close_webhook_event(
    p_event private.webhook_events,
    p_status text,
    p_user_id uuid,
    p_error text
) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    update private.webhook_events w
    set status = p_status,
        closed_at = now(),
        user_id = coalesce(p_user_id, w.user_id),
        attempts = w.attempts + 1,
        error = left(p_error, 2000),
        parked_at = null,
        waits_for = null
    where w.id = p_event.id;
    if p_status = 'failed' then
        perform private.record_event(
            'webhook.failed',
            jsonb_build_object(
                'webhook_event_id', p_event.id, 'provider', p_event.provider,
                'type', p_event.type, 'error', left(p_error, 500)
            ),
            coalesce(p_user_id, p_event.user_id),
            'error'
        );
    end if;
end;
$$;
comment on function private.close_webhook_event(private.webhook_events, text, uuid, text) is
    'Ends an event: processed, ignored or failed. A failure becomes a system event.';

create function private.park_webhook_event(
    p_event private.webhook_events,
    p_outcome jsonb,
    p_changes jsonb
) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_user_id uuid := (p_outcome ->> 'user_id')::uuid;
    -- That a payment of something else is under way, or two ids are one payment, is none: whoever
    -- sells more than this through one account has it said of every invoice.
    v_is_news boolean := exists (
        select 1
        from jsonb_array_elements(p_changes) as c (change)
        where c.change ->> 'type' <> 'payment' or c.change ->> 'status' <> 'pending'
            or c.change ->> 'kind' is not null
    );
begin
    if p_event.parked_at <= now() - interval '3 days' then
        perform private.close_webhook_event(
            p_event, case when v_is_news then 'failed' else 'ignored' end, v_user_id,
            p_outcome ->> 'error'
        );
        return;
    end if;
    update private.webhook_events w
    set parked_at = coalesce(w.parked_at, now()),
        waits_for = array(select jsonb_array_elements_text(p_outcome -> 'waits_for')),
        user_id = coalesce(v_user_id, w.user_id),
        attempts = w.attempts + 1,
        error = left(p_outcome ->> 'error', 2000),
        -- From half a minute on, doubling, up to four hours.
        next_attempt_at = now() + interval '30 seconds' * power(2, least(w.attempts, 9))
    where w.id = p_event.id;
    if p_event.parked_at is null then
        -- What it waits for may be coming in at this moment, and then wakes nobody.
        perform private.enqueue_task(
            'webhook', jsonb_build_object('webhook_event_id', p_event.id), null, null,
            format('webhook:%s:again', p_event.id)
        );
        -- Once, not with every attempt.
        perform private.record_event(
            'webhook.parked',
            jsonb_build_object(
                'webhook_event_id', p_event.id, 'provider', p_event.provider,
                'type', p_event.type, 'error', p_outcome -> 'error',
                'waits_for', p_outcome -> 'waits_for'
            ),
            v_user_id,
            case when v_is_news then 'warning' else 'info' end
        );
    end if;
end;
$$;
comment on function private.park_webhook_event(private.webhook_events, jsonb, jsonb) is
    'Has an event wait for what it speaks of, or ends it when it has waited for three days: failed,
or ignored when it brought no news of money or access.';

create function private.try_billing_changes(p_changes jsonb) returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
    return private.apply_billing_changes(p_changes);
exception
    -- Somebody else is at it: the task comes again.
    when lock_not_available or deadlock_detected or serialization_failure then
        raise;
    when others then
        return jsonb_build_object('status', 'failed', 'error', sqlerrm);
end;
$$;
comment on function private.try_billing_changes(jsonb) is
    'As apply_billing_changes; what it raises becomes {status: failed, error}.';

create function private.apply_webhook_event(p_event private.webhook_events, p_data jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_outcome jsonb;
begin
    if jsonb_typeof(p_data -> 'changes') is distinct from 'array' then
        perform private.raise_malformed_result('changes and note, as Normalised has them');
    end if;
    if p_data -> 'changes' = '[]' then
        perform private.close_webhook_event(p_event, 'ignored', null, p_data ->> 'note');
        return;
    end if;
    v_outcome := private.try_billing_changes(p_data -> 'changes');
    if v_outcome ->> 'status' = 'parked' then
        perform private.park_webhook_event(p_event, v_outcome, p_data -> 'changes');
    elsif v_outcome -> 'changes' @> '[{"status": "forgotten"}]' then
        perform private.close_webhook_event(
            p_event, 'ignored', null, 'The account that it is about was deleted.'
        );
        update private.webhook_events w set payload = '{}' where w.id = p_event.id;
    else
        perform private.close_webhook_event(
            p_event,
            case v_outcome ->> 'status' when 'applied' then 'processed' else 'failed' end,
            (v_outcome ->> 'user_id')::uuid,
            v_outcome ->> 'error'
        );
    end if;
end;
$$;
comment on function private.apply_webhook_event(private.webhook_events, jsonb) is
    'Applies what an event was found to say, and notes what became of it.';

create function private.on_webhook(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_event private.webhook_events;
begin
    select * into v_event
    from private.webhook_events w
    where w.id = (p_task.payload ->> 'webhook_event_id')::uuid and w.status = 'received';
    -- Forgotten with its account, or closed by an operator.
    if not found or p_event not in ('completed', 'failed', 'cancelled') then
        return;
    end if;
    perform private.lock_billing(v_event.user_id);
    if p_event = 'completed' then
        perform private.apply_webhook_event(v_event, p_data);
    else
        perform private.close_webhook_event(
            v_event, 'failed', null, coalesce(p_data ->> 'error', 'Its task was cancelled.')
        );
    end if;
end;
$$;
comment on function private.on_webhook(queue.tasks, text, jsonb) is
    'Applies the changes of an event. A task that fails for good fails its event.';

create function private.replay_webhook_event(p_id uuid) returns uuid
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.lock_account(w.user_id) from private.webhook_events w where w.id = p_id;
    update private.webhook_events w
    set status = 'received', closed_at = null, error = null, parked_at = null, waits_for = null,
        next_attempt_at = now()
    where w.id = p_id and w.payload <> '{}';
    if not found then
        perform private.raise_not_found('webhook event', p_id);
    end if;
    return private.enqueue_task(
        'webhook', jsonb_build_object('webhook_event_id', p_id), null, null, 'webhook:' || p_id
    );
end;
$$;
comment on function private.replay_webhook_event(uuid) is
    'Has an event applied again, whatever became of it; returns the task, null when one is queued.
PT404 for one that is gone or forgotten.';

-- By the clock ----------------------------------------------------------------------------------

create function private.maintain_webhooks() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_queued integer;
begin
    select count(private.enqueue_task(
        'webhook', jsonb_build_object('webhook_event_id', d.id), null, null, 'webhook:' || d.id
    ))
    into v_queued
    from (
        select w.id
        from private.webhook_events w
        where w.status = 'received' and w.next_attempt_at <= now()
            and not exists (
                select 1 from queue.tasks t where t.dedupe_key = 'webhook:' || w.id
            )
        order by w.next_attempt_at, w.occurred_at
        limit 500
        for update skip locked
    ) d;
    return jsonb_build_object('queued', v_queued, 'again', v_queued = 500);
end;
$$;
comment on function private.maintain_webhooks() is
    'Queues events that are due and have no task: parked ones, and those whose task was lost. At
most 500 a round.';

create function private.maintain_subscription_turns() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_user_id uuid;
    v_settled integer := 0;
begin
    for v_user_id in
        select p.id
        from public.profiles p
        inner join auth.users u on u.id = p.id
        where p.id = any(array(
            select distinct s.user_id
            from public.subscriptions s
            where s.superseded_at is not null and private.is_entitling(s)
                and not exists (select 1 from private.effective_subscription(s.user_id))
            limit 500
        ))
        order by p.id
        -- As lock_billing does, and waiting for nobody.
        for no key update of p skip locked
        for key share of u skip locked
    loop
        perform private.settle_subscriptions(v_user_id);
        v_settled := v_settled + 1;
    end loop;
    return jsonb_build_object('settled', v_settled, 'again', v_settled = 500);
end;
$$;
comment on function private.maintain_subscription_turns() is
    'Lets another subscription of a user count when the one that did has run out without a word.';

insert into private.maintenance_jobs (name, description, repeat_every)
values
('webhooks', 'Try events again that wait for something.', interval '30 seconds'),
('subscription_turns', 'Let the next subscription of a user count.', interval '5 minutes')
on conflict (name) do nothing;
