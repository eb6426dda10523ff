-- Room: metering, status: what somebody is subscribed to, and what that leaves.
--
-- What lives here: one answer in two shapes: get_user_subscription_status of ResumePilot, for
-- server code, and my_subscription_status, for the billing page of a client.
-- Who may touch it: service_role asks for anybody, clients for themselves.
-- Tests: rlstests/test_metering_status.py

create type private.subscription_status as (
    plan_name text,
    status text,
    interviews_remaining integer,
    cover_letters_remaining integer,
    is_admin boolean,
    provider text,
    current_period_end timestamptz,
    cancel_at_period_end boolean,
    token_balance integer
);
comment on type private.subscription_status is
    'What a user is subscribed to and what that leaves; see public.my_subscription_status.';

create function private.subscription_status(p_user_id uuid)
returns setof private.subscription_status
language plpgsql
stable
rows 1
set search_path = ''
as $$
declare
    v_now timestamptz := now();
begin
    return query
    select p.subscription_tier, p.subscription_status,
        private.remaining_uses(p.id, 'interview', v_now),
        private.remaining_uses(p.id, 'cover_letter', v_now),
        private.is_admin_account(p.id),
        s.provider, s.current_period_end, coalesce(s.cancel_at_period_end, false),
        coalesce(b.current_balance, 0)
    from public.profiles p
    -- The one that the profile mirrors. By the mirror, so that plan and dates are of one moment.
    left join public.subscriptions s
        on s.user_id = p.id and s.superseded_at is null
        and s.status in ('trialing', 'active', 'past_due')
        and (s.plan_code, s.status) = (p.subscription_tier, p.subscription_status)
    left join public.token_balances b on b.user_id = p.id
    where p.id = p_user_id;
end;
$$;
comment on function private.subscription_status(uuid) is
    'What a user is subscribed to and what that leaves; no row for one that is not there.';

-- For server code -------------------------------------------------------------------------------

create function worker.get_user_subscription_status(p_user_id uuid) returns table (
    plan_name text,
    status text,
    interviews_remaining integer,
    cover_letters_remaining integer,
    is_admin boolean
)
language sql
stable
security definer
rows 1
set search_path = ''
as $$
    select s.plan_name, s.status, s.interviews_remaining, s.cover_letters_remaining, s.is_admin
    from private.subscription_status(p_user_id) s;
$$;
comment on function worker.get_user_subscription_status(uuid) is
    'What a user may still do; see public.get_user_subscription_status.';
grant execute on function worker.get_user_subscription_status(uuid) to service_role;

create function public.get_user_subscription_status(p_user_id uuid) returns table (
    plan_name text,
    status text,
    interviews_remaining integer,
    cover_letters_remaining integer,
    is_admin boolean
)
language sql
stable
rows 1
set search_path = ''
as $$
    select * from worker.get_user_subscription_status(p_user_id);
$$;
comment on function public.get_user_subscription_status(uuid) is
    'For server code: the plan of a user and what it leaves. Clients call my_subscription_status.
plan_name is a code of plans: free, with status none, without a subscription. What remains is the
least that any limit of the operation leaves before tokens are drawn: 0 is never below, -1 means
unlimited, as everything is for an active admin. No row for a user that is not there.';
grant execute on function public.get_user_subscription_status(uuid) to service_role;

-- For clients -----------------------------------------------------------------------------------

create function private.my_subscription_status() returns setof private.subscription_status
language sql
stable
security definer
rows 1
set search_path = ''
as $$
    select * from private.subscription_status((select auth.uid()));
$$;
comment on function private.my_subscription_status() is
    'What the caller is subscribed to; see public.my_subscription_status.';
grant execute on function private.my_subscription_status() to authenticated;

create function public.my_subscription_status() returns table (
    plan_name text,
    status text,
    interviews_remaining integer,
    cover_letters_remaining integer,
    is_admin boolean,
    provider text,
    current_period_end timestamptz,
    cancel_at_period_end boolean,
    token_balance integer
)
language sql
stable
rows 1
set search_path = ''
as $$
    select * from private.my_subscription_status();
$$;
comment on function public.my_subscription_status() is
    'Your plan, what it leaves, and when it ends: what a billing page shows.
plan_name is a code of plans: free, with status none, without a subscription. interviews_remaining
and cover_letters_remaining count what the plan leaves: -1 means unlimited; beyond that tokens pay,
and token_balance says how many there are. provider is razorpay, stripe, manual, or null without a
subscription; current_period_end null means without end. Every limit by itself is in my_usage().';
grant execute on function public.my_subscription_status() to authenticated;
