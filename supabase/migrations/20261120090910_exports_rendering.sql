-- Room: exports, second part: rendering.
--
-- What lives here: request_generation and record_download.
-- Who may touch it: owners ask and download; exports_task_events hears what became of it.
-- Tests: rlstests/test_exports.py, rlstests/test_exports_templates.py

insert into queue.task_kinds (kind, description, priority, max_attempts)
values ('generation', 'Render a résumé to files.', 50, 3)
on conflict (kind) do nothing;

-- Ask -------------------------------------------------------------------------------------------

create function private.require_formats(p_formats text[]) returns text[]
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_formats text[] := array(
        select distinct f.format from unnest(p_formats) as f (format) order by f.format
    );
begin
    if v_formats = '{}' or not v_formats <@ '{latex,overleaf,pdf,word}'::text[] then
        raise sqlstate 'PT422' using
            message = format('These are no formats: %s.', coalesce(p_formats::text, 'null')),
            hint = 'Send some of latex, overleaf, pdf and word.';
    end if;
    return v_formats;
end;
$$;
comment on function private.require_formats(text[]) is
    'The formats, sorted and each once. PT422 for none, or for one that does not exist.';

create function private.generation_snapshot(
    p_resume public.resumes,
    p_template public.resume_templates
) returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'title', p_resume.title,
        'content', private.content_to_use(p_resume),
        'layout', p_resume.layout,
        'template', case
            when p_template.id is not null then jsonb_build_object(
                'name', p_template.name,
                'layout', p_template.layout,
                'sections', p_template.sections,
                'design', p_template.design
            )
        end
    );
$$;
comment on function private.generation_snapshot(public.resumes, public.resume_templates) is
    'All that a worker needs to render a résumé.';

create function private.find_session_role(p_user_id uuid, p_session_id uuid) returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_role_type text;
begin
    if p_session_id is null then
        return null;
    end if;
    select s.role_type into v_role_type
    from public.interview_sessions s
    where s.id = p_session_id and s.user_id = p_user_id
    for key share;
    if not found then
        perform private.raise_not_found('interview', p_session_id);
    end if;
    return v_role_type;
end;
$$;
comment on function private.find_session_role(uuid, uuid) is
    'The kind of role an interview of this user was for, which is kept from being deleted until the
transaction ends. PT404 when there is no such interview.';

create function private.request_generation(
    p_resume_id uuid,
    p_formats text[],
    p_template_id uuid,
    p_idempotency_key text,
    p_session_id uuid
) returns public.resume_generations
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_formats text[] := private.require_formats(p_formats);
    v_resume public.resumes;
    v_template public.resume_templates;
    v_role_type text;
    v_use private.reservation;
    v_generation public.resume_generations;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('export');
    -- The rows are locked before the use is counted, as in every request.
    select * into v_resume
    from public.resumes r
    where r.id = p_resume_id and r.user_id = v_user_id and r.deleted_at is null
    for key share;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    perform private.require_template(coalesce(p_template_id, v_resume.template_id));
    select * into v_template
    from public.resume_templates t
    where t.id = coalesce(p_template_id, v_resume.template_id);
    v_role_type := private.find_session_role(v_user_id, p_session_id);

    v_use := private.reserve_usage(v_user_id, 'generation', p_idempotency_key, jsonb_build_object(
        'resume_id', p_resume_id, 'formats', v_formats, 'template_id', p_template_id,
        'session_id', p_session_id
    ));
    if v_use.is_replay then
        select * into v_generation
        from public.resume_generations g
        where g.user_id = v_user_id and g.usage_event_id = v_use.usage_event_id;
        if not found then
            perform private.raise_request_gone('generation');
        end if;
        return v_generation;
    end if;

    insert into public.resume_generations (
        user_id, resume_id, session_id, template_id, template_name, role_type, formats,
        resume_data, usage_event_id
    )
    values (
        v_user_id, p_resume_id, p_session_id, v_template.id,
        coalesce(left(v_template.name, 200), 'Default'), v_role_type, v_formats,
        private.generation_snapshot(v_resume, v_template), v_use.usage_event_id
    )
    returning * into v_generation;
    perform private.enqueue_task(
        'generation',
        jsonb_build_object('generation_id', v_generation.id, 'formats', v_formats),
        v_user_id, v_use.usage_event_id, 'generation:' || v_generation.id
    );
    return v_generation;
end;
$$;
comment on function private.request_generation(uuid, text[], uuid, text, uuid) is
    'Reserves one use and queues the task; see public.request_generation.';
grant execute on function private.request_generation(uuid, text[], uuid, text, uuid)
to authenticated;

create function public.request_generation(
    p_resume_id uuid,
    p_formats text[],
    p_template_id uuid default null,
    p_idempotency_key text default null,
    p_session_id uuid default null
) returns public.resume_generations
language sql
volatile
set search_path = ''
as $$
    select private.request_generation(
        p_resume_id, p_formats, p_template_id, p_idempotency_key, p_session_id
    );
$$;
comment on function public.request_generation(uuid, text[], uuid, text, uuid) is
    'Asks for a résumé to be rendered to files: some of latex, overleaf, pdf and word. Returns the
row, pending, with a snapshot of the résumé: later edits do not change it. One that nobody has
edited yet is rendered as it was read from its file.
Counts one use, given back if it fails. Without a template the résumé''s own is taken. The same key
again returns the same row. PT402 when the allowance is gone; PT404 for an unknown résumé or
interview, and a template that you may not use (any more); PT422 for an unknown format; PT429 when
it is too often.';
grant execute on function public.request_generation(uuid, text[], uuid, text, uuid)
to authenticated;

-- Download --------------------------------------------------------------------------------------

create function private.record_download(p_generation_id uuid, p_format text)
returns public.resume_downloads
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_download public.resume_downloads;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('download');
    update public.resume_downloads d
    set download_count = d.download_count + 1
    from public.resume_generations g
    where d.generation_id = p_generation_id and d.format = p_format and d.user_id = v_user_id
        and g.id = d.generation_id
        and not exists (
            select 1 from public.resumes r where r.id = g.resume_id and r.deleted_at is not null
        )
    returning d.* into v_download;
    if not found then
        perform private.raise_not_found(
            format('%s file of generation', coalesce(p_format, 'unnamed')), p_generation_id
        );
    end if;
    return v_download;
end;
$$;
comment on function private.record_download(uuid, text) is
    'Counts a download of the caller''s file; see public.record_download.';
grant execute on function private.record_download(uuid, text) to authenticated;

create function public.record_download(p_generation_id uuid, p_format text)
returns public.resume_downloads
language sql
volatile
set search_path = ''
as $$
    select private.record_download(p_generation_id, p_format);
$$;
comment on function public.record_download(uuid, text) is
    'Counts a download and returns the file: download file_path from the bucket exports.
PT404 for an unknown generation, one without a file of this format, and while the résumé is in the
trash; PT429 when it is too often.';
grant execute on function public.record_download(uuid, text) to authenticated;
