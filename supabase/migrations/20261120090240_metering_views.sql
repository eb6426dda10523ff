-- Room: metering, views: usage in the shapes that older clients read.
--
-- What lives here: usage_tracking (uses by month) and user_credits (one row per user), views over
-- usage_counters. They hold nothing of their own.
-- Who may touch it: owners read, by the policies of the tables beneath.
-- Tests: rlstests/test_metering_prices.py

create view public.usage_tracking
with (security_invoker = true) as
select
    md5(c.user_id::text || ':' || c.period_key)::uuid as id,
    c.user_id,
    c.period_key as month,
    coalesce(sum(c.used) filter (where c.meter = 'interviews'), 0)::integer as interviews_used,
    coalesce(sum(c.used) filter (where c.meter = 'cover_letters'), 0)::integer
        as cover_letters_used,
    (c.period_key || '-01')::timestamp at time zone 'UTC' as created_at,
    max(c.updated_at) as updated_at
from public.usage_counters c
where c.period_type = 'month' and c.meter in ('interviews', 'cover_letters')
group by c.user_id, c.period_key;
comment on view public.usage_tracking is
    'Interviews and cover letters used, one row per user and month with any.
Owners see theirs. The counters themselves are in usage_counters.';
comment on column public.usage_tracking.id is 'Made of user and month, always the same for both.';
comment on column public.usage_tracking.month is 'YYYY-MM, in UTC.';
comment on column public.usage_tracking.created_at is 'The beginning of the month.';
comment on column public.usage_tracking.updated_at is 'When either last changed.';

create view public.user_credits
with (security_invoker = true) as
select
    p.id as user_id,
    case when l.period is null then 0 else l.max_uses end as credits_total,
    coalesce(c.used, 0) as credits_used,
    p.subscription_tier <> 'free' as is_premium,
    coalesce(c.updated_at, p.created_at) as updated_at
from public.profiles p
-- A plan may limit AI actions in several periods: the longest is the allowance.
left join lateral (
    select i.period, i.max_uses
    from private.effective_limits(p.id, '{ai_actions}') i
    order by array_position('{lifetime,month,day}'::text[], i.period)
    limit 1
) l on true
left join public.usage_counters c
    on c.user_id = p.id and c.meter = 'ai_actions'
    and c.period_type = l.period and c.period_key = private.period_key(l.period, now());
comment on view public.user_credits is
    'AI actions of the plan as credits, one row per user, used or not.
Owners see theirs. Tokens are in token_balances.';
comment on column public.user_credits.credits_total is
    'AI actions the plan allows in its period: for life, or this month. Null means unlimited.';
comment on column public.user_credits.credits_used is 'How many of them are used.';
comment on column public.user_credits.is_premium is 'Whether the plan is a paid one.';
comment on column public.user_credits.updated_at is
    'When credits_used last changed; the signup, before the first use.';

grant select on public.usage_tracking, public.user_credits to authenticated, service_role;
-- A view of the invoker calls its functions with the rights of who asks.
grant execute on function private.period_key(text, timestamptz) to service_role;
