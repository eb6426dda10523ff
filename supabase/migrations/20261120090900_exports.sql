-- Room: exports
--
-- What lives here: résumés rendered to files: one resume_generations row per request, with a
-- snapshot of what is rendered, and one resume_downloads row per file. The other parts:
-- exports_rendering, for asking and downloading, and exports_task_events.
-- Who may touch it: owners read, and delete generations that are over; everything else is RPC and
-- the queue. While a résumé is in the trash, its generations and files are invisible.
-- Tests: rlstests/test_exports.py, rlstests/test_exports_templates.py,
--   rlstests/test_exports_deleting.py

-- Functions used by constraints -----------------------------------------------------------------

create function private.is_export_path(p_path text, p_user_id uuid) returns boolean
language sql
immutable
set search_path = ''
as $$
    select p_path ~ (
        '^' || p_user_id::text || '/([A-Za-z0-9_-]{1,100}/)?[A-Za-z0-9_-]{1,100}[.][a-z0-9]{2,5}$'
    );
$$;
comment on function private.is_export_path(text, uuid) is
    'True for {user_id}/{name}.{extension}, with one folder between at most. Null for no path.';

-- Tables --------------------------------------------------------------------------------------

create table public.resume_generations (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    resume_id uuid,
    session_id uuid,
    template_id uuid,
    template_name text not null default 'Default' check (
        char_length(template_name) between 1 and 200
    ),
    role_type text check (char_length(role_type) <= 200),
    formats text[] not null check (
        cardinality(formats) between 1 and 4
        and formats <@ '{latex,overleaf,pdf,word}'::text[]
    ),
    resume_data jsonb not null check (
        jsonb_typeof(resume_data) = 'object' and octet_length(resume_data::text) <= 1048576
    ),
    latex_content text check (char_length(latex_content) <= 500000),
    generation_status text not null default 'pending' check (
        generation_status in ('pending', 'processing', 'completed', 'failed', 'cancelled')
    ),
    error_message text check (char_length(error_message) <= 2000),
    processing_time_ms integer check (processing_time_ms >= 0),
    completed_at timestamptz,
    usage_event_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    foreign key (user_id, resume_id) references public.resumes (user_id, id)
    on delete set null (resume_id),
    foreign key (user_id, session_id) references public.interview_sessions (user_id, id)
    on delete set null (session_id),
    unique (user_id, id),
    unique (user_id, usage_event_id),
    constraint resume_generations_completed_check check (
        (generation_status = 'completed') = (completed_at is not null)
    )
);
comment on table public.resume_generations is
    'Requests to render a résumé. Owners read, and delete what is over: its files go as well, but
for one that its résumé still shows. The system writes, by request_generation and the queue.
Invisible while the résumé is in the trash; they outlive one that is deleted for good.';
comment on column public.resume_generations.resume_id is
    'The résumé rendered; null once it is deleted for good.';
comment on column public.resume_generations.session_id is
    'The interview whose answers it contains, if the user named one.';
comment on column public.resume_generations.template_id is
    'The template; null without one, or once it is deleted.';
comment on column public.resume_generations.template_name is
    'Its name at that time, Default without one.';
comment on column public.resume_generations.role_type is 'The kind of role of that interview.';
comment on column public.resume_generations.formats is
    'The files asked for: latex, overleaf, pdf, word; sorted, none twice.';
comment on column public.resume_generations.resume_data is
    'What is rendered, as it was at the request: {title, content, layout, template}. template holds
the name, layout, sections and design of the template, null without one.';
comment on column public.resume_generations.latex_content is
    'The LaTeX source, if one was made.';
comment on column public.resume_generations.error_message is
    'Why it failed, in words for the user; null unless it did.';
comment on column public.resume_generations.usage_event_id is 'The use that it counts as.';
create index resume_generations_user_id_created_at_idx
on public.resume_generations (user_id, created_at desc);
create index resume_generations_resume_idx on public.resume_generations (user_id, resume_id)
where resume_id is not null;
create index resume_generations_session_idx on public.resume_generations (user_id, session_id)
where session_id is not null;
create index resume_generations_template_id_idx on public.resume_generations (template_id)
where template_id is not null;

create table public.resume_downloads (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    generation_id uuid not null,
    format text not null check (format in ('latex', 'overleaf', 'pdf', 'word')),
    file_path text not null,
    file_size_bytes integer not null check (file_size_bytes >= 0),
    download_count integer not null default 0 check (download_count >= 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    foreign key (user_id, generation_id) references public.resume_generations (user_id, id)
    on delete cascade,
    unique (generation_id, format),
    constraint resume_downloads_file_path_check check (
        private.is_export_path(file_path, user_id)
    )
);
comment on table public.resume_downloads is
    'The files of a generation, one a format. Owners read. System-written: by the queue, and by
record_download. As visible as its generation, and deleted with it.';
comment on column public.resume_downloads.file_path is
    'Object in the bucket exports: {user_id}/{name}, or {user_id}/{folder}/{name}.';
comment on column public.resume_downloads.download_count is
    'How often record_download was called for it.';
create index resume_downloads_generation_idx
on public.resume_downloads (user_id, generation_id);

-- Row level security ----------------------------------------------------------------------------

alter table public.resume_generations enable row level security;
alter table public.resume_downloads enable row level security;

create policy resume_generations_select_owner on public.resume_generations
for select to authenticated
using (
    user_id = (select auth.uid())
    and (
        resume_id is null
        or exists (select 1 from public.resumes r where r.id = resume_id)
    )
);
comment on policy resume_generations_select_owner on public.resume_generations is
    'The policy of resumes applies inside: what is in the trash does not exist here. A generation
without a résumé is history, like an analysis.';

create policy resume_generations_delete_owner on public.resume_generations
for delete to authenticated
using (
    user_id = (select auth.uid())
    and generation_status not in ('pending', 'processing')
    and (
        resume_id is null
        or exists (select 1 from public.resumes r where r.id = resume_id)
    )
);
comment on policy resume_generations_delete_owner on public.resume_generations is
    'An open request is cancelled first: its task would go on without it. What is in the trash does
not exist here either, also for a delete that names no row.';

create policy resume_downloads_select_owner on public.resume_downloads
for select to authenticated
using (
    user_id = (select auth.uid())
    and exists (select 1 from public.resume_generations g where g.id = generation_id)
);
comment on policy resume_downloads_select_owner on public.resume_downloads is
    'The policy of resume_generations applies inside: the files of a trashed résumé are invisible.';

-- Grants ----------------------------------------------------------------------------------------

grant select on public.resume_generations, public.resume_downloads to authenticated, service_role;
grant delete on public.resume_generations to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.resume_generations
for each row execute function private.tg_set_updated_at();
create trigger _100_set_updated_at before update on public.resume_downloads
for each row execute function private.tg_set_updated_at();

create trigger _100_lock_account before delete on public.resume_generations
for each statement execute function private.tg_lock_account();

-- Foreign keys to rooms before this one ---------------------------------------------------------

alter table public.resume_generations
add constraint resume_generations_template_fkey
foreign key (template_id) references public.resume_templates (id)
on delete set null;
