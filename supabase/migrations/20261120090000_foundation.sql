-- Room: foundation
--
-- What lives here: the schemas, the rule that nothing is reachable by default, and the small
-- helpers that every other room uses.
-- Who may touch it: nobody. Each room grants what it opens, beside the object it opens.
-- Tests: rlstests/test_foundation.py

-- Schemas -----------------------------------------------------------------------------------

create schema if not exists extensions;

create schema private;
comment on schema private is
    'Predicates, triggers and business functions. Not exposed by the Data API.';

create schema queue;
comment on schema queue is
    'The task queue. Reached through the functions of schema worker only.';

create schema worker;
comment on schema worker is
    'Functions for the workers, called with the secret key. No other role may use them.';

-- Nothing is reachable by default -----------------------------------------------------------
-- Projects differ in what they grant on new objects: until October 2026 a hosted project opened
-- every new table of public to the API roles. These lines make all of them behave alike, and
-- every room then grants explicitly.

-- EXECUTE for public is built into Postgres; a per-schema revoke does not undo it, this does.
alter default privileges revoke execute on functions from public;
alter default privileges in schema public
revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public
revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public
revoke all on functions from anon, authenticated, service_role;

revoke create on schema public from public;
grant usage on schema public to anon, authenticated, service_role;

-- Policies, and the invoker functions of public, call functions of private as the signed-in user.
grant usage on schema private to authenticated;
grant usage on schema worker to service_role;

-- Helpers -----------------------------------------------------------------------------------

create function private.is_web_link(p_link text) returns boolean
language sql
immutable
set search_path = ''
as $$
    -- Anything but http(s) could become a script when a page puts it into an href. Browsers drop
    -- control characters inside a scheme, so a link must not have any.
    select p_link !~ '[[:cntrl:]]'
        and (p_link ~* '^https?://' or p_link !~ '^[[:space:]]*[A-Za-z][A-Za-z0-9+.-]*:');
$$;
comment on function private.is_web_link(text) is
    'True for an http or https address, or one without a scheme such as github.com/ada.';
-- CHECK constraints run with the rights of whoever writes the row.
grant execute on function private.is_web_link(text) to authenticated, service_role;

create function private.has_short_numbers(p_value jsonb) returns boolean
language sql
immutable
set search_path = ''
as $$
    -- 1e131071 is nine bytes of a request and 128 KiB of text: looking at the text of some thousand
    -- of them, if only to find it too long, takes gigabytes. The first one ends this search.
    select not exists (
        select 1
        from jsonb_path_query(p_value, 'strict $.** ? (@.type() == "number")') as n (value)
        where octet_length(n.value #>> '{}') > 100
    );
$$;
comment on function private.has_short_numbers(jsonb) is
    'True unless a number in it has more than 100 characters when it is written out.
Check it before the size of any JSON that a client sends.';
-- CHECK constraints run with the rights of whoever writes the row.
grant execute on function private.has_short_numbers(jsonb) to authenticated, service_role;

create function private.is_custom_limits(p_limits jsonb) returns boolean
language sql
immutable
set search_path = ''
as $$
    -- A case keeps jsonb_each from seeing what is no object.
    select jsonb_typeof(p_limits) = 'object' and not exists (
        select 1
        from jsonb_each(case jsonb_typeof(p_limits) when 'object' then p_limits else '{}' end)
            as m (meter, periods)
        left join lateral jsonb_each(
            case jsonb_typeof(m.periods) when 'object' then m.periods else '{}' end
        ) as l (period, max_uses) on true
        where (
            m.meter ~ '^[a-z][a-z0-9_]{1,39}$'
            and jsonb_typeof(m.periods) = 'object'
            and m.periods <> '{}'
            and l.period in ('day', 'month', 'lifetime')
            and (l.max_uses = 'null' or l.max_uses::text ~ '^[0-9]{1,9}$')
        ) is not true
    );
$$;
comment on function private.is_custom_limits(jsonb) is
    'True for {meter: {day|month|lifetime: whole number or null}}; null means unlimited.';
-- CHECK constraints run with the rights of whoever writes the row.
grant execute on function private.is_custom_limits(jsonb) to authenticated, service_role;

create function private.tg_set_updated_at() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    if new is distinct from old then
        new.updated_at := now();
    end if;
    return new;
end;
$$;
comment on function private.tg_set_updated_at() is
    'Stamps updated_at when a row really changes.';

create function private.close_table(p_table regclass) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    execute format('alter table %s enable row level security', p_table);
    execute format(
        'create policy %I on %s for all to public using (false) with check (false)',
        (select c.relname from pg_catalog.pg_class c where c.oid = p_table) || '_all_nobody',
        p_table
    );
end;
$$;
comment on function private.close_table(regclass) is
    'Closes a table that only functions use: row level security, and a policy that admits nobody.';

create function private.raise_not_found(p_what text, p_id uuid) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    -- The same answer for a missing one and for a stranger's.
    raise sqlstate 'PT404' using
        message = format('There is no %s %s.', p_what, coalesce(p_id::text, 'without an id')),
        hint = format('Use the id of a %s of your own; one in the trash must be restored first.',
            p_what);
end;
$$;
comment on function private.raise_not_found(text, uuid) is
    'PT404 for a missing or foreign row; p_what names its kind in words.';

create function private.raise_malformed_result(p_expected text) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    raise sqlstate 'PT422' using
        message = 'The result of this task is malformed.',
        hint = format('Send %s.', p_expected);
end;
$$;
comment on function private.raise_malformed_result(text) is
    'PT422 for a worker that sends a result of the wrong shape.';

-- Monthly partitions --------------------------------------------------------------------------

create function private.ensure_month_partition(
    p_parent regclass,
    p_key text,
    p_month date
) returns boolean
language plpgsql
volatile
set search_path = ''
-- Attaching waits for readers, and readers wait behind it: rather give up and come again.
set lock_timeout = '500ms'
as $$
declare
    v_stem text;
    v_name text;
    v_columns text;
    v_from date := date_trunc('month', p_month)::date;
    v_to date := (date_trunc('month', p_month) + interval '1 month')::date;
begin
    select c.relname into strict v_stem
    from pg_catalog.pg_class c
    where c.oid = p_parent;
    v_name := v_stem || '_' || to_char(v_from, 'YYYY_MM');

    if to_regclass(format('private.%I', v_name)) is not null then
        return false;
    end if;

    -- Rows that came before their partition wait in the default one: take them along, and let no
    -- more of them in meanwhile.
    execute format('lock table private.%I in access exclusive mode', v_stem || '_default');
    -- Generated columns compute themselves again.
    select string_agg(quote_ident(a.attname), ', ') into v_columns
    from pg_catalog.pg_attribute a
    where a.attrelid = p_parent and a.attnum > 0 and not a.attisdropped and a.attgenerated = '';
    execute format('create table private.%I (like %s including all)', v_name, p_parent);
    perform private.close_table(format('private.%I', v_name)::regclass);
    execute format(
        'with moved as (delete from private.%I where %I >= %L and %I < %L returning *) '
        'insert into private.%I (%s) select %s from moved',
        v_stem || '_default',
        p_key, v_from::timestamp at time zone 'UTC', p_key, v_to::timestamp at time zone 'UTC',
        v_name, v_columns, v_columns
    );
    execute format(
        'alter table %s attach partition private.%I for values from (%L) to (%L)',
        p_parent, v_name,
        v_from::timestamp at time zone 'UTC', v_to::timestamp at time zone 'UTC'
    );
    return true;
end;
$$;
comment on function private.ensure_month_partition(regclass, text, date) is
    'Makes the partition of one UTC month, in schema private, and moves rows out of the default '
    'partition into it. True when it made one. The parent is range-partitioned by p_key.
Raises lock_not_available after half a second of waiting: try again later.';
