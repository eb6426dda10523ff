-- Room: queue, third part: what all requests of clients have in common.
--
-- What lives here: cancelling a request, and what a worker says about the provider it asked.
-- Each task kind that serves a request has the dedupe key '<kind>:<id of the pending row>'.
-- Who may touch it: clients cancel their own requests; business functions of private use the rest.
-- Tests: rlstests/test_queue.py

create function private.cancel_task(p_task queue.tasks) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.tell_task_event(p_task, 'cancelled', null);
    perform private.release_usage(p_task.usage_event_id);
    perform private.archive_task(p_task, 'cancelled', null);
end;
$$;
comment on function private.cancel_task(queue.tasks) is
    'Ends a task that nobody wants any more: its rows say cancelled and its use is given back.';

create function private.cancel_request(p_request_id uuid) returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_task queue.tasks;
    v_cancelled integer := 0;
begin
    perform private.lock_account(v_user_id);
    for v_task in
        select *
        from queue.tasks t
        where t.user_id = v_user_id and split_part(t.dedupe_key, ':', 2) = p_request_id::text
        order by t.id
        for update
    loop
        perform private.cancel_task(v_task);
        v_cancelled := v_cancelled + 1;
    end loop;
    if v_cancelled = 0 then
        perform private.raise_not_found('open request', p_request_id);
    end if;
    return v_cancelled;
end;
$$;
comment on function private.cancel_request(uuid) is
    'Cancels the caller''s live tasks for this row; see public.cancel_request.';
grant execute on function private.cancel_request(uuid) to authenticated;

create function public.cancel_request(p_request_id uuid) returns integer
language sql
volatile
set search_path = ''
as $$
    select private.cancel_request(p_request_id);
$$;
comment on function public.cancel_request(uuid) is
    'Cancels what you asked for, by the id of its row, and gives the use back.
Returns how many tasks were stopped. A worker in the middle of one finds its lease gone and drops
the result. PT404 when nothing is open under this id.';
grant execute on function public.cancel_request(uuid) to authenticated;

-- What a worker says about its provider ---------------------------------------------------------

create type private.provider_facts as (
    ai_provider text,
    model_used text,
    tokens_used integer,
    processing_time_ms integer,
    estimated_cost numeric
);
comment on type private.provider_facts is
    'Who answered, and what it took. estimated_cost in US dollars.';

create function private.provider_facts(p_result jsonb) returns private.provider_facts
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_facts private.provider_facts;
begin
    v_facts := jsonb_populate_record(null::private.provider_facts, p_result);
    if v_facts.ai_provider is null or v_facts.tokens_used < 0 or v_facts.processing_time_ms < 0
        or v_facts.estimated_cost not between 0 and 9999 then
        perform private.raise_malformed_result('ai_provider, tokens_used, processing_time_ms');
    end if;
    return v_facts;
exception
    when invalid_text_representation or numeric_value_out_of_range or invalid_parameter_value then
        perform private.raise_malformed_result('ai_provider, tokens_used, processing_time_ms');
        return null;
end;
$$;
comment on function private.provider_facts(jsonb) is
    'Reads ai_provider, model_used, tokens_used, processing_time_ms and estimated_cost of a result.
PT422 without a provider or with numbers that cannot be.';
