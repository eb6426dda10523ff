-- Room: billing, second part: the inbox of the webhooks.
--
-- What lives here: every event a payment provider sent, once, as it came (private.webhook_events).
-- Who may touch it: functions only. An event is stored before it is answered, and applied later.
-- Tests: rlstests/test_billing_webhooks.py

create table private.webhook_events (
    id uuid primary key default gen_random_uuid(),
    provider text not null check (provider in ('razorpay', 'stripe')),
    event_id text check (char_length(event_id) between 1 and 255),
    body_sha256 bytea not null check (octet_length(body_sha256) = 32),
    type text not null check (char_length(type) between 1 and 100),
    payload jsonb not null check (
        jsonb_typeof(payload) = 'object' and octet_length(payload::text) <= 1048576
    ),
    occurred_at timestamptz not null,
    received_at timestamptz not null default now(),
    user_id uuid references public.profiles (id) on delete set null,
    status text not null default 'received' check (
        status in ('received', 'processed', 'ignored', 'failed')
    ),
    attempts smallint not null default 0 check (attempts >= 0),
    error text check (char_length(error) <= 2000),
    next_attempt_at timestamptz not null default now(),
    parked_at timestamptz,
    waits_for text[] check (cardinality(waits_for) between 1 and 50),
    closed_at timestamptz,
    constraint webhook_events_event_id_key unique (provider, event_id),
    -- An id may lie outside the signature: a captured body must not come in again under another.
    constraint webhook_events_body_sha256_key unique (provider, body_sha256),
    constraint webhook_events_closed_at_check check ((status = 'received') = (closed_at is null)),
    constraint webhook_events_parked_check check (
        (parked_at is null) = (waits_for is null) and (status = 'received' or parked_at is null)
    )
) with (fillfactor = 80);
comment on table private.webhook_events is
    'What payment providers told us, one row per event, kept for at least 30 days.';
comment on column private.webhook_events.event_id is
    'The id the provider gave it; null when it gave none.';
comment on column private.webhook_events.body_sha256 is 'SHA-256 of the raw body.';
comment on column private.webhook_events.occurred_at is 'When it happened at the provider.';
comment on column private.webhook_events.user_id is 'Whose it is, once that is known.';
comment on column private.webhook_events.status is
    'received: to be applied, or tried again at next_attempt_at. processed. ignored: nothing to do.
failed: given up, until it is replayed.';
comment on column private.webhook_events.error is 'Why the last attempt came to nothing.';
comment on column private.webhook_events.parked_at is
    'Since when something is missing that it speaks of; null while nothing is.';
comment on column private.webhook_events.waits_for is
    'What is missing, any of it: <what>:<provider>:<id>, such as customer:stripe:cus_1.';
comment on column private.webhook_events.closed_at is 'When it was processed, ignored or failed.';
create index webhook_events_due_idx on private.webhook_events (next_attempt_at, occurred_at)
where status = 'received';
create index webhook_events_waits_for_idx on private.webhook_events using gin (waits_for)
where waits_for is not null;
create index webhook_events_received_at_idx on private.webhook_events (received_at desc);
create index webhook_events_user_id_idx on private.webhook_events (user_id)
where user_id is not null;
select private.close_table('private.webhook_events');

create function private.tg_webhook_events__guard_body() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- Forgetting a person empties the payload; id and hash keep the event from coming again.
    if (
        new.id, new.provider, new.event_id, new.body_sha256, new.type, new.occurred_at,
        new.received_at
    ) is distinct from (
        old.id, old.provider, old.event_id, old.body_sha256, old.type, old.occurred_at,
        old.received_at
    ) or new.payload is distinct from old.payload and new.payload is distinct from '{}' then
        raise exception 'Webhook event % stays as it came.', old.id;
    end if;
    return new;
end;
$$;
comment on function private.tg_webhook_events__guard_body() is
    'Keeps an event what the provider sent: only what became of it may change, or all of it be
forgotten.';

create trigger _100_guard_body before update on private.webhook_events
for each row execute function private.tg_webhook_events__guard_body();
