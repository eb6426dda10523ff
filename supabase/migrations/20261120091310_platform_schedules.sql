-- Room: platform, fifth part: the clock of the database.
--
-- What lives here: the pg_cron job that calls run_maintenance every minute, where there is pg_cron.
-- Workers call it as well, so nothing depends on it: with both, whoever comes second does nothing.
-- Who may touch it: migrations; an operator who makes pg_cron available later calls
-- private.schedule_maintenance() once.
-- Tests: rlstests/test_platform_schedules.py

create function private.make_cron() returns text
language plpgsql
volatile
set search_path = ''
as $$
begin
    if exists (select 1 from pg_catalog.pg_extension e where e.extname = 'pg_cron') then
        return 'present';
    end if;
    if not exists (
        select 1 from pg_catalog.pg_available_extensions e where e.name = 'pg_cron'
    ) then
        return 'absent';
    end if;
    create extension pg_cron with schema pg_catalog;
    return 'present';
exception when others then
    -- It must be preloaded, lives in one database only, and not every role may make it.
    raise warning 'pg_cron cannot be made here, the workers keep the clock: %', sqlerrm;
    return 'forbidden';
end;
$$;
comment on function private.make_cron() is
    'Makes the extension pg_cron where that can be done: present, absent or forbidden.';

create function private.schedule_maintenance() returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
    if to_regprocedure('cron.schedule(text, text, text)') is null then
        return false;
    end if;
    -- The name makes it one job: scheduling it again replaces it.
    execute format('select %I.schedule($1, $2, $3)', 'cron')
    using 'resumebase-maintenance', '* * * * *', 'select worker.run_maintenance()';
    return true;
exception when others then
    raise warning 'pg_cron takes no job, the workers keep the clock: %', sqlerrm;
    return false;
end;
$$;
comment on function private.schedule_maintenance() is
    'Has pg_cron run maintenance every minute. False where that cannot be done.';

select private.make_cron();
select private.schedule_maintenance();
