"""Rows of room ai."""

from rlstests.samples.sample import Sample

SAMPLES = {
    "public.analyses": Sample(
        where="user_id = %(owner)s",
        make="(user_id, analysis_type, status) values (%(owner)s, 'match', 'failed')",
        insert="(user_id, analysis_type) values (%(owner)s, 'match')",
        update="score = 100",
    ),
    "public.ai_documents": Sample(
        where="user_id = %(owner)s",
        make="(user_id, kind, status, content, ai_provider, completed_at) "
        "values (%(owner)s, 'cover_letter', 'completed', 'Dear Ada', 'offline', now())",
        insert="(user_id, kind) values (%(owner)s, 'summary')",
        update="content = 'Dear Grace'",
    ),
    "public.ai_usage": Sample(
        where="user_id = %(owner)s",
        make="(user_id, feature, ai_provider) values (%(owner)s, 'match', 'offline')",
        insert="(user_id, feature, ai_provider) values (%(owner)s, 'match', 'offline')",
        update="estimated_cost = 0",
    ),
    "public.model_prices": Sample(
        where="model = 'sample'",
        make="(provider, model, effective_from, input_price, output_price) "
        "values ('offline', 'sample', '2026-01-01', 1, 2)",
        insert="(provider, model, effective_from, input_price, output_price) "
        "values ('offline', 'mine', '2026-01-01', 0, 0)",
        update="input_price = 0",
    ),
    "private.ai_cache": Sample(
        where="user_id = %(owner)s",
        make="(key, user_id, value, expires_at) "
        "values (sha256('sample'), %(owner)s, '{}', now() + interval '1 day')",
        insert="default values",
        update="value = '1'",
    ),
}
