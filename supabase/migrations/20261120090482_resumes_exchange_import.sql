-- Room: resumes, exchange: from a JSON Resume document to our content.
--
-- What lives here: import_json_resume. resumes_exchange says how the two correspond.
-- Who may touch it: whoever is signed in makes résumés of their own.
-- Tests: rlstests/test_resumes_import.py, rlstests/test_resumes_exchange.py

create function private.skills_from_groups(p_groups jsonb) returns jsonb
language sql
immutable
set search_path = ''
as $$
    -- A group without keywords is a skill itself: {"name": "Python", "level": "Advanced"}.
    select jsonb_build_object('technical', coalesce(k.technical, '[]'))
        || case when k.soft is null then '{}' else jsonb_build_object('soft', k.soft) end
    from (
        select
            jsonb_agg(w.word order by w.first) filter (where not w.is_soft) as technical,
            jsonb_agg(w.word order by w.first) filter (where w.is_soft) as soft
        from (
            select v.word, g.is_soft, min(g.position * 100000 + v.item) as first
            from (
                select e.value, e.position, coalesce(e.value ->> 'name' ~* '\msoft\M', false)
                    as is_soft
                from jsonb_array_elements(p_groups) with ordinality as e (value, position)
            ) g
            cross join lateral jsonb_array_elements_text(
                case
                    when jsonb_array_length(nullif(g.value -> 'keywords', 'null')) > 0
                        then g.value -> 'keywords'
                    when g.value ->> 'name' <> '' then jsonb_build_array(g.value -> 'name')
                    else '[]'
                end
            ) with ordinality as v (word, item)
            group by v.word, g.is_soft
        ) w
    ) k;
$$;
comment on function private.skills_from_groups(jsonb) is
    'Our lists of skills, for searching and editing, from the groups of a document: technical, and
soft when a group is called that. Each word once.';

create function private.groups_from_skill_lists(p_lists jsonb) returns jsonb
language sql
immutable
set search_path = ''
as $$
    select coalesce(
        jsonb_agg(
            jsonb_build_object(
                'name',
                case l.key when 'technical' then 'Technical' when 'soft' then 'Soft' else l.key end,
                'keywords', l.value
            )
            order by array_position('{technical,soft}'::text[], l.key), l.key collate "C"
        ),
        '[]'
    )
    from jsonb_each(p_lists) as l
    where case when jsonb_typeof(l.value) = 'array'
        then not jsonb_path_exists(l.value, 'strict $[*] ? (@.type() != "string")')
    end;
$$;
comment on function private.groups_from_skill_lists(jsonb) is
    'Groups of a document from our lists of skills, one for each list of texts.';

create function private.skills_from_json_resume(p_groups jsonb) returns jsonb
language sql
immutable
set search_path = ''
as $$
    -- Groups that say no more than our lists can become these lists; others are kept beside them.
    select case
        when l.are_keys and private.groups_from_skill_lists(l.lists) = p_groups then l.lists
        else private.skills_from_groups(p_groups) || jsonb_build_object('groups', p_groups)
    end
    from (
        select
            coalesce(
                bool_and(
                    g.name ~ '^(Technical|Soft|[a-z][A-Za-z0-9_]*)$' and g.name <> 'groups'
                ),
                true
            ) as are_keys,
            coalesce(
                jsonb_object_agg(
                    case
                        when g.name in ('Technical', 'Soft') then lower(g.name) else g.name
                    end,
                    g.keywords
                ) filter (where g.name is not null),
                '{}'
            ) as lists
        from (
            select coalesce(e.value ->> 'name', '') as name, e.value -> 'keywords' as keywords
            from jsonb_array_elements(p_groups) as e
        ) g
    ) l;
$$;
comment on function private.skills_from_json_resume(jsonb) is
    'content.skills: lists of texts, and groups when the document says more than such lists.';

create function private.location_text(p_location jsonb) returns text
language sql
immutable
set search_path = ''
as $$
    select coalesce(
        nullif(
            concat_ws(
                ', ', nullif(p_location ->> 'city', ''), nullif(p_location ->> 'region', ''),
                nullif(p_location ->> 'countryCode', '')
            ),
            ''
        ),
        nullif(p_location ->> 'address', '')
    );
$$;
comment on function private.location_text(jsonb) is
    'A place in one line, from its parts: Portland, OR, US.';

create function private.profile_url(p_profiles jsonb, p_network text) returns text
language sql
immutable
set search_path = ''
as $$
    select e.value ->> 'url'
    from jsonb_array_elements(p_profiles) with ordinality as e (value, position)
    where lower(e.value ->> 'network') = lower(p_network)
        and jsonb_typeof(e.value -> 'url') = 'string'
    order by e.position
    limit 1;
$$;
comment on function private.profile_url(jsonb, text) is
    'The address of the first profile in this network.';

create function private.links_from_profiles(p_profiles jsonb) returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_profiles jsonb := p_profiles;
    v_links jsonb := '{}'::jsonb;
    v_network text;
    v_url text;
begin
    -- The order in which basics_from_personal_info adds them, backwards.
    foreach v_network in array '{GitHub,LinkedIn}'::text[] loop
        v_url := private.profile_url(v_profiles, v_network);
        if v_url is null then
            continue;
        end if;
        v_links := v_links || jsonb_build_object(lower(v_network), v_url);
        if v_url <> ''
            and v_profiles -> -1 = jsonb_build_object('network', v_network, 'url', v_url)
            and (
                select count(*)
                from jsonb_array_elements(v_profiles) as e
                where lower(e.value ->> 'network') = lower(v_network)
            ) = 1 then
            v_profiles := v_profiles - -1;
        end if;
    end loop;
    if v_profiles = '[]' and p_profiles <> '[]' then
        return v_links;
    end if;
    return v_links || jsonb_build_object('profiles', v_profiles);
end;
$$;
comment on function private.links_from_profiles(jsonb) is
    'linkedin and github of personalInfo, and the profiles that say more than these two can.';

create function private.personal_info_from_basics(p_basics jsonb) returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_info jsonb := private.swap_keys(
        p_basics - '{summary,location,profiles,address,linkedin,github}'::text[],
        '{"website": "url"}'
    );
    v_location jsonb := p_basics -> 'location';
begin
    if v_location = 'null'
        or (v_location - 'city' = '{}' and jsonb_typeof(v_location -> 'city') = 'string') then
        v_info := v_info
            || jsonb_build_object('location', coalesce(v_location -> 'city', 'null'));
    elsif v_location is not null then
        v_info := v_info || jsonb_build_object('address', v_location)
            || jsonb_strip_nulls(
                jsonb_build_object('location', private.location_text(v_location))
            );
    end if;
    if p_basics -> 'profiles' = 'null' then
        v_info := v_info || '{"profiles": null}';
    elsif p_basics ? 'profiles' then
        v_info := v_info || private.links_from_profiles(p_basics -> 'profiles');
    end if;
    return v_info;
end;
$$;
comment on function private.personal_info_from_basics(jsonb) is
    'content.personalInfo: location in one line, its parts in address, links beside profiles.';

create function private.content_from_json_resume(p_document jsonb) returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_content jsonb := '{}'::jsonb;
    v_basics jsonb := p_document -> 'basics';
    v_rest jsonb := p_document - 'basics';
    v_homeless jsonb;
    v_section record;
    v_list jsonb;
begin
    if v_basics = 'null' then
        v_rest := v_rest || '{"basics": null}';
    elsif v_basics is not null then
        v_content := jsonb_build_object(
            'personalInfo', private.personal_info_from_basics(v_basics)
        );
        if jsonb_typeof(v_basics -> 'summary') = 'string' then
            v_content := v_content || jsonb_build_object('summary', v_basics -> 'summary');
        end if;
        select jsonb_object_agg(b.key, b.value) into v_homeless
        from jsonb_each(v_basics) as b
        where b.key in ('address', 'linkedin', 'github')
            or (b.key = 'summary' and b.value = 'null');
        if v_homeless is not null then
            v_rest := v_rest || jsonb_build_object('basics', v_homeless);
        end if;
    end if;

    for v_section in select * from private.json_resume_sections() loop
        v_list := p_document -> v_section.document_key;
        if jsonb_typeof(v_list) = 'array' then
            v_rest := v_rest - v_section.document_key;
            v_content := v_content || jsonb_build_object(
                v_section.section,
                case
                    when v_section.section = 'skills' then private.skills_from_json_resume(v_list)
                    else (
                        select coalesce(
                            jsonb_agg(
                                private.swap_keys(e.value, v_section.swaps) order by e.position
                            ),
                            '[]'
                        )
                        from jsonb_array_elements(v_list) with ordinality as e (value, position)
                    )
                end
            );
        end if;
    end loop;
    if v_rest <> '{}' then
        v_content := v_content || jsonb_build_object(
            'meta', jsonb_build_object('jsonResume', v_rest)
        );
    end if;
    return v_content;
end;
$$;
comment on function private.content_from_json_resume(jsonb) is
    'Our content for a document without meta.resumebase that has no json_resume_problem.';

create function private.content_fingerprint(p_value jsonb) returns text
language sql
immutable
set search_path = ''
as $$
    select encode(sha256(convert_to(coalesce(p_value::text, ''), 'UTF8')), 'hex');
$$;
comment on function private.content_fingerprint(jsonb) is
    'Tells whether a section is what it was; null, for an absent one, has one too.';

create function private.without_resumebase(p_document jsonb) returns jsonb
language sql
immutable
set search_path = ''
as $$
    select case
        when p_document #> '{meta,resumebase}' is null then p_document
        when (p_document -> 'meta') - 'resumebase' = '{}' then p_document - 'meta'
        else p_document #- '{meta,resumebase}'
    end;
$$;
comment on function private.without_resumebase(jsonb) is
    'A document without what only we put there.';

create function private.read_json_resume(p_document jsonb) returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_problem text := private.json_resume_problem(p_document);
    v_content jsonb;
    v_kept record;
begin
    if v_problem is not null then
        raise sqlstate 'PT422' using
            message = format('This is no JSON Resume document: %s.', v_problem),
            hint = 'See https://jsonresume.org/schema for the shape.';
    end if;
    perform private.require_content_size(private.without_resumebase(p_document));
    v_content := private.content_from_json_resume(private.without_resumebase(p_document));
    for v_kept in select k.key, k.value from jsonb_each(p_document #> '{meta,resumebase}') as k loop
        if v_kept.value ->> 'of' = private.content_fingerprint(v_content -> v_kept.key) then
            v_content := v_content - v_kept.key;
            if v_kept.value ? 'value' then
                v_content := v_content || jsonb_build_object(v_kept.key, v_kept.value -> 'value');
            end if;
        end if;
    end loop;
    if not private.is_resume_content(v_content) then
        raise sqlstate 'PT422' using
            message = 'What meta.resumebase holds is no part of a résumé.',
            hint = 'Leave meta.resumebase as the export wrote it, or remove it.';
    end if;
    perform private.require_content_size(v_content);
    return v_content;
end;
$$;
comment on function private.read_json_resume(jsonb) is
    'Our content for a document. PT422 names the first value of a wrong type, PT413 is too large.';

-- Importing -------------------------------------------------------------------------------------

create function private.import_json_resume(p_document jsonb, p_title text) returns public.resumes
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_content jsonb;
    v_resume public.resumes;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('import');
    perform private.require_title(p_title);
    v_content := private.read_json_resume(p_document);
    perform private.note_resume_change('import', 'Imported from JSON Resume.');
    insert into public.resumes (user_id, title, content, layout)
    values (
        v_user_id,
        coalesce(
            p_title,
            nullif(left(btrim(regexp_replace(concat_ws(
                ', ', v_content #>> '{personalInfo,name}', v_content #>> '{personalInfo,label}'
            ), '[[:cntrl:]]+', ' ', 'g'), ' ,'), 200), ''),
            'Imported résumé'
        ),
        v_content,
        case when v_content ? 'meta' then '{"hidden": ["meta"]}' else '{}' end::jsonb
    )
    returning * into v_resume;
    perform private.note_resume_change(null, null);
    return v_resume;
end;
$$;
comment on function private.import_json_resume(jsonb, text) is
    'Makes a résumé of the caller from a document; see public.import_json_resume.';
grant execute on function private.import_json_resume(jsonb, text) to authenticated;

create function public.import_json_resume(p_document jsonb, p_title text default null)
returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.import_json_resume(p_document, p_title);
$$;
comment on function public.import_json_resume(jsonb, text) is
    'Makes a new résumé from a JSON Resume document (jsonresume.org), and loses nothing of it.
Untitled it is named after the person. PT422 names the first value of a wrong type, PT413 is for more
than 256 KiB, PT402 for a plan that includes no more résumés.';
grant execute on function public.import_json_resume(jsonb, text) to authenticated;
