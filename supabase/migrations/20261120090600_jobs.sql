-- Room: jobs
--
-- What lives here: the jobs somebody follows, from the advertisement to the offer: the tracker and
-- the job descriptions of the source designs in one. What is read out of a description is in
-- jobs_extracting.
-- Who may touch it: owners. They write everything but extracted_data and its status. Trash and
-- restore are RPC, because a policy hides trashed rows.
-- Tests: rlstests/test_jobs.py, rlstests/test_jobs_search.py

-- Tables --------------------------------------------------------------------------------------

create table public.jobs (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    title text not null check (char_length(title) between 1 and 200),
    company text check (char_length(company) <= 200),
    description text check (char_length(description) <= 50000),
    location text check (char_length(location) <= 200),
    salary_range text check (char_length(salary_range) <= 200),
    employment_type text check (char_length(employment_type) <= 100),
    source_url text check (char_length(source_url) <= 2000 and private.is_web_link(source_url)),
    status text not null default 'saved' check (
        status in ('saved', 'applied', 'interviewing', 'offered', 'rejected', 'accepted')
    ),
    status_changed_at timestamptz not null default now(),
    notes text check (char_length(notes) <= 20000),
    extracted_data jsonb check (
        jsonb_typeof(extracted_data) = 'object' and octet_length(extracted_data::text) <= 65536
    ),
    extract_status text not null default 'none' check (
        extract_status in ('none', 'pending', 'processing', 'completed', 'failed')
    ),
    extract_error text check (char_length(extract_error) <= 2000),
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- Any language: words as they are; a search for a prefix finds what a stem would.
    search tsvector not null generated always as (
        setweight(to_tsvector('simple', title), 'A')
        || setweight(to_tsvector('simple', coalesce(company, '')), 'B')
        || setweight(
            to_tsvector('simple', coalesce(location, '') || ' ' || coalesce(description, '')), 'C'
        )
        || setweight(to_tsvector('simple', coalesce(notes, '')), 'D')
    ) stored,
    constraint jobs_extracted_check check (
        extract_status <> 'completed' or extracted_data is not null
    ),
    -- What tenant-safe foreign keys of other tables point at.
    unique (user_id, id)
);
comment on table public.jobs is
    'Jobs a user follows: the advertisement, where the application stands, and notes.
Owners only; a trashed job is invisible until restore_job brings it back.';
comment on column public.jobs.description is 'The text of the advertisement.';
comment on column public.jobs.source_url is 'Where the advertisement was found: a web address.';
comment on column public.jobs.status_changed_at is 'When status last changed. System-written.';
comment on column public.jobs.extracted_data is
    'What the description asks for. System-written by request_job_extract:
{requiredSkills[], preferredSkills[], requiredExperience, education, responsibilities[], keywords[]}
of the description as it was then.';
comment on column public.jobs.extract_status is
    'none, pending (queued), processing, completed or failed. System-written.';
comment on column public.jobs.extract_error is
    'Why reading failed, in words for the user; null unless it did. System-written.';
comment on column public.jobs.deleted_at is 'When it was trashed. System-written by trash_job.';
comment on column public.jobs.search is
    'What search_jobs looks in: title first, then company, place and description, notes.';

create index jobs_search_idx on public.jobs using gin (search);
create index jobs_user_id_status_idx on public.jobs (user_id, status, updated_at desc)
where deleted_at is null;
create index jobs_user_id_updated_at_idx on public.jobs (user_id, updated_at desc)
where deleted_at is null;

alter table public.resumes
add constraint resumes_optimized_for_job_fkey
foreign key (user_id, optimized_for_job_id) references public.jobs (user_id, id)
on delete set null (optimized_for_job_id);
create index resumes_optimized_for_job_idx on public.resumes (user_id, optimized_for_job_id)
where optimized_for_job_id is not null;

-- Row level security ----------------------------------------------------------------------------

alter table public.jobs enable row level security;

create policy jobs_select_owner on public.jobs
for select to authenticated
using (user_id = (select auth.uid()) and deleted_at is null);

create policy jobs_insert_owner on public.jobs
for insert to authenticated
with check (
    user_id = (select auth.uid()) and deleted_at is null and (select private.is_active_user())
);

create policy jobs_update_owner on public.jobs
for update to authenticated
using (user_id = (select auth.uid()) and deleted_at is null)
with check (
    user_id = (select auth.uid()) and deleted_at is null and (select private.is_active_user())
);

-- Grants ----------------------------------------------------------------------------------------

grant select on public.jobs to authenticated, service_role;
grant insert (
    user_id, title, company, description, location, salary_range, employment_type, source_url,
    status, notes
) on public.jobs to authenticated;
grant update (
    title, company, description, location, salary_range, employment_type, source_url, status, notes
) on public.jobs to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.jobs
for each row execute function private.tg_set_updated_at();

create function private.tg_jobs__set_status_changed_at() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    new.status_changed_at := now();
    return new;
end;
$$;
comment on function private.tg_jobs__set_status_changed_at() is
    'Stamps a move on the board.';

create trigger _200_set_status_changed_at before update of status on public.jobs
for each row when (new.status is distinct from old.status)
execute function private.tg_jobs__set_status_changed_at();

create function private.tg_jobs__limit_number() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_max integer := private.config_integer('max_jobs', 1000);
    v_live integer;
    v_all integer;
begin
    -- Two inserts at once take turns, or both would see room for the last one.
    perform pg_advisory_xact_lock(hashtextextended('jobs:' || new.user_id, 0));
    select count(*) filter (where j.deleted_at is null), count(*) into v_live, v_all
    from public.jobs j
    where j.user_id = new.user_id;
    -- The trash has room for as many again.
    if v_live > v_max or v_all > 2 * v_max then
        raise sqlstate 'PT422' using
            message = format('%s jobs can be followed at once.', v_max),
            detail = jsonb_build_object('max_jobs', v_max)::text,
            hint = 'Put old ones into the trash. It has room for as many, and is emptied after '
                '30 days.';
    end if;
    return null;
end;
$$;
comment on function private.tg_jobs__limit_number() is
    'PT422 for one job more than global_config max_jobs, 1000 when it is not set.';

-- After, so that row level security has said no to strangers before anything is counted.
create trigger _800_limit_number after insert on public.jobs
for each row execute function private.tg_jobs__limit_number();
create trigger _800_limit_restored after update of deleted_at on public.jobs
for each row when (old.deleted_at is not null and new.deleted_at is null)
execute function private.tg_jobs__limit_number();

-- Trash and restore -----------------------------------------------------------------------------

create function private.set_job_trashed(p_job_id uuid, p_trashed boolean) returns public.jobs
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_job public.jobs;
begin
    perform private.lock_account(v_user_id);
    update public.jobs j
    set deleted_at = case when p_trashed then now() end
    where j.id = p_job_id and j.user_id = v_user_id and (j.deleted_at is null) = p_trashed
    returning * into v_job;
    if not found then
        perform private.raise_not_found('job', p_job_id);
    end if;
    return v_job;
end;
$$;
comment on function private.set_job_trashed(uuid, boolean) is
    'Moves a job of the caller into the trash or out of it. PT404 when there is none to move.';
grant execute on function private.set_job_trashed(uuid, boolean) to authenticated;

create function public.trash_job(p_job_id uuid) returns public.jobs
language sql
volatile
set search_path = ''
as $$
    select private.set_job_trashed(p_job_id, true);
$$;
comment on function public.trash_job(uuid) is
    'Puts a job into the trash: invisible everywhere, restorable for 30 days.';

create function public.restore_job(p_job_id uuid) returns public.jobs
language sql
volatile
set search_path = ''
as $$
    select private.set_job_trashed(p_job_id, false);
$$;
comment on function public.restore_job(uuid) is
    'Takes a job out of the trash. PT422 when you follow as many as you may.';

grant execute on function public.trash_job(uuid), public.restore_job(uuid) to authenticated;

-- Search and board ------------------------------------------------------------------------------

create function public.search_jobs(
    p_query text,
    p_limit integer default 20,
    p_offset integer default 0
) returns setof public.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
    v_query tsquery := private.search_query(p_query);
begin
    return query
    select j.*
    from public.jobs j
    where j.search @@ v_query
    order by ts_rank(j.search, v_query) desc, j.updated_at desc, j.id
    limit least(greatest(coalesce(p_limit, 20), 1), 100)
    offset greatest(coalesce(p_offset, 0), 0);
end;
$$;
comment on function public.search_jobs(text, integer, integer) is
    'Your jobs that match a query, best first. A query is read as search engines do: "exact words",
or, -without; a word also finds longer ones that begin with it.
1 to 100 jobs at a time; none for a query without words. PT400 beyond 500 characters.';
grant execute on function public.search_jobs(text, integer, integer) to authenticated;

create function public.job_board() returns table (status text, jobs bigint)
language sql
stable
set search_path = ''
as $$
    select s.status, count(j.id)
    from unnest('{saved,applied,interviewing,offered,rejected,accepted}'::text[])
        with ordinality as s (status, position)
    left join public.jobs j on j.status = s.status
    group by s.status, s.position
    order by s.position;
$$;
comment on function public.job_board() is
    'How many of your jobs are in each status: all six, in the order of an application.';
grant execute on function public.job_board() to authenticated;
