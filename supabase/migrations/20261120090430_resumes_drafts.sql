-- Room: resumes, fourth part: work that is not finished.
--
-- What lives here: resume_drafts, what an editor saves by itself, for a résumé or for one that does
-- not exist yet.
-- Who may touch it: owners read and delete; save_draft and publish_draft write.
-- Tests: rlstests/test_resumes_drafts.py, rlstests/test_resumes_drafts_publish.py

-- Tables ----------------------------------------------------------------------------------------

create table public.resume_drafts (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    resume_id uuid,
    base_version integer check (base_version > 0),
    title text check (char_length(title) between 1 and 200),
    template_id uuid references public.resume_templates (id) on delete set null,
    content jsonb not null check (
        private.is_resume_content(content) and octet_length(content::text) <= 262144
    ),
    layout jsonb check (
        private.is_resume_layout(layout) and octet_length(layout::text) <= 65536
    ),
    last_saved_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    foreign key (user_id, resume_id) references public.resumes (user_id, id) on delete cascade,
    unique (user_id, resume_id),
    constraint resume_drafts_base_check check (
        (resume_id is null) = (base_version is null)
    )
);
comment on table public.resume_drafts is
    'What an editor saved by itself: one draft a résumé, and some of résumés not yet created.
Owners read and delete; save_draft and publish_draft write.';
comment on column public.resume_drafts.resume_id is
    'The résumé it is a draft of. Null for one that is not created yet.';
comment on column public.resume_drafts.base_version is
    'resumes.version that the editor started from. Null without a résumé.';
comment on column public.resume_drafts.title is 'Null leaves the title as it is.';
comment on column public.resume_drafts.template_id is 'Null leaves the template as it is.';
comment on column public.resume_drafts.layout is 'Null leaves the layout as it is.';
create index resume_drafts_template_idx on public.resume_drafts (template_id)
where template_id is not null;

-- Row level security ----------------------------------------------------------------------------

alter table public.resume_drafts enable row level security;

create policy resume_drafts_select_owner on public.resume_drafts
for select to authenticated
using (
    user_id = (select auth.uid())
    and (
        resume_id is null
        -- One that the caller sees: the trash stays out.
        or exists (select 1 from public.resumes r where r.id = resume_id)
    )
);

create policy resume_drafts_delete_owner on public.resume_drafts
for delete to authenticated
using (user_id = (select auth.uid()));

grant select on public.resume_drafts to authenticated, service_role;
grant delete on public.resume_drafts to authenticated;

create trigger _100_set_updated_at before update on public.resume_drafts
for each row execute function private.tg_set_updated_at();

-- Saving ----------------------------------------------------------------------------------------

create function private.require_resume_content(p_content jsonb) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if (private.is_resume_content(p_content) and octet_length(p_content::text) <= 262144)
        is not true then
        raise sqlstate 'PT422' using
            message = 'This is not the content of a résumé.',
            hint = 'Send an object of at most 256 KiB and 100 sections: personalInfo, skills are '
                'objects, summary is a text, experience, education, projects are lists.';
    end if;
end;
$$;
comment on function private.require_resume_content(jsonb) is
    'PT422 unless this can be the content of a résumé.';

create function private.require_resume_layout(p_layout jsonb) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if p_layout is not null
        and (private.is_resume_layout(p_layout) and octet_length(p_layout::text) <= 65536)
        is not true then
        raise sqlstate 'PT422' using
            message = 'This is not the layout of a résumé.',
            hint = 'Send an object of at most 64 KiB, in which sectionOrder and hidden are lists '
                'of at most 100 texts.';
    end if;
end;
$$;
comment on function private.require_resume_layout(jsonb) is
    'PT422 unless this can be the layout of a résumé; null is fine.';

create function private.require_base_version(p_resume_id uuid, p_user_id uuid, p_base integer)
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
    for no key update;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    if v_resume.version is distinct from p_base then
        raise sqlstate 'PT409' using
            message = format(
                'Résumé %s is at version %s, and this draft is based on %s.',
                p_resume_id, v_resume.version, coalesce(p_base::text, 'none')
            ),
            detail = jsonb_build_object(
                'current_version', v_resume.version, 'base_version', p_base
            )::text,
            hint = 'Read the résumé again, bring the draft up to it, and save with its version.';
    end if;
    return v_resume;
end;
$$;
comment on function private.require_base_version(uuid, uuid, integer) is
    'Locks a résumé of this user and returns it. PT404 without one, PT409 with detail
{current_version, base_version} when it is at another version.';

create function private.check_draft_quota(p_user_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_limit integer := private.config_integer('max_unattached_drafts', 20);
    v_used integer;
begin
    select count(*) into v_used
    from public.resume_drafts d
    where d.user_id = p_user_id and d.resume_id is null;
    if v_used >= v_limit then
        raise sqlstate 'PT402' using
            message = format('Only %s drafts of new résumés are possible.', v_limit),
            detail = jsonb_build_object(
                'meter', 'unattached_drafts', 'limit', v_limit, 'used', v_used
            )::text,
            hint = 'Publish one, delete one, or name one by p_draft_id.';
    end if;
end;
$$;
comment on function private.check_draft_quota(uuid) is
    'PT402 when a user may not begin another draft without a résumé (global_config
max_unattached_drafts). The caller has taken lock_resumes.';

create function private.save_draft(
    p_resume_id uuid,
    p_base_version integer,
    p_content jsonb,
    p_layout jsonb,
    p_title text,
    p_template_id uuid,
    p_draft_id uuid
) returns public.resume_drafts
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_draft_id uuid := coalesce(p_draft_id, gen_random_uuid());
    v_resume public.resumes;
    v_draft public.resume_drafts;
begin
    perform private.lock_resumes(v_user_id);
    if p_resume_id is not null and p_draft_id is not null then
        raise sqlstate 'PT422' using
            message = 'A draft of a résumé is named by that résumé.',
            hint = 'Send p_draft_id only for the draft of a résumé that is not created yet.';
    end if;
    perform private.require_resume_content(p_content);
    perform private.require_resume_layout(p_layout);
    perform private.require_title(p_title);

    if p_resume_id is not null then
        v_resume := private.require_base_version(p_resume_id, v_user_id, p_base_version);
        select d.id into v_draft_id
        from public.resume_drafts d
        where d.user_id = v_user_id and d.resume_id = p_resume_id;
        v_draft_id := coalesce(v_draft_id, gen_random_uuid());
    elsif p_draft_id is null then
        perform private.check_draft_quota(v_user_id);
    elsif not exists (
        select 1 from public.resume_drafts d
        where d.id = p_draft_id and d.user_id = v_user_id and d.resume_id is null
    ) then
        perform private.raise_not_found('draft of a new résumé', p_draft_id);
    end if;
    if p_template_id is distinct from v_resume.template_id then
        perform private.require_template(p_template_id);
    end if;

    insert into public.resume_drafts as d (
        id, user_id, resume_id, base_version, title, template_id, content, layout
    )
    values (
        v_draft_id, v_user_id, p_resume_id, v_resume.version, p_title, p_template_id, p_content,
        p_layout
    )
    on conflict (id) do update
        set base_version = excluded.base_version,
            title = excluded.title,
            template_id = excluded.template_id,
            content = excluded.content,
            layout = excluded.layout,
            last_saved_at = now()
    returning d.* into v_draft;
    return v_draft;
end;
$$;
comment on function private.save_draft(uuid, integer, jsonb, jsonb, text, uuid, uuid) is
    'Makes or replaces a draft of the caller; see public.save_draft.';
grant execute on function private.save_draft(uuid, integer, jsonb, jsonb, text, uuid, uuid)
to authenticated;

create function public.save_draft(
    p_resume_id uuid,
    p_base_version integer,
    p_content jsonb,
    p_layout jsonb default null,
    p_title text default null,
    p_template_id uuid default null,
    p_draft_id uuid default null
) returns public.resume_drafts
language sql
volatile
set search_path = ''
as $$
    select private.save_draft(
        p_resume_id, p_base_version, p_content, p_layout, p_title, p_template_id, p_draft_id
    );
$$;
comment on function public.save_draft(uuid, integer, jsonb, jsonb, text, uuid, uuid) is
    'Saves what an editor holds, in place of what it saved before; returns the draft.
For a résumé send its id and the version the editor started from: PT409 with detail
{current_version, base_version} when it has moved on. For a new résumé send neither, and p_draft_id
from the second time on. PT402 when there are too many drafts of new résumés, PT404 for an unknown
résumé, draft or template, PT422 for content, layout or title of the wrong shape.';
grant execute on function public.save_draft(uuid, integer, jsonb, jsonb, text, uuid, uuid)
to authenticated;

-- Publishing ------------------------------------------------------------------------------------

create function private.publish_draft(p_draft_id uuid) returns public.resumes
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_draft public.resume_drafts;
    v_resume public.resumes;
begin
    perform private.lock_resumes(v_user_id);
    select * into v_draft
    from public.resume_drafts d
    where d.id = p_draft_id and d.user_id = v_user_id;
    if not found then
        perform private.raise_not_found('draft', p_draft_id);
    end if;
    if v_draft.resume_id is not null then
        v_resume := private.require_base_version(
            v_draft.resume_id, v_user_id, v_draft.base_version
        );
    end if;
    if v_draft.template_id is distinct from v_resume.template_id then
        perform private.require_template(v_draft.template_id);
    end if;

    if v_draft.resume_id is null then
        insert into public.resumes (user_id, title, template_id, content, layout)
        values (
            v_user_id, coalesce(v_draft.title, 'Untitled résumé'), v_draft.template_id,
            v_draft.content, coalesce(v_draft.layout, '{}')
        )
        returning * into v_resume;
    else
        update public.resumes r
        set title = coalesce(v_draft.title, r.title),
            template_id = coalesce(v_draft.template_id, r.template_id),
            content = v_draft.content,
            layout = coalesce(v_draft.layout, r.layout)
        where r.id = v_resume.id
        returning * into v_resume;
    end if;
    delete from public.resume_drafts d where d.id = v_draft.id;
    return v_resume;
end;
$$;
comment on function private.publish_draft(uuid) is
    'Writes a draft of the caller into its résumé; see public.publish_draft.';
grant execute on function private.publish_draft(uuid) to authenticated;

create function public.publish_draft(p_draft_id uuid) returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.publish_draft(p_draft_id);
$$;
comment on function public.publish_draft(uuid) is
    'Writes a draft into its résumé, or makes the résumé, and deletes the draft; returns the résumé.
PT409 with detail {current_version, base_version} when the résumé has moved on, PT402 when a new one
is more than the plan includes, PT404 for an unknown draft.';
grant execute on function public.publish_draft(uuid) to authenticated;
