"""Rows of room privacy."""

from rlstests.samples.sample import Sample

SAMPLES = {
    "private.account_purges": Sample(
        where="user_id = %(owner)s",
        make="(user_id) values (%(owner)s)",
        insert="(user_id) values (%(owner)s)",
        update="confirmed_at = now()",
    ),
    "public.retention_policies": Sample(
        where="relation = 'public.audit_logs'",
        insert="(relation, column_name, keep) values ('public.resumes', 'created_at', '1 day')",
        update="keep = '1 day'",
    ),
}
