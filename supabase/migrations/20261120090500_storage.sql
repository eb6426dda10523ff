-- Room: storage
--
-- What lives here: the bucket of uploaded résumés and the policies on its objects.
-- Who may touch it: owners, in the folder that is named after their id. Files never change: a new
-- version is a new file, so there is no policy for UPDATE (no overwrite, move or rename).
-- On hosted Supabase storage.objects is not ours: policies may be added, comments on them may not.
-- Tests: rlstests/test_storage.py

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values (
    'resumes', 'resumes', false, 10485760,
    array[
        'application/pdf',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
    ]
)
on conflict (id) do update
    set public = excluded.public,
    file_size_limit = excluded.file_size_limit,
    allowed_mime_types = excluded.allowed_mime_types;

create policy resumes_bucket_select_owner on storage.objects
for select to authenticated
using (bucket_id = 'resumes' and split_part(name, '/', 1) = (select auth.uid())::text);

-- {user_id}/{uuid}.pdf or .docx and nothing else: no nesting, no dots, no escapes.
create policy resumes_bucket_insert_owner on storage.objects
for insert to authenticated
with check (
    bucket_id = 'resumes'
    and split_part(name, '/', 1) = (select auth.uid())::text
    and (select private.is_active_user())
    and name ~ '^[0-9a-f-]{36}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[.](pdf|docx)$'
);

create policy resumes_bucket_delete_owner on storage.objects
for delete to authenticated
using (bucket_id = 'resumes' and split_part(name, '/', 1) = (select auth.uid())::text);
