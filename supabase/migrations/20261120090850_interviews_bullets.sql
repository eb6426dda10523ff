-- Room: interviews, sixth part: bullet points.
--
-- What lives here: resume_bullets, request_bullets, and what the queue tells us about it.
-- Who may touch it: owners ask, read, and delete what is over; the queue reports through
-- on_bullets.
-- Tests: rlstests/test_interviews_bullets.py, rlstests/test_interviews_deleting.py

insert into queue.task_kinds (kind, description, priority, max_attempts)
values ('bullets', 'Turn an answer into bullet points.', 50, 3)
on conflict (kind) do nothing;

create table public.resume_bullets (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    session_id uuid,
    question text not null check (char_length(question) between 1 and 2000),
    transcript text not null check (char_length(transcript) between 1 and 20000),
    role text check (char_length(role) <= 200),
    experience text check (char_length(experience) <= 200),
    bullets jsonb not null default '[]' check (
        jsonb_typeof(bullets) = 'array' and octet_length(bullets::text) <= 65536
    ),
    status text not null default 'pending' check (
        status in ('pending', 'processing', 'completed', 'failed', 'cancelled')
    ),
    error_message text check (char_length(error_message) <= 2000),
    ai_provider text check (char_length(ai_provider) <= 100),
    model_used text check (char_length(model_used) <= 200),
    tokens_used integer check (tokens_used >= 0),
    processing_time_ms integer check (processing_time_ms >= 0),
    estimated_cost numeric(10, 6) check (estimated_cost >= 0),
    completed_at timestamptz,
    usage_event_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    foreign key (user_id, session_id) references public.interview_sessions (user_id, id)
    on delete set null (session_id),
    unique (user_id, usage_event_id),
    constraint resume_bullets_completed_check check (
        (status = 'completed') = (completed_at is not null)
    )
);
comment on table public.resume_bullets is
    'Bullet points for a résumé, made from what somebody said about their work. Owners read, and
delete what is over; the system writes, by request_bullets and the queue.';
comment on column public.resume_bullets.session_id is
    'The interview in which it was said, if it was one; null again once it is deleted.';
comment on column public.resume_bullets.transcript is 'What the user answered, in their own words.';
comment on column public.resume_bullets.role is 'The role that the bullet points are for.';
comment on column public.resume_bullets.experience is
    'How long, or at which level: 5 years, senior.';
comment on column public.resume_bullets.bullets is
    'At most 20 texts; empty until it is completed. Search with bullets @> ''["…"]''.';
comment on column public.resume_bullets.error_message is
    'Why it failed, in words for the user; null unless it did.';
comment on column public.resume_bullets.estimated_cost is 'In US dollars.';
comment on column public.resume_bullets.usage_event_id is 'The use that it counts as.';
create index resume_bullets_user_id_created_at_idx
on public.resume_bullets (user_id, created_at desc);
create index resume_bullets_session_idx on public.resume_bullets (user_id, session_id)
where session_id is not null;
create index resume_bullets_bullets_idx on public.resume_bullets
using gin (bullets jsonb_path_ops);

-- Row level security ----------------------------------------------------------------------------

alter table public.resume_bullets enable row level security;

create policy resume_bullets_select_owner on public.resume_bullets
for select to authenticated
using (user_id = (select auth.uid()));

create policy resume_bullets_delete_owner on public.resume_bullets
for delete to authenticated
using (user_id = (select auth.uid()) and status not in ('pending', 'processing'));
comment on policy resume_bullets_delete_owner on public.resume_bullets is
    'An open request is cancelled first: its task would go on without it.';

grant select on public.resume_bullets to authenticated, service_role;
grant delete on public.resume_bullets to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.resume_bullets
for each row execute function private.tg_set_updated_at();

create trigger _100_lock_account before delete on public.resume_bullets
for each statement execute function private.tg_lock_account();

-- Ask -------------------------------------------------------------------------------------------

create function private.request_bullets(
    p_question text,
    p_transcript text,
    p_role text,
    p_experience text,
    p_session_id uuid,
    p_idempotency_key text
) returns public.resume_bullets
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_question text := private.require_interview_text('p_question', p_question, 2000);
    v_transcript text := private.require_interview_text('p_transcript', p_transcript, 20000);
    v_role text := private.clean_interview_text('p_role', p_role, 200);
    v_experience text := private.clean_interview_text('p_experience', p_experience, 200);
    v_use private.reservation;
    v_bullets public.resume_bullets;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('bullets');
    if p_session_id is not null then
        -- The row is locked before the use is counted, as in every request.
        perform 1
        from public.interview_sessions s
        where s.id = p_session_id and s.user_id = v_user_id
        for key share;
        if not found then
            perform private.raise_not_found('interview', p_session_id);
        end if;
    end if;

    v_use := private.reserve_usage(v_user_id, 'bullets', p_idempotency_key, jsonb_build_object(
        'question', v_question, 'transcript', v_transcript, 'role', v_role,
        'experience', v_experience, 'session_id', p_session_id
    ));
    if v_use.is_replay then
        select * into v_bullets
        from public.resume_bullets b
        where b.user_id = v_user_id and b.usage_event_id = v_use.usage_event_id;
        if not found then
            perform private.raise_request_gone('request for bullet points');
        end if;
        return v_bullets;
    end if;

    insert into public.resume_bullets
    (user_id, session_id, question, transcript, role, experience, usage_event_id)
    values (
        v_user_id, p_session_id, v_question, v_transcript, v_role, v_experience,
        v_use.usage_event_id
    )
    returning * into v_bullets;
    perform private.enqueue_task(
        'bullets', jsonb_build_object('bullets_id', v_bullets.id),
        v_user_id, v_use.usage_event_id, 'bullets:' || v_bullets.id
    );
    return v_bullets;
end;
$$;
comment on function private.request_bullets(text, text, text, text, uuid, text) is
    'Reserves one use and queues the task; see public.request_bullets.';
grant execute on function private.request_bullets(text, text, text, text, uuid, text)
to authenticated;

create function public.request_bullets(
    p_question text,
    p_transcript text,
    p_role text default null,
    p_experience text default null,
    p_session_id uuid default null,
    p_idempotency_key text default null
) returns public.resume_bullets
language sql
volatile
set search_path = ''
as $$
    select private.request_bullets(
        p_question, p_transcript, p_role, p_experience, p_session_id, p_idempotency_key
    );
$$;
comment on function public.request_bullets(text, text, text, text, uuid, text) is
    'Asks for an answer to be turned into bullet points. Returns the row, pending.
Counts one use, given back if it fails. The same key again returns the same row. PT402 when the
allowance is gone, PT404 for an unknown interview, PT422 for an empty or too long text, PT429 when
it is too often.';
grant execute on function public.request_bullets(text, text, text, text, uuid, text)
to authenticated;

-- What the queue tells us -----------------------------------------------------------------------

create function private.require_bullets_result(p_result jsonb) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (
        private.is_list_of_texts(p_result -> 'bullets', 20, 500)
        and p_result -> 'bullets' <> '[]'
    ) is not true then
        perform private.raise_malformed_result(
            'bullets [] of 1 to 20 texts, none longer than 500 characters, and the provider'
        );
    end if;
    perform private.provider_facts(p_result);
end;
$$;
comment on function private.require_bullets_result(jsonb) is
    'PT422 unless a worker sent all that on_bullets writes.';

create function private.write_bullets(p_id uuid, p_user_id uuid, p_result jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_facts private.provider_facts := private.provider_facts(p_result);
begin
    update public.resume_bullets b
    set status = 'completed',
        error_message = null,
        completed_at = now(),
        bullets = p_result -> 'bullets',
        ai_provider = v_facts.ai_provider,
        model_used = v_facts.model_used,
        tokens_used = v_facts.tokens_used,
        processing_time_ms = v_facts.processing_time_ms,
        estimated_cost = v_facts.estimated_cost
    where b.id = p_id and b.user_id = p_user_id;
end;
$$;
comment on function private.write_bullets(uuid, uuid, jsonb) is
    'Writes the bullet points that were made.';

create function private.on_bullets(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_id uuid := (p_task.payload ->> 'bullets_id')::uuid;
begin
    if p_event = 'completed' then
        perform private.require_bullets_result(p_data);
        perform private.write_bullets(v_id, p_task.user_id, p_data);
        return;
    end if;
    update public.resume_bullets b
    set status = case p_event
            when 'started' then 'processing'
            when 'retried' then 'pending'
            else p_event
        end,
        error_message = case when p_event = 'failed' then p_data ->> 'error' end
    where b.id = v_id and b.user_id = p_task.user_id;
end;
$$;
comment on function private.on_bullets(queue.tasks, text, jsonb) is
    'Moves the status with the task, and writes the result of a completed one.';
