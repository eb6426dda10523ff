-- Room: ai, second part: asking for an analysis, and what comes back.
--
-- What lives here: request_analysis for clients, and what the queue tells us about its tasks: one
-- kind for each type of analysis, all handled alike.
-- Who may touch it: owners ask about their own résumés; the queue reports through on_<kind>.
-- Tests: rlstests/test_ai.py, rlstests/test_ai_results.py

insert into queue.task_kinds (kind, description, priority, max_attempts)
values
('ats_score', 'Score a résumé as an applicant tracking system does.', 100, 3),
('keyword_match', 'Compare the keywords of a résumé and a job.', 100, 3),
('match', 'Score how well a résumé fits a job.', 100, 3),
('full_analysis', 'All analyses of a résumé and a job at once.', 110, 3),
('optimization', 'Make a variant of a résumé for a job.', 110, 3)
on conflict (kind) do nothing;

-- Asking ----------------------------------------------------------------------------------------

create function private.read_analysis_request(p_request public.analyses) returns public.analyses
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_request public.analyses := p_request;
    v_job public.jobs;
begin
    if (p_request.analysis_type
        in ('ats_score', 'keyword_match', 'match', 'full_analysis', 'optimization')) is not true
    then
        raise sqlstate 'PT422' using
            message = format('There is no analysis %s.', coalesce(p_request.analysis_type, 'null')),
            hint = 'Ask for ats_score, keyword_match, match, full_analysis or optimization.';
    end if;
    perform private.lock_resume_to_read(p_request.user_id, p_request.resume_id);
    v_job := private.lock_job_to_read(p_request.user_id, p_request.job_id);
    v_request.job_title := coalesce(
        private.clean_text('p_job_title', p_request.job_title, 200), v_job.title
    );
    v_request.company := coalesce(
        private.clean_text('p_company', p_request.company, 200), v_job.company
    );
    v_request.job_description := coalesce(
        private.clean_text('p_job_description', p_request.job_description, 50000),
        private.clean_text('description', v_job.description, 50000)
    );
    if v_request.job_description is null
        and p_request.analysis_type in ('keyword_match', 'match', 'optimization') then
        raise sqlstate 'PT422' using
            message = format('A %s needs the description of a job.', p_request.analysis_type),
            hint = 'Send p_job_description, or p_job_id of a job that has a description.';
    end if;
    return v_request;
end;
$$;
comment on function private.read_analysis_request(public.analyses) is
    'Checks a request and fills in what is known of the job: the snapshot that history keeps.';

create function private.request_analysis(
    p_analysis_type text,
    p_resume_id uuid,
    p_job_id uuid,
    p_job_description text,
    p_idempotency_key text,
    p_job_title text,
    p_company text
) returns public.analyses
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_request public.analyses;
    v_analysis public.analyses;
    v_use private.reservation;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('analysis');
    v_request.user_id := v_user_id;
    v_request.analysis_type := p_analysis_type;
    v_request.resume_id := p_resume_id;
    v_request.job_id := p_job_id;
    v_request.job_description := p_job_description;
    v_request.job_title := p_job_title;
    v_request.company := p_company;
    v_analysis := private.read_analysis_request(v_request);
    -- The key stands for what the client sent, not for what the job says meanwhile.
    v_use := private.reserve_usage(
        v_user_id, p_analysis_type, p_idempotency_key, jsonb_strip_nulls(to_jsonb(v_request))
    );
    if v_use.is_replay then
        select * into v_analysis
        from public.analyses a
        where a.user_id = v_user_id and a.usage_event_id = v_use.usage_event_id;
        if not found then
            perform private.raise_deleted_answer(p_idempotency_key);
        end if;
        return v_analysis;
    end if;

    insert into public.analyses (
        user_id, resume_id, job_id, analysis_type, job_title, company, job_description,
        usage_event_id
    ) values (
        v_user_id, p_resume_id, p_job_id, p_analysis_type, v_analysis.job_title,
        v_analysis.company, v_analysis.job_description, v_use.usage_event_id
    ) returning * into v_analysis;
    perform private.enqueue_task(
        p_analysis_type,
        jsonb_build_object(
            'analysis_id', v_analysis.id, 'resume_id', p_resume_id, 'job_id', p_job_id
        ),
        v_user_id, v_use.usage_event_id, p_analysis_type || ':' || v_analysis.id
    );
    return v_analysis;
end;
$$;
comment on function private.request_analysis(text, uuid, uuid, text, text, text, text) is
    'Reserves one use, inserts the row and queues the task; see public.request_analysis.';
grant execute on function private.request_analysis(text, uuid, uuid, text, text, text, text)
to authenticated;

create function public.request_analysis(
    p_analysis_type text,
    p_resume_id uuid,
    p_job_id uuid default null,
    p_job_description text default null,
    p_idempotency_key text default null,
    p_job_title text default null,
    p_company text default null
) returns public.analyses
language sql
volatile
set search_path = ''
as $$
    select private.request_analysis(
        p_analysis_type, p_resume_id, p_job_id, p_job_description, p_idempotency_key,
        p_job_title, p_company
    );
$$;
comment on function public.request_analysis(text, uuid, uuid, text, text, text, text) is
    'Asks for an analysis: ats_score, keyword_match, match, full_analysis or optimization.
Returns its row, now pending. keyword_match, match and optimization need a job with a description,
or p_job_description, which goes first. Counts one use, given back if it fails or is cancelled; the
same idempotency key again returns the same row. An optimization makes a new résumé, see
variant_resume_id. PT402 when the allowance is gone, PT404 for an unknown résumé or job, PT409 for a
key of another request, PT422 for a request that cannot be served, PT429 for too many.';
grant execute on function public.request_analysis(text, uuid, uuid, text, text, text, text)
to authenticated;

-- What comes back -------------------------------------------------------------------------------

create function private.write_analysis_result(p_analysis_id uuid, p_result jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_facts private.provider_facts;
begin
    if jsonb_typeof(p_result) is distinct from 'object' then
        perform private.raise_malformed_result('an object');
    end if;
    v_facts := private.provider_facts(p_result);
    update public.analyses a
    set status = 'completed',
        completed_at = now(),
        score = (p_result ->> 'score')::smallint,
        keywords_matched = (p_result ->> 'keywords_matched')::integer,
        keywords_missing = (p_result ->> 'keywords_missing')::integer,
        keywords_total = (p_result ->> 'keywords_total')::integer,
        issues = p_result -> 'issues',
        suggestions = p_result -> 'suggestions',
        results = p_result -> 'results',
        ai_provider = v_facts.ai_provider,
        model_used = v_facts.model_used,
        tokens_used = v_facts.tokens_used,
        processing_time_ms = v_facts.processing_time_ms,
        estimated_cost = v_facts.estimated_cost
    where a.id = p_analysis_id;
exception
    -- The columns know what they may hold; here it only gets its name.
    when check_violation or not_null_violation or invalid_text_representation
    or numeric_value_out_of_range then
        perform private.raise_malformed_result(
            'score 0 to 100, issues [{type, text}], suggestions [], results {}, the provider, and '
            'keywords_matched, keywords_missing and their sum keywords_total'
        );
end;
$$;
comment on function private.write_analysis_result(uuid, jsonb) is
    'Completes an analysis. PT422 for a result that its row cannot hold.';

create function private.make_resume_variant(p_analysis public.analyses, p_content jsonb)
returns uuid
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_parent public.resumes;
    v_id uuid;
begin
    select * into v_parent
    from public.resumes r
    where r.id = p_analysis.resume_id and r.user_id = p_analysis.user_id
    for key share;
    perform private.note_resume_change(
        'ai_optimized', concat_ws(', ', p_analysis.job_title, p_analysis.company)
    );
    insert into public.resumes (
        user_id, title, template_id, content, layout, parent_resume_id, optimized_for_job_id,
        optimization_score
    ) values (
        p_analysis.user_id,
        left(concat_ws(
            ' – ', coalesce(v_parent.title, 'Optimised résumé'), p_analysis.job_title
        ), 200),
        v_parent.template_id, p_content, coalesce(v_parent.layout, '{}'), v_parent.id,
        p_analysis.job_id, p_analysis.score
    ) returning id into v_id;
    return v_id;
exception
    when check_violation then
        perform private.raise_malformed_result('content in the shape of a résumé');
        return null;
end;
$$;
comment on function private.make_resume_variant(public.analyses, jsonb) is
    'Inserts the résumé that an optimization made, beside the one it was made from; returns its id.
PT402 when the plan has no room for it, PT422 for content that is no résumé.';

create function private.write_resume_variant(p_analysis public.analyses, p_content jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_variant_id uuid;
    v_problem text;
begin
    if jsonb_typeof(p_content) is distinct from 'object' or p_content = '{}' then
        perform private.raise_malformed_result('content, the optimised résumé');
    end if;
    begin
        v_variant_id := private.make_resume_variant(p_analysis, p_content);
    exception when sqlstate 'PT402' then
        -- The work is done and paid for: keep it where the user can still take it from.
        v_problem := left(sqlerrm, 2000);
    end;
    update public.analyses a
    set variant_resume_id = v_variant_id,
        error_message = v_problem,
        results = case
            when v_variant_id is null then a.results || jsonb_build_object('content', p_content)
            else a.results
        end
    where a.id = p_analysis.id;
end;
$$;
comment on function private.write_resume_variant(public.analyses, jsonb) is
    'Turns the result of an optimization into a new résumé, or keeps it in results.content.';

create function private.lock_analysis_subjects(p_task queue.tasks) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    if p_task.kind = 'optimization' then
        perform private.lock_resumes(p_task.user_id);
    end if;
    perform 1
    from public.resumes r
    where r.id = (p_task.payload ->> 'resume_id')::uuid and r.user_id = p_task.user_id
    for no key update;
    perform 1
    from public.jobs j
    where j.id = (p_task.payload ->> 'job_id')::uuid and j.user_id = p_task.user_id
    for key share;
end;
$$;
comment on function private.lock_analysis_subjects(queue.tasks) is
    'Locks what the result of an analysis is written to or refers to, before the analysis itself:
the order of those who delete a résumé or a job, which takes them off their analyses.';

create function private.move_analysis(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_analysis public.analyses;
begin
    if p_event = 'completed' then
        perform private.lock_analysis_subjects(p_task);
    end if;
    -- The row of this task, and of its owner. A résumé that went to the trash meanwhile is still
    -- served: it may be restored.
    update public.analyses a
    set status = case p_event
            when 'started' then 'processing'
            when 'retried' then 'pending'
            when 'failed' then 'failed'
            when 'cancelled' then 'cancelled'
            else a.status
        end,
        error_message = case when p_event = 'failed' then p_data ->> 'error' end
    where a.id = (p_task.payload ->> 'analysis_id')::uuid
        and a.user_id = p_task.user_id and a.analysis_type = p_task.kind
    returning * into v_analysis;
    if not found or p_event is distinct from 'completed' then
        return;
    end if;

    perform private.write_analysis_result(v_analysis.id, p_data);
    select * into strict v_analysis from public.analyses a where a.id = v_analysis.id;
    if p_task.kind in ('ats_score', 'full_analysis') then
        update public.resumes r
        set ats_score = v_analysis.score
        where r.id = v_analysis.resume_id and r.user_id = v_analysis.user_id;
    elsif p_task.kind = 'optimization' then
        perform private.write_resume_variant(v_analysis, p_data -> 'content');
    end if;
end;
$$;
comment on function private.move_analysis(queue.tasks, text, jsonb) is
    'What all kinds of analysis do when their task moves: the status follows, and a completed one
writes its result, the score of the résumé, or a new résumé.';

create function private.on_ats_score(p_task queue.tasks, p_event text, p_data jsonb) returns void
language sql
volatile
set search_path = ''
as $$
    select private.move_analysis(p_task, p_event, p_data);
$$;
comment on function private.on_ats_score(queue.tasks, text, jsonb) is 'See move_analysis.';

create function private.on_keyword_match(p_task queue.tasks, p_event text, p_data jsonb)
returns void
language sql
volatile
set search_path = ''
as $$
    select private.move_analysis(p_task, p_event, p_data);
$$;
comment on function private.on_keyword_match(queue.tasks, text, jsonb) is 'See move_analysis.';

create function private.on_match(p_task queue.tasks, p_event text, p_data jsonb) returns void
language sql
volatile
set search_path = ''
as $$
    select private.move_analysis(p_task, p_event, p_data);
$$;
comment on function private.on_match(queue.tasks, text, jsonb) is 'See move_analysis.';

create function private.on_full_analysis(p_task queue.tasks, p_event text, p_data jsonb)
returns void
language sql
volatile
set search_path = ''
as $$
    select private.move_analysis(p_task, p_event, p_data);
$$;
comment on function private.on_full_analysis(queue.tasks, text, jsonb) is 'See move_analysis.';

create function private.on_optimization(p_task queue.tasks, p_event text, p_data jsonb)
returns void
language sql
volatile
set search_path = ''
as $$
    select private.move_analysis(p_task, p_event, p_data);
$$;
comment on function private.on_optimization(queue.tasks, text, jsonb) is 'See move_analysis.';
