-- Room: privacy, second part: deleting for good.
--
-- What lives here: the tasks purge_account and purge_files. SQL must not delete rows of
-- storage.objects, so a worker removes the files through the Storage API: it asks files_to_purge
-- until that names none, and then completes the task, which deletes the rows.
-- The tasks belong to no user, or deleting the user would delete the task that does it.
-- Who may touch it: maintenance queues, workers call files_to_purge.
-- Tests: rlstests/test_privacy_purge.py, rlstests/test_privacy_purged.py,
--   rlstests/test_privacy_files.py

insert into queue.task_kinds (kind, description, priority, max_attempts, backoff_seconds)
values
('purge_account', 'Delete an account: its files, then its rows.', 200, 10, 60),
('purge_files', 'Remove files whose rows are gone.', 200, 10, 60)
on conflict (kind) do nothing;

-- Which files -----------------------------------------------------------------------------------

create function private.account_files(p_user_id uuid) returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_object_agg(b.bucket_id, b.names), '{}')
    from (
        select f.bucket_id, jsonb_agg(f.name order by f.name) as names
        from (
            select o.bucket_id, o.name
            from storage.objects o
            where o.name like p_user_id::text || '/%'
            order by o.bucket_id, o.name
            limit 1000
        ) f
        group by f.bucket_id
    ) b;
$$;
comment on function private.account_files(uuid) is
    'Files in a user''s folders, {bucket: [names]}, a thousand at most.';

create function private.unused_files(p_files jsonb) returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_object_agg(b.bucket_id, b.names), '{}')
    from (
        select o.bucket_id, jsonb_agg(o.name order by o.name) as names
        from jsonb_each(p_files) as f (bucket_id, names)
        cross join jsonb_array_elements_text(f.names) as n (name)
        inner join storage.objects o on o.bucket_id = f.bucket_id and o.name = n.name
        cross join lateral (
            select case
                when n.name ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/'
                    then split_part(n.name, '/', 1)::uuid
            end as user_id
        ) u
        -- A résumé made from the same upload may still need the file, and so may the list of
        -- downloads, which outlives the résumé.
        where not exists (
            select 1
            from public.resumes r
            where r.user_id = u.user_id
                and n.name in (r.file_path, r.thumbnail_path, r.exported_pdf_path)
        )
        and not exists (
            select 1
            from public.resume_downloads d
            where d.user_id = u.user_id and d.file_path = n.name
        )
        group by o.bucket_id
    ) b;
$$;
comment on function private.unused_files(jsonb) is
    'Those of {bucket: [names]} that are still there and that no résumé and no download uses.';

create function private.confirm_account_purge(p_user_id uuid) returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_profile public.profiles;
begin
    select * into v_profile from public.profiles p where p.id = p_user_id for update;
    if not found then
        -- Deleted by other means: its files still have to go.
        return true;
    end if;
    if v_profile.deleted_at is null then
        delete from private.account_purges a where a.user_id = p_user_id;
        return false;
    end if;
    if exists (select 1 from private.account_purges a where a.user_id = p_user_id) then
        return true;
    end if;
    if v_profile.deleted_at + private.deletion_period() > now() then
        return false;
    end if;
    insert into private.account_purges (user_id) values (p_user_id);
    return true;
end;
$$;
comment on function private.confirm_account_purge(uuid) is
    'True when the account is to be deleted, and from then on it cannot be kept any more. False when
its owner changed their mind, or has time left.';

create function worker.files_to_purge(p_task_id uuid, p_lease_token uuid) returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_task queue.tasks := private.lock_leased_task(p_task_id, p_lease_token);
    v_user_id uuid := (v_task.payload ->> 'user_id')::uuid;
begin
    if v_task.kind = 'purge_files' then
        return jsonb_build_object(
            'status', 'confirmed', 'files', private.unused_files(v_task.payload -> 'files')
        );
    end if;
    if v_task.kind is distinct from 'purge_account' then
        raise sqlstate 'PT422' using
            message = format('Task %s is a %s and deletes no files.', p_task_id, v_task.kind),
            hint = 'Call this for purge_account and purge_files.';
    end if;
    if not private.confirm_account_purge(v_user_id) then
        return jsonb_build_object('status', 'kept', 'files', '{}'::jsonb);
    end if;
    return jsonb_build_object('status', 'confirmed', 'files', private.account_files(v_user_id));
end;
$$;
comment on function worker.files_to_purge(uuid, uuid) is
    'What a purge task has to remove right now: {status, files: {bucket: [names]}}.
Ask again until files is empty, then complete the task. Status kept: the account stays, remove
nothing. After confirmed the account cannot be kept any more. PT409 for a stale lease.';
grant execute on function worker.files_to_purge(uuid, uuid) to service_role;

create function private.require_purged(p_data jsonb, p_left_over jsonb) returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    if p_data ->> 'status' is distinct from 'purged' then
        perform private.raise_malformed_result('status purged or kept');
    end if;
    if p_left_over <> '{}'::jsonb then
        raise sqlstate 'PT422' using
            message = 'Files are left that had to be removed.',
            detail = jsonb_build_object('buckets', array(
                select b.key from jsonb_object_keys(p_left_over) as b (key)
            ))::text,
            hint = 'Ask files_to_purge again, and complete the task once it names none.';
    end if;
end;
$$;
comment on function private.require_purged(jsonb, jsonb) is
    'PT422 unless a purge says it is done, and is.';

create function private.on_purge_files(p_task queue.tasks, p_event text, p_data jsonb) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    if p_event = 'completed' then
        perform private.require_purged(
            p_data, private.unused_files(p_task.payload -> 'files')
        );
    end if;
end;
$$;
comment on function private.on_purge_files(queue.tasks, text, jsonb) is
    'The rows went before: only checks that the files are gone.';

-- The account -----------------------------------------------------------------------------------

create function private.forget_account(p_user_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    update public.audit_logs l
    set changes = null, ip_address = null, user_agent = null
    where l.owner_id = p_user_id;
    -- What an admin changed of others stays history; from where is forgotten.
    update public.audit_logs l
    set ip_address = null, user_agent = null
    where l.user_id = p_user_id;
    update public.system_events e
    set event_data = '{}', ip_address = null, user_agent = null
    where e.user_id = p_user_id;
    update public.feedback f set context = '{}' where f.user_id = p_user_id;
    -- Names, addresses, parts of cards. What was not applied yet has nobody to be applied to.
    update private.webhook_events w
    set payload = '{}',
        status = case w.status when 'received' then 'ignored' else w.status end,
        parked_at = null,
        waits_for = null,
        closed_at = coalesce(w.closed_at, now())
    where w.user_id = p_user_id;
end;
$$;
comment on function private.forget_account(uuid) is
    'Empties what outlives an account: history without values, addresses and browsers, webhooks
without what they said.';

create function private.tg_profiles__forget_account() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    perform private.forget_account(old.id);
    -- A purge has removed the files; whoever deletes a user through Auth has not.
    if exists (select 1 from storage.objects o where o.name like old.id::text || '/%') then
        perform private.enqueue_task(
            'purge_account', jsonb_build_object('user_id', old.id), null, null,
            'purge_account:' || old.id
        );
    end if;
    -- The provider would go on charging. Its id is all by which it can be told to stop, and the row
    -- that has it goes now.
    perform private.enqueue_provider_cancel(s.provider, s.provider_subscription_id, false)
    from public.subscriptions s
    where s.user_id = old.id and s.provider <> 'manual'
        and s.status not in ('canceled', 'expired');
    return old;
end;
$$;
comment on function private.tg_profiles__forget_account() is
    'Forgets an account that is deleted, by a purge or by other means, has its files removed and the
subscriptions ended that still run at their provider.';

create trigger _300_forget_account before delete on public.profiles
for each row execute function private.tg_profiles__forget_account();

create function private.purge_account(p_user_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- The order in which Auth locks when it deletes a user.
    perform 1 from auth.users u where u.id = p_user_id for update;
    perform 1 from public.profiles p where p.id = p_user_id for update;
    if exists (
        select 1
        from public.profiles p
        left join private.account_purges a on a.user_id = p.id
        where p.id = p_user_id and (p.deleted_at is null or a.user_id is null)
    ) then
        -- An operator brought it back, or nobody asked first.
        raise sqlstate 'PT422' using
            message = format('The account %s was not confirmed for deletion.', p_user_id),
            hint = 'Call files_to_purge first; it says whether the account is to go.';
    end if;
    delete from auth.users u where u.id = p_user_id;
    insert into public.audit_logs (actor_role, owner_id, action, entity_type, entity_id)
    values ('system', p_user_id, 'account.purge', 'profiles', p_user_id::text);
end;
$$;
comment on function private.purge_account(uuid) is
    'Deletes a confirmed account with all its rows, and leaves one line that says when.';

create function private.on_purge_account(p_task queue.tasks, p_event text, p_data jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_user_id uuid := (p_task.payload ->> 'user_id')::uuid;
begin
    if p_event is distinct from 'completed' or p_data ->> 'status' = 'kept' then
        return;
    end if;
    perform private.require_purged(p_data, private.account_files(v_user_id));
    perform private.purge_account(v_user_id);
end;
$$;
comment on function private.on_purge_account(queue.tasks, text, jsonb) is
    'Deletes the account once its files are gone. Kept ones, and failed attempts, change nothing.';

-- By the clock ----------------------------------------------------------------------------------

create function private.maintain_account_purges() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_queued integer;
begin
    select count(private.enqueue_task(
        'purge_account', jsonb_build_object('user_id', d.id), null, null, 'purge_account:' || d.id
    ))
    into v_queued
    from (
        select p.id
        from public.profiles p
        where p.deleted_at <= now() - private.deletion_period()
            and not exists (
                select 1 from queue.tasks t where t.dedupe_key = 'purge_account:' || p.id
            )
        order by p.deleted_at
        limit 100
    ) d;
    return jsonb_build_object('queued', v_queued);
end;
$$;
comment on function private.maintain_account_purges() is
    'Queues the deletion of accounts whose time is up. One that failed for good is queued again.';

insert into private.maintenance_jobs (name, description, repeat_every)
values (
    'account_purges', 'Delete accounts whose deletion was asked for long enough ago.',
    interval '1 hour'
)
on conflict (name) do nothing;
