-- Room: resumes, fifth part: a résumé as rows.
--
-- What lives here: resume_sections, a view in which each section is a row that can be written. The
-- one truth is resumes.content and resumes.layout; this is another shape of it.
-- Who may touch it: owners, by the policies and grants of resumes, which every write goes through.
-- Tests: rlstests/test_resumes_sections.py, rlstests/test_resumes_sections_writing.py

-- Functions of the view -------------------------------------------------------------------------

create function private.section_key(p_section_type text) returns text
language sql
immutable
set search_path = ''
as $$
    select case p_section_type when 'personal' then 'personalInfo' else p_section_type end;
$$;
comment on function private.section_key(text) is
    'The key of resumes.content that holds the section of this type.';

create function private.ordered_sections(p_content jsonb, p_layout jsonb) returns text[]
language sql
immutable
set search_path = ''
as $$
    select coalesce(array_agg(k.key order by chosen.place, usual.place, k.key), '{}')
    from jsonb_object_keys(p_content) as k (key)
    left join lateral (
        select min(o.place) as place
        from jsonb_array_elements_text(coalesce(p_layout -> 'sectionOrder', '[]'))
            with ordinality as o (key, place)
        where o.key = k.key
    ) chosen on true
    left join unnest(
        '{personalInfo,summary,experience,education,skills,projects,certifications}'::text[]
    ) with ordinality as usual (key, place) on usual.key = k.key;
$$;
comment on function private.ordered_sections(jsonb, jsonb) is
    'The keys of a content in the order of layout.sectionOrder; those not named there follow, the '
    'usual ones first.';

create function private.move_section(
    p_content jsonb,
    p_layout jsonb,
    p_key text,
    p_place integer
) returns jsonb
language sql
immutable
set search_path = ''
as $$
    with others as (
        select array_remove(private.ordered_sections(p_content, p_layout), p_key) as keys
    ),
    target as (
        select least(greatest(p_place, 1), cardinality(o.keys) + 1) as place from others o
    )
    select p_layout || jsonb_build_object(
        'sectionOrder', o.keys[:t.place - 1] || p_key || o.keys[t.place:]
    )
    from others o
    cross join target t;
$$;
comment on function private.move_section(jsonb, jsonb, text, integer) is
    'A layout with this section at that place, from 1; a place past the end is the end.';

create function private.show_section(p_layout jsonb, p_key text, p_is_visible boolean)
returns jsonb
language sql
immutable
set search_path = ''
as $$
    select p_layout || jsonb_build_object(
        'hidden',
        (coalesce(p_layout -> 'hidden', '[]') - p_key)
        || case when p_is_visible then '[]' else jsonb_build_array(p_key) end
    );
$$;
comment on function private.show_section(jsonb, text, boolean) is
    'A layout in which this section is visible, or hidden.';

create function private.forget_section(p_layout jsonb, p_key text) returns jsonb
language sql
immutable
set search_path = ''
as $$
    select coalesce(jsonb_object_agg(
        l.key,
        case when l.key in ('sectionOrder', 'hidden') then l.value - p_key else l.value end
    ), '{}')
    from jsonb_each(p_layout) as l (key, value);
$$;
comment on function private.forget_section(jsonb, text) is
    'A layout that does not name this section.';

grant execute on function private.ordered_sections(jsonb, jsonb) to authenticated, service_role;
grant execute on function
private.section_key(text),
private.move_section(jsonb, jsonb, text, integer),
private.show_section(jsonb, text, boolean),
private.forget_section(jsonb, text)
to authenticated;

-- View ------------------------------------------------------------------------------------------

create view public.resume_sections with (security_invoker = true, security_barrier = true) as
select
    md5(r.id::text || '/' || s.key)::uuid as id,
    r.id as resume_id,
    r.user_id,
    case s.key when 'personalInfo' then 'personal' else s.key end as section_type,
    s.place::integer as section_order,
    r.content -> s.key as content,
    not coalesce(r.layout -> 'hidden', '[]') ? s.key as is_visible,
    r.created_at,
    r.updated_at
from public.resumes r
cross join lateral unnest(private.ordered_sections(r.content, r.layout))
with ordinality as s (key, place)
-- The type personal is the key personalInfo, so that a key of that name has no type.
where s.key <> 'personal';
comment on view public.resume_sections is
    'The sections of a résumé as rows that can be inserted, updated and deleted.
What is written here is written into resumes.content and resumes.layout, by the same rules.';
comment on column public.resume_sections.id is
    'Made from résumé and type: the same as long as the section is there, and after it came back.';
comment on column public.resume_sections.section_type is
    'personal (the key personalInfo), summary, experience, education, skills, or another key.';
comment on column public.resume_sections.section_order is
    'The place in the résumé, from 1. Writing it moves the section; the others make room.';
comment on column public.resume_sections.content is
    'What resumes.content holds under that key: an object, a list or a text, by type.';
comment on column public.resume_sections.is_visible is 'False when layout.hidden names it.';
comment on column public.resume_sections.updated_at is 'When the résumé last changed.';

grant select on public.resume_sections to authenticated, service_role;
grant insert (resume_id, section_type, section_order, content, is_visible)
on public.resume_sections to authenticated;
grant update (section_order, content, is_visible) on public.resume_sections to authenticated;
grant delete on public.resume_sections to authenticated;

-- Triggers --------------------------------------------------------------------------------------
-- They run with the rights of the caller: the policies of resumes decide.

create function private.tg_resume_sections__insert() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_key text := private.section_key(new.section_type);
    v_content jsonb;
begin
    if new.section_type !~ '^[A-Za-z][A-Za-z0-9_]{0,59}$' or new.section_type is null
        or new.section_type = 'personalInfo' or new.content is null then
        raise sqlstate 'PT422' using
            message = 'A section needs a section_type and a content.',
            hint = 'Types are personal, summary, experience, education, skills, projects, or a key '
                'of your own: letters, digits and underscores.';
    end if;
    v_content := jsonb_build_object(v_key, new.content);
    -- Atomic: what another session wrote meanwhile is in r.
    update public.resumes r
    set content = r.content || v_content,
        layout = private.show_section(
            case
                when new.section_order is null then r.layout
                else private.move_section(
                    r.content || v_content, r.layout, v_key, new.section_order
                )
            end,
            v_key,
            coalesce(new.is_visible, true)
        )
    where r.id = new.resume_id and not r.content ? v_key;
    if found then
        -- What the caller gets back is what the view says now.
        select * into new
        from public.resume_sections s
        where s.resume_id = new.resume_id and s.section_type = new.section_type;
        return new;
    end if;
    if exists (select 1 from public.resumes r where r.id = new.resume_id) then
        raise sqlstate 'PT409' using
            message = format(
                'Résumé %s has a section %s already.', new.resume_id, new.section_type
            ),
            hint = 'Update it instead.';
    end if;
    raise sqlstate '42501' using
        message = 'new row violates row-level security policy for view "resume_sections"',
        hint = 'Use the id of a résumé of your own; one in the trash must be restored first.';
end;
$$;
comment on function private.tg_resume_sections__insert() is
    'Puts a new section into its résumé: at the end, unless section_order says where.';

create trigger _100_insert instead of insert on public.resume_sections
for each row execute function private.tg_resume_sections__insert();

create function private.tg_resume_sections__update() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_key text := private.section_key(old.section_type);
begin
    update public.resumes r
    set content = case
            when new.content is distinct from old.content
                then r.content || jsonb_build_object(v_key, new.content)
            else r.content
        end,
        layout = case
            when new.section_order is distinct from old.section_order
                then private.move_section(
                    r.content,
                    private.show_section(r.layout, v_key, new.is_visible),
                    v_key,
                    new.section_order
                )
            when new.is_visible is distinct from old.is_visible
                then private.show_section(r.layout, v_key, new.is_visible)
            else r.layout
        end
    where r.id = old.resume_id and r.content ? v_key;
    if not found then
        return null;
    end if;
    -- What the caller gets back is what the view says now.
    select * into new
    from public.resume_sections s
    where s.resume_id = old.resume_id and s.section_type = old.section_type;
    return new;
end;
$$;
comment on function private.tg_resume_sections__update() is
    'Writes what changed of a section into its résumé.';

create trigger _100_update instead of update on public.resume_sections
for each row execute function private.tg_resume_sections__update();

create function private.tg_resume_sections__delete() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_key text := private.section_key(old.section_type);
begin
    update public.resumes r
    set content = r.content - v_key,
        layout = private.forget_section(r.layout, v_key)
    where r.id = old.resume_id and r.content ? v_key;
    if not found then
        return null;
    end if;
    return old;
end;
$$;
comment on function private.tg_resume_sections__delete() is
    'Takes a section out of its résumé.';

create trigger _100_delete instead of delete on public.resume_sections
for each row execute function private.tg_resume_sections__delete();
