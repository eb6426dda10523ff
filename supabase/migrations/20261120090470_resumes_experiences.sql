-- Room: resumes, experiences: the jobs somebody had, kept once and used in many résumés.
--
-- What lives here: user_experiences, and the function that copies some of them into a résumé.
-- Who may touch it: owners everything, in their own rows.
-- Tests: rlstests/test_resumes_experiences.py

-- Tables ----------------------------------------------------------------------------------------

create table public.user_experiences (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    company text not null check (char_length(company) between 1 and 200),
    position text not null check (char_length(position) between 1 and 200),
    location text check (char_length(location) <= 200),
    start_date date check (start_date between '1900-01-01' and '2199-12-31'),
    end_date date check (end_date between '1900-01-01' and '2199-12-31'),
    is_current boolean not null default false,
    description text check (char_length(description) <= 5000),
    technologies jsonb not null default '[]' check (
        jsonb_typeof(technologies) = 'array'
        and not jsonb_path_exists(technologies, 'strict $[*] ? (@.type() != "string")')
        and octet_length(technologies::text) <= 8192
    ),
    achievements jsonb not null default '[]' check (
        jsonb_typeof(achievements) = 'array'
        and not jsonb_path_exists(achievements, 'strict $[*] ? (@.type() != "string")')
        and octet_length(achievements::text) <= 16384
    ),
    responsibilities jsonb not null default '[]' check (
        jsonb_typeof(responsibilities) = 'array'
        and not jsonb_path_exists(responsibilities, 'strict $[*] ? (@.type() != "string")')
        and octet_length(responsibilities::text) <= 16384
    ),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint user_experiences_dates_check check (end_date >= start_date),
    constraint user_experiences_current_check check (not is_current or end_date is null)
);
comment on table public.user_experiences is
    'The jobs somebody had, kept once for many résumés. Owners only.
At most as many as global_config max_experiences says, 200 without it.';
comment on column public.user_experiences.start_date is
    'When it began; résumés show year and month.';
comment on column public.user_experiences.end_date is 'When it ended. Null while is_current.';
comment on column public.user_experiences.technologies is 'List of texts, at most 8 KiB.';
comment on column public.user_experiences.achievements is
    'List of texts, at most 16 KiB. Bullet points of a résumé, after the responsibilities.';
comment on column public.user_experiences.responsibilities is 'List of texts, at most 16 KiB.';
create index user_experiences_user_id_idx
on public.user_experiences (user_id, start_date desc nulls last);

-- Row level security ----------------------------------------------------------------------------

alter table public.user_experiences enable row level security;

create policy user_experiences_select_owner on public.user_experiences
for select to authenticated
using (user_id = (select auth.uid()));

create policy user_experiences_insert_owner on public.user_experiences
for insert to authenticated
with check (user_id = (select auth.uid()) and (select private.is_active_user()));

create policy user_experiences_update_owner on public.user_experiences
for update to authenticated
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()) and (select private.is_active_user()));

create policy user_experiences_delete_owner on public.user_experiences
for delete to authenticated
using (user_id = (select auth.uid()));

-- Grants ----------------------------------------------------------------------------------------

grant select on public.user_experiences to authenticated, service_role;
grant delete on public.user_experiences to authenticated;
grant insert (
    user_id, company, position, location, start_date, end_date, is_current, description,
    technologies, achievements, responsibilities
) on public.user_experiences to authenticated;
grant update (
    company, position, location, start_date, end_date, is_current, description, technologies,
    achievements, responsibilities
) on public.user_experiences to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.user_experiences
for each row execute function private.tg_set_updated_at();

create function private.tg_user_experiences__limit_rows() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_max integer := private.config_integer('max_experiences', 200);
    v_user_id uuid;
begin
    for v_user_id in select distinct i.user_id from inserted i order by i.user_id loop
        -- Inserts of one user take turns, or two of them would each count without the other.
        perform 1 from public.profiles p where p.id = v_user_id for no key update;
        if (select count(*) from public.user_experiences e where e.user_id = v_user_id) > v_max then
            raise sqlstate 'PT422' using
                message = format('More than %s experiences are not possible.', v_max),
                hint = 'Delete some that you no longer use.';
        end if;
    end loop;
    return null;
end;
$$;
comment on function private.tg_user_experiences__limit_rows() is
    'PT422 when a user has too many rows: after the policy, so that it tells nothing of strangers.';

create trigger _400_limit_rows after insert on public.user_experiences
referencing new table as inserted
for each statement execute function private.tg_user_experiences__limit_rows();

-- Into a résumé ---------------------------------------------------------------------------------

create function private.experience_entry(p_experience public.user_experiences) returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'company', p_experience.company,
        'title', p_experience.position,
        'location', p_experience.location,
        'startDate', to_char(p_experience.start_date, 'YYYY-MM'),
        'endDate', to_char(p_experience.end_date, 'YYYY-MM'),
        'description', p_experience.description,
        'bullets', p_experience.responsibilities || p_experience.achievements,
        'technologies', p_experience.technologies,
        'experienceId', p_experience.id
    ));
$$;
comment on function private.experience_entry(public.user_experiences) is
    'One entry of content.experience. experienceId says which row it was copied from.';

create function private.require_experiences(p_user_id uuid, p_experience_ids uuid[]) returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    v_id uuid;
begin
    if coalesce(cardinality(p_experience_ids), 0) not between 1 and 200 then
        raise sqlstate 'PT422' using
            message = format('Name 1 to 200 experiences, not %s.',
                coalesce(cardinality(p_experience_ids), 0)),
            hint = 'Send their ids in p_experience_ids.';
    end if;
    foreach v_id in array p_experience_ids loop
        if not exists (
            select 1 from public.user_experiences e where e.id = v_id and e.user_id = p_user_id
        ) then
            perform private.raise_not_found('experience', v_id);
        end if;
    end loop;
end;
$$;
comment on function private.require_experiences(uuid, uuid[]) is
    'PT422 unless there are 1 to 200 ids, PT404 for the first that is not the user''s.';

create function private.require_content_size(p_content jsonb) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if octet_length(p_content::text) > 262144 then
        raise sqlstate 'PT413' using
            message = format('The résumé would have %s bytes; 262144 are possible.',
                octet_length(p_content::text)),
            hint = 'Leave something out.';
    end if;
end;
$$;
comment on function private.require_content_size(jsonb) is
    'PT413 for content that is larger than a résumé may be.';

create function private.add_experiences_to_resume(p_resume_id uuid, p_experience_ids uuid[])
returns public.resumes
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_resume public.resumes;
    v_entries jsonb;
    v_content jsonb;
begin
    perform private.lock_account(v_user_id);
    select * into v_resume
    from public.resumes r
    where r.id = p_resume_id and r.user_id = v_user_id and r.deleted_at is null
    for no key update;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    perform private.require_experiences(v_user_id, p_experience_ids);

    -- As résumés list them: the latest first.
    select jsonb_agg(
        private.experience_entry(e)
        order by e.is_current desc, e.start_date desc nulls last, e.id
    ) into v_entries
    from public.user_experiences e
    where e.user_id = v_user_id and e.id = any(p_experience_ids)
        and not jsonb_path_exists(
            v_resume.content, '$.experience[*] ? (@.experienceId == $id)',
            jsonb_build_object('id', e.id)
        );
    if v_entries is null then
        return v_resume;
    end if;

    v_content := v_resume.content || jsonb_build_object(
        'experience', coalesce(v_resume.content -> 'experience', '[]') || v_entries
    );
    perform private.require_content_size(v_content);
    perform private.note_resume_change(
        'manual', format('Added %s from the experiences.', jsonb_array_length(v_entries))
    );
    update public.resumes r set content = v_content
    where r.id = v_resume.id
    returning * into v_resume;
    perform private.note_resume_change(null, null);
    return v_resume;
end;
$$;
comment on function private.add_experiences_to_resume(uuid, uuid[]) is
    'Copies experiences of the caller into a résumé; see public.add_experiences_to_resume.';
grant execute on function private.add_experiences_to_resume(uuid, uuid[]) to authenticated;

create function public.add_experiences_to_resume(p_resume_id uuid, p_experience_ids uuid[])
returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.add_experiences_to_resume(p_resume_id, p_experience_ids);
$$;
comment on function public.add_experiences_to_resume(uuid, uuid[]) is
    'Appends these of your experiences to content.experience of a résumé, the latest first.
Those that are there already, by experienceId, are not added twice. PT404 for an unknown résumé
or experience, PT413 when the résumé would be too large, PT422 without ids.';
grant execute on function public.add_experiences_to_resume(uuid, uuid[]) to authenticated;
