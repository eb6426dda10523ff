-- Room: resumes, the trash, and how many there may be.
--
-- What lives here: trash, restore and delete for good; the quota max_resumes of the plans and the
-- cap on stored rows.
-- Who may touch it: owners; the quota holds for rows that workers and admins make as well.
-- Tests: rlstests/test_resumes_quota.py, rlstests/test_races_resumes.py

-- Trash and restore -----------------------------------------------------------------------------

create function private.lock_resumes(p_user_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- Stronger than lock_account, which it includes: of those who count a user's résumés, or change
    -- how many there are, one goes at a time.
    perform 1 from public.profiles p where p.id = p_user_id for no key update;
end;
$$;
comment on function private.lock_resumes(uuid) is
    'Makes those who change how many résumés a user has take turns, until the transaction ends.';

create function private.set_resume_trashed(p_resume_id uuid, p_trashed boolean)
returns public.resumes
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_resume public.resumes;
begin
    perform private.lock_resumes(v_user_id);
    update public.resumes r
    set deleted_at = case when p_trashed then now() end
    where r.id = p_resume_id and r.user_id = v_user_id
        and (r.deleted_at is null) = p_trashed
    returning * into v_resume;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    if p_trashed then
        update public.profiles p set active_resume_id = null
        where p.id = v_user_id and p.active_resume_id = p_resume_id;
    end if;
    return v_resume;
end;
$$;
comment on function private.set_resume_trashed(uuid, boolean) is
    'Moves a résumé of the caller into the trash or out of it. PT404 when there is none to move.';
grant execute on function private.set_resume_trashed(uuid, boolean) to authenticated;

create function public.trash_resume(p_resume_id uuid) returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.set_resume_trashed(p_resume_id, true);
$$;
comment on function public.trash_resume(uuid) is
    'Puts a résumé into the trash: invisible everywhere, restorable for 30 days.';

create function public.restore_resume(p_resume_id uuid) returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.set_resume_trashed(p_resume_id, false);
$$;
comment on function public.restore_resume(uuid) is
    'Takes a résumé out of the trash.';

grant execute on function public.trash_resume(uuid), public.restore_resume(uuid) to authenticated;

create function private.delete_trashed_resume(p_resume_id uuid) returns public.resumes
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_resume public.resumes;
begin
    perform private.lock_resumes(v_user_id);
    delete from public.resumes r
    where r.id = p_resume_id and r.user_id = v_user_id and r.deleted_at is not null
    returning * into v_resume;
    if not found then
        raise sqlstate 'PT404' using
            message = format('There is no résumé %s in your trash.', p_resume_id),
            hint = 'Put it into the trash first, with trash_resume.';
    end if;
    return v_resume;
end;
$$;
comment on function private.delete_trashed_resume(uuid) is
    'Deletes a résumé of the caller that is in the trash. PT404 when there is none.';
grant execute on function private.delete_trashed_resume(uuid) to authenticated;

create function public.delete_trashed_resume(p_resume_id uuid) returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.delete_trashed_resume(p_resume_id);
$$;
comment on function public.delete_trashed_resume(uuid) is
    'Deletes a résumé in the trash for good, with its history and draft; returns what it was.
The uploaded file stays in the bucket until the client deletes it, by the file_path returned.';
grant execute on function public.delete_trashed_resume(uuid) to authenticated;

-- Quota -----------------------------------------------------------------------------------------

create function private.raise_too_many_resumes(
    p_meter text,
    p_limit integer,
    p_used integer,
    p_hint text
) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    raise sqlstate 'PT402' using
        message = format('Only %s résumés are possible, and there are %s.', p_limit, p_used),
        detail = jsonb_build_object('meter', p_meter, 'limit', p_limit, 'used', p_used)::text,
        hint = p_hint;
end;
$$;
comment on function private.raise_too_many_resumes(text, integer, integer, text) is
    'PT402 with detail {meter, limit, used}; used does not count what was asked for.';

create function private.resume_limit(p_user_id uuid) returns integer
language plpgsql
stable
set search_path = ''
as $$
begin
    if private.is_admin_account(p_user_id) then
        return null;
    end if;
    return (
        select case
            when p.custom_limits -> 'resumes' ? 'lifetime'
                then (p.custom_limits #>> '{resumes,lifetime}')::integer
            -- A plan that is not in the catalogue includes nothing.
            when l.code is null then 0
            else l.max_resumes
        end
        from public.profiles p
        left join public.plans l on l.code = p.subscription_tier
        where p.id = p_user_id
    );
end;
$$;
comment on function private.resume_limit(uuid) is
    'How many résumés a user may have, without those in the trash: max_resumes of the plan, or what
custom_limits say of resumes in its place. Null means unlimited, as for admins.';

create function private.check_resume_quota(p_user_id uuid, p_added integer, p_is_new boolean)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_limit integer;
    v_cap integer := private.config_integer('max_stored_resumes', 500);
    v_live integer;
    v_stored integer;
begin
    perform private.lock_resumes(p_user_id);
    select count(*) filter (where r.deleted_at is null), count(*) into v_live, v_stored
    from public.resumes r
    where r.user_id = p_user_id;

    v_limit := private.resume_limit(p_user_id);

    if p_is_new and v_stored > v_cap then
        perform private.raise_too_many_resumes(
            'stored_resumes', v_cap, v_stored - p_added,
            'Those in the trash count here: delete some for good with delete_trashed_resume.'
        );
    end if;
    if v_live > v_limit then
        perform private.raise_too_many_resumes(
            'resumes', v_limit, v_live - p_added,
            'Put one into the trash, or choose a plan that includes more.'
        );
    end if;
end;
$$;
comment on function private.check_resume_quota(uuid, integer, boolean) is
    'PT402 when a user has more résumés than resume_limit allows, or when new ones are more than may
be stored (global_config max_stored_resumes, trash included). Called after the rows are there.';

create function private.tg_resumes__check_new() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_added record;
begin
    -- In the order of ids, so that two statements for the same users do not wait for each other.
    for v_added in
        select i.user_id, count(*)::integer as live_rows
        from inserted i
        where i.deleted_at is null
        group by i.user_id
        order by i.user_id
    loop
        perform private.check_resume_quota(v_added.user_id, v_added.live_rows, true);
    end loop;
    return null;
end;
$$;
comment on function private.tg_resumes__check_new() is
    'Holds new résumés to the quota: after the statement, when the policy has let them in, so that
nobody learns how many a stranger has.';

create trigger _400_check_new after insert on public.resumes
referencing new table as inserted
for each statement execute function private.tg_resumes__check_new();

create function private.tg_resumes__check_restored() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    perform private.check_resume_quota(new.user_id, 1, false);
    return null;
end;
$$;
comment on function private.tg_resumes__check_restored() is
    'Holds a résumé that leaves the trash to the quota.';

create trigger _410_check_restored after update of deleted_at on public.resumes
for each row when (old.deleted_at is not null and new.deleted_at is null)
execute function private.tg_resumes__check_restored();

-- Counting what templates are used --------------------------------------------------------------

create function private.maintain_template_usage() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_changed integer;
begin
    -- One pass over an index of template ids; only counts that moved are written.
    update public.resume_templates t
    set usage_count = c.uses
    from (
        select a.id, coalesce(u.uses, 0) as uses
        from public.resume_templates a
        left join (
            select r.template_id, count(*)::integer as uses
            from public.resumes r
            where r.template_id is not null and r.deleted_at is null
            group by r.template_id
        ) u on u.template_id = a.id
    ) c
    where c.id = t.id and t.usage_count is distinct from c.uses;
    get diagnostics v_changed = row_count;
    return jsonb_build_object('changed', v_changed);
end;
$$;
comment on function private.maintain_template_usage() is
    'Sets usage_count of every template to the number of résumés that use it, trash aside.';

insert into private.maintenance_jobs (name, description, repeat_every)
values ('template_usage', 'Count how many résumés use each template.', interval '1 hour')
on conflict (name) do nothing;
