-- Room: resumes, third part: the history of a résumé.
--
-- What lives here: resume_versions, a snapshot for each change of the content, and the way back.
-- Who may touch it: owners read; the trigger on resumes writes.
-- Tests: rlstests/test_resumes_versions.py

create function private.note_resume_change(p_change_type text, p_change_summary text) returns void
language sql
volatile
set search_path = ''
as $$
    select
        set_config('resumebase.change_type', p_change_type, true),
        set_config('resumebase.change_summary', coalesce(p_change_summary, ''), true);
$$;
comment on function private.note_resume_change(text, text) is
    'Says what the next changes of résumé content in this transaction are, for their versions.';
