-- Room: resumes, third part: the history of a résumé.
--
-- What lives here: resume_versions, a snapshot for each change of the content, and the way back.
-- Who may touch it: owners read; the trigger on resumes writes.
-- Tests: rlstests/test_resumes_versions.py, rlstests/test_resumes_versions_restore.py

-- Tables ----------------------------------------------------------------------------------------

create table public.resume_versions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.profiles (id) on delete cascade,
    resume_id uuid not null,
    version_number integer not null check (version_number > 0),
    content jsonb not null check (jsonb_typeof(content) = 'object'),
    layout jsonb not null check (jsonb_typeof(layout) = 'object'),
    template_id uuid,
    change_type text not null check (
        change_type in ('manual', 'ai_optimized', 'template_change', 'restore', 'import')
    ),
    change_summary text check (char_length(change_summary) between 1 and 500),
    changed_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    foreign key (user_id, resume_id) references public.resumes (user_id, id) on delete cascade,
    constraint resume_versions_changed_by_check check (changed_by = user_id),
    -- Of one résumé, since a résumé has one owner; led by what the foreign keys look up.
    unique (user_id, resume_id, version_number)
);
comment on table public.resume_versions is
    'What a résumé was after each change, the newest 50 of each. System-written; owners read.
Quick edits by one person are one version: see private.tg_resumes__keep_version.';
comment on column public.resume_versions.version_number is
    'resumes.version at that time. Numbers of edits that were merged into a later one are missing.';
comment on column public.resume_versions.template_id is
    'Its template at that time, which may be gone: no foreign key.';
comment on column public.resume_versions.change_type is
    'What made it: manual, ai_optimized, template_change, restore or import.';
comment on column public.resume_versions.change_summary is
    'In words for the user; null for edits by hand.';
comment on column public.resume_versions.changed_by is
    'The owner, or null when a worker did it. Goes with the account: no foreign key of its own.';
comment on column public.resume_versions.created_at is 'When the first change merged into it came.';
comment on column public.resume_versions.updated_at is 'When the last one came.';

-- Row level security ----------------------------------------------------------------------------

alter table public.resume_versions enable row level security;

create policy resume_versions_select_owner on public.resume_versions
for select to authenticated
using (
    user_id = (select auth.uid())
    -- One that the caller sees: the trash stays out.
    and exists (select 1 from public.resumes r where r.id = resume_id)
);

grant select on public.resume_versions to authenticated, service_role;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.resume_versions
for each row execute function private.tg_set_updated_at();

create function private.note_resume_change(p_change_type text, p_change_summary text) returns void
language sql
volatile
set search_path = ''
as $$
    select
        set_config('resumebase.change_type', coalesce(p_change_type, ''), true),
        set_config('resumebase.change_summary', coalesce(p_change_summary, ''), true);
$$;
comment on function private.note_resume_change(text, text) is
    'Says what the next changes of résumé content in this transaction are, for their versions.
Null and null: edits by hand again.';

create function private.tg_resumes__raise_version() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    new.version := old.version;
    -- A template that was deleted under a résumé is no edit of it; and when it goes together with
    -- its owner's account, there is nobody left to keep a version for.
    if (new.content, new.layout) is distinct from (old.content, old.layout)
        or new.template_id is not null
        or exists (select 1 from public.resume_templates t where t.id = old.template_id) then
        new.version := old.version + 1;
    end if;
    return new;
end;
$$;
comment on function private.tg_resumes__raise_version() is
    'Counts a change of content, layout or template: each one, so that a draft that is based on '
    'another state is always noticed.';

create trigger _500_raise_version before update on public.resumes
for each row when (
    (new.content, new.layout, new.template_id)
    is distinct from (old.content, old.layout, old.template_id)
) execute function private.tg_resumes__raise_version();

create function private.merge_resume_version(p_resume public.resumes, p_changed_by uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
    update public.resume_versions v
    set version_number = p_resume.version,
        content = p_resume.content,
        layout = p_resume.layout,
        template_id = p_resume.template_id
    where v.id = (
            select w.id
            from public.resume_versions w
            where w.user_id = p_resume.user_id and w.resume_id = p_resume.id
            order by w.version_number desc
            limit 1
        )
        and v.version_number > 1
        and v.change_type = 'manual'
        and v.change_summary is null
        and v.changed_by = p_changed_by
        and v.created_at > now() - interval '1 minute';
    return found;
end;
$$;
comment on function private.merge_resume_version(public.resumes, uuid) is
    'Writes an edit by hand into the newest version, if that is one by the same person that began '
    'less than a minute ago and is not the first. True when it did.';

create function private.tg_resumes__keep_version() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_type text := nullif(current_setting('resumebase.change_type', true), '');
    v_summary text := nullif(left(current_setting('resumebase.change_summary', true), 500), '');
    v_changed_by uuid := case when auth.uid() = new.user_id then new.user_id end;
begin
    if v_type is null then
        v_type := 'manual';
        -- old is null for a new résumé.
        if tg_op = 'UPDATE' and new.template_id is distinct from old.template_id then
            v_type := 'template_change';
        end if;
    end if;

    -- A client may save every second; that must not push the version of yesterday out.
    if tg_op = 'UPDATE' and v_type = 'manual' and v_summary is null
        and private.merge_resume_version(new, v_changed_by) then
        return null;
    end if;

    insert into public.resume_versions (
        user_id, resume_id, version_number, content, layout, template_id,
        change_type, change_summary, changed_by
    )
    values (
        new.user_id, new.id, new.version, new.content, new.layout, new.template_id,
        v_type, v_summary, v_changed_by
    );
    delete from public.resume_versions v
    where v.user_id = new.user_id and v.resume_id = new.id and v.version_number <= (
        select w.version_number
        from public.resume_versions w
        where w.user_id = new.user_id and w.resume_id = new.id
        order by w.version_number desc
        offset greatest(private.config_integer('resume_versions_kept', 50), 1)
        limit 1
    );
    return null;
end;
$$;
comment on function private.tg_resumes__keep_version() is
    'Keeps a résumé as it is after a change, and drops the oldest versions (global_config
resume_versions_kept). The newest version is always the résumé as it stands. Edits by hand by one
person within a minute are merged; the first version, changes by the system, restores and changes of
the template are kept each.';

create trigger _600_keep_first_version after insert on public.resumes
for each row execute function private.tg_resumes__keep_version();
create trigger _600_keep_version after update on public.resumes
for each row when (new.version is distinct from old.version)
execute function private.tg_resumes__keep_version();

-- Résumés that were there before this table.
insert into public.resume_versions (
    user_id, resume_id, version_number, content, layout, template_id, change_type
)
select r.user_id, r.id, r.version, r.content, r.layout, r.template_id, 'manual'
from public.resumes r;

-- The way back ----------------------------------------------------------------------------------

create function private.restore_resume_version(p_resume_id uuid, p_version_number integer)
returns public.resumes
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_resume public.resumes;
    v_version public.resume_versions;
begin
    perform private.lock_account(v_user_id);
    select * into v_resume
    from public.resumes r
    where r.id = p_resume_id and r.user_id = v_user_id and r.deleted_at is null
    for no key update;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    select * into v_version
    from public.resume_versions v
    where v.user_id = v_user_id and v.resume_id = p_resume_id
        and v.version_number = p_version_number;
    if not found then
        raise sqlstate 'PT404' using
            message = format('Résumé %s has no version %s.', p_resume_id, p_version_number),
            hint = 'Read resume_versions: old versions are dropped, quick edits are merged.';
    end if;

    perform private.note_resume_change('restore', format('Version %s', p_version_number));
    update public.resumes r
    set content = v_version.content,
        layout = v_version.layout,
        -- The look of that time, as far as it can be chosen today.
        template_id = case
            when v_version.template_id is null then null
            when private.is_usable_template(v_version.template_id) then v_version.template_id
            else r.template_id
        end
    where r.id = v_resume.id
    returning * into v_resume;
    perform private.note_resume_change(null, null);
    return v_resume;
end;
$$;
comment on function private.restore_resume_version(uuid, integer) is
    'Writes an old version of a résumé of the caller into it; see public.restore_resume_version.';
grant execute on function private.restore_resume_version(uuid, integer) to authenticated;

create function public.restore_resume_version(p_resume_id uuid, p_version_number integer)
returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.restore_resume_version(p_resume_id, p_version_number);
$$;
comment on function public.restore_resume_version(uuid, integer) is
    'Makes a résumé what it was in an old version, as a new version; returns the résumé.
The template follows if it can still be chosen. PT404 for an unknown résumé or version.';
grant execute on function public.restore_resume_version(uuid, integer) to authenticated;
