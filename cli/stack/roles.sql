-- The roles, schemas and extensions that a hosted project starts with, so that the same migrations
-- run here and there. Run once per database, as superuser, before any migration; it may be run
-- again after it was interrupted. Passwords are set beside it, by bootstrap.py.

do $roles$
declare
    wanted text;
begin
    foreach wanted in array array[
        'anon', 'authenticated', 'service_role', 'gateway', 'postgres'
    ]
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
            execute format('create role %I', wanted);
        end if;
    end loop;
end;
$roles$;

-- What a request runs as. The gateway becomes one of these for each request.
alter role anon nologin noinherit;
alter role authenticated nologin noinherit;
alter role service_role nologin noinherit bypassrls;

-- What migrations run as: no superuser, as on hosted.
alter role postgres login inherit createdb createrole bypassrls replication;

-- What the gateway connects as. It inherits from the API roles because it reads
-- information_schema, which shows only what its role may touch; it cannot grant what it does not own.
alter role gateway login inherit;

grant anon, authenticated, service_role to gateway;
grant anon, authenticated, service_role to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
-- Lets migrations put a trigger on auth.users and policies on storage.objects.
grant gateway to postgres;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role gateway set statement_timeout = '8s';
alter role gateway set lock_timeout = '8s';
alter role gateway set search_path = '$user', public, extensions;
alter role postgres set search_path = '$user', public, extensions;

alter database postgres owner to postgres;
alter schema public owner to postgres;
grant create on database postgres to gateway;
grant usage on schema public to anon, authenticated, service_role;

create schema if not exists extensions authorization postgres;
grant usage on schema extensions to anon, authenticated, service_role, gateway;
create schema if not exists auth authorization gateway;
create schema if not exists storage authorization gateway;
create schema if not exists supabase_migrations authorization gateway;

create extension if not exists pgcrypto with schema extensions;
create extension if not exists "uuid-ossp" with schema extensions;
do $statements$
begin
    -- Its library has to be preloaded, which not every set of Postgres binaries can do.
    if current_setting('shared_preload_libraries') like '%pg_stat_statements%' then
        create extension if not exists pg_stat_statements with schema extensions;
    end if;
end;
$statements$;
grant all on all functions in schema extensions to postgres with grant option;

-- The permissive defaults that hosted projects are born with. They are here so that our migrations
-- have to prove that they close them.
alter default privileges for role postgres in schema public
    grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on functions to anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on sequences to anon, authenticated, service_role;
