-- What hosted grants on the schemas of Auth and Storage. The gateway makes their tables and
-- functions at its first start, so this runs once, right after that, as superuser. On
-- storage.objects and storage.buckets row level security is the guard, as on hosted.

grant usage on schema auth, storage to anon, authenticated, service_role, postgres;
grant execute on all functions in schema auth to anon, authenticated, service_role, postgres;
grant execute on all functions in schema storage to anon, authenticated, service_role, postgres;
grant all on storage.objects, storage.buckets to anon, authenticated, service_role;
grant select, insert, update, delete, references, trigger on all tables in schema auth to postgres;
alter table storage.objects enable row level security;
alter table storage.buckets enable row level security;
