-- Room: metering, reservations: those that nobody closed.
--
-- What lives here: the job that releases a use whose work was lost: the process of a product died
-- between reserve and settle, or a task was deleted by hand.
-- Who may touch it: maintenance.
-- Tests: rlstests/test_metering_reservations.py

create function private.reservation_period() returns interval
language sql
stable
set search_path = ''
as $$
    select make_interval(hours => greatest(private.config_integer('reservation_hours', 24), 1));
$$;
comment on function private.reservation_period() is
    'How long a use may stay reserved: global_config reservation_hours, or 24 hours; at least one.';

create function private.expire_reservation(p_user_id uuid, p_usage_event_id uuid)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_event public.usage_events;
begin
    perform private.lock_account(p_user_id);
    select * into v_event
    from public.usage_events e
    where e.id = p_usage_event_id and e.state = 'reserved'
    for update skip locked;
    if not found or not private.release_usage(p_usage_event_id) then
        return false;
    end if;
    perform private.record_event(
        'usage.expired',
        jsonb_build_object(
            'usage_event_id', p_usage_event_id, 'operation', v_event.operation,
            'reserved_at', v_event.created_at
        ),
        p_user_id,
        'warning'
    );
    return true;
end;
$$;
comment on function private.expire_reservation(uuid, uuid) is
    'Releases a use that nobody closed, and says so in a system event. False when somebody does just
now.';

create function private.maintain_reservations() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_limit integer := 200;
    -- Once, and not for every use that is open.
    v_before timestamptz := now() - private.reservation_period();
    v_found integer := 0;
    v_released integer := 0;
    v_stuck integer := 0;
    v_event record;
begin
    for v_event in
        select e.id, e.user_id
        from public.usage_events e
        where e.state = 'reserved' and e.created_at < v_before
            and not private.is_held_use(e.user_id, e.id)
        order by e.created_at
        limit v_limit
    loop
        v_found := v_found + 1;
        -- A sub-transaction each: one account that is busy must not keep the others waiting.
        begin
            v_released := v_released
                + private.expire_reservation(v_event.user_id, v_event.id)::integer;
        exception
            when lock_not_available or deadlock_detected or serialization_failure then
                raise warning 'The use % is busy; it is released later.', v_event.id;
            when others then
                raise warning 'The use % cannot be released: %', v_event.id, sqlerrm;
                v_stuck := v_stuck + 1;
        end;
    end loop;
    return jsonb_build_object(
        'released', v_released, 'stuck', v_stuck, 'again', v_found = v_limit and v_released > 0
    );
end;
$$;
comment on function private.maintain_reservations() is
    'Releases uses that stayed reserved for too long and that no task and no interview holds: at
most 200 a round, once each. stuck are those that cannot be released: the log says why.';

insert into private.maintenance_jobs (name, description, repeat_every)
values ('reservations', 'Release uses that nobody settled.', interval '10 minutes')
on conflict (name) do nothing;
