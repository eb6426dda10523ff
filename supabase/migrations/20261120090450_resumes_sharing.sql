-- Room: resumes, sharing: a link through which anybody reads one résumé.
--
-- What lives here: share_resume, unshare_resume, get_shared_resume, and what of a résumé a viewer
-- gets to see.
-- Who may touch it: owners share and unshare. Whoever has the link reads, signed in or not.
-- Tests: rlstests/test_resumes_sharing.py, rlstests/test_resumes_shared_view.py

-- Types -----------------------------------------------------------------------------------------

create type public.shared_resume as (
    title text,
    content jsonb,
    layout jsonb,
    template_slug text,
    template_name text,
    template_design jsonb,
    updated_at timestamptz
);
comment on type public.shared_resume is
    'All that a viewer of a shared résumé gets to see. A template of its owner has no name here.';

-- What a viewer sees ----------------------------------------------------------------------------

create function private.hidden_sections(p_layout jsonb) returns text[]
language sql
immutable
set search_path = ''
as $$
    select coalesce(array_agg(h.section #>> '{}'), '{}')
    from jsonb_path_query(p_layout, 'lax $.hidden[*]') as h (section);
$$;
comment on function private.hidden_sections(jsonb) is
    'The keys of the content that a layout hides.';

create function private.hides_contact(p_layout jsonb) returns boolean
language sql
immutable
set search_path = ''
as $$
    -- Whoever wrote "yes" meant it.
    select coalesce(p_layout -> 'hideContact', 'false') not in ('false', 'null');
$$;
comment on function private.hides_contact(jsonb) is
    'True when a layout says hideContact: anything but false and null counts as yes.';

create function private.shared_personal_info(p_info jsonb, p_hides_contact boolean) returns jsonb
language sql
immutable
set search_path = ''
as $$
    select coalesce(jsonb_object_agg(i.key, i.value), '{}')
    from jsonb_each(p_info) as i
    where case
        -- Named is what stays: a telephone number may be under any other key.
        when p_hides_contact
            then i.key in ('name', 'firstName', 'lastName', 'label', 'title', 'headline')
        -- The parts of an imported address: a viewer reads the line made from them, location.
        else i.key <> 'address' or jsonb_typeof(i.value) <> 'object'
    end;
$$;
comment on function private.shared_personal_info(jsonb, boolean) is
    'What a viewer sees of personalInfo: not the parts of an address, or only name and headline.';

create function private.shared_content(p_content jsonb, p_layout jsonb) returns jsonb
language sql
immutable
set search_path = ''
as $$
    -- meta is what other programs left with an imported résumé: nobody meant to publish it.
    select c.shown
        - case when private.hides_contact(p_layout) then 'references' else 'meta' end
        || case
            when jsonb_typeof(c.shown -> 'personalInfo') = 'object' then jsonb_build_object(
                'personalInfo',
                private.shared_personal_info(
                    c.shown -> 'personalInfo', private.hides_contact(p_layout)
                )
            )
            else '{}'
        end
        || case
            when jsonb_typeof(c.shown -> 'experience') = 'array' then (
                select jsonb_build_object('experience', coalesce(
                    jsonb_agg(
                        case
                            when jsonb_typeof(e.value) = 'object' then e.value - 'experienceId'
                            else e.value
                        end
                        order by e.position
                    ),
                    '[]'
                ))
                from jsonb_array_elements(c.shown -> 'experience')
                    with ordinality as e (value, position)
            )
            else '{}'
        end
    from (select p_content - 'meta' - private.hidden_sections(p_layout) as shown) as c;
$$;
comment on function private.shared_content(jsonb, jsonb) is
    'The content of a résumé without hidden sections, meta and ids of ours. With hideContact, of
personalInfo only name and headline remain, and no references: they name other people.';

create function private.shared_layout(p_layout jsonb) returns jsonb
language sql
immutable
set search_path = ''
as $$
    select (p_layout - '{hidden,hideContact}'::text[]) || case
        when jsonb_typeof(p_layout -> 'sectionOrder') = 'array'
            then jsonb_build_object(
                'sectionOrder', (p_layout -> 'sectionOrder') - private.hidden_sections(p_layout)
            )
        else '{}'
    end;
$$;
comment on function private.shared_layout(jsonb) is
    'A layout without a trace of what it hides.';

-- Reading through the link ----------------------------------------------------------------------

create function private.tg_resumes__keep_updated_at() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    new.updated_at := old.updated_at;
    return new;
end;
$$;
comment on function private.tg_resumes__keep_updated_at() is
    'Being read is no change of a résumé.';

create trigger _150_keep_updated_at before update of last_accessed_at on public.resumes
for each row execute function private.tg_resumes__keep_updated_at();

create function private.note_resume_access(p_resume_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- GET requests run in a read-only transaction.
    if current_setting('transaction_read_only') = 'on' then
        return;
    end if;
    -- However often a link is opened: one write an hour, and nobody waits for anybody.
    update public.resumes r set last_accessed_at = now()
    where r.id = (
        select s.id
        from public.resumes s
        where s.id = p_resume_id
            and (s.last_accessed_at is null or s.last_accessed_at <= now() - interval '1 hour')
        for no key update skip locked
    );
end;
$$;
comment on function private.note_resume_access(uuid) is
    'Stamps last_accessed_at, to the hour. It waits for no lock, so lock_account is not needed.';

create function private.get_shared_resume(p_slug text) returns public.shared_resume
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_resume_id uuid;
    v_shared public.shared_resume;
begin
    select
        r.id, r.title, private.shared_content(r.content, r.layout),
        private.shared_layout(r.layout),
        -- What users call their own templates is for them alone.
        case when t.owner_id is null then t.slug end, case when t.owner_id is null then t.name end,
        t.design, r.updated_at
    into
        v_resume_id, v_shared.title, v_shared.content,
        v_shared.layout, v_shared.template_slug, v_shared.template_name, v_shared.template_design,
        v_shared.updated_at
    from public.resumes r
    inner join public.profiles p on p.id = r.user_id
    left join public.resume_templates t on t.id = r.template_id
    where r.share_slug = p_slug and r.is_public and r.deleted_at is null
        and p.is_active and p.deleted_at is null;
    if not found then
        -- One answer, whatever the reason is.
        raise sqlstate 'PT404' using
            message = 'No résumé is shared under this link.',
            hint = 'The link is wrong, or its owner took it back. Ask for a new one.';
    end if;
    perform private.note_resume_access(v_resume_id);
    return v_shared;
end;
$$;
comment on function private.get_shared_resume(text) is
    'What a viewer sees; see public.get_shared_resume. The only function of private for anon.';
grant execute on function private.get_shared_resume(text) to anon, authenticated;

-- The body is bound when the function is made, not looked up by name when it runs: so anon needs no
-- USAGE on schema private, and reaches this one function of it and no other.
create function public.get_shared_resume(p_slug text) returns public.shared_resume
language sql
volatile
set search_path = ''
return private.get_shared_resume(p_slug);
comment on function public.get_shared_resume(text) is
    'The résumé shared under this link, for everybody who has it: title, content, layout, template.
Without the sections that its layout hides, and with layout.hideContact without contact details.
PT404 for a link that is unknown or was taken back, for a résumé in the trash, and while the
account of its owner is blocked or about to be deleted.';
grant execute on function public.get_shared_resume(text) to anon, authenticated;

-- Sharing and taking back -----------------------------------------------------------------------

create function private.new_share_slug() returns text
language sql
volatile
set search_path = ''
as $$
    -- 244 random bits from the strong generator, as base64url: 43 characters.
    select translate(
        encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'),
        '+/=', '-_'
    );
$$;
comment on function private.new_share_slug() is
    'An unguessable text for a link.';

create function private.share_resume(p_resume_id uuid, p_new_link boolean) returns public.resumes
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_resume public.resumes;
begin
    perform private.lock_account(v_user_id);
    perform private.limit_rate('share');
    update public.resumes r
    set is_public = true,
        share_slug = case
            when r.share_slug is null or p_new_link is true then private.new_share_slug()
            else r.share_slug
        end
    where r.id = p_resume_id and r.user_id = v_user_id and r.deleted_at is null
    returning * into v_resume;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    return v_resume;
end;
$$;
comment on function private.share_resume(uuid, boolean) is
    'Opens the link of a résumé of the caller; see public.share_resume.';
grant execute on function private.share_resume(uuid, boolean) to authenticated;

create function public.share_resume(p_resume_id uuid, p_new_link boolean default false)
returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.share_resume(p_resume_id, p_new_link);
$$;
comment on function public.share_resume(uuid, boolean) is
    'Shares a résumé: whoever knows the share_slug of the returned row may read it.
Again, it keeps the link; with p_new_link it makes a new one and the old one is dead at once.
Hide sections with layout.hidden, contact details with layout.hideContact. PT404 for an unknown
résumé, PT429 when called too often.';

create function private.unshare_resume(p_resume_id uuid) returns public.resumes
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := private.require_user();
    v_resume public.resumes;
begin
    perform private.lock_account(v_user_id);
    update public.resumes r
    set is_public = false, share_slug = null
    where r.id = p_resume_id and r.user_id = v_user_id and r.deleted_at is null
    returning * into v_resume;
    if not found then
        perform private.raise_not_found('résumé', p_resume_id);
    end if;
    return v_resume;
end;
$$;
comment on function private.unshare_resume(uuid) is
    'Takes back the link of a résumé of the caller; see public.unshare_resume.';
grant execute on function private.unshare_resume(uuid) to authenticated;

create function public.unshare_resume(p_resume_id uuid) returns public.resumes
language sql
volatile
set search_path = ''
as $$
    select private.unshare_resume(p_resume_id);
$$;
comment on function public.unshare_resume(uuid) is
    'Takes the link back: it is dead at once and never works again, also if you share anew.';

grant execute on function
public.share_resume(uuid, boolean), public.unshare_resume(uuid) to authenticated;
