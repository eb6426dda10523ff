-- Room: resumes, second half: reading an uploaded file.
--
-- What lives here: request_resume_parse for clients, and what the queue tells us about that task.
-- Who may touch it: owners ask for their own résumé; the queue reports through on_resume_parse.
-- Tests: rlstests/test_resumes_parsing.py

insert into queue.task_kinds (kind, description, priority, max_attempts)
values ('resume_parse', 'Read an uploaded résumé file.', 50, 3)
on conflict (kind) do nothing;

create function private.request_resume_parse(p_resume_id uuid, p_idempotency_key text)
returns public.resumes
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_request jsonb := jsonb_build_object('resume_id', p_resume_id);
    v_dedupe_key text := 'resume_parse:' || p_resume_id;
    v_resume public.resumes;
    v_use private.reservation;
    v_task_id uuid;
begin
    perform private.limit_rate('resume_parse');
    perform private.lock_account(v_user_id);
    -- The row lock makes two requests for one résumé take turns.
    select * into v_resume
    from public.resumes r
    where r.id = p_resume_id and r.user_id = v_user_id and r.deleted_at is null
    for update;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    if v_resume.file_path is null or not exists (
        select 1 from storage.objects o
        where o.bucket_id = 'resumes' and o.name = v_resume.file_path
    ) then
        raise sqlstate 'PT422' using
            message = format('Résumé %s has no uploaded file.', p_resume_id),
            hint = 'Upload a PDF or DOCX to the bucket resumes as {user_id}/{uuid}.pdf, and insert '
                'the résumé with that file_path.';
    end if;
    if v_resume.parse_status in ('pending', 'processing') then
        -- Being read already: this key stands for that use as well.
        perform private.remember_request(
            v_user_id, 'resume_parse', p_idempotency_key, v_request, t.usage_event_id
        )
        from queue.tasks t
        where t.dedupe_key = v_dedupe_key;
        if found then
            return v_resume;
        end if;
    end if;

    v_use := private.reserve_usage(v_user_id, 'resume_parse', p_idempotency_key, v_request);
    if v_use.is_replay then
        return v_resume;
    end if;

    update public.resumes r
    set parse_status = 'pending', parse_error = null, parse_warnings = '[]'
    where r.id = v_resume.id
    returning * into v_resume;
    v_task_id := private.enqueue_task(
        'resume_parse',
        jsonb_build_object(
            'resume_id', v_resume.id,
            'file_path', v_resume.file_path,
            'file_name', v_resume.file_name
        ),
        v_user_id, v_use.usage_event_id, v_dedupe_key
    );
    if v_task_id is null then
        raise exception 'Résumé % has a live task already.', p_resume_id;
    end if;
    return v_resume;
end;
$$;
comment on function private.request_resume_parse(uuid, text) is
    'Reserves one use and queues the task; see public.request_resume_parse.';
grant execute on function private.request_resume_parse(uuid, text) to authenticated;

create function public.request_resume_parse(
    p_resume_id uuid,
    p_idempotency_key text default null
) returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.request_resume_parse(p_resume_id, p_idempotency_key);
$$;
comment on function public.request_resume_parse(uuid, text) is
    'Asks for the uploaded file of a résumé to be read. Returns the row, now pending.
Counts one use, given back if reading fails. While one request is open, and when the idempotency
key was seen before, the row comes back as it is and nothing is counted. PT402 when the allowance
is gone, PT404 for an unknown résumé, PT422 without an uploaded file.';
grant execute on function public.request_resume_parse(uuid, text) to authenticated;

create function private.require_parse_result(p_result jsonb) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (
        jsonb_typeof(p_result -> 'parsed_data') = 'object'
        and jsonb_typeof(p_result -> 'extracted_text') = 'string'
        and jsonb_typeof(p_result -> 'warnings') = 'array'
        and p_result ->> 'file_sha256' ~ '^[0-9a-f]{64}$'
        and p_result ->> 'file_size_bytes' ~ '^[0-9]{1,9}$'
    ) is not true then
        perform private.raise_malformed_result(
            'parsed_data {}, extracted_text, file_sha256, file_size_bytes and warnings []'
        );
    end if;
end;
$$;
comment on function private.require_parse_result(jsonb) is
    'PT422 unless a worker sent all that on_resume_parse writes.';

create function private.on_resume_parse(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    if p_event = 'completed' then
        perform private.require_parse_result(p_data);
    end if;
    -- The update names the résumé and its owner. A résumé that went to the trash meanwhile is
    -- still served: it may be restored.
    update public.resumes r
    set parse_status = case p_event
            when 'started' then 'processing'
            when 'retried' then 'pending'
            when 'completed' then 'completed'
            when 'failed' then 'failed'
            -- What an earlier reading found is still there.
            when 'cancelled' then case when r.parsed_data is null then 'none' else 'completed' end
        end,
        parse_error = case when p_event = 'failed' then p_data ->> 'error' end,
        parsed_data = case
            when p_event = 'completed' then p_data -> 'parsed_data' else r.parsed_data
        end,
        parse_warnings = case
            when p_event = 'completed' then p_data -> 'warnings'
            else r.parse_warnings
        end,
        extracted_text = case
            when p_event = 'completed' then left(p_data ->> 'extracted_text', 200000)
            else r.extracted_text
        end,
        file_sha256 = case
            when p_event = 'completed' then p_data ->> 'file_sha256' else r.file_sha256
        end,
        file_size_bytes = case
            when p_event = 'completed' then (p_data ->> 'file_size_bytes')::integer
            else r.file_size_bytes
        end
    where r.id = (p_task.payload ->> 'resume_id')::uuid and r.user_id = p_task.user_id;
exception
    -- The row knows what it can hold; here it only gets its name. A message of the row itself would
    -- quote what was read.
    when check_violation or program_limit_exceeded then
        perform private.raise_malformed_result(
            'parsed_data of at most 1 MiB, warnings of at most 16 KiB, and not more words than can '
            'be indexed'
        );
end;
$$;
comment on function private.on_resume_parse(queue.tasks, text, jsonb) is
    'Moves parse_status with the task, and writes the result of a completed one.';
