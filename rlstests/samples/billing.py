"""Rows of room billing."""

from rlstests.samples.sample import Sample

SAMPLES = {
    "public.billing_customers": Sample(
        where="user_id = %(owner)s",
        make="(user_id, provider, provider_customer_id) values (%(owner)s, 'stripe', 'cus_sample')",
        insert="(user_id, provider, provider_customer_id) "
        "values (%(owner)s, 'razorpay', 'cust_mine')",
        update="provider_customer_id = 'cus_other'",
    ),
    "public.subscriptions": Sample(
        where="user_id = %(owner)s and plan_code = 'starter'",
        make="(user_id, provider, provider_subscription_id, plan_code, status, current_period_end) "
        "values (%(owner)s, 'stripe', 'sub_sample', 'starter', 'active', now() + interval '1 day')",
        insert="(user_id, provider, plan_code, status) "
        "values (%(owner)s, 'manual', 'unlimited', 'active')",
        update="plan_code = 'unlimited'",
    ),
    "public.payments": Sample(
        where="user_id = %(owner)s and kind = 'tokens'",
        make="(user_id, provider, provider_payment_id, kind, tokens, amount, currency, status) "
        "values (%(owner)s, 'stripe', 'pi_sample', 'tokens', 100, 200, 'USD', 'pending')",
        insert="(user_id, provider, provider_payment_id, kind, tokens, amount, currency, status) "
        "values (%(owner)s, 'stripe', 'pi_mine', 'tokens', 1000, 1, 'USD', 'pending')",
        update="tokens = 1000",
    ),
    "private.checkouts": Sample(
        where="user_id = %(owner)s",
        make="(user_id, provider, kind, pack_code, pack_price_id, tokens, amount, currency, "
        "idempotency_key) select %(owner)s, t.provider, 'tokens', t.pack_code, t.id, 100, "
        "t.amount, t.currency, 'sample' from public.token_pack_prices t "
        "where t.provider_price_id = 'pack_local_small' and t.provider = 'stripe'",
        insert="default values",
        update="status = 'completed'",
    ),
    "private.payment_aliases": Sample(
        where="user_id = %(owner)s",
        before=(
            "insert into public.payments (user_id, provider, provider_payment_id, kind, amount, "
            "currency, status) values (%(owner)s, 'stripe', 'in_sample', 'subscription', 200, "
            "'USD', 'pending')",
        ),
        make="(provider, alias, user_id, payment_id) select 'stripe', 'ch_sample', p.user_id, p.id "
        "from public.payments p where p.user_id = %(owner)s and p.kind = 'subscription'",
        insert="default values",
        update="alias = 'ch_other'",
    ),
    "private.subscription_observations": Sample(
        where="user_id = %(owner)s",
        make="(user_id, provider, provider_subscription_id, occurred_at, status, "
        "content_sha256) values (%(owner)s, 'stripe', 'sub_sample', now(), 'active', "
        "sha256('sample'))",
        insert="default values",
        update="status = 'active'",
    ),
    "private.webhook_events": Sample(
        where="user_id = %(owner)s",
        make="(provider, event_id, body_sha256, type, payload, occurred_at, user_id) "
        "values ('stripe', 'evt_sample', sha256('sample'), 'invoice.paid', '{}', now(), %(owner)s)",
        insert="default values",
        update="status = 'received'",
    ),
}
