-- Room: resumes, search: by words and by skills.
--
-- What lives here: search_resumes, and search_query, which turns what a person types into a query
-- for every room that searches.
-- Who may touch it: owners search their own. These functions run with the rights of the caller, so
-- the policies of the table decide what can be found.
-- Tests: rlstests/test_resumes_search.py

-- What a person types ---------------------------------------------------------------------------

create function private.search_query(p_query text) returns tsquery
language plpgsql
immutable
set search_path = ''
as $$
declare
    -- One piece of the text of a tsquery: an excluded phrase, a word in quotes, maybe excluded, or
    -- what is between.
    v_word constant text := '''(?:[^'']|'''')*''';
    v_piece constant text :=
        '(![(](?:' || v_word || '|[^'')])*[)]|!?' || v_word || '|[^''!]+|!)';
    v_text text;
    v_exact text[];
begin
    if char_length(p_query) > 500 then
        raise sqlstate 'PT400' using
            message = format('The search has %s characters; 500 are possible.',
                char_length(p_query)),
            hint = 'Search for fewer words.';
    end if;
    begin
        -- Its output is well-formed, so that adding :* to words is safe.
        v_text := websearch_to_tsquery('simple', p_query)::text;
    exception when internal_error then
        -- Some thirty signs one after the other are more than this parser holds.
        raise sqlstate 'PT400' using
            message = 'The search has too many minus signs in a row.',
            hint = 'Put one minus sign before each word to exclude.';
    end;
    -- Words in double quotes mean themselves.
    select coalesce(array_agg(w.piece[1]), '{}') into v_exact
    from regexp_matches(p_query, '"([^"]*)"?', 'g') as q (quoted)
    cross join lateral regexp_matches(
        phraseto_tsquery('simple', q.quoted[1])::text, v_word, 'g'
    ) as w (piece);
    return string_agg(
        case
            -- So does one letter, such as the languages C and R.
            when t.piece[1] like '''%' and t.piece[1] !~ '^''[a-z]''$'
                and t.piece[1] <> all(v_exact)
                then t.piece[1] || ':*'
            else t.piece[1]
        end,
        '' order by t.position
    )::tsquery
    from regexp_matches(v_text, v_piece, 'g') with ordinality as t (piece, position);
end;
$$;
comment on function private.search_query(text) is
    'A search as people type it: all words, "a phrase", -without, this or that. A word also finds
longer ones that begin with it, unless it is quoted, excluded or a single letter. Null when there is
no word in it, PT400 beyond 500 characters and for a long row of minus signs.';
grant execute on function private.search_query(text) to authenticated;

-- Searching résumés -----------------------------------------------------------------------------

create function private.resume_text(p_content jsonb, p_extracted_text text) returns text
language sql
immutable
set search_path = ''
as $$
    -- Characters that could begin markup, or look like the marks of a headline, are replaced.
    select translate(
        concat_ws(
            ' · ',
            string_agg(t.value #>> '{}', ' · '),
            left(nullif(p_extracted_text, ''), 50000)
        ),
        '<>⟦⟧', '‹›'
    )
    -- The path picks the texts: what comes out of it is copied, and a list goes along with each
    -- list around it.
    from jsonb_path_query(
        p_content - 'meta', 'strict $.** ? (@.type() == "string")'
    ) as t (value);
$$;
comment on function private.resume_text(jsonb, text) is
    'The texts of a résumé in one line, for headlines.';
grant execute on function private.resume_text(jsonb, text) to authenticated;

create function public.search_resumes(
    p_query text,
    p_limit integer default 20,
    p_offset integer default 0
) returns table (
    id uuid,
    title text,
    status text,
    updated_at timestamptz,
    rank real,
    headline text
)
language sql
stable
set search_path = ''
as $$
    -- Headlines are made for the rows of this page only.
    select
        f.id, f.title, f.status, f.updated_at, f.rank,
        ts_headline(
            'simple', private.resume_text(r.content, r.extracted_text), f.query,
            'StartSel=⟦, StopSel=⟧, MaxFragments=2, FragmentDelimiter=" … ", MinWords=5, '
            'MaxWords=18'
        )
    from (
        select s.id, s.title, s.status, s.updated_at, ts_rank(s.search, q.query) as rank, q.query
        from private.search_query(p_query) as q (query)
        inner join public.resumes s on s.search @@ q.query
        order by rank desc, s.updated_at desc, s.id
        limit least(greatest(coalesce(p_limit, 20), 1), 100)
        offset greatest(coalesce(p_offset, 0), 0)
    ) f
    inner join public.resumes r on r.id = f.id
    order by f.rank desc, f.updated_at desc, f.id;
$$;
comment on function public.search_resumes(text, integer, integer) is
    'Your résumés that have these words, best first: title counts most, then skills, content, file.
"engin" finds engineer; "a phrase" and -without work. At most 100 rows a call; no words, no rows.
headline is plain text around the matches, which stand between ⟦ and ⟧: escape it, then turn
these two into your own markup. PT400 beyond 500 characters.';
grant execute on function public.search_resumes(text, integer, integer) to authenticated;

-- Searching skills ------------------------------------------------------------------------------

create function public.find_resumes_by_skill(p_skill text) returns setof public.resumes
language sql
stable
set search_path = ''
as $$
    -- The words of imported groups are in the other lists too; their names are no skills.
    select r.*
    from public.resumes r
    where exists (
        select 1
        from jsonb_path_query(
            (r.content -> 'skills') - 'groups', 'strict $.** ? (@.type() == "string")'
        ) as s (value)
        where lower(s.value #>> '{}') = lower(btrim(p_skill))
    )
    order by r.updated_at desc, r.id;
$$;
comment on function public.find_resumes_by_skill(text) is
    'Your résumés that list exactly this skill, in capitals or not, the latest first.
For several skills at once, spelled as they are, filter resumes by
content->skills=cs.{"technical":["Python","Go"]} instead.';
grant execute on function public.find_resumes_by_skill(text) to authenticated;

comment on index public.resumes_skills_idx is
    'Serves the filter content->skills=cs.{"technical":["Python"]} of the Data API, which becomes
content -> ''skills'' @> …: résumés with all of these skills, spelled like this.';
