-- Room: privacy, fifth part: files of deleted downloads.
--
-- What lives here: the files of downloads go when somebody deletes the generation they belong to.
-- Files that a résumé or another download names are spared: see unused_files.
-- Who may touch it: nobody; it follows the rows.
-- Tests: rlstests/test_privacy_downloads.py

create function private.tg_resume_downloads__purge_files() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    -- The files of an account that goes as a whole are removed by purge_account.
    perform private.enqueue_file_purge(
        jsonb_agg(distinct jsonb_build_object('bucket', 'exports', 'name', g.file_path))
    )
    from gone g
    inner join public.profiles p on p.id = g.user_id;
    return null;
end;
$$;
comment on function private.tg_resume_downloads__purge_files() is
    'Queues the removal of the files of deleted downloads.';

create trigger _200_purge_files after delete on public.resume_downloads
referencing old table as gone
for each statement execute function private.tg_resume_downloads__purge_files();
