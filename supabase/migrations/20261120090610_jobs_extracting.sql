-- Room: jobs, second half: reading what a description asks for.
--
-- What lives here: request_job_extract for clients, and what the queue tells us about that task.
-- Who may touch it: owners ask for their own job; the queue reports through on_job_extract.
-- Tests: rlstests/test_jobs_extracting.py

insert into queue.task_kinds (kind, description, priority, max_attempts)
values ('job_extract', 'Read the requirements out of a job description.', 60, 3)
on conflict (kind) do nothing;

create function private.request_job_extract(p_job_id uuid, p_idempotency_key text)
returns public.jobs
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_request jsonb := jsonb_build_object('job_id', p_job_id);
    v_dedupe_key text := 'job_extract:' || p_job_id;
    v_job public.jobs;
    v_use private.reservation;
    v_task_id uuid;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('job_extract');
    -- The row lock makes two requests for one job take turns.
    select * into v_job
    from public.jobs j
    where j.id = p_job_id and j.user_id = v_user_id and j.deleted_at is null
    for update;
    if not found then
        perform private.raise_not_found('job', p_job_id);
    end if;
    if coalesce(btrim(v_job.description), '') = '' then
        raise sqlstate 'PT422' using
            message = format('Job %s has no description.', p_job_id),
            hint = 'Paste the text of the advertisement into its description first.';
    end if;
    if v_job.extract_status in ('pending', 'processing') then
        -- Being read already: this key stands for that use as well.
        perform private.remember_request(
            v_user_id, 'job_extract', p_idempotency_key, v_request, t.usage_event_id
        )
        from queue.tasks t
        where t.dedupe_key = v_dedupe_key;
        if found then
            return v_job;
        end if;
    end if;

    v_use := private.reserve_usage(v_user_id, 'job_extract', p_idempotency_key, v_request);
    if v_use.is_replay then
        return v_job;
    end if;

    update public.jobs j
    set extract_status = 'pending', extract_error = null
    where j.id = v_job.id
    returning * into v_job;
    v_task_id := private.enqueue_task(
        'job_extract', jsonb_build_object('job_id', v_job.id),
        v_user_id, v_use.usage_event_id, v_dedupe_key
    );
    if v_task_id is null then
        raise exception 'Job % has a live task already.', p_job_id;
    end if;
    return v_job;
end;
$$;
comment on function private.request_job_extract(uuid, text) is
    'Reserves one use and queues the task; see public.request_job_extract.';
grant execute on function private.request_job_extract(uuid, text) to authenticated;

create function public.request_job_extract(
    p_job_id uuid,
    p_idempotency_key text default null
) returns public.jobs
language sql
volatile
set search_path = ''
as $$
    select private.request_job_extract(p_job_id, p_idempotency_key);
$$;
comment on function public.request_job_extract(uuid, text) is
    'Asks for the requirements in a job''s description to be read. Returns the row, now pending.
Counts one use, given back if reading fails. While one request is open, and when the idempotency
key was seen before, the row comes back as it is and nothing is counted. PT402 when the allowance
is gone, PT404 for an unknown job, PT422 without a description.';
grant execute on function public.request_job_extract(uuid, text) to authenticated;

create function private.is_text_list(p_list jsonb) returns boolean
language sql
immutable
set search_path = ''
as $$
    -- Strict: a lax path would look through a list inside the list.
    select jsonb_typeof(p_list) = 'array'
        and not jsonb_path_exists(p_list, 'strict $[*] ? (@.type() != "string")');
$$;
comment on function private.is_text_list(jsonb) is
    'True for a JSON array of strings, which may be empty.';

create function private.require_extracted_data(p_data jsonb) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (
        jsonb_typeof(p_data) = 'object'
        and private.is_text_list(p_data -> 'requiredSkills')
        and private.is_text_list(p_data -> 'preferredSkills')
        and private.is_text_list(p_data -> 'responsibilities')
        and private.is_text_list(p_data -> 'keywords')
        -- The advertisement may say nothing about these two.
        and jsonb_typeof(p_data -> 'requiredExperience') in ('string', 'null')
        and jsonb_typeof(p_data -> 'education') in ('string', 'null')
        and octet_length(p_data::text) <= 65536
    ) is not true then
        perform private.raise_malformed_result(
            'extracted_data with the lists requiredSkills, preferredSkills, responsibilities and '
            'keywords, and the texts requiredExperience and education, in at most 64 KiB'
        );
    end if;
end;
$$;
comment on function private.require_extracted_data(jsonb) is
    'PT422 unless a worker sent all that on_job_extract writes.';

create function private.on_job_extract(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    if p_event = 'completed' then
        perform private.require_extracted_data(p_data -> 'extracted_data');
    end if;
    -- The update names the job and its owner. A job that went to the trash meanwhile is still
    -- served: it may be restored.
    update public.jobs j
    set extract_status = case p_event
            when 'started' then 'processing'
            when 'retried' then 'pending'
            when 'completed' then 'completed'
            when 'failed' then 'failed'
            -- What an earlier reading found is still there.
            when 'cancelled'
                then case when j.extracted_data is null then 'none' else 'completed' end
        end,
        extract_error = case when p_event = 'failed' then p_data ->> 'error' end,
        extracted_data = case
            when p_event = 'completed' then p_data -> 'extracted_data' else j.extracted_data
        end
    where j.id = (p_task.payload ->> 'job_id')::uuid and j.user_id = p_task.user_id;
end;
$$;
comment on function private.on_job_extract(queue.tasks, text, jsonb) is
    'Moves extract_status with the task, and writes the result of a completed one.';
