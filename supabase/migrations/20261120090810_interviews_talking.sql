-- Room: interviews, second part: talking.
--
-- What lives here: start_interview and say. An interview is one use, however many replies it takes:
-- its tasks have no use of their own, and total_questions bounds them.
-- Who may touch it: owners start and talk; interviews_task_events hears what the AI replies.
-- Tests: rlstests/test_interviews.py, rlstests/test_interviews_talking.py

insert into queue.task_kinds (kind, description, priority, max_attempts)
values ('interview_reply', 'Say the next thing in an interview.', 10, 3)
on conflict (kind) do nothing;

-- Checks of what a client sent ------------------------------------------------------------------

create function private.clean_interview_text(
    p_name text,
    p_value text,
    p_max_length integer
) returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_value text := nullif(btrim(p_value, E' \t\r\n'), '');
begin
    if char_length(v_value) > p_max_length then
        raise sqlstate 'PT422' using
            message = format('%s has %s characters.', p_name, char_length(v_value)),
            hint = format('Send at most %s.', p_max_length);
    end if;
    return v_value;
end;
$$;
comment on function private.clean_interview_text(text, text, integer) is
    'The text without white space around it, null when nothing is left. PT422 when it is too long.';

create function private.require_interview_text(
    p_name text,
    p_value text,
    p_max_length integer
) returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_value text := private.clean_interview_text(p_name, p_value, p_max_length);
begin
    if v_value is null then
        raise sqlstate 'PT422' using
            message = format('%s is empty.', p_name),
            hint = format('Send 1 to %s characters.', p_max_length);
    end if;
    return v_value;
end;
$$;
comment on function private.require_interview_text(text, text, integer) is
    'The text without white space around it. PT422 when nothing is left or it is too long.';

create function private.require_recording(p_user_id uuid, p_audio_path text) returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if private.is_recording_path(p_audio_path, p_user_id) is not true or not exists (
        select 1 from storage.objects o
        where o.bucket_id = 'interview-audio' and o.name = p_audio_path
    ) then
        raise sqlstate 'PT422' using
            message = format('There is no recording %s.', coalesce(p_audio_path, 'without a path')),
            hint = 'Upload it to the bucket interview-audio as {user_id}/{name}, then name it.';
    end if;
end;
$$;
comment on function private.require_recording(uuid, text) is
    'PT422 unless this object is in the bucket interview-audio, in the folder of the user.';

create function private.raise_request_gone(p_what text) returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    raise sqlstate 'PT409' using
        message = format('The %s that this idempotency key stands for was deleted.', p_what),
        hint = 'Make a new key for a new request.';
end;
$$;
comment on function private.raise_request_gone(text) is
    'PT409 for a repeated request whose row was deleted meanwhile; p_what names its kind in words.';

-- Start -----------------------------------------------------------------------------------------

create function private.queue_interview_reply(p_session public.interview_sessions)
returns public.interview_sessions
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_session public.interview_sessions;
begin
    update public.interview_sessions s
    set reply_status = 'pending', reply_error = null
    where s.id = p_session.id
    returning * into v_session;
    -- The worker reads the interview itself; is_last asks for a farewell instead of a question.
    perform private.enqueue_task(
        'interview_reply',
        jsonb_build_object(
            'session_id', v_session.id,
            'is_last', v_session.questions_answered >= v_session.total_questions
        ),
        v_session.user_id, null, 'interview_reply:' || v_session.id
    );
    return v_session;
end;
$$;
comment on function private.queue_interview_reply(public.interview_sessions) is
    'Asks the AI for its next turn; one such task lives at a time. Returns the row, now pending.';

create function private.start_interview(
    p_session_type text,
    p_role_type text,
    p_job_title text,
    p_job_description text,
    p_job_id uuid,
    p_interviewer_id uuid,
    p_total_questions integer,
    p_idempotency_key text
) returns public.interview_sessions
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_role_type text := private.clean_interview_text('p_role_type', p_role_type, 200);
    v_job_title text := private.clean_interview_text('p_job_title', p_job_title, 200);
    v_description text := private.clean_interview_text(
        'p_job_description', p_job_description, 20000
    );
    v_questions integer := coalesce(p_total_questions, 10);
    v_job public.jobs;
    v_use private.reservation;
    v_session public.interview_sessions;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('interview');
    if p_session_type is null or p_session_type not in ('voice', 'chat', 'resume_analyzer') then
        raise sqlstate 'PT422' using
            message = format('There is no interview of type %s.', coalesce(p_session_type, 'null')),
            hint = 'Send voice, chat or resume_analyzer.';
    end if;
    if v_questions not between 1 and 30 then
        raise sqlstate 'PT422' using
            message = format('p_total_questions is %s.', v_questions),
            hint = 'Send 1 to 30.';
    end if;
    if p_interviewer_id is not null and not exists (
        select 1 from public.interviewers i where i.id = p_interviewer_id and i.is_active
    ) then
        perform private.raise_not_found('interviewer', p_interviewer_id);
    end if;
    if p_job_id is not null then
        -- The row is locked before the use is counted, as in every request.
        select * into v_job
        from public.jobs j
        where j.id = p_job_id and j.user_id = v_user_id and j.deleted_at is null
        for key share;
        if not found then
            perform private.raise_not_found('job', p_job_id);
        end if;
    end if;

    v_use := private.reserve_usage(v_user_id, 'interview', p_idempotency_key, jsonb_build_object(
        'session_type', p_session_type, 'role_type', v_role_type, 'job_title', v_job_title,
        'job_description', v_description, 'job_id', p_job_id,
        'interviewer_id', p_interviewer_id, 'total_questions', v_questions
    ));
    if v_use.is_replay then
        return private.find_started_interview(v_user_id, v_use.usage_event_id);
    end if;

    insert into public.interview_sessions (
        user_id, session_type, role_type, job_title, job_description, job_id, interviewer_id,
        total_questions, usage_event_id
    )
    values (
        v_user_id, p_session_type, v_role_type,
        coalesce(v_job_title, left(v_job.title, 200)),
        coalesce(v_description, left(v_job.description, 20000)),
        p_job_id, p_interviewer_id, v_questions, v_use.usage_event_id
    )
    returning * into v_session;
    return private.queue_interview_reply(v_session);
end;
$$;
comment on function private.start_interview(
    text, text, text, text, uuid, uuid, integer, text
) is
    'Reserves one use and queues the first question; see public.start_interview.';
grant execute on function private.start_interview(
    text, text, text, text, uuid, uuid, integer, text
) to authenticated;

create function private.find_started_interview(p_user_id uuid, p_usage_event_id uuid)
returns public.interview_sessions
language plpgsql
stable
set search_path = ''
as $$
declare
    v_session public.interview_sessions;
begin
    select * into v_session
    from public.interview_sessions s
    where s.user_id = p_user_id and s.usage_event_id = p_usage_event_id;
    if not found then
        perform private.raise_request_gone('interview');
    end if;
    return v_session;
end;
$$;
comment on function private.find_started_interview(uuid, uuid) is
    'The interview of a repeated request. PT409 when it was deleted meanwhile.';

create function public.start_interview(
    p_session_type text,
    p_role_type text default null,
    p_job_title text default null,
    p_job_description text default null,
    p_job_id uuid default null,
    p_interviewer_id uuid default null,
    p_total_questions integer default 10,
    p_idempotency_key text default null
) returns public.interview_sessions
language sql
volatile
set search_path = ''
as $$
    select private.start_interview(
        p_session_type, p_role_type, p_job_title, p_job_description, p_job_id, p_interviewer_id,
        p_total_questions, p_idempotency_key
    );
$$;
comment on function public.start_interview(text, text, text, text, uuid, uuid, integer, text) is
    'Starts a practice interview: voice, chat or resume_analyzer. The AI asks the first question.
Counts one use, given back if the interview ends with its first turn. Title and
description of a tracked job are taken over unless others are sent. The same key again returns the
same interview. PT402 when the allowance is gone, PT404 for an unknown job or interviewer, PT422
for a value that cannot be, PT429 when it is too often.';
grant execute on function public.start_interview(
    text, text, text, text, uuid, uuid, integer, text
) to authenticated;

-- Talk ------------------------------------------------------------------------------------------

create function private.lock_interview(p_user_id uuid, p_session_id uuid)
returns public.interview_sessions
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_session public.interview_sessions;
begin
    select * into v_session
    from public.interview_sessions s
    where s.id = p_session_id and s.user_id = p_user_id
    for update;
    if not found then
        perform private.raise_not_found('interview', p_session_id);
    end if;
    return v_session;
end;
$$;
comment on function private.lock_interview(uuid, uuid) is
    'An interview of this user, locked. PT404 when there is none. Tasks are never waited for while
holding it: a worker holds its task and waits for the interview.';

create function private.require_users_turn(p_session public.interview_sessions) returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if p_session.status is distinct from 'active' then
        raise sqlstate 'PT409' using
            message = format('Interview %s is %s.', p_session.id, p_session.status),
            hint = 'Start a new one.';
    end if;
    if exists (
        select 1 from queue.tasks t where t.dedupe_key = 'interview_reply:' || p_session.id
    ) then
        raise sqlstate 'PT409' using
            message = format('Interview %s waits for the interviewer.', p_session.id),
            hint = 'Speak when reply_status is none or failed.';
    end if;
    -- What is said again after a failed reply is no answer, so the turns are bounded as well.
    if p_session.questions_answered >= p_session.total_questions
        or p_session.turns_count >= 6 * p_session.total_questions then
        raise sqlstate 'PT409' using
            message = format('Interview %s is over: everything was asked.', p_session.id),
            hint = 'Call complete_interview for the feedback.';
    end if;
end;
$$;
comment on function private.require_users_turn(public.interview_sessions) is
    'PT409 when the interview is over, or the AI has not replied yet.';

create function private.say(p_session_id uuid, p_message text, p_audio_path text)
returns public.interview_turns
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_message text := private.require_interview_text('p_message', p_message, 10000);
    v_session public.interview_sessions;
    v_turn public.interview_turns;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('say');
    v_session := private.lock_interview(v_user_id, p_session_id);
    perform private.require_users_turn(v_session);
    if p_audio_path is not null then
        perform private.require_recording(v_user_id, p_audio_path);
    end if;

    insert into public.interview_turns (user_id, session_id, speaker, message, audio_path)
    values (v_user_id, p_session_id, 'user', v_message, p_audio_path)
    returning * into v_turn;
    -- The turn has moved the counts of the interview.
    v_session := private.lock_interview(v_user_id, p_session_id);
    perform private.queue_interview_reply(v_session);
    return v_turn;
end;
$$;
comment on function private.say(uuid, text, text) is
    'Writes the user''s turn and queues the reply; see public.say.';
grant execute on function private.say(uuid, text, text) to authenticated;

create function public.say(p_session_id uuid, p_message text, p_audio_path text default null)
returns public.interview_turns
language sql
volatile
set search_path = ''
as $$
    select private.say(p_session_id, p_message, p_audio_path);
$$;
comment on function public.say(uuid, text, text) is
    'Says something in an interview, at most 10,000 characters; the AI replies in a turn of its own.
Returns your turn. PT404 for an unknown interview; PT409 while the AI has not replied yet, and when
the interview is over; PT422 for an empty or too long message, or a recording that is not in your
folder of the bucket interview-audio; PT429 when it is too often.';
grant execute on function public.say(uuid, text, text) to authenticated;
