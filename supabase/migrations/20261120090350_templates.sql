-- Room: templates
--
-- What lives here: what a résumé may look like. Built-in templates come with the seed, custom ones
-- belong to the user who made them.
-- Who may touch it: anyone reads public ones, owners manage their own. Operators publish, price and
-- score; a job counts how often each is used.
-- Tests: rlstests/test_templates.py, rlstests/test_templates_shape.py

-- Functions used by constraints -----------------------------------------------------------------

create function private.is_template_design(p_design jsonb) returns boolean
language sql
immutable
set search_path = ''
as $$
    -- Renderers put these values into style sheets and typesetting: nothing gets through that could
    -- end a value there.
    select (
        jsonb_typeof(p_design) = 'object'
        and p_design #>> '{fonts,heading}' ~ '^[A-Za-z0-9][A-Za-z0-9 _-]{0,99}$'
        and p_design #>> '{fonts,body}' ~ '^[A-Za-z0-9][A-Za-z0-9 _-]{0,99}$'
        and jsonb_typeof(p_design -> 'colors') = 'object'
        and p_design #> '{colors,primary}' is not null
        and not jsonb_path_exists(
            p_design,
            'strict $.colors.* '
            '? (@.type() != "string" || !(@ like_regex "^#[0-9A-Fa-f]{6}$"))',
            '{}', true
        )
        and jsonb_path_exists(
            p_design, 'strict $.sectionOrder ? (@.size() >= 1 && @.size() <= 40)', '{}', true
        )
        and not jsonb_path_exists(
            p_design,
            'strict $.sectionOrder[*] '
            '? (@.type() != "string" || !(@ like_regex "^[A-Za-z][A-Za-z0-9_]{0,59}$"))',
            '{}', true
        )
        and p_design #>> '{spacing,margins}'
            ~ '^[0-9]{1,3}([.][0-9]{1,2})?(in|cm|mm|pt|px)$'
        and jsonb_path_exists(
            p_design, 'strict $.spacing.lineHeight ? (@ >= 0.8 && @ <= 3)', '{}', true
        )
    ) is true;
$$;
comment on function private.is_template_design(jsonb) is
    'True for an object with fonts {heading, body}, colors {primary, …} as #rrggbb,
sectionOrder [keys of the content], spacing {margins, lineHeight}. More keys are welcome.';
grant execute on function private.is_template_design(jsonb) to authenticated, service_role;

-- Tables ----------------------------------------------------------------------------------------

create table public.resume_templates (
    id uuid primary key default gen_random_uuid(),
    owner_id uuid default auth.uid() references public.profiles (id) on delete cascade,
    name text not null check (char_length(name) between 1 and 100),
    slug text check (
        char_length(slug) between 1 and 100 and slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'
    ),
    type text not null default 'custom' check (type in ('built_in', 'extracted', 'custom')),
    category text check (char_length(category) between 1 and 50),
    description text not null default '' check (char_length(description) <= 2000),
    layout text not null default 'single_column' check (
        layout in ('single_column', 'two_column')
    ),
    design jsonb not null check (
        private.is_template_design(design)
        and private.has_short_numbers(design)
        and octet_length(design::text) <= 32768
    ),
    sections smallint not null generated always as (
        case
            when jsonb_typeof(design -> 'sectionOrder') = 'array'
                then jsonb_array_length(design -> 'sectionOrder')
            else 0
        end
    ) stored,
    preview_url text check (char_length(preview_url) <= 1000 and private.is_web_link(preview_url)),
    is_public boolean not null default false,
    is_active boolean not null default true,
    is_premium boolean not null default false,
    ats_score smallint check (ats_score between 0 and 100),
    usage_count integer not null default 0 check (usage_count >= 0),
    demo_user_id uuid,
    demo_resume_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- One name for all would tell a user what strangers call their templates.
    unique nulls not distinct (owner_id, name),
    constraint resume_templates_built_in_check check (
        type <> 'built_in' or (owner_id is null and slug is not null)
    ),
    -- Whoever reads a public one must not learn whose it was.
    constraint resume_templates_public_check check (not is_public or owner_id is null),
    constraint resume_templates_demo_check check (
        (demo_user_id is null) = (demo_resume_id is null)
    )
);
comment on table public.resume_templates is
    'What a résumé may look like: built-in templates for everybody, custom ones for their owner.
Anyone reads those that are public and active; owners read and write their own, at most as many as
global_config max_templates says, 100 without it.';
comment on column public.resume_templates.owner_id is
    'Who made it and alone sees it. Null for those of the installation.';
comment on column public.resume_templates.name is
    'Unique among those of the installation, and among those of one owner.';
comment on column public.resume_templates.slug is
    'A name for addresses and configuration, unique as the name is; built-in templates have one.';
comment on column public.resume_templates.type is
    'built_in, extracted (read from a file of its owner) or custom. System-written.';
comment on column public.resume_templates.design is
    'fonts {heading, body}, colors {primary, …}, sectionOrder [], spacing {margins, lineHeight};
renderers ignore keys they do not know.';
comment on column public.resume_templates.sections is
    'How many sections sectionOrder names. Derived.';
comment on column public.resume_templates.is_public is
    'Whether everybody sees it. Written by operators, who take the owner off first.';
comment on column public.resume_templates.is_active is 'False hides it from the choice.';
comment on column public.resume_templates.is_premium is
    'Whether choosing it needs a paid plan. Written by operators.';
comment on column public.resume_templates.ats_score is
    'How well applicant tracking systems read it, 0 to 100. Written by operators.';
comment on column public.resume_templates.usage_count is
    'How many résumés use it, trash aside. System-written, by the clock: counting with each résumé
would make every user of a popular template wait for one row.';
comment on column public.resume_templates.demo_user_id is
    'Whose résumé demo_resume_id is. System-written.';
comment on column public.resume_templates.demo_resume_id is
    'A résumé that shows it. System-written.';
create unique index resume_templates_slug_key on public.resume_templates (owner_id, slug)
nulls not distinct where slug is not null;
create index resume_templates_demo_idx on public.resume_templates (demo_user_id, demo_resume_id)
where demo_resume_id is not null;

-- Row level security ----------------------------------------------------------------------------

alter table public.resume_templates enable row level security;

create policy resume_templates_select_anon on public.resume_templates
for select to anon
using (is_public and is_active);

create policy resume_templates_select_anyone_or_owner on public.resume_templates
for select to authenticated
using ((is_public and is_active) or owner_id = (select auth.uid()));

create policy resume_templates_insert_owner on public.resume_templates
for insert to authenticated
with check (owner_id = (select auth.uid()) and (select private.is_active_user()));

create policy resume_templates_update_owner on public.resume_templates
for update to authenticated
using (owner_id = (select auth.uid()))
with check (owner_id = (select auth.uid()) and (select private.is_active_user()));

create policy resume_templates_delete_owner on public.resume_templates
for delete to authenticated
using (owner_id = (select auth.uid()));

-- Grants ----------------------------------------------------------------------------------------

grant select on public.resume_templates to anon, authenticated, service_role;
grant delete on public.resume_templates to authenticated;
grant insert (
    owner_id, name, slug, category, description, layout, design, preview_url, is_active
) on public.resume_templates to authenticated;
grant update (name, slug, category, description, layout, design, preview_url, is_active)
on public.resume_templates to authenticated;

-- Triggers --------------------------------------------------------------------------------------

-- Résumés that use it lose it, and that is written down with the account.
create trigger _100_lock_account before delete on public.resume_templates
for each statement execute function private.tg_lock_account();

create function private.tg_resume_templates__limit_rows() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_max integer := private.config_integer('max_templates', 100);
    v_owner_id uuid;
begin
    for v_owner_id in
        select distinct i.owner_id from inserted i where i.owner_id is not null order by i.owner_id
    loop
        -- Inserts of one user take turns, or two of them would each count without the other.
        perform 1 from public.profiles p where p.id = v_owner_id for no key update;
        if (select count(*) from public.resume_templates t where t.owner_id = v_owner_id) > v_max
        then
            raise sqlstate 'PT422' using
                message = format('More than %s templates of your own are not possible.', v_max),
                hint = 'Delete some that you no longer use.';
        end if;
    end loop;
    return null;
end;
$$;
comment on function private.tg_resume_templates__limit_rows() is
    'PT422 when a user has too many rows: after the policy, so that it tells nothing of strangers.';

create trigger _400_limit_rows after insert on public.resume_templates
referencing new table as inserted
for each statement execute function private.tg_resume_templates__limit_rows();

-- A new usage_count alone is no edit.
create trigger _100_set_updated_at before update of
owner_id, name, slug, type, category, description, layout, design, preview_url,
is_public, is_active, is_premium, ats_score, demo_resume_id
on public.resume_templates
for each row execute function private.tg_set_updated_at();

-- Choosing one ----------------------------------------------------------------------------------

create function private.is_usable_template(p_template_id uuid) returns boolean
language sql
stable
set search_path = ''
as $$
    select exists (
        select 1
        from public.resume_templates t
        where t.id = p_template_id
            and t.is_active
            and (t.is_public or t.owner_id = (select auth.uid()))
            and (not t.is_premium or private.has_paid_plan())
    );
$$;
comment on function private.is_usable_template(uuid) is
    'True when the caller sees this template, it is active, and the caller''s plan includes it.';
grant execute on function private.is_usable_template(uuid) to authenticated;

create function private.require_template(p_template_id uuid) returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if p_template_id is not null and not private.is_usable_template(p_template_id) then
        -- One answer for missing, foreign, inactive and premium: no ids can be probed.
        raise sqlstate 'PT404' using
            message = format('There is no template %s that you can use.', p_template_id),
            hint = 'Choose an active one of your own or a public one; premium templates need a '
                'paid plan.';
    end if;
end;
$$;
comment on function private.require_template(uuid) is
    'PT404 unless the caller may choose this template; null means none and is fine.';
