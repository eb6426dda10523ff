-- Room: metering, limits: what somebody may use.
--
-- What lives here: the one answer to which limits apply to a user (effective_limits): those of the
-- plan, those agreed with the user in their place, none for admins. Everything that counts, shows
-- or refuses asks it.
-- Who may touch it: clients call my_usage. Everything here runs with the rights of the caller.
-- Tests: rlstests/test_metering_limits.py

create function private.period_key(p_period text, p_at timestamptz) returns text
language plpgsql
stable
set search_path = ''
as $$
begin
    -- Not a function in SQL: those are planned anew at each call, and every use makes several.
    return case p_period
        when 'day' then to_char(p_at at time zone 'UTC', 'YYYY-MM-DD')
        when 'month' then to_char(p_at at time zone 'UTC', 'YYYY-MM')
        when 'lifetime' then 'lifetime'
    end;
end;
$$;
comment on function private.period_key(text, timestamptz) is
    'The key of the UTC day or month that holds p_at; periods are half-open.';
grant execute on function private.period_key(text, timestamptz) to authenticated;

create function private.is_admin_account(p_user_id uuid) returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return exists (
        select 1
        from public.admin_users a
        inner join public.profiles p on p.id = a.user_id
        where a.user_id = p_user_id and p.is_active and p.deleted_at is null
    );
end;
$$;
comment on function private.is_admin_account(uuid) is
    'True for an active admin: nothing is limited for them. Policies ask private.is_admin().';

create function private.effective_limits(p_user_id uuid, p_meters text[] default null)
returns table (meter text, period text, max_uses integer)
language plpgsql
stable
rows 10
set search_path = ''
-- Planning anew for each list of meters takes longer than the query.
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_plan_code text;
    v_custom jsonb;
    v_is_admin boolean;
begin
    -- As is_admin_account, which callers of the view user_credits could not reach.
    select p.subscription_tier, p.custom_limits,
        p.is_active and p.deleted_at is null
            and exists (select 1 from public.admin_users a where a.user_id = p.id)
    into v_plan_code, v_custom, v_is_admin
    from public.profiles p
    where p.id = p_user_id;

    if v_is_admin then
        return query
        select l.meter, l.period, null::integer
        from public.plan_limits l
        where l.plan_code = v_plan_code and (p_meters is null or l.meter = any(p_meters))
        union
        select m.meter, 'month', null
        from public.operations o
        cross join lateral unnest(o.meters) as m (meter)
        where o.is_active and (p_meters is null or m.meter = any(p_meters))
            and not exists (
                select 1
                from public.plan_limits l
                where l.plan_code = v_plan_code and l.meter = m.meter
            );
        return;
    end if;

    return query
    select l.meter, l.period, l.max_uses
    from public.plan_limits l
    where l.plan_code = v_plan_code and not v_custom ? l.meter
        and (p_meters is null or l.meter = any(p_meters));
    if v_custom is distinct from '{}' then
        return query
        select c.meter, x.period, x.max_uses::integer
        from jsonb_each(v_custom) as c (meter, periods)
        cross join lateral jsonb_each_text(c.periods) as x (period, max_uses)
        -- How many résumés there may be is no matter of a counter: see resume_limit.
        where c.meter <> 'resumes' and (p_meters is null or c.meter = any(p_meters));
    end if;
end;
$$;
comment on function private.effective_limits(uuid, text[]) is
    'The limits that apply to a user, of these meters or of all. Null max_uses means unlimited.
Those of the plan; for a meter that profiles.custom_limits names, those there instead. For an active
admin every meter is unlimited, also one that the plan does not name: that counts by the month.
Runs with the rights of the caller: clients see their own, and nothing for anybody else.';
grant execute on function private.effective_limits(uuid, text[]) to authenticated, service_role;

create function private.remaining_uses(p_user_id uuid, p_operation text, p_at timestamptz)
returns integer
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select case
            when count(*) = 0 then 0
            else coalesce(
                min(greatest(l.max_uses - coalesce(c.used, 0), 0))
                filter (where l.max_uses is not null),
                -1
            )
        end
        from public.operations o
        cross join lateral private.effective_limits(p_user_id, o.meters) l
        left join public.usage_counters c
            on c.user_id = p_user_id and c.meter = l.meter and c.period_type = l.period
            and c.period_key = private.period_key(l.period, p_at)
        where o.code = p_operation and o.is_active
    );
end;
$$;
comment on function private.remaining_uses(uuid, text, timestamptz) is
    'How often a user may still do this before tokens are drawn: the least that any limit leaves.
-1 means unlimited, 0 also that the plan does not include it.';

-- What a client may ask -------------------------------------------------------------------------

create function public.my_usage() returns table (
    meter text,
    period text,
    period_key text,
    used integer,
    max_uses integer,
    remaining integer
)
language sql
stable
set search_path = ''
as $$
    select l.meter, l.period, k.period_key, coalesce(c.used, 0), l.max_uses,
        -- greatest passes over a null, and this one has a meaning.
        case when l.max_uses is not null then greatest(l.max_uses - coalesce(c.used, 0), 0) end
    from private.effective_limits((select auth.uid())) l
    cross join lateral (select private.period_key(l.period, now()) as period_key) k
    left join public.usage_counters c
        on c.user_id = (select auth.uid()) and c.meter = l.meter
        and c.period_type = l.period and c.period_key = k.period_key
    order by l.meter, l.period;
$$;
comment on function public.my_usage() is
    'Your allowance: each limit that applies to you, how much of it is used, and what remains.
Null max_uses and remaining mean unlimited. Uses that tokens paid for do not count here.';
grant execute on function public.my_usage() to authenticated;
