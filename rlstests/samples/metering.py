"""Rows of room metering."""

from rlstests.samples.sample import Sample

SAMPLES = {
    "public.plans": Sample(
        where="code = 'free'",
        insert="(code, name, tier_rank) values ('mine', 'Mine', 99)",
        update="name = 'changed'",
    ),
    "public.plan_limits": Sample(
        where="plan_code = 'free' and meter = 'ai_actions'",
        insert="(plan_code, meter, period) values ('free', 'mine', 'day')",
        update="max_uses = 1000000",
    ),
    "public.operations": Sample(
        where="code = 'resume_parse'",
        insert="(code, meters) values ('mine', '{mine}')",
        update="token_cost = 0",
    ),
    "public.usage_counters": Sample(
        where="user_id = %(owner)s and meter = 'ai_actions'",
        insert="(user_id, meter, period_type, period_key) "
        "values (%(owner)s, 'mine', 'lifetime', 'lifetime')",
        update="used = 0",
    ),
    "public.usage_events": Sample(
        where="user_id = %(owner)s",
        make="(user_id, operation, period_type, period_key, charges) "
        "values (%(owner)s, 'resume_parse', 'lifetime', 'lifetime', '[]')",
        insert="(user_id, operation, period_type, period_key, charges) "
        "values (%(owner)s, 'resume_parse', 'lifetime', 'lifetime', '[]')",
        update="state = 'released'",
    ),
    "private.idempotency_keys": Sample(
        where="user_id = %(owner)s",
        make="(user_id, operation, idempotency_key, payload_sha256, usage_event_id) "
        "values (%(owner)s, 'resume_parse', 'k', '', gen_random_uuid())",
        insert="default values",
        update="operation = 'x'",
    ),
    "public.token_balances": Sample(
        where="user_id = %(owner)s",
        insert="(user_id, current_balance) values (%(owner)s, 1000)",
        update="current_balance = 1000",
    ),
    "public.token_transactions": Sample(
        where="user_id = %(owner)s",
        make="(user_id, amount, transaction_type) values (%(owner)s, 5, 'grant')",
        insert="(user_id, amount, balance_after, transaction_type) "
        "values (%(owner)s, 1000, 1000, 'grant')",
        update="amount = 1000",
    ),
    "public.plan_prices": Sample(
        where="provider = 'stripe' and provider_price_id = 'plan_local_pro_month'",
        insert="(plan_code, interval, provider, provider_price_id, amount, currency) "
        "values ('pro', 'month', 'stripe', 'mine', 1, 'EUR')",
        update="amount = 1",
    ),
    "public.token_packs": Sample(
        where="code = 'small'",
        insert="(code, name, tokens) values ('mine', 'Mine', 1000000)",
        update="tokens = 1000000",
    ),
    "public.token_pack_prices": Sample(
        where="provider = 'stripe' and pack_code = 'small'",
        insert="(pack_code, provider, provider_price_id, amount, currency) "
        "values ('small', 'stripe', 'mine', 1, 'EUR')",
        update="amount = 1",
    ),
    "public.usage_tracking": Sample(
        where="user_id = %(owner)s",
        before=(
            "insert into public.usage_counters (user_id, meter, period_type, period_key, used) "
            "values (%(owner)s, 'interviews', 'month', '2026-11', 1)",
        ),
        insert="(user_id, month) values (%(owner)s, '2026-12')",
        update="interviews_used = 0",
    ),
    "public.user_credits": Sample(
        where="user_id = %(owner)s",
        insert="(user_id, credits_total) values (%(owner)s, 1000)",
        update="credits_total = 1000",
    ),
}
