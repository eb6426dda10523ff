"""Rows of room resumes."""

from rlstests.samples.sample import Sample

# The same for every sample of one owner, and another for another.
PARENT = "md5('parent of ' || (%(owner)s)::text)::uuid"
MAKE_PARENT = (
    "insert into public.resumes (id, user_id, title, content) "
    f"values ({PARENT}, %(owner)s, 'Parent', '{{\"summary\": \"Mathematician.\"}}') "
    "on conflict (id) do nothing"
)

SAMPLES = {
    "public.resumes": Sample(
        where="user_id = %(owner)s and title = 'Sample'",
        make="(user_id, title) values (%(owner)s, 'Sample')",
        insert="(user_id, title) values (%(owner)s, 'Another')",
        update="status = 'published'",
    ),
    # Made by the trigger on resumes.
    "public.resume_versions": Sample(
        where="user_id = %(owner)s and version_number = 1",
        before=(MAKE_PARENT,),
        insert="(user_id, resume_id, version_number, content, layout, change_type) "
        f"values (%(owner)s, {PARENT}, 2, '{{}}', '{{}}', 'manual')",
        update="change_summary = 'changed'",
    ),
    "public.resume_drafts": Sample(
        where="user_id = %(owner)s and title = 'Sample'",
        before=(MAKE_PARENT,),
        make="(user_id, resume_id, base_version, title, content) "
        f"values (%(owner)s, {PARENT}, 1, 'Sample', '{{}}')",
        insert="(user_id, title, content) values (%(owner)s, 'Another', '{}')",
        update="title = 'changed'",
    ),
    "public.resume_sections": Sample(
        where="user_id = %(owner)s and section_type = 'summary'",
        before=(MAKE_PARENT,),
        insert=f"(resume_id, section_type, content) values ({PARENT}, 'projects', '[]')",
        update="is_visible = false",
    ),
}
