-- Room: platform, second part: who changed what.
--
-- What lives here: audit_logs, and the trigger that writes it. A room says which of its tables are
-- audited by calling private.audit_table beside the table.
-- Who may touch it: admins read. Only the trigger and the purge of an account write.
-- Tests: rlstests/test_platform_audit.py

-- Tables ----------------------------------------------------------------------------------------

create table public.audit_logs (
    id uuid not null default gen_random_uuid(),
    user_id uuid references public.profiles (id) on delete set null,
    actor_role text not null,
    owner_id uuid,
    action text not null,
    entity_type text not null,
    entity_id text not null,
    changes jsonb,
    ip_address inet,
    user_agent text,
    created_at timestamptz not null default now(),
    primary key (id, created_at)
) partition by range (created_at);
comment on table public.audit_logs is
    'Who changed what: one row per change of an audited table, append-only. Admins read.';
comment on column public.audit_logs.user_id is
    'Who did it, by the access token. Null for the system, and once the account is gone.';
comment on column public.audit_logs.actor_role is 'The database role that did it.';
comment on column public.audit_logs.owner_id is
    'Whose data it was. No foreign key: it outlives the account, as a number without a name.';
comment on column public.audit_logs.entity_id is
    'Its primary key; the values of several columns have colons between them.';
comment on column public.audit_logs.action is
    '<table>.insert, .update or .delete; account.purge for the last trace of an account.';
comment on column public.audit_logs.changes is
    '{before: {…}, after: {…}} with the changed keys only; secrets are masked.';
comment on column public.audit_logs.ip_address is 'As the request headers say; clients can lie.';
create index audit_logs_user_id_idx on public.audit_logs (user_id, created_at desc);
create index audit_logs_owner_id_idx on public.audit_logs (owner_id);
create index audit_logs_entity_idx on public.audit_logs (entity_type, entity_id, created_at desc);
create index audit_logs_created_at_idx on public.audit_logs (created_at);

create table private.audit_logs_default partition of public.audit_logs default;
select private.close_table('private.audit_logs_default');
select private.ensure_month_partition('public.audit_logs', 'created_at', current_date);

-- Row level security ----------------------------------------------------------------------------

alter table public.audit_logs enable row level security;

create policy audit_logs_select_admin on public.audit_logs
for select to authenticated
using ((select private.is_admin()));

grant select on public.audit_logs to authenticated, service_role;

-- Request facts ---------------------------------------------------------------------------------

create function private.request_header(p_name text) returns text
language plpgsql
stable
set search_path = ''
as $$
begin
    return nullif(current_setting('request.headers', true), '')::jsonb ->> p_name;
exception when data_exception then
    -- No JSON, or JSON that Postgres cannot hold: nothing a client sends may break a write.
    return null;
end;
$$;
comment on function private.request_header(text) is
    'A header of the HTTP request, by its lower-case name; null outside of one.';

create function private.request_ip() returns inet
language plpgsql
stable
set search_path = ''
as $$
declare
    v_address text := coalesce(
        nullif(btrim(private.request_header('cf-connecting-ip')), ''),
        split_part(private.request_header('x-forwarded-for'), ',', 1)
    );
begin
    return nullif(btrim(v_address), '')::inet;
exception when data_exception then
    return null;
end;
$$;
comment on function private.request_ip() is
    'The address the request says it came from; null when it says none, or nonsense.';

create function private.request_network() returns text
language sql
stable
set search_path = ''
as $$
    -- Whoever has one address of IPv6 has the 64 bits below it as well. The others are IPv4
    -- addresses, some of them written as IPv6.
    select case
        when family(a.ip) = 6 and not a.ip <<= '::ffff:0:0/96'
            then network(set_masklen(a.ip, 64))::text
        else host(a.ip)
    end
    from private.request_ip() as a (ip);
$$;
comment on function private.request_network() is
    'Where a request came from, as one caller: its IPv4 address, or the /64 of its IPv6 address.';

-- The trigger -----------------------------------------------------------------------------------

create function private.changed_keys(p_before jsonb, p_after jsonb, p_ignored text[])
returns text[]
language sql
immutable
set search_path = ''
as $$
    select coalesce(array_agg(k.key order by k.key), '{}')
    from jsonb_object_keys(coalesce(p_after, p_before)) as k (key)
    where k.key <> all(p_ignored)
        and (p_before -> k.key) is distinct from (p_after -> k.key);
$$;
comment on function private.changed_keys(jsonb, jsonb, text[]) is
    'The keys whose values differ between two rows, without the ignored ones.';

create function private.pick_keys(p_row jsonb, p_keys text[], p_masked text[]) returns jsonb
language sql
immutable
set search_path = ''
as $$
    select coalesce(
        jsonb_object_agg(
            k.key, case when k.key = any(p_masked) then '"[masked]"' else p_row -> k.key end
        ),
        '{}'
    )
    from unnest(p_keys) as k (key)
    where p_row is not null;
$$;
comment on function private.pick_keys(jsonb, text[], text[]) is
    'These keys of a row; the values of masked ones read "[masked]".';

create function private.tg_audit() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    v_after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    v_row jsonb := coalesce(v_after, v_before);
    v_ignored text[] := tg_argv[1]::text[] || '{created_at,updated_at}'::text[];
    v_masked text[] := tg_argv[2]::text[];
    v_keys text[] := private.changed_keys(v_before, v_after, v_ignored);
    v_owner_id uuid := case
        when tg_table_name = 'profiles' then v_row ->> 'id' else v_row ->> 'user_id'
    end;
begin
    if v_keys = '{}' then
        return null;
    end if;
    -- A row that goes with its account leaves no values behind.
    if tg_op = 'DELETE' and v_owner_id is not null
        and not exists (select 1 from public.profiles p where p.id = v_owner_id) then
        v_keys := '{}';
    end if;
    insert into public.audit_logs
    (user_id, actor_role, owner_id, action, entity_type, entity_id, changes, ip_address, user_agent)
    values (
        (select p.id from public.profiles p where p.id = (select auth.uid())),
        -- Inside a definer function current_user is its owner; the setting is who came in.
        coalesce(nullif(current_setting('role', true), 'none'), session_user),
        v_owner_id,
        tg_table_name || '.' || lower(tg_op),
        tg_table_name,
        (
            select coalesce(string_agg(v_row ->> k.name, ':' order by k.position), '')
            from unnest(string_to_array(tg_argv[0], ',')) with ordinality as k (name, position)
        ),
        jsonb_build_object(
            'before', private.pick_keys(v_before, v_keys, v_masked),
            'after', private.pick_keys(v_after, v_keys, v_masked)
        ),
        private.request_ip(),
        left(private.request_header('user-agent'), 500)
    );
    return null;
end;
$$;
comment on function private.tg_audit() is
    'Writes one audit row for a change. Arguments: key columns, ignored columns, masked columns.';

create function private.audit_table(
    p_table regclass,
    p_key text,
    p_ignored text[] default '{}',
    p_masked text[] default '{}'
) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    execute format(
        'create trigger _900_audit after insert or update or delete on %s '
        'for each row execute function private.tg_audit(%L, %L, %L)',
        p_table, p_key, p_ignored, p_masked
    );
end;
$$;
comment on function private.audit_table(regclass, text, text[], text[]) is
    'Audits a table. p_key names the columns that identify a row, with commas between; entity_id has
their values, with colons. A change of ignored columns alone writes nothing; values of masked ones
are not kept.';

create function private.tg_audit_logs__guard_history() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_personal text[] := '{user_id,changes,ip_address,user_agent}';
begin
    -- Forgetting a person is the only change: these become null as a whole, nothing else moves.
    if (to_jsonb(new) - v_personal) is not distinct from (to_jsonb(old) - v_personal)
        and (new.user_id is null or new.user_id = old.user_id)
        and (new.changes is null or new.changes = old.changes)
        and (new.ip_address is null or new.ip_address = old.ip_address)
        and (new.user_agent is null or new.user_agent = old.user_agent)
    then
        return new;
    end if;
    raise exception 'Audit entry % is history and cannot change.', old.id;
end;
$$;
comment on function private.tg_audit_logs__guard_history() is
    'Keeps the audit log append-only, but for forgetting who a deleted account was.';

create trigger _100_guard_history before update on public.audit_logs
for each row execute function private.tg_audit_logs__guard_history();

-- The tables of room identity, which comes before this one.
select private.audit_table('public.profiles', 'id', '{email}');
select private.audit_table('public.admin_users', 'user_id');
select private.audit_table('public.global_config', 'key');
