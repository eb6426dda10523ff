"""Rows of room platform."""

from rlstests.samples.sample import Sample

SAMPLES = {
    "public.global_config": Sample(
        where="key = 'sample'",
        make="(key, value) values ('sample', '1')",
        insert="(key, value) values ('mine', '1')",
        update="value = '2'",
    ),
    "public.audit_logs": Sample(
        where="owner_id = %(owner)s and action = 'sample'",
        make="(owner_id, actor_role, action, entity_type, entity_id) "
        "values (%(owner)s, 'authenticated', 'sample', 'profiles', '1')",
        insert="(owner_id, actor_role, action, entity_type, entity_id) "
        "values (%(owner)s, 'authenticated', 'mine', 'profiles', '1')",
        update="changes = null",
    ),
    "private.rate_limits": Sample(
        where="key = 'sample'",
        make="(key, window_ends_at, hits) values ('sample', now(), 1)",
        insert="default values",
        update="hits = 1",
    ),
    "public.system_events": Sample(
        where="user_id = %(owner)s and event_type = 'sample.made'",
        make="(user_id, event_type) values (%(owner)s, 'sample.made')",
        insert="(user_id, event_type) values (%(owner)s, 'sample.mine')",
        update="event_data = '{}'",
    ),
    "public.feedback": Sample(
        where="user_id = %(owner)s and content = 'A sample of praise.'",
        make="(user_id, content) values (%(owner)s, 'A sample of praise.')",
        insert="(user_id, content) values (%(owner)s, 'Another sample.')",
        update="content = 'Something else.'",
    ),
}
