-- Room: interviews
--
-- What lives here: practice interviews: who asks (interviewers), the interview itself
-- (interview_sessions) and what was said (interview_turns). The other parts: interviews_talking,
-- interviews_ending, interviews_task_events, interviews_recordings and interviews_bullets.
-- Who may touch it: signed-in users read the active interviewers. Owners read their interviews and
-- delete them; everything else is RPC, and what the AI says is written by the queue.
-- Tests: rlstests/test_interviews.py, rlstests/test_interviews_talking.py

-- Functions used by constraints -----------------------------------------------------------------

create function private.is_recording_path(p_path text, p_user_id uuid) returns boolean
language sql
immutable
set search_path = ''
as $$
    select p_path ~ ('^' || p_user_id::text || '/[A-Za-z0-9_-]{1,100}[.][a-z0-9]{2,5}$');
$$;
comment on function private.is_recording_path(text, uuid) is
    'True for {user_id}/{name}.{extension}: no nesting, no dots, no escapes. Null for no path.';

-- Tables --------------------------------------------------------------------------------------

create table public.interviewers (
    id uuid primary key default gen_random_uuid(),
    name text not null check (char_length(name) between 1 and 200),
    title text check (char_length(title) <= 200),
    company text check (char_length(company) <= 200),
    avatar_url text check (char_length(avatar_url) <= 1000 and private.is_web_link(avatar_url)),
    experience text check (char_length(experience) <= 50),
    specialty text check (char_length(specialty) <= 200),
    description text check (char_length(description) <= 5000),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.interviewers is
    'The people the AI can play in an interview. Written by operators; signed-in users read the
active ones.';
comment on column public.interviewers.experience is 'In words: 8+ years.';
comment on column public.interviewers.specialty is 'What this person asks about.';

create table public.interview_sessions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    session_type text not null check (session_type in ('voice', 'chat', 'resume_analyzer')),
    role_type text check (char_length(role_type) <= 200),
    job_title text check (char_length(job_title) <= 200),
    job_description text check (char_length(job_description) <= 20000),
    job_id uuid,
    interviewer_id uuid references public.interviewers (id) on delete set null,
    session_data jsonb not null default '{}' check (
        jsonb_typeof(session_data) = 'object' and octet_length(session_data::text) <= 65536
    ),
    total_questions smallint not null default 10 check (total_questions between 1 and 30),
    questions_answered smallint not null default 0 check (
        questions_answered between 0 and total_questions
    ),
    turns_count smallint not null default 0 check (turns_count >= 0),
    last_turn_at timestamptz not null default now(),
    reply_status text not null default 'none' check (
        reply_status in ('none', 'pending', 'processing', 'failed')
    ),
    reply_error text check (char_length(reply_error) <= 2000),
    status text not null default 'active' check (
        status in ('active', 'completed', 'abandoned', 'cancelled')
    ),
    duration_seconds integer check (duration_seconds >= 0),
    completed_at timestamptz,
    feedback_status text not null default 'none' check (
        feedback_status in ('none', 'pending', 'processing', 'completed', 'failed')
    ),
    feedback_error text check (char_length(feedback_error) <= 2000),
    score smallint check (score between 0 and 100),
    feedback text check (char_length(feedback) <= 20000),
    strengths jsonb not null default '[]' check (
        jsonb_typeof(strengths) = 'array' and octet_length(strengths::text) <= 65536
    ),
    improvements jsonb not null default '[]' check (
        jsonb_typeof(improvements) = 'array' and octet_length(improvements::text) <= 65536
    ),
    tokens_used integer not null default 0 check (tokens_used >= 0),
    usage_event_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint interview_sessions_completed_check check (
        (status = 'completed') = (completed_at is not null)
    ),
    constraint interview_sessions_result_check check (
        feedback_status <> 'completed'
        or (status = 'completed' and score is not null and feedback is not null)
    ),
    -- What tenant-safe foreign keys of other tables point at.
    unique (user_id, id),
    unique (user_id, usage_event_id)
);
comment on table public.interview_sessions is
    'Practice interviews, from the first question to the feedback. Owners read and delete them.
System-written, by start_interview, say, complete_interview, cancel_interview and the queue.';
comment on column public.interview_sessions.role_type is 'The kind of role: backend, sales, nurse.';
comment on column public.interview_sessions.job_title is
    'The job practised for; taken from the tracked job unless the user named one.';
comment on column public.interview_sessions.job_description is
    'Its description, as it was when the interview began.';
comment on column public.interview_sessions.job_id is
    'The tracked job, if there was one; null again once it is deleted.';
comment on column public.interview_sessions.session_data is
    'What the AI wants to keep between its turns, such as the plan of its questions.';
comment on column public.interview_sessions.total_questions is
    'After this many answers nothing more can be said.';
comment on column public.interview_sessions.questions_answered is
    'Turns of the user that follow one of the AI. Once there is one, the use stays counted.';
comment on column public.interview_sessions.turns_count is
    'How many turns there are; also the number of the latest.';
comment on column public.interview_sessions.last_turn_at is
    'When something was last said, or the interview began. Idle ones become abandoned.';
comment on column public.interview_sessions.reply_status is
    'What the AI does now: none (it is the user''s turn), pending, processing, or failed.';
comment on column public.interview_sessions.reply_error is
    'Why it could not reply, in words for the user; null unless it failed.';
comment on column public.interview_sessions.duration_seconds is
    'From the beginning to the last turn. Set when the interview ends.';
comment on column public.interview_sessions.feedback_status is
    'none, pending (queued), processing, completed or failed: complete_interview asks again.';
comment on column public.interview_sessions.feedback_error is
    'Why there is no feedback, in words for the user; null unless it failed.';
comment on column public.interview_sessions.score is '0 to 100.';
comment on column public.interview_sessions.strengths is 'What went well, as texts.';
comment on column public.interview_sessions.improvements is 'What to work on, as texts.';
comment on column public.interview_sessions.tokens_used is
    'Tokens of the AI provider, all replies and the feedback together.';
comment on column public.interview_sessions.usage_event_id is
    'The use that this interview counts as. Closed by its end, not by a task.';
create index interview_sessions_user_id_created_at_idx
on public.interview_sessions (user_id, created_at desc);
create index interview_sessions_interviewer_id_idx on public.interview_sessions (interviewer_id)
where interviewer_id is not null;
create index interview_sessions_idle_idx on public.interview_sessions (last_turn_at)
where status = 'active';

create table public.interview_turns (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    session_id uuid not null,
    turn_number smallint not null check (turn_number > 0),
    speaker text not null check (speaker in ('user', 'ai')),
    message text not null check (char_length(message) between 1 and 10000),
    audio_path text,
    processing_time_ms integer check (processing_time_ms >= 0),
    created_at timestamptz not null default now(),
    foreign key (user_id, session_id) references public.interview_sessions (user_id, id)
    on delete cascade,
    unique (session_id, turn_number),
    constraint interview_turns_audio_path_check check (
        private.is_recording_path(audio_path, user_id)
    )
);
comment on table public.interview_turns is
    'What was said in an interview, turn by turn. Owners read. System-written: by say, and by the
queue for what the AI says.';
comment on column public.interview_turns.turn_number is
    'From 1 without gaps; assigned when the turn is written, whatever the writer says.';
comment on column public.interview_turns.audio_path is
    'Object in the bucket interview-audio, {user_id}/{name}: what the user said aloud.';
comment on column public.interview_turns.processing_time_ms is
    'How long the AI took for its turn; null for the user.';
create index interview_turns_session_idx on public.interview_turns (user_id, session_id);

-- Row level security ----------------------------------------------------------------------------

alter table public.interviewers enable row level security;
alter table public.interview_sessions enable row level security;
alter table public.interview_turns enable row level security;

create policy interviewers_select_signed_in on public.interviewers
for select to authenticated
using (is_active);

create policy interview_sessions_select_owner on public.interview_sessions
for select to authenticated
using (user_id = (select auth.uid()));

create policy interview_sessions_delete_owner on public.interview_sessions
for delete to authenticated
using (user_id = (select auth.uid()));

create policy interview_turns_select_owner on public.interview_turns
for select to authenticated
using (user_id = (select auth.uid()));

-- Grants ----------------------------------------------------------------------------------------

grant select on public.interviewers, public.interview_turns to authenticated, service_role;
grant select on public.interview_sessions to authenticated, service_role;
grant delete on public.interview_sessions to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.interviewers
for each row execute function private.tg_set_updated_at();
create trigger _100_set_updated_at before update on public.interview_sessions
for each row execute function private.tg_set_updated_at();

create function private.tg_interview_turns__number() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_last public.interview_turns;
begin
    -- The lock makes turns of one interview take turns; only then is the last one known. Without
    -- such an interview the foreign key refuses the turn.
    perform 1
    from public.interview_sessions s
    where s.id = new.session_id and s.user_id = new.user_id
    for update;
    select * into v_last
    from public.interview_turns t
    where t.session_id = new.session_id
    order by t.turn_number desc
    limit 1;

    new.turn_number := coalesce(v_last.turn_number, 0) + 1;
    update public.interview_sessions s
    set turns_count = new.turn_number,
        questions_answered = s.questions_answered
            + (new.speaker = 'user' and v_last.speaker is not distinct from 'ai')::integer,
        last_turn_at = now()
    where s.id = new.session_id and s.user_id = new.user_id;
    return new;
end;
$$;
comment on function private.tg_interview_turns__number() is
    'Gives a turn the next number of its interview, and counts turns and answers there.';

create trigger _100_number before insert on public.interview_turns
for each row execute function private.tg_interview_turns__number();

create function private.close_interview_use(p_session public.interview_sessions) returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- Not by answers: whoever speaks first, without a question, is replied to as well.
    if p_session.turns_count > 1 then
        return private.settle_usage(p_session.usage_event_id);
    end if;
    return private.release_usage(p_session.usage_event_id);
end;
$$;
comment on function private.close_interview_use(public.interview_sessions) is
    'Settles the use of an interview once there was more than a first turn, releases it otherwise.
False when it was closed before.';

create trigger _100_lock_account before delete on public.interview_sessions
for each statement execute function private.tg_lock_account();

create function private.tg_interview_sessions__close_use() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    -- Its tasks live on and find no row: their end changes nothing.
    perform private.close_interview_use(old);
    return null;
end;
$$;
comment on function private.tg_interview_sessions__close_use() is
    'Closes the use of an interview that is deleted before its end.';

create trigger _200_close_use after delete on public.interview_sessions
for each row when (old.status = 'active')
execute function private.tg_interview_sessions__close_use();

-- Foreign keys to rooms before this one ---------------------------------------------------------

alter table public.interview_sessions
add constraint interview_sessions_job_fkey
foreign key (user_id, job_id) references public.jobs (user_id, id)
on delete set null (job_id);
create index interview_sessions_job_idx on public.interview_sessions (user_id, job_id)
where job_id is not null;
