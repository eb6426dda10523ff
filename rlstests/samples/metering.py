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
}
