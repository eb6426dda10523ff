-- Room: metering, granting: tokens that are given, and what support sees of one user's use.
--
-- What lives here: granting tokens, and the report of limits, tokens and recent uses of a user.
-- Who may touch it: admins call public.*; operators, as postgres, the same. Grants are in the
-- ledger and in the audit log, looking leaves the event account.opened.
-- Tests: rlstests/test_metering_granting.py

-- Whom it is about ------------------------------------------------------------------------------

create function private.lock_known_account(p_account_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.lock_account(p_account_id);
    if not exists (select 1 from public.profiles p where p.id = p_account_id) then
        raise sqlstate 'PT404' using
            message = format(
                'There is no account %s.', coalesce(p_account_id::text, 'without an id')
            ),
            hint = 'report_find_accounts finds one by its e-mail address.';
    end if;
end;
$$;
comment on function private.lock_known_account(uuid) is
    'Locks the account that an admin is about to change or look at. PT404 when there is none.';

-- Granting --------------------------------------------------------------------------------------

create function private.require_reason(p_reason text) returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
    if char_length(btrim(p_reason)) between 3 and 500 then
        return btrim(p_reason);
    end if;
    raise sqlstate 'PT400' using
        message = 'A reason has 3 to 500 characters.',
        hint = 'Say why, for whoever reads the ledger later: the user is one of them.';
end;
$$;
comment on function private.require_reason(text) is
    'The reason an admin gives, trimmed. PT400 when it says nothing, or too much.';

create function private.admin_grant_tokens(
    p_account_id uuid,
    p_amount integer,
    p_reason text,
    p_idempotency_key text
) returns table (
    transaction_id uuid,
    amount integer,
    debt_paid integer,
    balance integer,
    debt integer,
    is_replay boolean
)
language plpgsql
volatile
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    v_reason text;
    v_reference text;
    v_before public.token_balances;
    v_known public.token_transactions;
begin
    perform private.require_admin();
    v_reason := private.require_reason(p_reason);
    if p_amount not between 1 and 1000000 or p_amount is null then
        raise sqlstate 'PT400' using
            message = format(
                'A grant is of 1 to 1000000 tokens, not of %s.', coalesce(p_amount::text, 'null')
            ),
            hint = 'Send p_amount as a positive number.';
    end if;
    if char_length(p_idempotency_key) not between 1 and 200 then
        raise sqlstate 'PT400' using
            message = 'The idempotency key must have 1 to 200 characters.',
            hint = 'Send a UUID that you make once per grant, or none.';
    end if;
    perform private.lock_known_account(p_account_id);
    v_reference := format(
        'grant:%s:%s', p_account_id, coalesce(p_idempotency_key, gen_random_uuid()::text)
    );
    -- Two requests with one key take turns here.
    select * into strict v_before
    from public.token_balances b
    where b.user_id = p_account_id
    for update;
    select * into v_known
    from public.token_transactions t
    where t.transaction_type = 'grant' and t.reference = v_reference;
    if not found then
        perform private.credit_tokens(p_account_id, p_amount, 'grant', v_reference, v_reason);
    elsif (v_known.amount, v_known.description) is distinct from (p_amount, v_reason) then
        raise sqlstate 'PT409' using
            message = format(
                'The idempotency key %s was used for a grant of %s tokens.',
                p_idempotency_key, v_known.amount
            ),
            detail = jsonb_build_object('transaction_id', v_known.id)::text,
            hint = 'Make a new key for a new grant; reuse one only to repeat it.';
    end if;
    return query
    select t.id, t.amount,
        case when v_known.id is null then v_before.debt - b.debt else 0 end,
        b.current_balance, b.debt, v_known.id is not null
    from public.token_transactions t
    inner join public.token_balances b on b.user_id = t.user_id
    where t.transaction_type = 'grant' and t.reference = v_reference;
end;
$$;
comment on function private.admin_grant_tokens(uuid, integer, text, text) is
    'Gives a user tokens; see public.admin_grant_tokens.';
grant execute on function private.admin_grant_tokens(uuid, integer, text, text) to authenticated;

create function public.admin_grant_tokens(
    p_account_id uuid,
    p_amount integer,
    p_reason text,
    p_idempotency_key text default null
) returns table (
    transaction_id uuid,
    amount integer,
    debt_paid integer,
    balance integer,
    debt integer,
    is_replay boolean
)
language sql
volatile
set search_path = ''
as $$
    select * from private.admin_grant_tokens(p_account_id, p_amount, p_reason, p_idempotency_key);
$$;
comment on function public.admin_grant_tokens(uuid, integer, text, text) is
    'For admins: gives a user tokens. They pay the debt first, the rest is the balance. The reason
is in the ledger, where the user reads it.
The same key again gives nothing more: is_replay. PT403 for anybody else, PT404 for an unknown
account, PT400 for an amount that is not positive or no reason, PT409 for a key of another grant.';
grant execute on function public.admin_grant_tokens(uuid, integer, text, text) to authenticated;

-- Looking ---------------------------------------------------------------------------------------

create function private.report_usage(p_account_id uuid) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    perform private.require_admin();
    perform private.lock_known_account(p_account_id);
    perform private.record_event(
        'account.opened', jsonb_build_object('opened', p_account_id), auth.uid(), 'info'
    );
    return jsonb_build_object(
        'account', (
            select jsonb_build_object(
                'id', p.id, 'email', p.email, 'subscription_tier', p.subscription_tier,
                'subscription_status', p.subscription_status
            )
            from public.profiles p where p.id = p_account_id
        ),
        'limits', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'meter', l.meter, 'period', l.period, 'period_key', k.period_key,
                'used', coalesce(c.used, 0), 'max_uses', l.max_uses,
                -- greatest passes over a null, and this one has a meaning.
                'remaining', case
                    when l.max_uses is not null then greatest(l.max_uses - coalesce(c.used, 0), 0)
                end
            ) order by l.meter, l.period), '[]')
            from private.effective_limits(p_account_id) l
            cross join lateral (select private.period_key(l.period, now()) as period_key) k
            left join public.usage_counters c
                on c.user_id = p_account_id and c.meter = l.meter
                and c.period_type = l.period and c.period_key = k.period_key
        ),
        'tokens', (
            select jsonb_build_object(
                'balance', b.current_balance, 'debt', b.debt, 'total_purchased', b.total_purchased
            )
            from public.token_balances b where b.user_id = p_account_id
        ),
        'transactions', (
            select coalesce(jsonb_agg(to_jsonb(t) - 'user_id' order by t.created_at desc), '[]')
            from (
                select * from public.token_transactions x
                where x.user_id = p_account_id
                order by x.created_at desc
                limit 10
            ) t
        ),
        'events', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', e.id, 'operation', e.operation, 'source', e.source, 'state', e.state,
                'credits_used', e.credits_used, 'created_at', e.created_at,
                'closed_at', e.closed_at
            ) order by e.created_at desc), '[]')
            from (
                select * from public.usage_events x
                where x.user_id = p_account_id
                order by x.created_at desc
                limit 20
            ) e
        )
    );
end;
$$;
comment on function private.report_usage(uuid) is
    'What one user used and may still use; see public.report_usage.';
grant execute on function private.report_usage(uuid) to authenticated;

create function public.report_usage(p_account_id uuid) returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.report_usage(p_account_id);
$$;
comment on function public.report_usage(uuid) is
    'For admins: {account, limits: [{meter, period, period_key, used, max_uses, remaining}], tokens:
{balance, debt, total_purchased}, transactions: the last 10, events: the last 20 uses}. Null
max_uses and remaining mean unlimited. Leaves the event account.opened. PT403 for anybody else,
PT404 for an unknown account.';
grant execute on function public.report_usage(uuid) to authenticated;
