-- Room: ai, third part: documents that are written for the user.
--
-- What lives here: cover letters, answers to application forms, messages to recruiters, summaries.
-- Who may touch it: owners ask for them, edit the text and the title once it is there, and delete
-- what is over. The queue writes the rest through on_<kind>.
-- Tests: rlstests/test_ai_documents.py, rlstests/test_ai_documents_editing.py

-- Tables --------------------------------------------------------------------------------------

create table public.ai_documents (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.profiles (id) on delete cascade,
    resume_id uuid,
    job_id uuid,
    kind text not null check (kind in ('cover_letter', 'answer', 'outreach', 'summary')),
    title text check (char_length(title) between 1 and 200),
    prompt text check (char_length(prompt) between 1 and 5000),
    content text check (char_length(content) between 1 and 50000),
    edited_at timestamptz,
    ai_provider text check (
        ai_provider in ('gemini', 'claude', 'openai', 'openrouter', 'offline')
    ),
    model_used text check (char_length(model_used) <= 200),
    tokens_used integer check (tokens_used >= 0),
    processing_time_ms integer check (processing_time_ms >= 0),
    estimated_cost numeric(10, 6) check (estimated_cost >= 0),
    status text not null default 'pending' check (
        status in ('pending', 'processing', 'completed', 'failed', 'cancelled')
    ),
    error_message text check (char_length(error_message) <= 2000),
    completed_at timestamptz,
    usage_event_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (user_id, usage_event_id),
    -- A letter stays when the résumé or the job goes.
    foreign key (user_id, resume_id) references public.resumes (user_id, id)
    on delete set null (resume_id),
    foreign key (user_id, job_id) references public.jobs (user_id, id)
    on delete set null (job_id),
    constraint ai_documents_answer_check check (kind <> 'answer' or prompt is not null),
    constraint ai_documents_completed_check check (
        (status = 'completed') = (completed_at is not null)
        and (status <> 'completed' or num_nulls(content, ai_provider) = 0)
    )
);
comment on table public.ai_documents is
    'Texts written for the user: cover letters, answers, messages to recruiters, summaries.
Owners read and delete; once it is completed they edit title and content. The system writes the
rest.';
comment on column public.ai_documents.kind is 'What it is. Said once, by request_document.';
comment on column public.ai_documents.title is
    'Job and company at first, if there is a job; the user may change it.';
comment on column public.ai_documents.prompt is
    'The question of an answer; for the other kinds what the user wants said.';
comment on column public.ai_documents.content is
    'The text as it was written, then as the user edited it. Null until it is completed.';
comment on column public.ai_documents.edited_at is
    'When the user last changed the content; null for a text as it was written. System-written.';
comment on column public.ai_documents.ai_provider is 'Who wrote it, offline for our own engine.';
comment on column public.ai_documents.model_used is 'Its model. System-written.';
comment on column public.ai_documents.tokens_used is
    'Tokens of the provider, in and out. System-written.';
comment on column public.ai_documents.estimated_cost is 'In US dollars.';
comment on column public.ai_documents.status is
    'pending (queued), processing, completed, failed or cancelled. System-written.';
comment on column public.ai_documents.error_message is
    'Why it failed, in words for the user. System-written.';
comment on column public.ai_documents.completed_at is 'When the text came; null without one.';
comment on column public.ai_documents.usage_event_id is 'The use that was counted for it.';

create index ai_documents_user_id_created_at_idx
on public.ai_documents (user_id, created_at desc);
create index ai_documents_resume_id_idx on public.ai_documents (user_id, resume_id)
where resume_id is not null;
create index ai_documents_job_id_idx on public.ai_documents (user_id, job_id, created_at desc)
where job_id is not null;

-- Row level security ----------------------------------------------------------------------------

alter table public.ai_documents enable row level security;

create policy ai_documents_select_owner on public.ai_documents
for select to authenticated
using (user_id = (select auth.uid()));

create policy ai_documents_update_owner on public.ai_documents
for update to authenticated
using (user_id = (select auth.uid()) and status = 'completed')
with check (user_id = (select auth.uid()) and (select private.is_active_user()));
comment on policy ai_documents_update_owner on public.ai_documents is
    'Only what was written can be edited.';

create policy ai_documents_delete_owner on public.ai_documents
for delete to authenticated
using (user_id = (select auth.uid()) and status not in ('pending', 'processing'));
comment on policy ai_documents_delete_owner on public.ai_documents is
    'An open request is cancelled first: its task would go on without it.';

-- Grants ----------------------------------------------------------------------------------------

grant select on public.ai_documents to authenticated, service_role;
grant update (title, content) on public.ai_documents to authenticated;
grant delete on public.ai_documents to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_lock_account before delete on public.ai_documents
for each statement execute function private.tg_lock_account();
create trigger _100_set_updated_at before update on public.ai_documents
for each row execute function private.tg_set_updated_at();

create function private.tg_ai_documents__set_edited_at() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    new.edited_at := now();
    return new;
end;
$$;
comment on function private.tg_ai_documents__set_edited_at() is
    'Stamps an edit by a person; what the worker writes is none.';

create trigger _200_set_edited_at before update of content on public.ai_documents
for each row when (old.status = 'completed' and new.content is distinct from old.content)
execute function private.tg_ai_documents__set_edited_at();

-- Asking ----------------------------------------------------------------------------------------

insert into queue.task_kinds (kind, description, priority, max_attempts)
values
('cover_letter', 'Write a cover letter.', 100, 3),
('answer', 'Answer a question of an application form.', 100, 3),
('outreach', 'Write a message to a recruiter.', 100, 3),
('summary', 'Write the summary of a résumé.', 100, 3)
on conflict (kind) do nothing;

create function private.require_document_request(p_kind text, p_prompt text) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (p_kind in ('cover_letter', 'answer', 'outreach', 'summary')) is not true then
        raise sqlstate 'PT422' using
            message = format('There is no document %s.', coalesce(p_kind, 'null')),
            hint = 'Ask for cover_letter, answer, outreach or summary.';
    end if;
    if p_kind = 'answer' and p_prompt is null then
        raise sqlstate 'PT422' using
            message = 'An answer needs a question.',
            hint = 'Send the question of the application form as p_prompt.';
    end if;
end;
$$;
comment on function private.require_document_request(text, text) is
    'PT422 for a kind that does not exist, and for an answer without a question.';

create function private.request_document(
    p_kind text,
    p_resume_id uuid,
    p_job_id uuid,
    p_prompt text,
    p_idempotency_key text
) returns public.ai_documents
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_prompt text := private.clean_text('p_prompt', p_prompt, 5000);
    v_job public.jobs;
    v_use private.reservation;
    v_document public.ai_documents;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('document');
    perform private.require_document_request(p_kind, v_prompt);
    perform private.lock_resume_to_read(v_user_id, p_resume_id);
    v_job := private.lock_job_to_read(v_user_id, p_job_id);
    v_use := private.reserve_usage(
        v_user_id, p_kind, p_idempotency_key,
        jsonb_build_object('resume_id', p_resume_id, 'job_id', p_job_id, 'prompt', v_prompt)
    );
    if v_use.is_replay then
        select * into v_document
        from public.ai_documents d
        where d.user_id = v_user_id and d.usage_event_id = v_use.usage_event_id;
        if not found then
            perform private.raise_deleted_answer(p_idempotency_key);
        end if;
        return v_document;
    end if;

    insert into public.ai_documents (
        user_id, resume_id, job_id, kind, title, prompt, usage_event_id
    ) values (
        v_user_id, p_resume_id, p_job_id, p_kind,
        nullif(left(concat_ws(', ', v_job.title, v_job.company), 200), ''), v_prompt,
        v_use.usage_event_id
    ) returning * into v_document;
    perform private.enqueue_task(
        p_kind,
        jsonb_build_object(
            'document_id', v_document.id, 'resume_id', p_resume_id, 'job_id', p_job_id
        ),
        v_user_id, v_use.usage_event_id, p_kind || ':' || v_document.id
    );
    return v_document;
end;
$$;
comment on function private.request_document(text, uuid, uuid, text, text) is
    'Reserves one use, inserts the row and queues the task; see public.request_document.';
grant execute on function private.request_document(text, uuid, uuid, text, text) to authenticated;

create function public.request_document(
    p_kind text,
    p_resume_id uuid,
    p_job_id uuid default null,
    p_prompt text default null,
    p_idempotency_key text default null
) returns public.ai_documents
language sql
volatile
set search_path = ''
as $$
    select private.request_document(p_kind, p_resume_id, p_job_id, p_prompt, p_idempotency_key);
$$;
comment on function public.request_document(text, uuid, uuid, text, text) is
    'Asks for a text: cover_letter, answer, outreach or summary. Returns its row, now pending.
p_prompt is the question of an answer, which needs one; for the others what should be said. Counts
one use, given back if it fails or is cancelled; the same idempotency key again returns the same
row. PT402 when the allowance is gone, PT404 for an unknown résumé or job, PT409 for a key of
another request, PT422 for a request that cannot be served, PT429 for too many.';
grant execute on function public.request_document(text, uuid, uuid, text, text) to authenticated;

-- What comes back -------------------------------------------------------------------------------

create function private.write_document_result(p_document_id uuid, p_result jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_facts private.provider_facts;
begin
    if jsonb_typeof(p_result -> 'content') is distinct from 'string' then
        perform private.raise_malformed_result('content, a text');
    end if;
    v_facts := private.provider_facts(p_result);
    update public.ai_documents d
    set status = 'completed',
        completed_at = now(),
        content = p_result ->> 'content',
        ai_provider = v_facts.ai_provider,
        model_used = v_facts.model_used,
        tokens_used = v_facts.tokens_used,
        processing_time_ms = v_facts.processing_time_ms,
        estimated_cost = v_facts.estimated_cost
    where d.id = p_document_id;
exception
    -- The columns know what they may hold; here it only gets its name.
    when check_violation or numeric_value_out_of_range then
        perform private.raise_malformed_result('content of 1 to 50000 characters, the provider');
end;
$$;
comment on function private.write_document_result(uuid, jsonb) is
    'Completes a document. PT422 for a result that its row cannot hold.';

create function private.move_document(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_id uuid;
begin
    -- The row of this task, and of its owner.
    update public.ai_documents d
    set status = case p_event
            when 'started' then 'processing'
            when 'retried' then 'pending'
            when 'failed' then 'failed'
            when 'cancelled' then 'cancelled'
            else d.status
        end,
        error_message = case when p_event = 'failed' then p_data ->> 'error' end
    where d.id = (p_task.payload ->> 'document_id')::uuid
        and d.user_id = p_task.user_id and d.kind = p_task.kind
    returning d.id into v_id;
    if found and p_event = 'completed' then
        perform private.write_document_result(v_id, p_data);
    end if;
end;
$$;
comment on function private.move_document(queue.tasks, text, jsonb) is
    'What all kinds of document do when their task moves: the status follows, and a completed one
writes its text.';

create function private.on_cover_letter(p_task queue.tasks, p_event text, p_data jsonb)
returns void
language sql
volatile
set search_path = ''
as $$
    select private.move_document(p_task, p_event, p_data);
$$;
comment on function private.on_cover_letter(queue.tasks, text, jsonb) is 'See move_document.';

create function private.on_answer(p_task queue.tasks, p_event text, p_data jsonb) returns void
language sql
volatile
set search_path = ''
as $$
    select private.move_document(p_task, p_event, p_data);
$$;
comment on function private.on_answer(queue.tasks, text, jsonb) is 'See move_document.';

create function private.on_outreach(p_task queue.tasks, p_event text, p_data jsonb) returns void
language sql
volatile
set search_path = ''
as $$
    select private.move_document(p_task, p_event, p_data);
$$;
comment on function private.on_outreach(queue.tasks, text, jsonb) is 'See move_document.';

create function private.on_summary(p_task queue.tasks, p_event text, p_data jsonb) returns void
language sql
volatile
set search_path = ''
as $$
    select private.move_document(p_task, p_event, p_data);
$$;
comment on function private.on_summary(queue.tasks, text, jsonb) is 'See move_document.';
