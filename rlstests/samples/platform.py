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
}
