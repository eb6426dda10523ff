-- Room: example
--
-- Modern SQL of the kind the rooms are made of; the linter must accept every line.

create extension if not exists pgcrypto with schema extensions;
create schema if not exists private;
alter default privileges revoke execute on functions from public;
alter default privileges in schema public revoke all on tables from anon, authenticated;
alter default privileges for role postgres in schema public
    revoke all on functions from anon, authenticated, service_role;

create type public.parse_status as enum ('none', 'pending', 'processing', 'completed', 'failed');
create domain public.slug as text check (value ~ '^[a-z0-9-]{1,80}$');
create sequence private.order_seq as bigint increment by 1;

create table public.resumes (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    template_id uuid references public.resume_templates (id) on delete set null,
    title text not null default 'Untitled' check (char_length(title) between 1 and 200),
    name text,
    role text,
    location text,
    tags text[] not null default '{}',
    matrix int[][],
    content jsonb not null default '{}'::jsonb check (jsonb_typeof(content) = 'object'),
    parse_status public.parse_status not null default 'none',
    score numeric(5, 2) check (score between 0 and 100),
    search tsvector generated always as (
        setweight(to_tsvector('simple', coalesce(title, '')), 'A')
        || setweight(to_tsvector('simple', coalesce(content ->> 'summary', '')), 'B')
    ) stored,
    period daterange,
    number bigint generated always as identity,
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint resumes_user_id_id_key unique (user_id, id),
    constraint resumes_period_excl exclude using gist (user_id with =, period with &&),
    foreign key (user_id, parent_id) references public.resumes (user_id, id)
        on delete set null (parent_id),
    unique nulls not distinct (user_id, title),
    check ((deleted_at is null) = (parse_status <> 'failed'))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

comment on table public.resumes is
    'One résumé. The first line is the summary.';
comment on column public.resumes.content is
    'The document as edited: personalInfo, summary, experience. '
    'At most 256 KiB.';

create unlogged table private.rate_limits (
    key text not null,
    window_start timestamptz not null,
    used integer not null default 0 check (used >= 0),
    primary key (key, window_start)
);

create table public.usage_events (
    id bigint generated always as identity,
    created_at timestamptz not null default now(),
    primary key (id, created_at)
) partition by range (created_at);
create table public.usage_events_2026_11 partition of public.usage_events
    for values from ('2026-11-01') to ('2026-12-01');
create table public.usage_events_default partition of public.usage_events default;

create index resumes_live_idx on public.resumes (user_id, updated_at desc) where deleted_at is null;
create index resumes_search_idx on public.resumes using gin (search);
create index resumes_skills_idx on public.resumes using gin ((content -> 'skills') jsonb_path_ops);
create unique index resumes_share_slug_idx on public.resumes (lower(title)) include (id)
where deleted_at is null;
create index concurrently if not exists a_idx on public.resumes (score desc nulls last);

create function private.is_admin() returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select exists (select 1 from public.admin_users a where a.user_id = (select auth.uid()));
$$;

create or replace function private.tg_resumes__touch() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_now timestamptz := now();
begin
    if new is distinct from old then
        new.updated_at := v_now;
    end if;
    raise sqlstate 'PT404' using message = 'no', detail = 'x', hint = format('%s', new.id);
    return new;
exception
    when unique_violation then
        return null;
end;
$$;

create function private.pick(p_ids uuid[], variadic p_names text[] default '{}')
returns table (id uuid, name text)
language sql
immutable parallel safe strict
return p_ids[1];

create function public.add(a integer, b integer) returns integer
language sql
immutable
begin atomic
    select a + b;
end;

create procedure private.run_all(p_dry_run boolean default false)
language plpgsql
as $$ begin commit; end; $$;

do $$
begin
    if exists (select 1 from pg_available_extensions where name = 'pg_cron') then
        execute 'create extension if not exists pg_cron';
    end if;
end;
$$;

alter table public.resumes enable row level security;
alter table public.resumes force row level security;
create policy resumes_select_owner on public.resumes
    for select to authenticated
    using (user_id = (select auth.uid()) and deleted_at is null);
create policy resumes_insert_owner on public.resumes
    for insert to authenticated
    with check (user_id = (select auth.uid()));
create policy resumes_update_owner on public.resumes for update to authenticated
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()));
create policy resumes_objects on storage.objects
    for insert to authenticated
    with check (
        bucket_id = 'resumes'
        and (storage.foldername(name))[1] = (select auth.uid())::text
        and name ~ ('^' || (select auth.uid())::text || '/[0-9a-f-]{36}\.(pdf|docx)$')
    );
comment on policy resumes_select_owner on public.resumes is 'A trashed résumé is invisible.';

grant select on public.resumes to authenticated;
grant insert (title, content), update (title, content) on public.resumes to authenticated;
revoke execute on function private.is_admin() from public;
grant execute on function private.is_admin() to authenticated, service_role;
grant usage, select on all sequences in schema public to service_role;
grant usage on schema worker to service_role;

create trigger _100_touch before update on public.resumes
    for each row when (old.content is distinct from new.content)
    execute function private.tg_resumes__touch();
create constraint trigger _900_check after insert on public.resumes
    deferrable initially deferred
    for each row execute function private.tg_resumes__touch();
create trigger on_auth_user_created after insert or update of email on auth.users
for each row execute function private.tg_resumes__touch();

create view public.usage_tracking with (security_invoker = true) as
select
    c.user_id,
    c.period_key as month,
    coalesce(sum(c.used) filter (where c.meter = 'interview'), 0) as interviews_used,
    max(c.used) over (partition by c.user_id order by c.period_key desc) as peak
from public.usage_counters c
join public.profiles p on p.id = c.user_id
left join lateral (
    select s.plan from public.subscriptions s where s.user_id = p.id order by s.created_at limit 1
) s on true
where c.period_type = 'month'
group by c.user_id, c.period_key, c.used;

create materialized view private.stats as
with recent as materialized (
    select user_id, count(*) as n from public.usage_events group by user_id
)
select r.user_id, r.n, u.email, e.item
from recent r
join auth.users u using (id)
cross join lateral jsonb_array_elements(u.meta -> 'list') with ordinality as e (item, place)
where r.n > 3 and (u.meta ->> 'name') is not null and u.meta @> '{"a": 1}' and u.meta ? 'key';

insert into public.plans (code, name, tier_rank, description) values
('free', 'Free', 0, 'What everybody starts with.'),
('pro', 'Pro', 20, 'Ten interviews a month.')
on conflict (code) do update set
    name = excluded.name,
    description = excluded.description
where plans.name is distinct from excluded.name;

insert into public.plan_limits (plan, meter, period, max_uses) values
    ('free', 'ai', 'lifetime', 5),
    ('free', 'analysis', 'day', null)
on conflict do nothing;

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('resumes', 'resumes', false, 10485760, array['application/pdf'])
on conflict (id) do nothing;

insert into public.user_preferences (user_id)
select u.id, coalesce(u.name, 'x') from auth.users u where not exists (select from public.x);

update public.profiles p
set subscription_tier = 'pro', updated_at = now()
from public.subscriptions s
where s.user_id = p.id and s.status in ('active', 'trialing');

with due as (
    select t.id
    from queue.tasks t
    where t.run_at <= now() and t.kind = any(array['a', 'b'])
    order by t.priority, t.run_at
    limit 20
    for update skip locked
)
update queue.tasks t
set lease_token = gen_random_uuid(), lease_expires_at = now() + make_interval(secs => 30)
from due
where t.id = due.id
returning t.*;

delete from queue.tasks t using due d where d.id = t.id;

merge into public.usage_counters as c
using (values ('a', 1)) as v (meter, used) on c.meter = v.meter
when matched then update set used = c.used + v.used
when not matched then insert (meter, used) values (v.meter, v.used);

select private.ensure_partition('public.usage_events', date_trunc('month', now())::date);
select a.x, b.y from public.a a, public.b b where a.id = b.id and a.at at time zone 'UTC' > now();
alter table public.profiles
    add constraint profiles_active_resume_fkey
    foreign key (id, active_resume_id) references public.resumes (user_id, id)
    on delete set null (active_resume_id);
alter publication supabase_realtime add table public.resumes;
alter table public.resumes replica identity full;
alter function private.is_admin() owner to postgres;
alter role authenticated set statement_timeout = '8s';
notify pgrst, 'reload schema';
create statistics private.s (dependencies) on user_id, title from public.resumes;
comment on function private.pick(uuid[], text[]) is
    'x';
insert into public.counters (user_id, used)
select coalesce(p.id, auth.uid()), p.used, count(*) from public.profiles p group by p.id, p.used;
