"""The snapshot of the schema is up to date. In its own file: mutation tests leave it out."""

import difflib

from rlstests.actors import Database
from rlstests.snapshot import FILE, render


def test_snapshot__is_the_schema_that_the_migrations_make(db: Database) -> None:
    kept, found = FILE.read_text(encoding="utf-8"), render(db.connection)
    changes = difflib.unified_diff(kept.splitlines(), found.splitlines(), "kept", "found", n=1)
    assert kept == found, "\n".join(["run: make snapshot", *changes])


def test_snapshot__shows_what_protects_a_table(db: Database) -> None:
    text = render(db.connection)
    for line in (
        "create table public.resumes (",
        "alter table public.resumes enable row level security;",
        "create policy resumes_select_owner on public.resumes for select to authenticated",
        "grant insert (user_id, setting_key, setting_value) on public.user_settings to",
        "create table private.usage_events_default partition of public.usage_events DEFAULT;",
        "CREATE OR REPLACE FUNCTION public.trash_resume(p_resume_id uuid)",
        "create policy resumes_bucket_select_owner on storage.objects for select to authenticated",
    ):
        assert line in text, line
    assert " FOR VALUES FROM " not in text, "partitions of months depend on the day"


def test_snapshot__is_the_same_each_time(db: Database) -> None:
    assert render(db.connection) == render(db.connection)
