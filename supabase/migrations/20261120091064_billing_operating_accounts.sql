-- Room: billing, operating: what support sees of one user's subscriptions and payments.
--
-- What lives here: report_subscription.
-- Who may touch it: admins call public.*; operators, as postgres, the same. Looking leaves the
-- event account.opened.
-- Tests: rlstests/test_billing_operating_subscriptions.py

create function private.report_subscription(p_account_id uuid) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_effective public.subscriptions;
begin
    perform private.require_admin();
    perform private.lock_known_account(p_account_id);
    perform private.record_event(
        'account.opened', jsonb_build_object('opened', p_account_id), auth.uid(), 'info'
    );
    select * into v_effective from private.effective_subscription(p_account_id);
    return jsonb_build_object(
        'account', (
            select jsonb_build_object(
                'id', p.id, 'email', p.email, 'subscription_tier', p.subscription_tier,
                'subscription_status', p.subscription_status
            )
            from public.profiles p where p.id = p_account_id
        ),
        'effective', case
            when v_effective.id is not null then to_jsonb(v_effective) - 'user_id'
                || jsonb_build_object(
                    'entitled_until', nullif(private.entitled_until(v_effective), 'infinity')
                )
        end,
        'subscriptions', (
            select coalesce(jsonb_agg(
                to_jsonb(s) - 'user_id'
                || jsonb_build_object(
                    'is_effective', s.id is not distinct from v_effective.id,
                    'amount', r.amount, 'currency', r.currency, 'interval', r.interval
                )
                order by s.start_date desc, s.created_at desc
            ), '[]')
            from public.subscriptions s
            left join public.plan_prices r on r.id = s.price_id
            where s.user_id = p_account_id
        ),
        'payments', (
            select coalesce(
                jsonb_agg(
                    to_jsonb(y) - 'user_id' order by coalesce(y.paid_at, y.created_at) desc, y.id
                ),
                '[]'
            )
            from (
                select * from public.payments x
                where x.user_id = p_account_id
                order by x.created_at desc
                limit 50
            ) y
        ),
        'customers', (
            select coalesce(jsonb_object_agg(c.provider, c.provider_customer_id), '{}')
            from public.billing_customers c where c.user_id = p_account_id
        )
    );
end;
$$;
comment on function private.report_subscription(uuid) is
    'What one user subscribed to and paid; see public.report_subscription.';
grant execute on function private.report_subscription(uuid) to authenticated;

create function public.report_subscription(p_account_id uuid) returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.report_subscription(p_account_id);
$$;
comment on function public.report_subscription(uuid) is
    'For admins: {account, effective: the subscription that entitles now with entitled_until, or
null, subscriptions: all of them with is_effective and their price, payments: the last 50,
customers: {provider: id}}. Leaves the event account.opened. PT403 for anybody else, PT404 for an
unknown account.';
grant execute on function public.report_subscription(uuid) to authenticated;
