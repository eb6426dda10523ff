-- Room: platform
--
-- What lives here: what operators set (global_config) and how often a costly call may be made
-- (rate_limits). The other parts: platform_audit, platform_events, platform_realtime and
-- platform_schedules.
-- Who may touch it: operators write global_config, workers read it. Clients reach neither table;
-- their RPC call limit_rate.
-- Tests: rlstests/test_platform.py

-- Configuration ---------------------------------------------------------------------------------

create table public.global_config (
    key text primary key check (key ~ '^[a-z][a-z0-9_]{1,59}$'),
    value jsonb not null check (octet_length(value::text) <= 65536),
    description text not null default '' check (char_length(description) <= 2000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.global_config is
    'Settings of this installation, one JSON value a key. Written by operators, read by workers.';

alter table public.global_config enable row level security;
create policy global_config_all_nobody on public.global_config
for all to public
using (false)
with check (false);
comment on policy global_config_all_nobody on public.global_config is
    'Clients never see it. service_role and operators bypass row level security.';

grant select on public.global_config to service_role;

create trigger _100_set_updated_at before update on public.global_config
for each row execute function private.tg_set_updated_at();

create function private.config_integer(p_key text, p_default integer) returns integer
language sql
stable
set search_path = ''
as $$
    -- A value of the wrong type counts as absent: a slip in the table must not stop the product.
    select coalesce(
        (
            select case
                when jsonb_typeof(c.value) = 'number' and abs((c.value)::numeric) < 2147483647
                    then trunc((c.value)::numeric)::integer
            end
            from public.global_config c
            where c.key = p_key
        ),
        p_default
    );
$$;
comment on function private.config_integer(text, integer) is
    'A whole number of global_config, or the default when it is missing or no number.';

-- Rate limits -----------------------------------------------------------------------------------

create unlogged table private.rate_limits (
    key text primary key,
    window_ends_at timestamptz not null,
    hits integer not null check (hits > 0)
) with (fillfactor = 70);
comment on table private.rate_limits is
    'Calls counted in the running window, one row a caller and action. A crash forgets them.';
create index rate_limits_window_ends_at_idx on private.rate_limits (window_ends_at);
select private.close_table('private.rate_limits');

create function private.check_rate_limit(p_key text, p_limit integer, p_window interval)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_now timestamptz := now();
    v_row private.rate_limits;
begin
    -- The row lock makes calls of one caller take turns; what a failed call counted is undone.
    insert into private.rate_limits as r (key, window_ends_at, hits)
    values (p_key, v_now + p_window, 1)
    on conflict (key) do update
        set hits = case when r.window_ends_at <= v_now then 1 else r.hits + 1 end,
            window_ends_at = case
                when r.window_ends_at <= v_now then v_now + p_window else r.window_ends_at
            end
    returning * into v_row;
    if v_row.hits > p_limit then
        raise sqlstate 'PT429' using
            message = format('Only %s calls of this kind are allowed in %s.', p_limit, p_window),
            detail = jsonb_build_object(
                'limit', p_limit,
                'retry_after_seconds',
                ceil(extract(epoch from v_row.window_ends_at - v_now))::integer
            )::text,
            hint = format('Try again after %s UTC.', to_char(
                v_row.window_ends_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'
            ));
    end if;
end;
$$;
comment on function private.check_rate_limit(text, integer, interval) is
    'Counts a call. PT429 with detail {limit, retry_after_seconds} when the window has too many.';

create function private.limit_rate_of(p_action text, p_caller text) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_rule jsonb := (
        select c.value -> p_action from public.global_config c where c.key = 'rate_limits'
    );
    v_limit integer := 60;
    v_seconds integer := 60;
begin
    if v_rule ->> 'limit' ~ '^[0-9]{1,9}$' then
        v_limit := (v_rule ->> 'limit')::integer;
    end if;
    if v_rule ->> 'seconds' ~ '^[1-9][0-9]{0,6}$' then
        v_seconds := (v_rule ->> 'seconds')::integer;
    end if;
    perform private.check_rate_limit(
        p_action || ':' || p_caller, v_limit, make_interval(secs => v_seconds)
    );
end;
$$;
comment on function private.limit_rate_of(text, text) is
    'Limits how often this caller does this: global_config rate_limits {action: {limit, seconds}},
60 a minute for an action that is not listed. PT429 when it is too often.';

create function private.limit_rate(p_action text) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.limit_rate_of(
        -- Who is not signed in counts by address: one of them must not use up the calls of all.
        p_action, coalesce(auth.uid()::text, private.request_network(), 'anon')
    );
end;
$$;
comment on function private.limit_rate(text) is
    'limit_rate_of for whoever is calling: a user, or without one an address.';
