-- Room: ai
--
-- What lives here: analyses: what was found out about a résumé, alone or against a job, and the
-- rules that all requests to an AI provider share. The other parts: ai_analyses_requests,
-- ai_documents, ai_usage.
-- Who may touch it: owners read their analyses and delete those that are over. Requests make the
-- rows, the queue fills them in.
-- Tests: rlstests/test_ai.py

-- What a result may hold ------------------------------------------------------------------------

create function private.is_issue_list(p_list jsonb) returns boolean
language sql
immutable
set search_path = ''
as $$
    select jsonb_typeof(p_list) = 'array'
        and not exists (
            select 1
            from jsonb_array_elements(
                case when jsonb_typeof(p_list) = 'array' then p_list else '[]' end
            ) as i (issue)
            -- What is no object has no keys either.
            where jsonb_typeof(i.issue -> 'type') is distinct from 'string'
                or jsonb_typeof(i.issue -> 'text') is distinct from 'string'
        );
$$;
comment on function private.is_issue_list(jsonb) is
    'True for a JSON array of objects {type, text, …}, which may be empty.';

-- Tables --------------------------------------------------------------------------------------

create table public.analyses (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.profiles (id) on delete cascade,
    resume_id uuid,
    job_id uuid,
    variant_resume_id uuid,
    analysis_type text not null check (
        analysis_type in ('ats_score', 'keyword_match', 'match', 'full_analysis', 'optimization')
    ),
    job_title text check (char_length(job_title) <= 200),
    company text check (char_length(company) <= 200),
    job_description text check (char_length(job_description) <= 50000),
    score smallint check (score between 0 and 100),
    keywords_matched integer check (keywords_matched >= 0),
    keywords_missing integer check (keywords_missing >= 0),
    keywords_total integer,
    issues jsonb not null default '[]' check (
        private.is_issue_list(issues) and octet_length(issues::text) <= 65536
    ),
    suggestions jsonb not null default '[]' check (
        private.is_text_list(suggestions) and octet_length(suggestions::text) <= 65536
    ),
    results jsonb not null default '{}' check (
        jsonb_typeof(results) = 'object' and octet_length(results::text) <= 524288
    ),
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
    -- History stays when the résumé or the job goes.
    foreign key (user_id, resume_id) references public.resumes (user_id, id)
    on delete set null (resume_id),
    foreign key (user_id, job_id) references public.jobs (user_id, id)
    on delete set null (job_id),
    foreign key (user_id, variant_resume_id) references public.resumes (user_id, id)
    on delete set null (variant_resume_id),
    constraint analyses_keywords_check check (
        num_nulls(keywords_matched, keywords_missing, keywords_total) = 3
        or (keywords_matched + keywords_missing = keywords_total) is true
    ),
    constraint analyses_completed_check check (
        (status = 'completed') = (completed_at is not null)
        and (status <> 'completed' or num_nulls(score, ai_provider) = 0)
        and (
            status <> 'completed' or analysis_type <> 'keyword_match' or keywords_total is not null
        )
    )
);
comment on table public.analyses is
    'What was found out about a résumé, alone or against a job: one row a request, kept when the
résumé or the job is deleted. Owners read, and delete what is over; the system writes.';
comment on column public.analyses.variant_resume_id is
    'The résumé that an optimization made. Null when there was no room for one: then the content is
in results.content.';
comment on column public.analyses.job_title is
    'Title of the job at the time. A snapshot, as company and job_description are.';
comment on column public.analyses.score is
    '0 to 100: the ATS score, or how well the résumé fits the job.';
comment on column public.analyses.keywords_total is 'Keywords of the job: matched and missing.';
comment on column public.analyses.issues is 'What is wrong: [{type, text, …}].';
comment on column public.analyses.suggestions is 'What to do about it, as texts.';
comment on column public.analyses.results is
    'The whole answer: {keywordAnalysis, experienceRelevance, atsFormattingScore, …}.';
comment on column public.analyses.ai_provider is 'Who answered, offline for our own engine.';
comment on column public.analyses.estimated_cost is 'In US dollars.';
comment on column public.analyses.status is
    'pending (queued), processing, completed, failed or cancelled.';
comment on column public.analyses.error_message is
    'Why it failed, in words for the user; or why an optimization made no résumé.';
comment on column public.analyses.completed_at is 'When the result came; null without one.';
comment on column public.analyses.usage_event_id is 'The use that was counted for it.';

create index analyses_user_id_created_at_idx on public.analyses (user_id, created_at desc);
create index analyses_resume_id_idx on public.analyses (user_id, resume_id, created_at desc)
where resume_id is not null;
create index analyses_job_id_idx on public.analyses (user_id, job_id, created_at desc)
where job_id is not null;
create index analyses_variant_resume_id_idx on public.analyses (user_id, variant_resume_id)
where variant_resume_id is not null;

-- Row level security ----------------------------------------------------------------------------

alter table public.analyses enable row level security;

create policy analyses_select_owner on public.analyses
for select to authenticated
using (user_id = (select auth.uid()));

create policy analyses_delete_owner on public.analyses
for delete to authenticated
using (user_id = (select auth.uid()) and status not in ('pending', 'processing'));
comment on policy analyses_delete_owner on public.analyses is
    'An open request is cancelled first: its task would go on without it.';

-- Grants ----------------------------------------------------------------------------------------

grant select on public.analyses to authenticated, service_role;
grant delete on public.analyses to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_lock_account before delete on public.analyses
for each statement execute function private.tg_lock_account();
create trigger _100_set_updated_at before update on public.analyses
for each row execute function private.tg_set_updated_at();

-- What requests have in common ------------------------------------------------------------------
-- A request locks the résumé and the job before it counts the use, as request_resume_parse and
-- request_job_extract do: in another order two requests could wait for each other.

create function private.clean_text(p_name text, p_text text, p_max_length integer) returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_text text := nullif(btrim(p_text, E' \t\r\n'), '');
begin
    if char_length(v_text) > p_max_length then
        raise sqlstate 'PT422' using
            message = format('%s has %s characters.', p_name, char_length(v_text)),
            hint = format('Send at most %s characters.', p_max_length);
    end if;
    return v_text;
end;
$$;
comment on function private.clean_text(text, text, integer) is
    'A text without the blanks around it, null when nothing is left. PT422 when it is too long.';

create function private.lock_resume_to_read(p_user_id uuid, p_resume_id uuid)
returns public.resumes
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_resume public.resumes;
begin
    select * into v_resume
    from public.resumes r
    where r.id = p_resume_id and r.user_id = p_user_id and r.deleted_at is null
    for key share;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    if v_resume.content = '{}' and v_resume.parsed_data is null then
        raise sqlstate 'PT422' using
            message = format('Résumé %s has no content.', p_resume_id),
            hint = 'Fill it in, or upload a file and have it read with request_resume_parse.';
    end if;
    return v_resume;
end;
$$;
comment on function private.lock_resume_to_read(uuid, uuid) is
    'A résumé of this user that a provider can read, kept from being deleted until the transaction
ends. PT404 when there is none, PT422 for an empty one.';

create function private.lock_job_to_read(p_user_id uuid, p_job_id uuid) returns public.jobs
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_job public.jobs;
begin
    if p_job_id is null then
        return null;
    end if;
    select * into v_job
    from public.jobs j
    where j.id = p_job_id and j.user_id = p_user_id and j.deleted_at is null
    for key share;
    if not found then
        perform private.raise_not_found('job', p_job_id);
    end if;
    return v_job;
end;
$$;
comment on function private.lock_job_to_read(uuid, uuid) is
    'A job of this user, kept from being deleted until the transaction ends; null for no id.
PT404 when there is none.';

create function private.raise_deleted_answer(p_idempotency_key text) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    raise sqlstate 'PT409' using
        message = format('What the idempotency key %s asked for was deleted.', p_idempotency_key),
        hint = 'Make a new key to ask again.';
end;
$$;
comment on function private.raise_deleted_answer(text) is
    'PT409 for a repeated request whose row the user has deleted since.';
