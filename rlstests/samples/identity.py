"""Rows of room identity."""

from rlstests.samples.sample import Sample

SAMPLES = {
    "public.profiles": Sample(
        where="id = %(owner)s",
        insert="(id, full_name) values (%(owner)s, 'x')",
        update="full_name = 'changed'",
    ),
    "public.user_preferences": Sample(
        where="user_id = %(owner)s",
        insert="(user_id, theme) values (%(owner)s, 'dark')",
        update="theme = 'dark'",
    ),
    "public.user_settings": Sample(
        where="user_id = %(owner)s and setting_key = 'editor'",
        make="(user_id, setting_key, setting_value) values (%(owner)s, 'editor', '1')",
        insert="(user_id, setting_key, setting_value) values (%(owner)s, 'other', '2')",
        update="setting_value = '3'",
    ),
    "public.admin_users": Sample(
        where="user_id = %(owner)s",
        make="(user_id, email) select id, 'helper@example.com' from public.profiles "
        "where id = (select user_id from public.admin_users limit 1)",
        insert="(user_id, email) values (%(owner)s, 'me@example.com')",
        update="role = 'super_admin'",
    ),
}
