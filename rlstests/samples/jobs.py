"""Rows of room jobs."""

from rlstests.samples.sample import Sample

SAMPLES = {
    "public.jobs": Sample(
        where="user_id = %(owner)s and title = 'Sample'",
        make="(user_id, title) values (%(owner)s, 'Sample')",
        insert="(user_id, title) values (%(owner)s, 'Another')",
        update="status = 'applied'",
    ),
}
