-- Room: reporting, second part: one account, as support needs to see it.
--
-- What lives here: finding an account, opening it, reading feedback. Opening leaves an event.
-- Who may touch it: admins call public.report_*; operators, as postgres, private.report_*.
-- Tests: rlstests/test_reporting_accounts.py

create function private.report_find_accounts(p_query text) returns table (
    account_id uuid,
    email text,
    full_name text,
    subscription_tier text,
    subscription_status text,
    is_active boolean,
    deleted_at timestamptz,
    created_at timestamptz
)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
    perform private.require_admin();
    if char_length(btrim(p_query)) not between 3 and 200 or p_query is null then
        raise sqlstate 'PT400' using
            message = 'A search for accounts takes 3 to 200 characters.',
            hint = 'Send an id, or the beginning of an e-mail address.';
    end if;
    return query
    select p.id, p.email, p.full_name, p.subscription_tier, p.subscription_status, p.is_active,
        p.deleted_at, p.created_at
    from public.profiles p
    where p.id = case
            when btrim(p_query) ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                then btrim(p_query)::uuid
        end
        or lower(p.email) like
        regexp_replace(lower(btrim(p_query)), '([\\%_])', '\\\1', 'g') || '%'
    order by p.email, p.id
    limit 20;
end;
$$;
comment on function private.report_find_accounts(text) is
    'Accounts by id or the beginning of the e-mail address; see public.report_find_accounts.';
grant execute on function private.report_find_accounts(text) to authenticated;

create function public.report_find_accounts(p_query text) returns table (
    account_id uuid,
    email text,
    full_name text,
    subscription_tier text,
    subscription_status text,
    is_active boolean,
    deleted_at timestamptz,
    created_at timestamptz
)
language sql
stable
set search_path = ''
as $$
    select * from private.report_find_accounts(p_query);
$$;
comment on function public.report_find_accounts(text) is
    'For admins: accounts by id or by the beginning of the e-mail address, at most 20.
PT403 for anybody else, PT400 for a query under 3 characters.';
grant execute on function public.report_find_accounts(text) to authenticated;

create function private.report_account(p_account_id uuid) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_profile public.profiles;
begin
    perform private.require_admin();
    perform private.lock_known_account(p_account_id);
    select * into v_profile from public.profiles p where p.id = p_account_id;
    perform private.record_event(
        'account.opened', jsonb_build_object('opened', p_account_id), auth.uid(), 'info'
    );
    return jsonb_build_object(
        'profile', to_jsonb(v_profile),
        'counters', (
            select coalesce(jsonb_agg(to_jsonb(c) - 'user_id' order by c.updated_at desc), '[]')
            from public.usage_counters c where c.user_id = p_account_id
        ),
        'tokens', (
            select to_jsonb(b) - 'user_id'
            from public.token_balances b where b.user_id = p_account_id
        ),
        'subscriptions', (
            select coalesce(jsonb_agg(to_jsonb(s) - 'user_id' order by s.created_at desc), '[]')
            from public.subscriptions s where s.user_id = p_account_id
        ),
        'payments', (
            select coalesce(jsonb_agg(to_jsonb(y) - 'user_id' order by y.created_at desc), '[]')
            from public.payments y where y.user_id = p_account_id
        ),
        'resumes', (select count(*) from public.resumes r where r.user_id = p_account_id),
        'live_tasks', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', t.id, 'kind', t.kind, 'attempt', t.attempt, 'last_error', t.last_error,
                'created_at', t.created_at
            ) order by t.created_at), '[]')
            from queue.tasks t where t.user_id = p_account_id
        )
    );
end;
$$;
comment on function private.report_account(uuid) is
    'One account on one screen; see public.report_account.';
grant execute on function private.report_account(uuid) to authenticated;

create function public.report_account(p_account_id uuid) returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.report_account(p_account_id);
$$;
comment on function public.report_account(uuid) is
    'For admins: profile, use, tokens, subscriptions, payments and live tasks of one account.
Leaves the event account.opened. Shows no content of résumés. PT403 for anybody else, PT404 for an
unknown id.';
grant execute on function public.report_account(uuid) to authenticated;

create function private.report_feedback(p_limit integer) returns setof public.feedback
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform private.require_admin();
    return query
    select f.* from public.feedback f order by f.created_at desc
    limit least(greatest(coalesce(p_limit, 0), 1), 500);
end;
$$;
comment on function private.report_feedback(integer) is
    'The latest feedback; see public.report_feedback.';
grant execute on function private.report_feedback(integer) to authenticated;

create function public.report_feedback(p_limit integer default 50) returns setof public.feedback
language sql
stable
set search_path = ''
as $$
    select * from private.report_feedback(p_limit);
$$;
comment on function public.report_feedback(integer) is
    'For admins: the latest feedback, up to 500. PT403 for anybody else.';
grant execute on function public.report_feedback(integer) to authenticated;
