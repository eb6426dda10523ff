-- Room: reporting, third part: what is used, and what it costs.
--
-- What lives here: interviews, uses by operation, and the bills of the AI providers.
-- Who may touch it: admins call public.report_*; operators, as postgres, private.report_*.
-- Tests: rlstests/test_reporting.py

create function private.report_interview_completion(p_days integer) returns table (
    session_type text,
    total_sessions bigint,
    completed_sessions bigint,
    completion_rate numeric
)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_from timestamptz;
begin
    perform private.require_admin();
    v_from := private.require_days(p_days);
    return query
    select s.session_type, count(*), count(*) filter (where s.status = 'completed'),
        round(count(*) filter (where s.status = 'completed') * 100.0 / count(*), 2)
    from public.interview_sessions s
    where s.created_at >= v_from
    group by s.session_type
    order by s.session_type;
end;
$$;
comment on function private.report_interview_completion(integer) is
    'Counts interviews by type; see public.report_interview_completion.';
grant execute on function private.report_interview_completion(integer) to authenticated;

create function public.report_interview_completion(p_days integer default 30) returns table (
    session_type text,
    total_sessions bigint,
    completed_sessions bigint,
    completion_rate numeric
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_interview_completion(p_days);
$$;
comment on function public.report_interview_completion(integer) is
    'How many interviews of the last days were completed, by type, and their share in percent.
Admins only: PT403; PT400 unless 1 to 366 days.';
grant execute on function public.report_interview_completion(integer) to authenticated;

create function private.report_feature_use(p_days integer) returns table (
    operation text,
    uses bigint,
    accounts bigint,
    by_tokens bigint,
    given_back bigint
)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_from timestamptz;
begin
    perform private.require_admin();
    v_from := private.require_days(p_days);
    return query
    select e.operation, count(*) filter (where e.state <> 'released'),
        count(distinct e.user_id) filter (where e.state <> 'released'),
        count(*) filter (where e.state <> 'released' and e.source = 'tokens'),
        count(*) filter (where e.state = 'released')
    from public.usage_events e
    where e.created_at >= v_from
    group by e.operation
    order by 2 desc, e.operation;
end;
$$;
comment on function private.report_feature_use(integer) is
    'Counts uses by operation; see public.report_feature_use.';
grant execute on function private.report_feature_use(integer) to authenticated;

create function public.report_feature_use(p_days integer default 30) returns table (
    operation text,
    uses bigint,
    accounts bigint,
    by_tokens bigint,
    given_back bigint
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_feature_use(p_days);
$$;
comment on function public.report_feature_use(integer) is
    'What was used in the last days: uses by operation, by how many accounts, how many were paid in
tokens, and how many came to nothing and were given back. Most used first.
Admins only: PT403; PT400 unless 1 to 366 days.';
grant execute on function public.report_feature_use(integer) to authenticated;

create function private.report_ai_cost(p_days integer) returns table (
    day date,
    ai_provider text,
    calls bigint,
    cached_calls bigint,
    tokens_used bigint,
    estimated_cost numeric
)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_from timestamptz;
begin
    perform private.require_admin();
    v_from := private.require_days(p_days);
    return query
    select (u.created_at at time zone 'UTC')::date, u.ai_provider, count(*),
        count(*) filter (where u.was_cached), coalesce(sum(u.tokens_used), 0)::bigint,
        coalesce(sum(u.estimated_cost), 0)
    from public.ai_usage u
    where u.created_at >= v_from
    group by 1, u.ai_provider
    order by 1 desc, u.ai_provider;
end;
$$;
comment on function private.report_ai_cost(integer) is
    'Adds up AI cost; see public.report_ai_cost.';
grant execute on function private.report_ai_cost(integer) to authenticated;

create function public.report_ai_cost(p_days integer default 30) returns table (
    day date,
    ai_provider text,
    calls bigint,
    cached_calls bigint,
    tokens_used bigint,
    estimated_cost numeric
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_ai_cost(p_days);
$$;
comment on function public.report_ai_cost(integer) is
    'What AI providers cost in the last days, by UTC day and provider, in US dollars.
Admins only: PT403; PT400 unless 1 to 366 days.';
grant execute on function public.report_ai_cost(integer) to authenticated;
