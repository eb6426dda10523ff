-- Room: reporting, fourth part: whether the books agree.
--
-- What lives here: report_consistency, and the checks it is made of. Each check counts rows that
-- should not be, and names some.
-- Who may touch it: admins call public.report_consistency; operators, as postgres, the private one.
-- Tests: rlstests/test_reporting_database.py

create function private.uncounted_uses() returns setof text
language sql
stable
set search_path = ''
as $$
    -- What the events say against what the counters say. Old events are forgotten, so only
    -- counters of periods whose events are all there can be checked.
    with counted as (
        select e.user_id, c.meter, c.period_type, c.period_key, count(*) as uses
        from public.usage_events e
        cross join lateral jsonb_to_recordset(e.charges)
            as c (meter text, period_type text, period_key text)
        where e.state <> 'released'
        group by e.user_id, c.meter, c.period_type, c.period_key
    ),

    recent as (
        select u.user_id, u.meter, u.period_type, u.period_key, u.used
        from public.usage_counters u
        inner join public.profiles p on p.id = u.user_id
        where case u.period_type
            when 'lifetime' then p.created_at > now() - interval '300 days'
            else u.period_key > to_char(now() - interval '300 days', 'YYYY-MM')
        end
    )

    select concat_ws(' ', user_id, meter, period_key)
    from recent r
    full join counted c using (user_id, meter, period_type, period_key)
    where coalesce(c.uses, 0) <> r.used
        -- A counter that is missing.
        or r.user_id is null and not exists (
            select 1
            from public.usage_counters u
            where u.user_id = c.user_id and u.meter = c.meter
                and u.period_type = c.period_type and u.period_key = c.period_key
        );
$$;
comment on function private.uncounted_uses() is
    'Counters that differ from their usage events: user, meter, period.';

create function private.unbalanced_ledgers() returns setof text
language sql
stable
set search_path = ''
as $$
    select p.id::text
    from public.profiles p
    left join public.token_balances b on b.user_id = p.id
    left join (
        select t.user_id, sum(t.amount) as balance, sum(t.debt_change) as debt
        from public.token_transactions t
        where t.status = 'completed'
        group by t.user_id
    ) s on s.user_id = p.id
    where (b.current_balance, b.debt)
        is distinct from (coalesce(s.balance, 0)::integer, coalesce(s.debt, 0)::integer);
$$;
comment on function private.unbalanced_ledgers() is
    'Users whose balance or debt is not the sum of their ledger, or who have none.';

create function private.orphaned_files() returns setof text
language sql
stable
set search_path = ''
as $$
    select o.bucket_id || '/' || o.name
    from storage.objects o
    where o.bucket_id = any('{resumes,exports,interview-audio,avatars}'::text[])
        and not exists (
            select 1 from public.profiles p where p.id::text = split_part(o.name, '/', 1)
        )
    union all
    -- Uploaded, and never made a résumé. A client does that right after the upload.
    select o.bucket_id || '/' || o.name
    from storage.objects o
    inner join public.profiles p on p.id::text = split_part(o.name, '/', 1)
    where o.bucket_id = 'resumes' and o.created_at < now() - interval '1 day'
        and not exists (
            select 1 from public.resumes r where r.user_id = p.id and r.file_path = o.name
        );
$$;
comment on function private.orphaned_files() is
    'Files in a folder of nobody, and uploads of which no résumé was made within a day.';

create function private.double_subscriptions() returns setof text
language sql
stable
set search_path = ''
as $$
    -- The database lets only one entitle; more than one may still run, and cost, at a provider.
    select s.user_id::text
    from public.subscriptions s
    where s.status in ('trialing', 'active', 'past_due', 'paused', 'unpaid')
        -- A granted one runs at none, and may go beside one that is paid.
        and s.provider <> 'manual'
    group by s.user_id
    having count(*) > 1;
$$;
comment on function private.double_subscriptions() is
    'Users with more than one subscription that still runs at its provider.';

create function private.outdated_mirrors() returns setof text
language sql
stable
set search_path = ''
as $$
    select p.id::text
    from public.profiles p
    left join lateral private.effective_subscription(p.id) s on true
    -- Most accounts are free, never were anything else, and need no second look.
    where (
            (p.subscription_tier, p.subscription_status, p.custom_limits)
            <> ('free', 'none', '{}')
            or exists (select 1 from public.subscriptions o where o.user_id = p.id)
        )
        and (p.subscription_tier, p.subscription_status, p.custom_limits)
        is distinct from (
            coalesce(s.plan_code, 'free'), coalesce(s.status, 'none'),
            coalesce(s.custom_limits, '{}')
        );
$$;
comment on function private.outdated_mirrors() is
    'Users whose profile says another plan, status or custom limits than their subscription.';

create function private.check_consistency() returns table (name text, problem text)
language sql
stable
set search_path = ''
as $$
    select 'more than one live subscription', d from private.double_subscriptions() d
    union all
    select 'profile differs from subscription', m from private.outdated_mirrors() m
    union all
    select 'ledger differs from balance', l from private.unbalanced_ledgers() l
    union all
    select 'counters differ from events', u from private.uncounted_uses() u
    union all
    select 'profile without auth user', p.id::text
    from public.profiles p
    where not exists (select 1 from auth.users u where u.id = p.id)
    union all
    select 'auth user without profile', u.id::text
    from auth.users u
    where not exists (select 1 from public.profiles p where p.id = u.id)
    union all
    select 'orphaned file', f from private.orphaned_files() f;
$$;
comment on function private.check_consistency() is
    'Every row that should not be: the check that found it, and what it found.';

create function private.report_consistency() returns table (
    check_name text,
    problems bigint,
    examples text[]
)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform private.require_admin();
    return query
    select c.name, count(p.problem),
        coalesce(
            (array_agg(p.problem order by p.problem) filter (where p.problem is not null))[:5], '{}'
        )
    from unnest(array[
        'more than one live subscription', 'profile differs from subscription',
        'ledger differs from balance', 'counters differ from events', 'profile without auth user',
        'auth user without profile', 'orphaned file'
    ]) with ordinality as c (name, position)
    left join private.check_consistency() p on p.name = c.name
    group by c.name, c.position
    order by c.position;
end;
$$;
comment on function private.report_consistency() is
    'Counts what should not be; see public.report_consistency.';
grant execute on function private.report_consistency() to authenticated;

create function public.report_consistency() returns table (
    check_name text,
    problems bigint,
    examples text[]
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_consistency();
$$;
comment on function public.report_consistency() is
    'Whether the books agree: each check with how many problems it found, and five of them by id.
All zero is well. Admins only: PT403.';
grant execute on function public.report_consistency() to authenticated;
