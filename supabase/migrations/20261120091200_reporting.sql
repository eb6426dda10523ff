-- Room: reporting
--
-- What lives here: what the people who run the product ask of it: who is active, what is used and
-- paid, what it costs, and whether the books agree. This part: who may ask, people and plans. The
-- others: reporting_accounts, reporting_usage, reporting_consistency, reporting_database.
-- Who may touch it: admins call public.report_*; operators, as postgres, private.report_*.
-- Tests: rlstests/test_reporting.py

create function private.require_admin() returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    -- An operator comes in as postgres, without an access token. Inside a definer function
    -- current_user is its owner; the setting is who came in.
    if coalesce(nullif(current_setting('role', true), 'none'), session_user) = 'postgres' then
        return;
    end if;
    perform private.require_user();
    if private.is_admin() then
        return;
    end if;
    raise sqlstate 'PT403' using
        message = 'This is for admins.',
        hint = 'Ask an operator to list you in admin_users.';
end;
$$;
comment on function private.require_admin() is
    'PT401 or PT403 unless the caller is an active admin, or the operator.';

create function private.require_days(p_days integer) returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
    if p_days between 1 and 366 then
        return now() - make_interval(days => p_days);
    end if;
    raise sqlstate 'PT400' using
        message = format('A report covers 1 to 366 days, not %s.', coalesce(p_days::text, 'null')),
        hint = 'Send p_days between 1 and 366.';
end;
$$;
comment on function private.require_days(integer) is
    'When the last p_days days began. PT400 for a number that makes no report.';

create function private.month_start(p_month text) returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
    if p_month ~ '^[1-9][0-9]{3}-(0[1-9]|1[0-2])$' then
        return (p_month || '-01')::timestamp at time zone 'UTC';
    end if;
    raise sqlstate 'PT400' using
        message = format('%s is no month.', coalesce(quote_literal(left(p_month, 20)), 'Null')),
        hint = 'Send a month as YYYY-MM, such as 2026-11.';
end;
$$;
comment on function private.month_start(text) is
    'When a month, YYYY-MM, begins in UTC. PT400 for anything else.';

-- People and plans ------------------------------------------------------------------------------

create function private.report_active_accounts(p_month text) returns table (
    month text,
    active_accounts bigint,
    new_accounts bigint,
    all_accounts bigint
)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_from timestamptz;
    v_to timestamptz;
begin
    perform private.require_admin();
    v_from := private.month_start(coalesce(p_month, private.period_key('month', now())));
    v_to := ((v_from at time zone 'UTC') + interval '1 month') at time zone 'UTC';
    return query
    select to_char(v_from at time zone 'UTC', 'YYYY-MM'),
        (
            select count(distinct e.user_id)
            from public.usage_events e
            where e.created_at >= v_from and e.created_at < v_to
        ),
        count(*) filter (where p.created_at >= v_from),
        count(*)
    from public.profiles p
    where p.created_at < v_to;
end;
$$;
comment on function private.report_active_accounts(text) is
    'Counts accounts of a month; see public.report_active_accounts.';
grant execute on function private.report_active_accounts(text) to authenticated;

create function public.report_active_accounts(p_month text default null) returns table (
    month text,
    active_accounts bigint,
    new_accounts bigint,
    all_accounts bigint
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_active_accounts(p_month);
$$;
comment on function public.report_active_accounts(text) is
    'How many accounts used anything in a month, signed up in it, and existed by its end.
p_month is YYYY-MM in UTC, this month when null. Admins only: PT403; PT400 for no month.';
grant execute on function public.report_active_accounts(text) to authenticated;

create function private.report_plan_popularity() returns table (
    plan_code text,
    accounts bigint,
    share numeric,
    paying bigint
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform private.require_admin();
    return query
    select l.code, count(p.id), round(count(p.id) * 100.0 / nullif(sum(count(p.id)) over (), 0), 2),
        count(p.id) filter (where s.provider <> 'manual')
    from public.plans l
    left join public.profiles p on p.subscription_tier = l.code
    -- At most one: the live one. The profile says whether it is in effect.
    left join public.subscriptions s
        on s.user_id = p.id and s.status in ('active', 'past_due') and s.superseded_at is null
        and p.subscription_status <> 'none'
    group by l.code, l.tier_rank
    order by count(p.id) desc, l.tier_rank;
end;
$$;
comment on function private.report_plan_popularity() is
    'Counts accounts by plan; see public.report_plan_popularity.';
grant execute on function private.report_plan_popularity() to authenticated;

create function public.report_plan_popularity() returns table (
    plan_code text,
    accounts bigint,
    share numeric,
    paying bigint
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_plan_popularity();
$$;
comment on function public.report_plan_popularity() is
    'How many accounts each plan has, its share in percent, and how many of them pay for it, which
leaves out trials and grants. Most popular first. Admins only: PT403.';
grant execute on function public.report_plan_popularity() to authenticated;

create function private.report_subscription_months(p_months integer) returns table (
    month text,
    live_at_start bigint,
    started bigint,
    lost bigint,
    churn_rate numeric,
    signups bigint,
    converted bigint,
    conversion_rate numeric
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform private.require_admin();
    if p_months not between 1 and 60 or p_months is null then
        raise sqlstate 'PT400' using
            message = format(
                'This report covers 1 to 60 months, not %s.', coalesce(p_months::text, 'null')
            ),
            hint = 'Send p_months between 1 and 60.';
    end if;
    return query
    with months as (
        select m at time zone 'UTC' as start_at,
            (m + interval '1 month') at time zone 'UTC' as end_at
        from generate_series(0, p_months - 1) as n (back)
        cross join lateral (
            select date_trunc('month', now() at time zone 'UTC') - make_interval(months => n.back)
        ) as x (m)
    ),

    -- Only what ran: one that ended before its first payment counts for nothing.
    paid as (
        select s.user_id, s.start_date, coalesce(s.ended_at, s.superseded_at) as ended_at
        from public.subscriptions s
        where s.provider <> 'manual' and s.status <> 'incomplete'
            and s.current_period_start is not null
    ),

    first_paid as (
        select p.user_id, min(p.start_date) as start_date
        from paid p
        group by p.user_id
    ),

    counted as (
        select m.start_at,
            (
                select count(distinct p.user_id) from paid p
                where p.start_date < m.start_at
                    and (p.ended_at is null or p.ended_at >= m.start_at)
            ) as live_at_start,
            (
                select count(*) from paid p
                where p.start_date >= m.start_at and p.start_date < m.end_at
            ) as started,
            (
                -- Whoever changed to another subscription is not lost.
                select count(distinct p.user_id) from paid p
                where p.start_date < m.start_at
                    and p.ended_at >= m.start_at and p.ended_at < m.end_at
                    and not exists (
                        select 1 from paid q
                        where q.user_id = p.user_id and q.start_date < m.end_at
                            and (q.ended_at is null or q.ended_at >= m.end_at)
                    )
            ) as lost,
            (
                select count(*) from public.profiles p
                where p.created_at >= m.start_at and p.created_at < m.end_at
            ) as signups,
            (
                select count(*)
                from public.profiles p
                inner join first_paid f on f.user_id = p.id
                where p.created_at >= m.start_at and p.created_at < m.end_at
            ) as converted
        from months m
    )

    select to_char(c.start_at at time zone 'UTC', 'YYYY-MM'), c.live_at_start, c.started, c.lost,
        round(c.lost * 100.0 / nullif(c.live_at_start, 0), 2), c.signups, c.converted,
        round(c.converted * 100.0 / nullif(c.signups, 0), 2)
    from counted c
    order by c.start_at desc;
end;
$$;
comment on function private.report_subscription_months(integer) is
    'Counts subscriptions by month; see public.report_subscription_months.';
grant execute on function private.report_subscription_months(integer) to authenticated;

create function public.report_subscription_months(p_months integer default 12) returns table (
    month text,
    live_at_start bigint,
    started bigint,
    lost bigint,
    churn_rate numeric,
    signups bigint,
    converted bigint,
    conversion_rate numeric
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_subscription_months(p_months);
$$;
comment on function public.report_subscription_months(integer) is
    'Churn and conversion by month, the latest first: who had a paid subscription when it began, how
many subscriptions started, who had none left at its end; signups, and how many of these have
subscribed since. Rates in percent, null where there was nobody to lose or to win.
Admins only: PT403; PT400 unless 1 to 60 months.';
grant execute on function public.report_subscription_months(integer) to authenticated;
