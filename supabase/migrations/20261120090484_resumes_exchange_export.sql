-- Room: resumes, exchange: from our content to a JSON Resume document, and to another résumé.
--
-- What lives here: export_json_resume and duplicate_resume.
-- Who may touch it: owners, with their own résumés.
-- Tests: rlstests/test_resumes_copy.py, rlstests/test_resumes_exchange.py

create function private.groups_from_skills(p_skills jsonb) returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
    if jsonb_typeof(p_skills) is distinct from 'object' then
        return null;
    end if;
    -- Groups that were imported are used as long as nobody edited the lists made from them.
    if jsonb_typeof(p_skills -> 'groups') = 'array'
        and private.list_problem(p_skills -> 'groups', 'skills', '{name,level}', '{keywords}')
            is null
        and private.skills_from_groups(p_skills -> 'groups') = p_skills - 'groups' then
        return p_skills -> 'groups';
    end if;
    return private.groups_from_skill_lists(p_skills - 'groups');
end;
$$;
comment on function private.groups_from_skills(jsonb) is
    'The skills of a document from content.skills; null when that is no object.';

create function private.profiles_from_links(p_info jsonb) returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_given jsonb := p_info -> 'profiles';
    v_profiles jsonb := '[]'::jsonb;
    v_network text;
    v_url text;
    v_old text;
begin
    if jsonb_typeof(v_given) = 'array' and private.list_problem(
        v_given, 'profiles', '{network,username,url}', '{}'
    ) is null then
        v_profiles := v_given;
    elsif jsonb_typeof(v_given) is distinct from 'null' then
        v_given := null;
    end if;
    foreach v_network in array '{LinkedIn,GitHub}'::text[] loop
        v_old := private.profile_url(v_profiles, v_network);
        v_url := case
            when jsonb_typeof(p_info -> lower(v_network)) = 'string'
                then p_info ->> lower(v_network)
        end;
        if v_url is not distinct from v_old or v_url is null then
            continue;
        end if;
        -- An edited link replaces the profile that it came from, user name and all.
        select coalesce(jsonb_agg(e.value order by e.position), '[]') into v_profiles
        from jsonb_array_elements(v_profiles) with ordinality as e (value, position)
        where v_old is null
            or lower(e.value ->> 'network') is distinct from lower(v_network)
            or e.value ->> 'url' is distinct from v_old;
        if v_url <> '' then
            v_profiles := v_profiles || jsonb_build_object('network', v_network, 'url', v_url);
        end if;
    end loop;
    return case
        when v_profiles = '[]' and coalesce(v_given, 'null') = 'null' then v_given
        else v_profiles
    end;
end;
$$;
comment on function private.profiles_from_links(jsonb) is
    'basics.profiles from profiles, linkedin and github of personalInfo; null when there are none.';

create function private.location_from_info(p_info jsonb) returns jsonb
language sql
immutable
set search_path = ''
as $$
    select case
        when jsonb_typeof(p_info -> 'address') = 'object'
            and private.location_text(p_info -> 'address')
            is not distinct from p_info ->> 'location'
            then p_info -> 'address'
        -- Edited since, or ours from the start: the line says it.
        when jsonb_typeof(p_info -> 'location') = 'string'
            then jsonb_build_object('city', p_info -> 'location')
        else p_info -> 'location'
    end;
$$;
comment on function private.location_from_info(jsonb) is
    'basics.location from location and address of personalInfo; null when there is none.';

create function private.basics_from_personal_info(p_info jsonb) returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_location jsonb := private.location_from_info(p_info);
    v_profiles jsonb := private.profiles_from_links(p_info);
    v_basics jsonb;
begin
    -- A key of the standard with a value that it does not allow stays out.
    select coalesce(jsonb_object_agg(b.key, b.value), '{}') into v_basics
    from jsonb_each(private.swap_keys(
        p_info - '{summary,location,profiles,address,linkedin,github}'::text[],
        '{"website": "url"}'
    )) as b
    where b.key not in ('name', 'label', 'image', 'email', 'phone', 'url')
        or jsonb_typeof(b.value) in ('string', 'null');
    if v_location = 'null' or private.object_problem(
        v_location, 'location', '{address,postalCode,city,countryCode,region}', '{}'
    ) is null then
        v_basics := v_basics || case
            when v_location is null then '{}' else jsonb_build_object('location', v_location)
        end;
    end if;
    if v_profiles is not null then
        v_basics := v_basics || jsonb_build_object('profiles', v_profiles);
    end if;
    return v_basics;
end;
$$;
comment on function private.basics_from_personal_info(jsonb) is
    'basics of a document from content.personalInfo, an object.';

create function private.standard_json_resume(p_content jsonb) returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_rest jsonb := case
        when jsonb_typeof(p_content #> '{meta,jsonResume}') = 'object'
            then p_content #> '{meta,jsonResume}'
        else '{}'
    end;
    v_document jsonb := v_rest - 'basics';
    v_basics jsonb;
    v_section record;
    v_list jsonb;
begin
    if jsonb_typeof(v_rest -> '$schema') not in ('string', 'null') then
        v_document := v_document - '$schema';
    end if;
    if jsonb_typeof(v_rest -> 'meta') not in ('object', 'null') then
        v_document := v_document - 'meta';
    end if;
    v_document := private.without_resumebase(v_document);

    if jsonb_typeof(p_content -> 'personalInfo') = 'object' then
        v_basics := private.basics_from_personal_info(p_content -> 'personalInfo');
    end if;
    if jsonb_typeof(p_content -> 'summary') = 'string' then
        v_basics := coalesce(v_basics, '{}')
            || jsonb_build_object('summary', p_content -> 'summary');
    end if;
    if v_basics is not null and jsonb_typeof(v_rest -> 'basics') = 'object' then
        select v_basics || coalesce(jsonb_object_agg(b.key, b.value), '{}') into v_basics
        from jsonb_each(v_rest -> 'basics') as b
        where b.key in ('address', 'linkedin', 'github')
            or (b.key = 'summary' and b.value = 'null' and not v_basics ? 'summary');
    elsif v_rest -> 'basics' = 'null' then
        v_basics := coalesce(v_basics, 'null');
    end if;
    if v_basics is not null then
        v_document := v_document || jsonb_build_object('basics', v_basics);
    end if;

    for v_section in select * from private.json_resume_sections() loop
        -- What waits under the key of a section can only be a null.
        if v_rest -> v_section.document_key <> 'null' then
            v_document := v_document - v_section.document_key;
        end if;
        if v_section.section = 'skills' then
            v_list := private.groups_from_skills(p_content -> 'skills');
        elsif jsonb_typeof(p_content -> v_section.section) = 'array' then
            select coalesce(
                jsonb_agg(
                    case jsonb_typeof(e.value)
                        when 'string' then jsonb_build_object(v_section.word_key, e.value)
                        when 'object' then private.swap_keys(e.value, v_section.swaps)
                        else e.value
                    end
                    order by e.position
                ),
                '[]'
            ) into v_list
            from jsonb_array_elements(p_content -> v_section.section)
                with ordinality as e (value, position);
        else
            v_list := null;
        end if;
        if v_list is not null and private.list_problem(
            v_list, '', v_section.texts, v_section.lists
        ) is null then
            v_document := v_document || jsonb_build_object(v_section.document_key, v_list);
        end if;
    end loop;
    return v_document;
end;
$$;
comment on function private.standard_json_resume(jsonb) is
    'What JSON Resume has a place for, of any content; what would not be valid there stays out.';

create function private.write_json_resume(p_content jsonb) returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_document jsonb := private.standard_json_resume(p_content);
    v_back jsonb := private.content_from_json_resume(v_document);
    v_kept jsonb;
begin
    if v_back = p_content then
        return v_document;
    end if;
    -- As the import will read it, once it has taken meta.resumebase out.
    if v_document -> 'meta' in ('{}', 'null') then
        v_document := v_document - 'meta';
        v_back := private.content_from_json_resume(v_document);
    end if;
    select jsonb_object_agg(
        k.key,
        jsonb_build_object('of', private.content_fingerprint(v_back -> k.key))
        || case
            when p_content ? k.key then jsonb_build_object('value', p_content -> k.key) else '{}'
        end
    ) into v_kept
    from (
        select jsonb_object_keys(p_content) as key
        union
        select jsonb_object_keys(v_back)
    ) k
    where (p_content -> k.key) is distinct from (v_back -> k.key);
    if v_kept is null then
        return v_document;
    end if;
    return v_document || jsonb_build_object(
        'meta', coalesce(v_document -> 'meta', '{}') || jsonb_build_object('resumebase', v_kept)
    );
end;
$$;
comment on function private.write_json_resume(jsonb) is
    'The document for any content; read_json_resume gives that content back.';

-- Exporting -------------------------------------------------------------------------------------

create function private.export_json_resume(p_resume_id uuid) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_resume public.resumes;
begin
    select * into v_resume
    from public.resumes r
    where r.id = p_resume_id and r.user_id = v_user_id and r.deleted_at is null;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    perform private.note_resume_access(p_resume_id);
    if v_resume.content = '{}' and v_resume.parsed_data is not null then
        return v_resume.parsed_data;
    end if;
    return private.write_json_resume(v_resume.content);
end;
$$;
comment on function private.export_json_resume(uuid) is
    'A résumé of the caller as a document; see public.export_json_resume.';
grant execute on function private.export_json_resume(uuid) to authenticated;

create function public.export_json_resume(p_resume_id uuid) returns jsonb
language sql
volatile
set search_path = ''
as $$
    select private.export_json_resume(p_resume_id);
$$;
comment on function public.export_json_resume(uuid) is
    'A résumé as a JSON Resume document (jsonresume.org); import_json_resume makes the same of it.
One that nobody has edited yet comes as it was read from its file. What the standard has no place
for is in meta.resumebase. PT404 for an unknown résumé.';
grant execute on function public.export_json_resume(uuid) to authenticated;

-- Copying ---------------------------------------------------------------------------------------

create function private.content_to_use(p_resume public.resumes) returns jsonb
language sql
immutable
set search_path = ''
as $$
    select case
        when p_resume.content = '{}' and p_resume.parsed_data is not null
            then private.read_json_resume(p_resume.parsed_data)
        else p_resume.content
    end;
$$;
comment on function private.content_to_use(public.resumes) is
    'The content of a résumé; of one that nobody has edited yet, what was read from its file.';

create function private.duplicate_resume(p_resume_id uuid, p_title text) returns public.resumes
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_resume public.resumes;
    v_copy public.resumes;
begin
    -- Before the résumé is locked, as when one is deleted: the insert below takes this lock.
    perform private.lock_resumes(v_user_id);
    perform private.limit_rate('duplicate');
    perform private.require_title(p_title);
    select * into v_resume
    from public.resumes r
    where r.id = p_resume_id and r.user_id = v_user_id and r.deleted_at is null
    for key share;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    perform private.note_resume_change('manual', format('Copied from %s.', v_resume.title));
    insert into public.resumes (user_id, parent_resume_id, title, template_id, content, layout)
    values (
        v_user_id, v_resume.id,
        coalesce(p_title, left(v_resume.title, 193) || ' (copy)'),
        -- What the plan no longer includes may be kept, but not chosen again.
        case when private.is_usable_template(v_resume.template_id) then v_resume.template_id end,
        private.content_to_use(v_resume),
        v_resume.layout
    )
    returning * into v_copy;
    perform private.note_resume_change(null, null);
    return v_copy;
end;
$$;
comment on function private.duplicate_resume(uuid, text) is
    'Copies a résumé of the caller; see public.duplicate_resume.';
grant execute on function private.duplicate_resume(uuid, text) to authenticated;

create function public.duplicate_resume(p_resume_id uuid, p_title text default null)
returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.duplicate_resume(p_resume_id, p_title);
$$;
comment on function public.duplicate_resume(uuid, text) is
    'Makes a draft with the same content, layout and template; parent_resume_id says of what.
The file, what was read from it, the link and the scores stay behind; of a résumé that nobody has
edited yet, what was read becomes the content. PT404 for an unknown résumé, PT402 when the plan
includes no more.';
grant execute on function public.duplicate_resume(uuid, text) to authenticated;
