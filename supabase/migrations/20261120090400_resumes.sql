-- Room: resumes
--
-- What lives here: résumés: the document a user edits, the file it was read from and what was read.
-- The other parts: resumes_trash, parsing, versions, drafts, sections, sharing, search, experiences
-- and exchange (JSON Resume, copies).
-- Who may touch it: owners. They write title, content, layout, status, and say once which uploaded
-- file it is; what was read from that file is written by the worker. Trash and restore are RPC,
-- because a policy hides trashed rows: see resumes_trash.
-- Tests: rlstests/test_resumes.py, rlstests/test_resumes_content.py

-- Functions used by constraints -----------------------------------------------------------------

create function private.is_resume_content(p_content jsonb) returns boolean
language sql
immutable
set search_path = ''
as $$
    -- Readers rely on the type of each section; what is inside a section is the editor's business.
    -- They compare each section with each name in the layout, so there may not be any number.
    select case jsonb_typeof(p_content)
        when 'object' then (select count(*) from jsonb_object_keys(p_content)) <= 100
        else false
    end and private.has_short_numbers(p_content) and not exists (
        select 1
        from (
            values
            ('personalInfo', 'object'), ('summary', 'string'), ('experience', 'array'),
            ('education', 'array'), ('skills', 'object'), ('projects', 'array'),
            ('certifications', 'array'), ('languages', 'array'), ('awards', 'array'),
            ('publications', 'array'), ('volunteer', 'array'), ('interests', 'array'),
            ('references', 'array')
        ) as k (key, type)
        where jsonb_typeof(p_content -> k.key) is distinct from k.type and p_content ? k.key
    );
$$;
comment on function private.is_resume_content(jsonb) is
    'True for an object whose known keys hold what they should: summary a string, say.
A section that is empty is left out or empty, never null. Other keys are free, up to 100 in all.';

create function private.is_resume_layout(p_layout jsonb) returns boolean
language sql
immutable
set search_path = ''
as $$
    select jsonb_typeof(p_layout) = 'object'
        and private.has_short_numbers(p_layout) and not exists (
        select 1
        from unnest('{sectionOrder,hidden}'::text[]) as k (key)
        where p_layout ? k.key and not (
            jsonb_path_exists(
                p_layout -> k.key, 'strict $ ? (@.type() == "array" && @.size() <= 100)', '{}', true
            )
            and not jsonb_path_exists(
                p_layout -> k.key, 'strict $[*] ? (@.type() != "string")', '{}', true
            )
        )
    );
$$;
comment on function private.is_resume_layout(jsonb) is
    'True for an object whose sectionOrder and hidden, if they are there, are lists of at most 100
texts.';

grant execute on function private.is_resume_content(jsonb), private.is_resume_layout(jsonb)
to authenticated, service_role;

-- Tables --------------------------------------------------------------------------------------

create table public.resumes (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    title text not null default 'Untitled résumé' check (char_length(title) between 1 and 200),
    template_id uuid references public.resume_templates (id) on delete set null,
    content jsonb not null default '{}' check (
        private.is_resume_content(content) and octet_length(content::text) <= 262144
    ),
    layout jsonb not null default '{}' check (
        private.is_resume_layout(layout) and octet_length(layout::text) <= 65536
    ),
    status text not null default 'draft' check (status in ('draft', 'published', 'archived')),
    version integer not null default 1 check (version > 0),
    is_public boolean not null default false,
    share_slug text unique check (share_slug ~ '^[A-Za-z0-9_-]{22,64}$'),
    parent_resume_id uuid,
    optimized_for_job_id uuid,
    optimization_score smallint check (optimization_score between 0 and 100),
    ats_score smallint check (ats_score between 0 and 100),
    thumbnail_path text check (char_length(thumbnail_path) <= 1000),
    exported_pdf_path text check (char_length(exported_pdf_path) <= 1000),
    file_name text check (char_length(file_name) between 1 and 255),
    file_path text,
    file_size_bytes integer check (file_size_bytes >= 0),
    file_sha256 text check (file_sha256 ~ '^[0-9a-f]{64}$'),
    extracted_text text check (char_length(extracted_text) <= 200000),
    parsed_data jsonb check (
        jsonb_typeof(parsed_data) = 'object' and octet_length(parsed_data::text) <= 1048576
    ),
    parse_status text not null default 'none' check (
        parse_status in ('none', 'pending', 'processing', 'completed', 'failed')
    ),
    parse_error text check (char_length(parse_error) <= 2000),
    parse_warnings jsonb not null default '[]' check (
        jsonb_typeof(parse_warnings) = 'array' and octet_length(parse_warnings::text) <= 16384
    ),
    last_edited_at timestamptz not null default now(),
    last_accessed_at timestamptz,
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- Any language: words as they are; a search for a prefix finds what a stem would.
    search tsvector not null generated always as (
        setweight(to_tsvector('simple', title), 'A')
        || setweight(
            jsonb_to_tsvector('simple', coalesce(content -> 'skills', '{}'), '["string"]'), 'B'
        )
        || setweight(
            jsonb_to_tsvector(
                'simple',
                -- What is no object is refused by its check, which comes after this.
                case jsonb_typeof(content) when 'object' then content - 'skills' else '{}' end,
                '["string"]'
            ),
            'C'
        )
        || setweight(to_tsvector('simple', coalesce(extracted_text, '')), 'D')
    ) stored,
    constraint resumes_share_check check (not is_public or share_slug is not null),
    foreign key (user_id, parent_resume_id) references public.resumes (user_id, id)
    on delete set null (parent_resume_id),
    constraint resumes_parsed_check check (parse_status <> 'completed' or parsed_data is not null),
    -- What tenant-safe foreign keys of other tables point at.
    unique (user_id, id),
    constraint resumes_file_path_check check (
        file_path ~ (
            '^' || user_id::text || '/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[.](pdf|docx)$'
        )
    )
);
comment on table public.resumes is
    'Résumés: what the user edits, the uploaded file, and what was read from it.
Owners only; a trashed résumé is invisible until restore_resume brings it back.';
comment on column public.resumes.content is
    'The résumé as edited: personalInfo, summary, experience[], education[], skills{}, …
At most 100 sections, 256 KiB.';
comment on column public.resumes.layout is
    'Order and visibility of the sections: sectionOrder [keys of content], hidden [keys].';
comment on column public.resumes.template_id is
    'What it looks like. Null, also once the template is gone, means the default of the renderer.';
comment on column public.resumes.file_path is
    'Object in the bucket resumes: {user_id}/{uuid}.pdf or .docx. Said once, at insert.';
comment on column public.resumes.file_sha256 is
    'Hex SHA-256 of the file that was read. System-written.';
comment on column public.resumes.extracted_text is
    'Plain text of the file in reading order. System-written.';
comment on column public.resumes.parsed_data is
    'What was read from the file, as JSON Resume (jsonresume.org). System-written.';
comment on column public.resumes.parse_status is
    'none, pending (queued), processing, completed or failed. System-written.';
comment on column public.resumes.parse_error is
    'Why reading failed, in words for the user; null unless it did. System-written.';
comment on column public.resumes.parse_warnings is
    'What the user should check, as texts: two columns look mixed, say. System-written.';
comment on column public.resumes.last_edited_at is 'When content, title or layout last changed.';
comment on column public.resumes.deleted_at is
    'When it was trashed. System-written by trash_resume.';
comment on column public.resumes.version is
    'Counts changes of the content, from 1. System-written; a draft names the one it is based on.';
comment on column public.resumes.is_public is
    'Whether the link with share_slug works. Written by share_resume and unshare_resume.';
comment on column public.resumes.share_slug is 'The unguessable part of the link. System-written.';
comment on column public.resumes.parent_resume_id is
    'The résumé that this one was copied from or optimised from. System-written.';
comment on column public.resumes.optimized_for_job_id is
    'The job that this variant was made for. System-written.';
comment on column public.resumes.optimization_score is
    'How well it fits that job, 0 to 100. System-written.';
comment on column public.resumes.ats_score is
    'The score of its latest ATS analysis, 0 to 100. System-written.';
comment on column public.resumes.thumbnail_path is
    'Object in the bucket exports: a PNG of page one. System-written.';
comment on column public.resumes.exported_pdf_path is
    'Object in the bucket exports: its latest PDF. System-written.';
comment on column public.resumes.last_accessed_at is
    'When a shared link or an export last read it. System-written.';
comment on column public.resumes.search is
    'What search_resumes looks in: title first, then skills, other content, text of the file.';
create index resumes_search_idx on public.resumes using gin (search);
create index resumes_skills_idx on public.resumes
using gin ((content -> 'skills') jsonb_path_ops);
create index resumes_parent_idx on public.resumes (user_id, parent_resume_id)
where parent_resume_id is not null;
create index resumes_template_idx on public.resumes (template_id) where template_id is not null;
create index resumes_user_id_updated_at_idx on public.resumes (user_id, updated_at desc)
where deleted_at is null;

alter table public.profiles
add constraint profiles_active_resume_fkey
foreign key (id, active_resume_id) references public.resumes (user_id, id)
on delete set null (active_resume_id);
create index profiles_active_resume_idx on public.profiles (id, active_resume_id)
where active_resume_id is not null;

alter table public.resume_templates
add constraint resume_templates_demo_resume_fkey
foreign key (demo_user_id, demo_resume_id) references public.resumes (user_id, id)
on delete set null;

-- Row level security ----------------------------------------------------------------------------

alter table public.resumes enable row level security;

create policy resumes_select_owner on public.resumes
for select to authenticated
using (user_id = (select auth.uid()) and deleted_at is null);

create policy resumes_insert_owner on public.resumes
for insert to authenticated
with check (
    user_id = (select auth.uid())
    and deleted_at is null
    and (select private.is_active_user())
    and (
        template_id is null
        -- Of the templates that the caller sees; a foreign and a missing one answer alike.
        or exists (
            select 1
            from public.resume_templates t
            where t.id = template_id
                and t.is_active
                and (not t.is_premium or (select private.has_paid_plan()))
        )
    )
);

create policy resumes_update_owner on public.resumes
for update to authenticated
using (user_id = (select auth.uid()) and deleted_at is null)
with check (
    user_id = (select auth.uid()) and deleted_at is null and (select private.is_active_user())
);

-- Grants ----------------------------------------------------------------------------------------

grant select on public.resumes to authenticated, service_role;
grant insert (user_id, title, template_id, content, layout, status, file_name, file_path)
on public.resumes to authenticated;
grant update (title, template_id, content, layout, status) on public.resumes to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.resumes
for each row execute function private.tg_set_updated_at();

create trigger _100_lock_account before update on public.resumes
for each statement execute function private.tg_lock_account();

create function private.tg_resumes__set_last_edited_at() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    new.last_edited_at := now();
    return new;
end;
$$;
comment on function private.tg_resumes__set_last_edited_at() is
    'Stamps an edit by a person; what the worker writes is none.';

create trigger _200_set_last_edited_at before update of title, content, layout on public.resumes
for each row when (
    (new.title, new.content, new.layout) is distinct from (old.title, old.content, old.layout)
) execute function private.tg_resumes__set_last_edited_at();

create function private.tg_resumes__check_template() returns trigger
language plpgsql
stable
set search_path = ''
as $$
begin
    -- Functions of the system check on their own what they do for a user.
    if current_user = 'authenticated' and not private.is_usable_template(new.template_id) then
        raise sqlstate '42501' using
            message = format(
                'new row violates row-level security policy: no template %s to use', new.template_id
            ),
            hint = 'Choose an active one of your own or a public one; premium templates need a '
                'paid plan.';
    end if;
    return new;
end;
$$;
comment on function private.tg_resumes__check_template() is
    'Does for a change of template what the policy does for a new résumé. A policy cannot compare
with the old row, and whoever loses a paid plan must still be able to edit.';

create trigger _300_check_template before update of template_id on public.resumes
for each row when (
    new.template_id is not null and new.template_id is distinct from old.template_id
) execute function private.tg_resumes__check_template();

create function private.tg_profiles__check_active_resume() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- The foreign key keeps strangers' résumés out; this keeps the own trash out, which the caller
    -- cannot see here.
    if current_user = 'authenticated'
        and not exists (select 1 from public.resumes r where r.id = new.active_resume_id) then
        raise sqlstate '42501' using
            message = format(
                'new row violates row-level security policy: no résumé %s to use',
                new.active_resume_id
            ),
            hint = 'Use the id of a résumé of your own; one in the trash must be restored first.';
    end if;
    return new;
end;
$$;
comment on function private.tg_profiles__check_active_resume() is
    'Refuses a résumé that the caller does not see. A policy would look at what there was when the
statement began: a résumé that another session trashes meanwhile would pass, and fail each later
edit. This looks when the profile is locked, which trash_resume locks first.';

create trigger _300_check_active_resume before update of active_resume_id on public.profiles
for each row when (
    new.active_resume_id is not null
    and new.active_resume_id is distinct from old.active_resume_id
) execute function private.tg_profiles__check_active_resume();

-- What only the owner reads, and what machines write all the time, stays out of the audit log.
select private.audit_table(
    'public.resumes', 'id',
    '{title,content,layout,search,version,extracted_text,parsed_data,parse_status,parse_error,'
    'parse_warnings,file_sha256,file_size_bytes,ats_score,optimization_score,thumbnail_path,'
    'exported_pdf_path,last_edited_at,last_accessed_at}',
    '{share_slug}'
);
