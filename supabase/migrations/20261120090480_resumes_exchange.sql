-- Room: resumes, exchange: how our content and a JSON Resume document (jsonresume.org) correspond.
--
-- What lives here: the table of sections and keys, and the check of documents. The two directions
-- are resumes_exchange_import and resumes_exchange_export.
-- Who may touch it: functions of this room only.
-- Tests: rlstests/test_resumes_exchange.py, rlstests/test_resumes_import.py
--
-- Nothing gets lost, in either direction: export(import(document)) = document and
-- import(export(content)) = content, also for keys that one side does not know. Three ways lead
-- there:
--   1. Keys with a counterpart are swapped, not renamed: company becomes name, and a name that is
--      there already becomes company. So two keys never meet in one place.
--   2. What a document has and our content has no place for waits in content.meta.jsonResume.
--   3. What our content has and a document has no place for goes along in meta.resumebase, by
--      section, with a fingerprint of what the document itself says: when another program changed
--      that section meanwhile, its change wins.

-- Sections and keys -----------------------------------------------------------------------------

create function private.json_resume_sections() returns table (
    section text,
    document_key text,
    swaps jsonb,
    word_key text,
    texts text[],
    lists text[]
)
language sql
immutable
set search_path = ''
as $$
    select s.section, s.document_key, s.swaps::jsonb, s.word_key, s.texts::text[], s.lists::text[]
    from (
        values
        (
            'experience', 'work',
            '{"company": "name", "title": "position", "bullets": "highlights",
            "description": "summary"}',
            'position', '{name,position,location,url,startDate,endDate,summary,description}',
            '{highlights}'
        ),
        (
            'volunteer', 'volunteer',
            '{"title": "position", "bullets": "highlights", "description": "summary"}',
            'organization', '{organization,position,url,startDate,endDate,summary}', '{highlights}'
        ),
        (
            -- A score may be a number: many programs write one.
            'education', 'education',
            '{"degree": "studyType", "field": "area", "gpa": "score"}',
            'institution', '{institution,url,area,studyType,startDate,endDate}', '{courses}'
        ),
        (
            'projects', 'projects', '{"bullets": "highlights", "technologies": "keywords"}',
            'name', '{name,description,startDate,endDate,url,entity,type}',
            '{highlights,keywords,roles}'
        ),
        ('certifications', 'certificates', '{}', 'name', '{name,date,url,issuer}', '{}'),
        ('awards', 'awards', '{}', 'title', '{title,date,awarder,summary}', '{}'),
        (
            'publications', 'publications', '{}', 'name',
            '{name,publisher,releaseDate,url,summary}', '{}'
        ),
        ('languages', 'languages', '{}', 'language', '{language,fluency}', '{}'),
        ('interests', 'interests', '{}', 'name', '{name}', '{keywords}'),
        ('references', 'references', '{}', 'reference', '{name,reference}', '{}'),
        -- Its shapes differ more than by keys: see skills_from_groups and groups_from_skills.
        ('skills', 'skills', '{}', 'name', '{name,level}', '{keywords}')
    ) as s (section, document_key, swaps, word_key, texts, lists);
$$;
comment on function private.json_resume_sections() is
    'The lists of a résumé: our key, the key of JSON Resume, the keys inside that are swapped, the
key that a bare text stands for, and which keys hold texts and lists of texts.';

create function private.swap_keys(p_object jsonb, p_swaps jsonb) returns jsonb
language sql
immutable
set search_path = ''
as $$
    select coalesce(jsonb_object_agg(coalesce(s.partner, o.key), o.value), '{}')
    from jsonb_each(p_object) as o
    left join (
        select f.key, f.value as partner from jsonb_each_text(p_swaps) as f
        union all
        select b.value, b.key from jsonb_each_text(p_swaps) as b
    ) s on s.key = o.key;
$$;
comment on function private.swap_keys(jsonb, jsonb) is
    'The object with the keys of each pair {a: b} swapped; twice is the object itself.';

-- The check of documents ------------------------------------------------------------------------

create function private.object_problem(
    p_object jsonb,
    p_path text,
    p_texts text[],
    p_lists text[]
) returns text
language sql
immutable
set search_path = ''
as $$
    -- Many programs write null for what is not there.
    select case when jsonb_typeof(p_object) <> 'object' then p_path || ' must be an object' else (
        select f.problem
        from (
            select 1 as stage, t.position, 0::bigint as item,
                p_path || '.' || t.key || ' must be a text' as problem
            from unnest(p_texts) with ordinality as t (key, position)
            where jsonb_typeof(p_object -> t.key) not in ('string', 'null')
            union all
            select 2, l.position, 0, p_path || '.' || l.key || ' must be a list'
            from unnest(p_lists) with ordinality as l (key, position)
            where jsonb_typeof(p_object -> l.key) not in ('array', 'null')
            union all
            select 3, l.position, i.item,
                format('%s.%s[%s] must be a text', p_path, l.key, i.item - 1)
            from unnest(p_lists) with ordinality as l (key, position)
            cross join lateral jsonb_array_elements(
                case
                    when jsonb_typeof(p_object -> l.key) = 'array' then p_object -> l.key
                    else '[]'
                end
            ) with ordinality as i (value, item)
            where jsonb_typeof(i.value) <> 'string'
        ) f
        order by f.stage, f.position, f.item
        limit 1
    ) end;
$$;
comment on function private.object_problem(jsonb, text, text[], text[]) is
    'The first value in an object of a JSON Resume that has a wrong type, with its path; or null.';

create function private.list_problem(
    p_list jsonb,
    p_path text,
    p_texts text[],
    p_lists text[]
) returns text
language sql
immutable
set search_path = ''
as $$
    select case
        when jsonb_typeof(p_list) = 'null' then null
        when jsonb_typeof(p_list) <> 'array' then p_path || ' must be a list'
        else (
            select f.problem
            from jsonb_array_elements(p_list) with ordinality as e (value, item)
            cross join lateral (
                select private.object_problem(
                    e.value, format('%s[%s]', p_path, e.item - 1), p_texts, p_lists
                ) as problem
            ) f
            where f.problem is not null
            order by e.item
            limit 1
        )
    end;
$$;
comment on function private.list_problem(jsonb, text, text[], text[]) is
    'The same for a list of objects.';

create function private.json_resume_problem(p_document jsonb) returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_section record;
    v_problem text;
begin
    if jsonb_typeof(p_document) is distinct from 'object' then
        return 'The document must be an object';
    end if;
    if not private.has_short_numbers(p_document) then
        return 'A number must have at most 100 characters';
    end if;
    v_problem := coalesce(
        case
            when jsonb_typeof(p_document -> '$schema') not in ('string', 'null')
                then '$schema must be a text'
            when jsonb_typeof(p_document -> 'meta') not in ('object', 'null')
                then 'meta must be an object'
        end,
        case when jsonb_typeof(p_document -> 'basics') <> 'null' then coalesce(
            private.object_problem(
                p_document -> 'basics', 'basics', '{name,label,image,email,phone,url,summary}', '{}'
            ),
            case when jsonb_typeof(p_document #> '{basics,location}') <> 'null' then
                private.object_problem(
                    p_document #> '{basics,location}', 'basics.location',
                    '{address,postalCode,city,countryCode,region}', '{}'
                )
            end,
            private.list_problem(
                p_document #> '{basics,profiles}', 'basics.profiles', '{network,username,url}', '{}'
            )
        ) end
    );
    if v_problem is not null then
        return v_problem;
    end if;
    for v_section in select * from private.json_resume_sections() loop
        v_problem := private.list_problem(
            p_document -> v_section.document_key, v_section.document_key,
            v_section.texts, v_section.lists
        );
        if v_problem is not null then
            return v_problem;
        end if;
    end loop;
    if p_document #> '{meta,resumebase}' is not null
        and jsonb_typeof(p_document #> '{meta,resumebase}') <> 'object' then
        return 'meta.resumebase must be an object';
    end if;
    select min(format('meta.resumebase.%s must be an object with the text of', r.key))
    into v_problem
    from jsonb_each(p_document #> '{meta,resumebase}') as r
    where jsonb_typeof(r.value -> 'of') is distinct from 'string';
    return v_problem;
end;
$$;
comment on function private.json_resume_problem(jsonb) is
    'Why this is no JSON Resume document: the path of the first value of a wrong type; or null.
Unknown keys are welcome, null stands for absent, and dates are taken as they are.';

create function private.require_title(p_title text) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if char_length(p_title) not between 1 and 200 then
        raise sqlstate 'PT422' using
            message = 'The title must have 1 to 200 characters.',
            hint = 'Send a shorter title, or none.';
    end if;
end;
$$;
comment on function private.require_title(text) is
    'PT422 for a title that is empty or too long; null is fine.';
