-- Room: interviews, fourth part: what the queue tells us.
--
-- What lives here: on_interview_reply and on_interview_feedback, which write what the AI said and
-- how it judged. An interview that was deleted or ended meanwhile is left alone.
-- Who may touch it: the queue.
-- Tests: rlstests/test_interviews_talking.py, rlstests/test_interviews_feedback.py

create function private.is_list_of_texts(p_list jsonb, p_max_items integer, p_max_length integer)
returns boolean
language sql
immutable
set search_path = ''
as $$
    select case
        when jsonb_typeof(p_list) is distinct from 'array' then false
        else jsonb_array_length(p_list) <= p_max_items and not exists (
            select 1
            from jsonb_array_elements(p_list) as e (item)
            where jsonb_typeof(e.item) <> 'string'
                or char_length(e.item #>> '{}') not between 1 and p_max_length
        )
    end;
$$;
comment on function private.is_list_of_texts(jsonb, integer, integer) is
    'True for a JSON array of at most so many texts, none of them empty or longer than allowed.';

create function private.write_interview_reply(
    p_session public.interview_sessions,
    p_result jsonb
) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_facts private.provider_facts := private.provider_facts(p_result);
begin
    insert into public.interview_turns (user_id, session_id, speaker, message, processing_time_ms)
    values (
        p_session.user_id, p_session.id, 'ai',
        left(btrim(p_result ->> 'message', E' \t\r\n'), 10000), v_facts.processing_time_ms
    );
    update public.interview_sessions s
    set reply_status = 'none',
        reply_error = null,
        session_data = coalesce(p_result -> 'session_data', s.session_data),
        tokens_used = s.tokens_used + coalesce(v_facts.tokens_used, 0)
    where s.id = p_session.id;
end;
$$;
comment on function private.write_interview_reply(public.interview_sessions, jsonb) is
    'Writes the AI''s turn into a locked interview.';

create function private.require_reply_result(p_result jsonb) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (
        jsonb_typeof(p_result -> 'message') = 'string'
        and btrim(p_result ->> 'message', E' \t\r\n') <> ''
        and coalesce(jsonb_typeof(p_result -> 'session_data'), 'object') = 'object'
        and octet_length(coalesce(p_result ->> 'session_data', '')) <= 65536
    ) is not true then
        perform private.raise_malformed_result(
            'message, a session_data {} of at most 64 KiB if any, and the provider'
        );
    end if;
    perform private.provider_facts(p_result);
end;
$$;
comment on function private.require_reply_result(jsonb) is
    'PT422 unless a worker sent all that on_interview_reply writes.';

create function private.on_interview_reply(p_task queue.tasks, p_event text, p_data jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_session public.interview_sessions;
begin
    if p_event = 'completed' then
        perform private.require_reply_result(p_data);
    end if;
    select * into v_session
    from public.interview_sessions s
    where s.id = (p_task.payload ->> 'session_id')::uuid and s.user_id = p_task.user_id
        and s.status = 'active'
    for update;
    if not found then
        return;
    end if;
    if p_event = 'completed' then
        perform private.write_interview_reply(v_session, p_data);
        return;
    end if;
    update public.interview_sessions s
    set reply_status = case p_event
            when 'started' then 'processing'
            when 'retried' then 'pending'
            when 'failed' then 'failed'
            when 'cancelled' then 'none'
        end,
        reply_error = case when p_event = 'failed' then p_data ->> 'error' end
    where s.id = v_session.id;
end;
$$;
comment on function private.on_interview_reply(queue.tasks, text, jsonb) is
    'Moves reply_status with the task, and writes the turn of a completed one.';

create function private.require_feedback_result(p_result jsonb) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (
        jsonb_typeof(p_result -> 'score') = 'number'
        and p_result ->> 'score' ~ '^(100|[0-9]{1,2})$'
        and jsonb_typeof(p_result -> 'feedback') = 'string'
        and char_length(p_result ->> 'feedback') between 1 and 20000
        and private.is_list_of_texts(p_result -> 'strengths', 20, 500)
        and private.is_list_of_texts(p_result -> 'improvements', 20, 500)
    ) is not true then
        perform private.raise_malformed_result(
            'score 0 to 100, feedback, strengths [] and improvements [] of at most 20 texts, and '
            'the provider'
        );
    end if;
    perform private.provider_facts(p_result);
end;
$$;
comment on function private.require_feedback_result(jsonb) is
    'PT422 unless a worker sent all that on_interview_feedback writes.';

create function private.write_interview_feedback(
    p_session_id uuid,
    p_user_id uuid,
    p_result jsonb
) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_facts private.provider_facts := private.provider_facts(p_result);
begin
    update public.interview_sessions s
    set feedback_status = 'completed',
        feedback_error = null,
        score = (p_result ->> 'score')::smallint,
        feedback = p_result ->> 'feedback',
        strengths = p_result -> 'strengths',
        improvements = p_result -> 'improvements',
        tokens_used = s.tokens_used + coalesce(v_facts.tokens_used, 0)
    where s.id = p_session_id and s.user_id = p_user_id;
end;
$$;
comment on function private.write_interview_feedback(uuid, uuid, jsonb) is
    'Writes what the AI thinks of an interview.';

create function private.on_interview_feedback(p_task queue.tasks, p_event text, p_data jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_session_id uuid := (p_task.payload ->> 'session_id')::uuid;
begin
    if p_event = 'completed' then
        perform private.require_feedback_result(p_data);
        perform private.write_interview_feedback(v_session_id, p_task.user_id, p_data);
        return;
    end if;
    update public.interview_sessions s
    set feedback_status = case p_event
            when 'started' then 'processing'
            when 'retried' then 'pending'
            when 'failed' then 'failed'
            when 'cancelled' then 'none'
        end,
        feedback_error = case when p_event = 'failed' then p_data ->> 'error' end
    where s.id = v_session_id and s.user_id = p_task.user_id;
end;
$$;
comment on function private.on_interview_feedback(queue.tasks, text, jsonb) is
    'Moves feedback_status with the task, and writes the result of a completed one. Turns, answers
and duration were counted when they happened.';
