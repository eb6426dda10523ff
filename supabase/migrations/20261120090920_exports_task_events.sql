-- Room: exports, third part: what the queue tells us.
--
-- What lives here: on_generation, which notes the files that a worker put into the bucket exports.
-- Who may touch it: the queue.
-- Tests: rlstests/test_exports.py, rlstests/test_exports_rendering.py

create type private.rendered_file as (format text, file_path text, file_size_bytes text);
comment on type private.rendered_file is 'A file in the result of a generation.';

create function private.rendered_files(p_result jsonb) returns setof private.rendered_file
language plpgsql
immutable
set search_path = ''
as $$
begin
    if jsonb_typeof(p_result -> 'files') is distinct from 'array' or exists (
        select 1
        from jsonb_array_elements(p_result -> 'files') as e (item)
        where jsonb_typeof(e.item) <> 'object'
    ) then
        return;
    end if;
    return query select f.*
    from jsonb_populate_recordset(null::private.rendered_file, p_result -> 'files') f
    order by f.format;
end;
$$;
comment on function private.rendered_files(jsonb) is
    'The files of a result, by format; none when it is malformed.';

create function private.require_generation_result(
    p_result jsonb,
    p_user_id uuid,
    p_formats text[]
) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (
        array(select f.format from private.rendered_files(p_result) f order by f.format) = p_formats
        and not exists (
            select 1
            from private.rendered_files(p_result) f
            where private.is_export_path(f.file_path, p_user_id) is not true
                or (f.file_size_bytes ~ '^[0-9]{1,9}$') is not true
        )
        and coalesce(jsonb_typeof(p_result -> 'latex_content'), 'null') in ('null', 'string')
        and char_length(coalesce(p_result ->> 'latex_content', '')) <= 500000
        and coalesce(jsonb_typeof(p_result -> 'thumbnail_path'), 'null') in ('null', 'string')
        and coalesce(private.is_export_path(p_result ->> 'thumbnail_path', p_user_id), true)
        and p_result ->> 'processing_time_ms' ~ '^[0-9]{1,9}$'
    ) is not true then
        perform private.raise_malformed_result(
            'files [{format, file_path, file_size_bytes}], one for each format and in the folder '
            'of the user, processing_time_ms, and latex_content and thumbnail_path if any'
        );
    end if;
end;
$$;
comment on function private.require_generation_result(jsonb, uuid, text[]) is
    'PT422 unless a worker sent all that on_generation writes.';

create function private.write_generation(
    p_generation public.resume_generations,
    p_result jsonb
) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_pdf_path text := (
        select f.file_path from private.rendered_files(p_result) f where f.format = 'pdf'
    );
begin
    -- The résumé first, as when one is deleted. One that went to the trash meanwhile is still
    -- served: it may be restored.
    update public.resumes r
    set exported_pdf_path = coalesce(v_pdf_path, r.exported_pdf_path),
        thumbnail_path = coalesce(p_result ->> 'thumbnail_path', r.thumbnail_path),
        last_accessed_at = now()
    where r.id = p_generation.resume_id and r.user_id = p_generation.user_id;
    update public.resume_generations g
    set generation_status = 'completed',
        error_message = null,
        completed_at = now(),
        latex_content = p_result ->> 'latex_content',
        processing_time_ms = (p_result ->> 'processing_time_ms')::integer
    where g.id = p_generation.id;
    insert into public.resume_downloads
    (user_id, generation_id, format, file_path, file_size_bytes)
    select p_generation.user_id, p_generation.id, f.format, f.file_path, f.file_size_bytes::integer
    from private.rendered_files(p_result) f;
end;
$$;
comment on function private.write_generation(public.resume_generations, jsonb) is
    'Notes the files of a generation, and the latest PDF and thumbnail of its résumé.';

create function private.on_generation(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_generation public.resume_generations;
begin
    select * into v_generation
    from public.resume_generations g
    where g.id = (p_task.payload ->> 'generation_id')::uuid and g.user_id = p_task.user_id;
    if not found then
        return;
    end if;
    if p_event = 'completed' then
        perform private.require_generation_result(p_data, p_task.user_id, v_generation.formats);
        perform private.write_generation(v_generation, p_data);
        return;
    end if;
    update public.resume_generations g
    set generation_status = case p_event
            when 'started' then 'processing'
            when 'retried' then 'pending'
            else p_event
        end,
        error_message = case when p_event = 'failed' then p_data ->> 'error' end
    where g.id = v_generation.id;
end;
$$;
comment on function private.on_generation(queue.tasks, text, jsonb) is
    'Moves generation_status with the task, and writes the result of a completed one.';
