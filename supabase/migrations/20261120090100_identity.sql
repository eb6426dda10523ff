-- Room: identity
--
-- What lives here: who somebody is. profiles, user_preferences, user_settings, admin_users, and
-- the triggers that keep them in step with auth.users.
-- Who may touch it: everybody their own rows. Only the system writes tier, status, e-mail address
-- and is_active. Admins look at other accounts through the functions of room reporting: an
-- `or is_admin()` in a policy would keep every owner's query from using an index.
-- Tests: rlstests/test_identity.py

-- Tables --------------------------------------------------------------------------------------

create table public.profiles (
    id uuid primary key references auth.users (id) on delete cascade,
    email text,
    full_name text check (char_length(full_name) <= 200),
    first_name text check (char_length(first_name) <= 100),
    last_name text check (char_length(last_name) <= 100),
    phone text check (char_length(phone) <= 50),
    job_title text check (char_length(job_title) <= 200),
    company text check (char_length(company) <= 200),
    bio text check (char_length(bio) <= 5000),
    location text check (char_length(location) <= 200),
    website text check (char_length(website) <= 500 and private.is_web_link(website)),
    linkedin text check (char_length(linkedin) <= 500 and private.is_web_link(linkedin)),
    github text check (char_length(github) <= 500 and private.is_web_link(github)),
    avatar_url text check (char_length(avatar_url) <= 1000 and private.is_web_link(avatar_url)),
    preferred_ai_provider text check (
        preferred_ai_provider in ('gemini', 'claude', 'openai', 'openrouter', 'offline')
    ),
    active_resume_id uuid,
    subscription_tier text not null default 'free',
    subscription_status text not null default 'none',
    custom_limits jsonb not null default '{}' check (
        private.is_custom_limits(custom_limits) and octet_length(custom_limits::text) <= 16384
    ),
    is_active boolean not null default true,
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.profiles is
    'One row per user, made at signup.
Owners read their row and change what describes them. The system writes the rest.';
comment on column public.profiles.email is 'Follows auth.users.email. Null for a phone signup.';
comment on column public.profiles.preferred_ai_provider is
    'The provider asked first. Null means the order the operator configured.';
comment on column public.profiles.active_resume_id is
    'The résumé that other features use when none is named.';
comment on column public.profiles.subscription_tier is
    'Code of the plan in effect. System-written: the mirror of the subscription.';
comment on column public.profiles.subscription_status is
    'Status of that subscription, none without one. System-written.';
comment on column public.profiles.custom_limits is
    'Limits agreed with this user: {meter: {day|month|lifetime: number or null}}; null is unlimited.
Those of a meter stand in place of all that the plan says of it; resumes.lifetime in place of
plans.max_resumes. System-written: the mirror of the subscription.';
comment on column public.profiles.is_active is
    'False for a blocked account: it may read and delete, but write nothing. System-written.';
comment on column public.profiles.deleted_at is
    'When deletion of the account was requested. System-written.';

create index profiles_email_idx on public.profiles (lower(email) text_pattern_ops);

create table public.user_preferences (
    user_id uuid primary key references public.profiles (id) on delete cascade,
    email_notifications boolean not null default true,
    resume_tips boolean not null default true,
    job_alerts boolean not null default false,
    profile_visibility boolean not null default false,
    data_analytics boolean not null default true,
    theme text not null default 'system' check (theme in ('system', 'light', 'dark')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.user_preferences is
    'The switches of the settings page, one row per user, made at signup.';

create table public.user_settings (
    user_id uuid not null default auth.uid() references public.profiles (id) on delete cascade,
    setting_key text not null check (setting_key ~ '^[a-z][a-z0-9_.-]{0,99}$'),
    setting_value jsonb check (
        private.has_short_numbers(setting_value) and octet_length(setting_value::text) <= 16384
    ),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (user_id, setting_key)
);
comment on table public.user_settings is
    'Free key/value settings of a client application, at most 16 KiB a value.
At most as many as global_config max_settings says, 200 without it.';
comment on column public.user_settings.setting_key is
    'Lower case, starts with a letter: letters, digits, dots, dashes, underscores.';

create table public.admin_users (
    user_id uuid primary key references public.profiles (id) on delete cascade,
    email text not null,
    role text not null default 'admin' check (role in ('admin', 'super_admin')),
    permissions jsonb not null default '{}' check (
        jsonb_typeof(permissions) = 'object' and octet_length(permissions::text) <= 16384
    ),
    created_at timestamptz not null default now()
);
comment on table public.admin_users is
    'Who may see other people''s accounts and usage. Written by operators only, read by admins.';

-- Functions used by policies --------------------------------------------------------------------

create function private.is_active_user() returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select exists (
        select 1
        from public.profiles p
        where p.id = (select auth.uid()) and p.is_active and p.deleted_at is null
    );
$$;
comment on function private.is_active_user() is
    'True when the caller''s account is neither blocked nor about to be deleted.';
grant execute on function private.is_active_user() to authenticated;

create function private.is_admin() returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select private.is_active_user() and exists (
        select 1 from public.admin_users a where a.user_id = (select auth.uid())
    );
$$;
comment on function private.is_admin() is
    'True when the caller is an active admin. The only predicate on admin_users that policies ask.';
grant execute on function private.is_admin() to authenticated;

create function private.lock_account(p_user_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- Deleting an account locks its profile first and then its rows. Whoever locks rows of a user
    -- takes the profile first as well, or the two wait for each other.
    perform 1 from public.profiles p where p.id = p_user_id for key share;
end;
$$;
comment on function private.lock_account(uuid) is
    'Keeps an account from being deleted until the transaction ends. Call it before locking rows.';

create function private.tg_lock_account() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    perform private.lock_account(auth.uid());
    return null;
end;
$$;
comment on function private.tg_lock_account() is
    'Locks the caller''s account before a statement of a client locks rows whose change refers to
the profile: in the order of those who delete an account.';

create function private.require_user() returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := auth.uid();
begin
    if v_user_id is null then
        raise sqlstate 'PT401' using
            message = 'You are not signed in.',
            hint = 'Sign in and send the access token.';
    end if;
    if not private.is_active_user() then
        raise sqlstate 'PT403' using
            message = format('The account %s is not active.', v_user_id),
            hint = 'It was blocked, or its deletion was requested. Contact support.';
    end if;
    return v_user_id;
end;
$$;
comment on function private.require_user() is
    'The caller''s id. PT401 when nobody is signed in, PT403 when the account is not active.';

-- Row level security ----------------------------------------------------------------------------

alter table public.profiles enable row level security;
alter table public.user_preferences enable row level security;
alter table public.user_settings enable row level security;
alter table public.admin_users enable row level security;

create policy profiles_select_owner on public.profiles
for select to authenticated
using (id = (select auth.uid()));

create policy profiles_update_owner on public.profiles
for update to authenticated
using (id = (select auth.uid()))
with check (id = (select auth.uid()) and (select private.is_active_user()));

create policy user_preferences_select_owner on public.user_preferences
for select to authenticated
using (user_id = (select auth.uid()));

create policy user_preferences_update_owner on public.user_preferences
for update to authenticated
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()) and (select private.is_active_user()));

create policy user_settings_select_owner on public.user_settings
for select to authenticated
using (user_id = (select auth.uid()));

create policy user_settings_insert_owner on public.user_settings
for insert to authenticated
with check (user_id = (select auth.uid()) and (select private.is_active_user()));

create policy user_settings_update_owner on public.user_settings
for update to authenticated
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()) and (select private.is_active_user()));

create policy user_settings_delete_owner on public.user_settings
for delete to authenticated
using (user_id = (select auth.uid()));

create policy admin_users_select_admin on public.admin_users
for select to authenticated
using ((select private.is_admin()));

-- Grants ----------------------------------------------------------------------------------------

grant select on public.profiles to authenticated, service_role;
grant update (
    full_name, first_name, last_name, phone, job_title, company, bio, location,
    website, linkedin, github, avatar_url, preferred_ai_provider, active_resume_id
) on public.profiles to authenticated;

grant select on public.user_preferences to authenticated, service_role;
grant update (
    email_notifications, resume_tips, job_alerts, profile_visibility, data_analytics, theme
) on public.user_preferences to authenticated;

grant select, delete on public.user_settings to authenticated;
grant select on public.user_settings to service_role;
grant insert (user_id, setting_key, setting_value) on public.user_settings to authenticated;
-- An upsert names every column it inserts in its UPDATE too; the policy keeps them the owner's.
grant update (user_id, setting_key, setting_value) on public.user_settings to authenticated;

grant select on public.admin_users to authenticated, service_role;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.profiles
for each row execute function private.tg_set_updated_at();
create trigger _100_set_updated_at before update on public.user_preferences
for each row execute function private.tg_set_updated_at();
create trigger _100_set_updated_at before update on public.user_settings
for each row execute function private.tg_set_updated_at();

create function private.tg_user_settings__limit_rows() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_max integer := private.config_integer('max_settings', 200);
    v_user_id uuid;
begin
    for v_user_id in select distinct i.user_id from inserted i order by i.user_id loop
        -- Inserts of one user take turns, or two of them would each count without the other.
        perform 1 from public.profiles p where p.id = v_user_id for no key update;
        if (select count(*) from public.user_settings s where s.user_id = v_user_id) > v_max then
            raise sqlstate 'PT422' using
                message = format('More than %s settings are not possible.', v_max),
                hint = 'Delete some, or keep several in one value.';
        end if;
    end loop;
    return null;
end;
$$;
comment on function private.tg_user_settings__limit_rows() is
    'PT422 when a user has too many rows: after the policy, so that it tells nothing of strangers.';

create trigger _400_limit_rows after insert on public.user_settings
referencing new table as inserted
for each statement execute function private.tg_user_settings__limit_rows();

create function private.first_metadata_text(
    p_metadata jsonb,
    p_keys text[],
    p_max_length integer
) returns text
language sql
immutable
set search_path = ''
as $$
    -- Clients write this metadata freely: take strings only, without control characters, cut to
    -- what the column holds.
    select left(c.cleaned, p_max_length)
    from unnest(p_keys) with ordinality as k (key, position)
    cross join lateral (
        select btrim(regexp_replace(p_metadata ->> k.key, '[[:cntrl:]]', ' ', 'g')) as cleaned
    ) c
    where jsonb_typeof(p_metadata) = 'object'
        and jsonb_typeof(p_metadata -> k.key) = 'string'
        and c.cleaned <> ''
    order by k.position
    limit 1;
$$;
comment on function private.first_metadata_text(jsonb, text[], integer) is
    'The first of these keys that holds a usable text, cleaned and cut; null if none does.';

create function private.create_account(p_user auth.users) returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_meta jsonb := p_user.raw_user_meta_data;
    -- One character more than the column holds: half an address is none.
    v_avatar text := private.first_metadata_text(v_meta, '{avatar_url,picture}', 1001);
begin
    insert into public.profiles (id, email, full_name, first_name, last_name, avatar_url)
    values (
        p_user.id,
        p_user.email,
        private.first_metadata_text(v_meta, '{full_name,name}', 200),
        private.first_metadata_text(v_meta, '{first_name,given_name}', 100),
        private.first_metadata_text(v_meta, '{last_name,family_name}', 100),
        case when private.is_web_link(v_avatar) and char_length(v_avatar) <= 1000 then v_avatar end
    )
    on conflict (id) do nothing;
    insert into public.user_preferences (user_id) values (p_user.id)
    on conflict (user_id) do nothing;
end;
$$;
comment on function private.create_account(auth.users) is
    'Makes profile and preferences of a user, if they are missing. Bad metadata is dropped.';

create function private.tg_users__create_profile() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    perform private.create_account(new);
    return null;
end;
$$;
comment on function private.tg_users__create_profile() is
    'Makes the account of a new user. Whatever metadata a client sends, it blocks no signup.';

create trigger _100_create_profile after insert on auth.users
for each row execute function private.tg_users__create_profile();

create function private.tg_users__mirror_email() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    update public.profiles set email = new.email where id = new.id;
    update public.admin_users
    set email = new.email
    where user_id = new.id and new.email is not null;
    return null;
end;
$$;
comment on function private.tg_users__mirror_email() is
    'Keeps the e-mail address of the profile what Auth says it is.';

create trigger _200_mirror_email after update of email on auth.users
for each row when (new.email is distinct from old.email)
execute function private.tg_users__mirror_email();

-- Users who were there before this migration ----------------------------------------------------

select private.create_account(u) from auth.users u;
