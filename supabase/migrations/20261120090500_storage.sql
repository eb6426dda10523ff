-- Room: storage
--
-- What lives here: the buckets and the policies on their objects.
--   resumes          private: uploaded documents. Files never change: a new version is a new file.
--   interview-audio  private: recordings; files never change either.
--   exports          private: what workers rendered. Owners read.
--   avatars          public: read by anyone who has the path; owners write, overwrite and rename.
-- Who may touch it: owners, in the folder that is named after their id. A public bucket is read
-- past these policies, by path; nobody but the owner lists a folder.
-- On hosted Supabase storage.objects is not ours: policies may be added, comments on them may not.
-- Tests: rlstests/test_storage.py

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values
(
    'resumes', 'resumes', false, 10485760,
    array[
        'application/pdf',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
    ]
),
(
    'interview-audio', 'interview-audio', false, 26214400,
    array[
        'audio/webm', 'audio/mpeg', 'audio/mp3', 'audio/mp4', 'audio/m4a', 'audio/x-m4a',
        'audio/wav', 'audio/x-wav', 'audio/wave', 'audio/ogg'
    ]
),
(
    'exports', 'exports', false, 26214400,
    array[
        'application/pdf',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
        'application/x-tex', 'text/x-tex', 'text/plain', 'application/zip', 'application/json',
        'image/png'
    ]
),
('avatars', 'avatars', true, 2097152, array['image/png', 'image/jpeg', 'image/webp'])
on conflict (id) do update
    set public = excluded.public,
        file_size_limit = excluded.file_size_limit,
        allowed_mime_types = excluded.allowed_mime_types;

-- Functions used by policies --------------------------------------------------------------------

create function private.has_file_quota(p_bucket text) returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_limit integer := greatest(
        private.config_integer('max_files_per_bucket', 200), 0
    );
    v_files integer;
begin
    -- Counts no further than it must. An id has no character that LIKE would treat as a wildcard.
    select count(*) into v_files
    from (
        select 1
        from storage.objects o
        where o.bucket_id = p_bucket and o.name like auth.uid()::text || '/%'
        limit v_limit
    ) f;
    return v_files < v_limit;
end;
$$;
comment on function private.has_file_quota(text) is
    'True while the caller has fewer files in this bucket than global_config max_files_per_bucket.
Uploads at the same moment may pass the limit by their number.';
grant execute on function private.has_file_quota(text) to authenticated;

-- resumes ---------------------------------------------------------------------------------------

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
    and (select private.has_file_quota('resumes'))
);

create policy resumes_bucket_delete_owner on storage.objects
for delete to authenticated
using (bucket_id = 'resumes' and split_part(name, '/', 1) = (select auth.uid())::text);

-- interview-audio -------------------------------------------------------------------------------

create policy interview_audio_bucket_select_owner on storage.objects
for select to authenticated
using (bucket_id = 'interview-audio' and split_part(name, '/', 1) = (select auth.uid())::text);

create policy interview_audio_bucket_insert_owner on storage.objects
for insert to authenticated
with check (
    bucket_id = 'interview-audio'
    and split_part(name, '/', 1) = (select auth.uid())::text
    and (select private.is_active_user())
    and name ~ (
        '^[0-9a-f-]{36}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[.](webm|mp3|m4a|wav|ogg)$'
    )
    and (select private.has_file_quota('interview-audio'))
);

create policy interview_audio_bucket_delete_owner on storage.objects
for delete to authenticated
using (bucket_id = 'interview-audio' and split_part(name, '/', 1) = (select auth.uid())::text);

-- exports ---------------------------------------------------------------------------------------

-- Workers write with the secret key, which no policy binds.
create policy exports_bucket_select_owner on storage.objects
for select to authenticated
using (bucket_id = 'exports' and split_part(name, '/', 1) = (select auth.uid())::text);

-- avatars ---------------------------------------------------------------------------------------

create policy avatars_bucket_select_owner on storage.objects
for select to authenticated
using (bucket_id = 'avatars' and split_part(name, '/', 1) = (select auth.uid())::text);

create policy avatars_bucket_insert_owner on storage.objects
for insert to authenticated
with check (
    bucket_id = 'avatars'
    and split_part(name, '/', 1) = (select auth.uid())::text
    and (select private.is_active_user())
    and name ~ '^[0-9a-f-]{36}/[A-Za-z0-9_-]{1,100}[.](png|jpg|jpeg|webp)$'
    and (select private.has_file_quota('avatars'))
);

-- An overwrite, or a new name in the own folder: what comes out obeys the rules of an insert.
create policy avatars_bucket_update_owner on storage.objects
for update to authenticated
using (bucket_id = 'avatars' and split_part(name, '/', 1) = (select auth.uid())::text)
with check (
    bucket_id = 'avatars'
    and split_part(name, '/', 1) = (select auth.uid())::text
    and (select private.is_active_user())
    and name ~ '^[0-9a-f-]{36}/[A-Za-z0-9_-]{1,100}[.](png|jpg|jpeg|webp)$'
);

create policy avatars_bucket_delete_owner on storage.objects
for delete to authenticated
using (bucket_id = 'avatars' and split_part(name, '/', 1) = (select auth.uid())::text);
