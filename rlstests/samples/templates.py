"""Rows of room templates."""

from rlstests.samples.sample import Sample

DESIGN = (
    '{"fonts": {"heading": "Lato", "body": "Lato"}, "colors": {"primary": "#102030"}, '
    '"sectionOrder": ["summary", "experience"], "spacing": {"margins": "1in", "lineHeight": 1.4}}'
)

SAMPLES = {
    # A custom one. That everybody reads the public ones is in test_templates.py.
    "public.resume_templates": Sample(
        where="owner_id = %(owner)s and name = 'Sample'",
        make=f"(owner_id, name, design) values (%(owner)s, 'Sample', '{DESIGN}')",
        insert=f"(owner_id, name, design) values (%(owner)s, 'Another', '{DESIGN}')",
        update="description = 'changed'",
    ),
}
