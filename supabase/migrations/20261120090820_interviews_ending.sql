-- Room: interviews, third part: how an interview ends.
--
-- What lives here: complete_interview, cancel_interview, and the clock that ends those nobody talks
-- in any more. Each end closes the use: it stays counted once there was more than one turn, and
-- goes back otherwise. Feedback belongs to the interview and costs nothing more.
-- Who may touch it: owners end their interviews; maintenance abandons them.
-- Tests: rlstests/test_interviews_ending.py, rlstests/test_interviews_feedback.py

insert into queue.task_kinds (kind, description, priority, max_attempts)
values ('interview_feedback', 'Judge an interview that is over.', 50, 5)
on conflict (kind) do nothing;

insert into private.maintenance_jobs (name, description, repeat_every)
values (
    'abandoned_interviews', 'End interviews in which nothing was said for long.',
    interval '15 minutes'
)
on conflict (name) do nothing;

create function private.end_interview(p_session public.interview_sessions, p_status text)
returns public.interview_sessions
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_session public.interview_sessions;
    v_task queue.tasks;
begin
    update public.interview_sessions s
    set status = p_status,
        completed_at = case when p_status = 'completed' then now() end,
        duration_seconds = greatest(
            0, extract(epoch from s.last_turn_at - s.created_at)
        )::integer,
        reply_status = 'none',
        reply_error = null
    where s.id = p_session.id
    returning * into v_session;
    -- A task that somebody works on right now is skipped: it will find the interview over.
    for v_task in
        select *
        from queue.tasks t
        where t.dedupe_key = 'interview_reply:' || p_session.id
        for update skip locked
    loop
        perform private.cancel_task(v_task);
    end loop;
    perform private.close_interview_use(v_session);
    return v_session;
end;
$$;
comment on function private.end_interview(public.interview_sessions, text) is
    'Ends a locked interview: no reply is waited for any more, and its use is closed.';

-- Complete --------------------------------------------------------------------------------------

create function private.complete_interview(p_session_id uuid)
returns public.interview_sessions
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_session public.interview_sessions;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('interview');
    v_session := private.lock_interview(v_user_id, p_session_id);
    if v_session.status = 'cancelled' then
        raise sqlstate 'PT409' using
            message = format('Interview %s is cancelled.', p_session_id),
            hint = 'Start a new one.';
    end if;
    if v_session.questions_answered = 0 then
        raise sqlstate 'PT409' using
            message = format('In interview %s no question was answered.', p_session_id),
            hint = 'Answer one first, or call cancel_interview, which gives the use back.';
    end if;
    if v_session.status is distinct from 'completed' then
        v_session := private.end_interview(v_session, 'completed');
    elsif v_session.feedback_status = 'completed' or exists (
        select 1 from queue.tasks t where t.dedupe_key = 'interview_feedback:' || p_session_id
    ) then
        return v_session;
    end if;

    update public.interview_sessions s
    set feedback_status = 'pending', feedback_error = null
    where s.id = p_session_id
    returning * into v_session;
    perform private.enqueue_task(
        'interview_feedback', jsonb_build_object('session_id', p_session_id),
        v_user_id, null, 'interview_feedback:' || p_session_id
    );
    return v_session;
end;
$$;
comment on function private.complete_interview(uuid) is
    'Ends an interview and queues its feedback; see public.complete_interview.';
grant execute on function private.complete_interview(uuid) to authenticated;

create function public.complete_interview(p_session_id uuid) returns public.interview_sessions
language sql
volatile
set search_path = ''
as $$
    select private.complete_interview(p_session_id);
$$;
comment on function public.complete_interview(uuid) is
    'Ends an interview and asks for feedback, which arrives in the same row. Also for an abandoned
one, and again when the feedback failed or was cancelled; while it is open, and once it is there,
the row comes back as it is. Counts nothing more. PT404 for an unknown interview; PT409 when it was
cancelled, or no question was answered; PT429 when it is too often.';
grant execute on function public.complete_interview(uuid) to authenticated;

-- Cancel ----------------------------------------------------------------------------------------

create function private.cancel_interview(p_session_id uuid) returns public.interview_sessions
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_session public.interview_sessions;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('interview');
    v_session := private.lock_interview(v_user_id, p_session_id);
    if v_session.status = 'cancelled' then
        return v_session;
    end if;
    if v_session.status is distinct from 'active' then
        raise sqlstate 'PT409' using
            message = format('Interview %s is %s.', p_session_id, v_session.status),
            hint = 'Only an interview that goes on can be cancelled; delete this one instead.';
    end if;
    return private.end_interview(v_session, 'cancelled');
end;
$$;
comment on function private.cancel_interview(uuid) is
    'Ends an interview without feedback; see public.cancel_interview.';
grant execute on function private.cancel_interview(uuid) to authenticated;

create function public.cancel_interview(p_session_id uuid) returns public.interview_sessions
language sql
volatile
set search_path = ''
as $$
    select private.cancel_interview(p_session_id);
$$;
comment on function public.cancel_interview(uuid) is
    'Ends an interview without feedback. The use goes back unless there was more than a first turn.
Cancelling again changes nothing. PT404 for an unknown interview, PT409 when it is completed or
abandoned, PT429 when it is too often.';
grant execute on function public.cancel_interview(uuid) to authenticated;

-- Abandon ---------------------------------------------------------------------------------------

create function private.maintain_abandoned_interviews() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_before timestamptz := now() - make_interval(
        hours => greatest(1, private.config_integer('interview_idle_hours', 24))
    );
    v_idle record;
    v_session public.interview_sessions;
    v_abandoned integer := 0;
begin
    for v_idle in
        select s.id, s.user_id
        from public.interview_sessions s
        where s.status = 'active' and s.last_turn_at < v_before
        order by s.last_turn_at
        limit 500
    loop
        perform private.lock_account(v_idle.user_id);
        -- One that is being talked in, or ended, is none of ours.
        select * into v_session
        from public.interview_sessions s
        where s.id = v_idle.id and s.status = 'active' and s.last_turn_at < v_before
        for update skip locked;
        continue when not found;
        perform private.end_interview(v_session, 'abandoned');
        v_abandoned := v_abandoned + 1;
    end loop;
    return jsonb_build_object('abandoned', v_abandoned);
end;
$$;
comment on function private.maintain_abandoned_interviews() is
    'Ends up to 500 interviews without a turn for global_config interview_idle_hours, else 24.';
