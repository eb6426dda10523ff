"""Rows of room exports."""

from rlstests.samples.sample import Sample

GENERATION = "'00000000-0000-4000-8000-000000000901'"
COLUMNS = "(id, user_id, formats, resume_data)"

SAMPLES = {
    "public.resume_generations": Sample(
        where="user_id = %(owner)s",
        make="(id, user_id, formats, resume_data, generation_status) "
        f"values ({GENERATION}, %(owner)s, '{{pdf}}', '{{}}', 'failed')",
        insert="(user_id, formats, resume_data) values (%(owner)s, '{pdf}', '{}')",
        update="latex_content = 'changed'",
    ),
    "public.resume_downloads": Sample(
        where="user_id = %(owner)s",
        before=(
            f"insert into public.resume_generations {COLUMNS} "
            f"values ({GENERATION}, %(owner)s, '{{pdf}}', '{{}}')",
        ),
        make="(user_id, generation_id, format, file_path, file_size_bytes) "
        f"values (%(owner)s, {GENERATION}, 'pdf', %(owner)s || '/a.pdf', 1)",
        insert="(user_id, generation_id, format, file_path, file_size_bytes) "
        f"values (%(owner)s, {GENERATION}, 'word', %(owner)s || '/a.docx', 1)",
        update="download_count = 1000",
    ),
}
