"""Rows of room resumes: experiences."""

from rlstests.samples.sample import Sample

SAMPLES = {
    "public.user_experiences": Sample(
        where="user_id = %(owner)s and company = 'Sample'",
        make="(user_id, company, position) values (%(owner)s, 'Sample', 'Engineer')",
        insert="(user_id, company, position) values (%(owner)s, 'Another', 'Engineer')",
        update="position = 'Lead'",
    ),
}
