-- Room: platform, fourth part: what a client may listen to.
--
-- What lives here: the list of tables whose changes Realtime sends, to whoever may select the row.
-- Of a deleted row Realtime sends the primary key, to everybody who listens to the table: one whose
-- key names its user stays out, such as usage_counters. Ask my_usage when a task ends.
-- Who may touch it: migrations; one that makes another table that a client waits on calls
-- join_realtime again after adding its name in a new version of the function.
-- Tests: rlstests/test_platform_realtime.py

create function private.join_realtime() returns text[]
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_table text;
    v_joined text[] := '{}'::text[];
begin
    -- The local stack has no Realtime; hosted projects and Docker have this publication.
    if not exists (
        select 1 from pg_catalog.pg_publication p
        where p.pubname = 'supabase_realtime' and not p.puballtables
    ) then
        return v_joined;
    end if;
    for v_table in
        select format('public.%I', c.relname)
        from pg_catalog.pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
            and c.relname in (
                'resumes', 'resume_bullets', 'resume_generations', 'resume_drafts', 'analyses',
                'ai_documents', 'jobs', 'interview_sessions', 'interview_turns',
                'interview_transcripts', 'subscriptions'
            )
            and not exists (
                select 1 from pg_catalog.pg_publication_tables t
                where t.pubname = 'supabase_realtime' and t.schemaname = 'public'
                    and t.tablename = c.relname
            )
        order by c.relname
    loop
        execute format('alter publication supabase_realtime add table %s', v_table);
        v_joined := v_joined || v_table;
    end loop;
    return v_joined;
end;
$$;
comment on function private.join_realtime() is
    'Adds the tables that a client waits on to the publication supabase_realtime, where that exists.
Returns those it added; calling it again adds what is new.';

select private.join_realtime();
