"""Rows of room queue."""

from rlstests.samples.sample import Sample

SAMPLES = {
    "queue.task_kinds": Sample(
        where="kind = 'resume_parse'",
        insert="(kind, description) values ('mine', 'Mine')",
        update="max_attempts = 25",
    ),
    "queue.tasks": Sample(
        where="user_id = %(owner)s",
        make="(kind, user_id, priority, max_attempts) values ('resume_parse', %(owner)s, 1, 1)",
        insert="(kind, user_id, priority, max_attempts) values ('resume_parse', %(owner)s, 1, 1)",
        update="priority = 0",
    ),
    "queue.finished": Sample(
        where="user_id = %(owner)s",
        make="(id, kind, outcome, payload, user_id, attempt, created_at) "
        "values (gen_random_uuid(), 'resume_parse', 'done', '{}', %(owner)s, 1, now())",
        insert="default values",
        update="outcome = 'done'",
    ),
    "private.maintenance_jobs": Sample(
        where="name = 'partitions'",
        insert="(name, description, repeat_every) values ('mine', 'Mine', '1 day')",
        update="next_run_at = now()",
    ),
}
