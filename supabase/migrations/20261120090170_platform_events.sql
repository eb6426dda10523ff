-- Room: platform, third part: what happened, and what people say about the product.
--
-- What lives here: system_events, written by record_event; feedback, written by clients.
-- Who may touch it: admins read events; everybody writes feedback, a few times an hour, and reads
-- the own.
-- Tests: rlstests/test_platform_events.py

-- Tables ----------------------------------------------------------------------------------------

create table public.system_events (
    id uuid not null default gen_random_uuid(),
    event_type text not null check (event_type ~ '^[a-z][a-z0-9_.]{1,79}$'),
    severity text not null default 'info' check (severity in ('info', 'warning', 'error')),
    event_data jsonb not null default '{}' check (
        jsonb_typeof(event_data) = 'object' and octet_length(event_data::text) <= 16384
    ),
    user_id uuid references public.profiles (id) on delete set null,
    ip_address inet,
    user_agent text check (char_length(user_agent) <= 500),
    created_at timestamptz not null default now(),
    primary key (id, created_at)
) partition by range (created_at);
comment on table public.system_events is
    'What the system did or met with, such as maintenance.failed. System-written; admins read.';
comment on column public.system_events.event_type is
    '<what>.<happened> in lower case, such as account.deletion_requested.';
comment on column public.system_events.event_data is
    'Facts for an operator. Ids and counts, never what a user wrote.';
comment on column public.system_events.user_id is
    'Whom it is about. Null for the system, and once the account is gone.';
comment on column public.system_events.ip_address is
    'As the request headers say; clients can lie.';
create index system_events_user_id_idx on public.system_events (user_id)
where user_id is not null;
create index system_events_type_idx on public.system_events (event_type, created_at desc);
create index system_events_created_at_idx on public.system_events (created_at);

create table private.system_events_default partition of public.system_events default;
select private.close_table('private.system_events_default');
select private.ensure_month_partition('public.system_events', 'created_at', current_date);

create table public.feedback (
    id uuid primary key default gen_random_uuid(),
    user_id uuid default auth.uid() references public.profiles (id) on delete set null,
    content text not null check (char_length(content) between 10 and 5000),
    category text not null default 'general' check (
        category in ('bug', 'feature_request', 'general', 'praise', 'complaint')
    ),
    context jsonb not null default '{}' check (
        jsonb_typeof(context) = 'object'
        and private.has_short_numbers(context)
        and octet_length(context::text) <= 16384
    ),
    created_at timestamptz not null default now()
);
comment on table public.feedback is
    'What users say about the product. Written once; owners read theirs, admins report_feedback.
global_config rate_limits.feedback says how often: PT429 when it is too often.';
comment on column public.feedback.user_id is 'Null once the account is gone: the words stay.';
comment on column public.feedback.content is '10 to 5000 characters.';
comment on column public.feedback.context is
    'Where it was said: page, version, browser, as the client likes. At most 16 KiB.';
create index feedback_user_id_idx on public.feedback (user_id, created_at desc);
create index feedback_created_at_idx on public.feedback (created_at desc);

-- Row level security ----------------------------------------------------------------------------

alter table public.system_events enable row level security;
alter table public.feedback enable row level security;

create policy system_events_select_admin on public.system_events
for select to authenticated
using ((select private.is_admin()));

create policy feedback_select_owner on public.feedback
for select to authenticated
using (user_id = (select auth.uid()));

create policy feedback_insert_owner on public.feedback
for insert to authenticated
with check (user_id = (select auth.uid()) and (select private.is_active_user()));

-- Grants ----------------------------------------------------------------------------------------

grant select on public.system_events to authenticated, service_role;
grant select on public.feedback to authenticated, service_role;
grant insert (user_id, content, category, context) on public.feedback to authenticated;

-- Triggers --------------------------------------------------------------------------------------

create function private.tg_feedback__limit_rate() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    -- Per row, not per statement: an insert of many rows is a flood as well.
    if auth.uid() is not null then
        perform private.limit_rate('feedback');
    end if;
    return new;
end;
$$;
comment on function private.tg_feedback__limit_rate() is
    'Keeps a signed-in user from flooding the table. PT429 when it is too often.';

create trigger _100_limit_rate before insert on public.feedback
for each row execute function private.tg_feedback__limit_rate();

-- Inside the database ---------------------------------------------------------------------------

create function private.record_event(
    p_event_type text,
    p_event_data jsonb default '{}',
    p_user_id uuid default null,
    p_severity text default 'info'
) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_data jsonb := coalesce(p_event_data, '{}');
    -- Users get a copy of the events about them: where our workers are is not for them.
    v_is_worker boolean := current_setting('role', true) is not distinct from 'service_role';
begin
    -- Whoever records an event is busy with something else: odd data must not stop that.
    if jsonb_typeof(v_data) is distinct from 'object' then
        v_data := jsonb_build_object('value', v_data);
    end if;
    if octet_length(v_data::text) > 16384 then
        v_data := jsonb_build_object('cut', left(v_data::text, 4000));
    end if;
    insert into public.system_events
    (event_type, severity, event_data, user_id, ip_address, user_agent)
    values (
        p_event_type,
        p_severity,
        v_data,
        (select p.id from public.profiles p where p.id = p_user_id),
        case when not v_is_worker then private.request_ip() end,
        case when not v_is_worker then left(private.request_header('user-agent'), 500) end
    );
end;
$$;
comment on function private.record_event(text, jsonb, uuid, text) is
    'Writes a system event, with address and agent of the request there may be, unless a worker made
it. Data that is too large is cut, an unknown user is left out.';
