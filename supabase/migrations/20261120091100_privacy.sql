-- Room: privacy
--
-- What lives here: what a person may ask about the own account: a copy of everything, deletion, and
-- to change one's mind. privacy_purge deletes, privacy_retention keeps the periods, and
-- privacy_downloads removes the files of deleted downloads.
-- Who may touch it: everybody for the own account, also while its deletion is pending.
-- Tests: rlstests/test_privacy.py, rlstests/test_privacy_traces.py

-- Tables ----------------------------------------------------------------------------------------

create table private.account_purges (
    user_id uuid primary key references public.profiles (id) on delete cascade,
    confirmed_at timestamptz not null default now()
);
comment on table private.account_purges is
    'Accounts whose files are being deleted right now: there is no way back any more.';
select private.close_table('private.account_purges');

create index profiles_deleted_at_idx on public.profiles (deleted_at)
where deleted_at is not null;

-- Who asks --------------------------------------------------------------------------------------

create function private.require_account() returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := auth.uid();
begin
    if v_user_id is null then
        raise sqlstate 'PT401' using
            message = 'You are not signed in.',
            hint = 'Sign in and send the access token.';
    end if;
    if not exists (select 1 from public.profiles p where p.id = v_user_id and p.is_active) then
        raise sqlstate 'PT403' using
            message = format('The account %s is blocked.', v_user_id),
            hint = 'Contact support.';
    end if;
    return v_user_id;
end;
$$;
comment on function private.require_account() is
    'The caller''s id, also while the deletion of the account is pending.
PT401 when nobody is signed in, PT403 for a blocked account.';

-- A copy of everything --------------------------------------------------------------------------

create function private.personal_relations() returns table (name text, key_column text)
language sql
stable
set search_path = ''
as $$
    -- From the catalogue, so that a table made later is in the copy without anybody thinking of it.
    -- audit_logs and system_events hold what others did as well: they have a section of their own.
    select distinct on (c.relname) c.relname, a.attname
    from pg_catalog.pg_class c
    inner join pg_catalog.pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace
        and c.relkind in ('r', 'p') and not c.relispartition
        and a.attname in ('user_id', 'owner_id') and a.atttypid = 'uuid'::regtype
        and c.relname not in ('audit_logs', 'system_events')
    order by c.relname, a.attname desc;
$$;
comment on function private.personal_relations() is
    'Every table of public whose rows belong to a user, and the column that says to whom.';

create function private.export_rows(p_name text, p_key_column text, p_user_id uuid) returns json
language plpgsql
stable
set search_path = ''
as $$
declare
    v_columns text;
    v_rows json;
begin
    -- Generated columns repeat what the others say.
    select string_agg(format('t.%I', a.attname), ', ' order by a.attnum) into strict v_columns
    from pg_catalog.pg_attribute a
    where a.attrelid = format('public.%I', p_name)::regclass
        and a.attnum > 0 and not a.attisdropped and a.attgenerated = '';
    execute format(
        'select coalesce(json_agg(r), ''[]'') from (select %s from public.%I t where t.%I = $1) r',
        v_columns, p_name, p_key_column
    )
    into v_rows
    using p_user_id;
    return v_rows;
end;
$$;
comment on function private.export_rows(text, text, uuid) is
    'The rows of one user in one table, trashed ones included.';

create function private.export_files(p_user_id uuid) returns json
language sql
stable
set search_path = ''
as $$
    select coalesce(json_object_agg(b.bucket_id, b.files), '{}')
    from (
        select o.bucket_id, json_agg(
            json_build_object(
                'name', o.name,
                'size', o.metadata -> 'size',
                'mime_type', o.metadata -> 'mimetype',
                'created_at', o.created_at
            )
            order by o.name
        ) as files
        from storage.objects o
        where o.name like p_user_id::text || '/%'
        group by o.bucket_id
        order by o.bucket_id
    ) b;
$$;
comment on function private.export_files(uuid) is
    'The files in a user''s folders, by bucket. Download them through the Storage API.';

create function private.export_history(p_user_id uuid) returns json
language sql
stable
set search_path = ''
as $$
    -- What I did to others is mine, what it was about is theirs; so is the address of whoever did
    -- something to me.
    select coalesce(
        json_agg(
            json_build_object(
                'action', l.action,
                'entity_type', l.entity_type,
                'entity_id', case when l.owner_id = p_user_id then l.entity_id end,
                'changes', case when l.owner_id = p_user_id then l.changes end,
                'ip_address', case when l.user_id = p_user_id then host(l.ip_address) end,
                'user_agent', case when l.user_id = p_user_id then l.user_agent end,
                'created_at', l.created_at
            )
            order by l.created_at
        ),
        '[]'
    )
    from public.audit_logs l
    where l.owner_id = p_user_id or l.user_id = p_user_id;
$$;
comment on function private.export_history(uuid) is
    'The audit entries about a user. What was masked when it was written stays masked.';

create function private.export_events(p_user_id uuid) returns json
language sql
stable
set search_path = ''
as $$
    select coalesce(
        json_agg(
            json_build_object(
                -- Whom an admin had to do with is theirs to know.
                'event_type', e.event_type,
                'event_data', e.event_data - '{opened,account_id}'::text[],
                'ip_address', host(e.ip_address), 'user_agent', e.user_agent,
                'created_at', e.created_at
            )
            order by e.created_at
        ),
        '[]'
    )
    from public.system_events e
    where e.user_id = p_user_id;
$$;
comment on function private.export_events(uuid) is 'The system events about a user.';

create function private.export_my_data() returns json
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_account();
begin
    perform private.limit_rate('export_data');
    return json_build_object(
        'exported_at', now(),
        'account', (
            select json_build_object(
                'id', u.id, 'email', u.email, 'phone', u.phone, 'metadata', u.raw_user_meta_data,
                'created_at', u.created_at, 'last_sign_in_at', u.last_sign_in_at
            )
            from auth.users u
            where u.id = v_user_id
        ),
        'profile', (select to_json(p) from public.profiles p where p.id = v_user_id),
        'tables', (
            select json_object_agg(
                r.name, private.export_rows(r.name, r.key_column, v_user_id) order by r.name
            )
            from private.personal_relations() r
        ),
        'files', private.export_files(v_user_id),
        'audit_logs', private.export_history(v_user_id),
        'system_events', private.export_events(v_user_id)
    );
end;
$$;
comment on function private.export_my_data() is
    'Collects everything about the caller; see public.export_my_data.';
grant execute on function private.export_my_data() to authenticated;

create function public.export_my_data() returns json
language sql
volatile
set search_path = ''
as $$
    select private.export_my_data();
$$;
comment on function public.export_my_data() is
    'Everything about you as one JSON: account, profile, tables {name: rows}, files {bucket: list},
audit_logs and system_events. Trashed rows are in it. PT429 when you ask too often.';
grant execute on function public.export_my_data() to authenticated;

-- Leaving, and staying after all ----------------------------------------------------------------

create function private.deletion_period() returns interval
language sql
stable
set search_path = ''
as $$
    select make_interval(
        days => greatest(private.config_integer('account_deletion_days', 30), 0)
    );
$$;
comment on function private.deletion_period() is
    'How long a user may change their mind: global_config account_deletion_days.';

create function private.request_account_deletion() returns timestamptz
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_account();
    v_deleted_at timestamptz;
begin
    update public.profiles p
    set deleted_at = now()
    where p.id = v_user_id and p.deleted_at is null
    returning p.deleted_at into v_deleted_at;
    if found then
        perform private.record_event('account.deletion_requested', '{}', v_user_id);
    else
        -- Asked before: the time that was promised stands.
        select p.deleted_at into v_deleted_at from public.profiles p where p.id = v_user_id;
    end if;
    return v_deleted_at + private.deletion_period();
end;
$$;
comment on function private.request_account_deletion() is
    'Marks the caller''s account; see public.request_account_deletion.';
grant execute on function private.request_account_deletion() to authenticated;

create function public.request_account_deletion() returns timestamptz
language sql
volatile
set search_path = ''
as $$
    select private.request_account_deletion();
$$;
comment on function public.request_account_deletion() is
    'Asks for your account and everything in it to be deleted. Returns from when on that happens.
Until then the account reads and deletes but writes nothing, export_my_data works, and
cancel_account_deletion brings it back. Asking again changes nothing.';
grant execute on function public.request_account_deletion() to authenticated;

create function private.cancel_account_deletion() returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_account();
begin
    -- Takes turns with the worker that confirms the purge.
    perform 1 from public.profiles p where p.id = v_user_id for no key update;
    if exists (select 1 from private.account_purges a where a.user_id = v_user_id) then
        raise sqlstate 'PT409' using
            message = format('The account %s is being deleted.', v_user_id),
            hint = 'Its files are gone already. Sign up again to start anew.';
    end if;
    update public.profiles p
    set deleted_at = null
    where p.id = v_user_id and p.deleted_at is not null;
    if not found then
        return false;
    end if;
    perform private.record_event('account.deletion_cancelled', '{}', v_user_id);
    return true;
end;
$$;
comment on function private.cancel_account_deletion() is
    'Keeps the caller''s account; see public.cancel_account_deletion.';
grant execute on function private.cancel_account_deletion() to authenticated;

create function public.cancel_account_deletion() returns boolean
language sql
volatile
set search_path = ''
as $$
    select private.cancel_account_deletion();
$$;
comment on function public.cancel_account_deletion() is
    'Keeps the account after all: everything is as before. False when no deletion was asked for.
PT409 once the deletion has begun.';
grant execute on function public.cancel_account_deletion() to authenticated;
