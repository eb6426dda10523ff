-- Room: metering
--
-- What lives here: what may be used how often. The catalogue (plans, plan_limits, operations), the
-- counters and one usage event per use. The other parts: metering_limits, metering_tokens,
-- metering_reserve (reserve → settle or release), metering_prices (token packs too),
-- metering_views, metering_granting, metering_pricing, metering_status, metering_products and
-- metering_reservations.
-- Who may touch it: everybody reads the catalogue, owners read their usage. Only functions of
-- private write: a use is reserved in the transaction that starts the work, and settled or released
-- in the transaction that ends it.
-- Tests: rlstests/test_metering.py

-- Catalogue -----------------------------------------------------------------------------------

create table public.plans (
    code text primary key check (code ~ '^[a-z][a-z0-9_]{1,39}$'),
    name text not null check (char_length(name) between 1 and 100),
    tier_rank smallint not null unique check (tier_rank >= 0),
    description text not null default '' check (char_length(description) <= 2000),
    max_resumes integer check (max_resumes >= 0),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.plans is 'What can be subscribed to. Read by anyone, written by operators.';
comment on column public.plans.tier_rank is 'Higher includes more; free is 0.';
comment on column public.plans.max_resumes is
    'How many résumés may exist at once, without those in the trash. Null means unlimited.';

create table public.plan_limits (
    plan_code text not null references public.plans (code) on delete cascade,
    meter text not null check (meter ~ '^[a-z][a-z0-9_]{1,39}$'),
    period text not null check (period in ('day', 'month', 'lifetime')),
    max_uses integer check (max_uses >= 0),
    primary key (plan_code, meter, period)
);
comment on table public.plan_limits is
    'How often a meter may count up in a period, for each plan.
A plan that has no limit for any meter of an operation does not include that operation.';
comment on column public.plan_limits.max_uses is 'Null means unlimited.';
comment on column public.plan_limits.period is 'Days and months are those of UTC.';

create table public.operations (
    code text primary key check (code ~ '^[a-z][a-z0-9_]{1,39}$'),
    meters text[] not null check (cardinality(meters) > 0),
    token_cost integer not null default 0 check (token_cost >= 0),
    description text not null default '' check (char_length(description) <= 2000),
    is_active boolean not null default true
);
comment on table public.operations is
    'What costs a use. Every limit of the user''s plan on any of its meters applies.';
comment on column public.operations.token_cost is
    'Price in tokens when the plan allows no more. 0 means it is not sold for tokens.';

-- Counters and events ---------------------------------------------------------------------------

create table public.usage_counters (
    user_id uuid not null references public.profiles (id) on delete cascade,
    meter text not null,
    period_type text not null check (period_type in ('day', 'month', 'lifetime')),
    period_key text not null,
    used integer not null default 0 check (used >= 0),
    updated_at timestamptz not null default now(),
    primary key (user_id, meter, period_type, period_key),
    -- usage_tracking reads a month as a date.
    constraint usage_counters_period_key_check check (
        case period_type
            when 'day' then period_key ~ '^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'
            when 'month' then period_key ~ '^[1-9][0-9]{3}-(0[1-9]|1[0-2])$'
            else period_key = 'lifetime'
        end
    )
) with (fillfactor = 70);
comment on table public.usage_counters is
    'Uses counted against the limits: one row per user, meter and period. System-written.';
comment on column public.usage_counters.period_key is 'YYYY-MM-DD, YYYY-MM or lifetime, in UTC.';

create table public.usage_events (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null references public.profiles (id) on delete cascade,
    operation text not null references public.operations (code) on delete restrict,
    ai_provider text,
    source text not null default 'plan' check (source in ('plan', 'tokens')),
    credits_used integer not null default 1 check (credits_used >= 0),
    period_type text not null,
    period_key text not null,
    charges jsonb not null check (
        jsonb_typeof(charges) = 'array' and octet_length(charges::text) <= 16384
    ),
    state text not null default 'reserved' check (state in ('reserved', 'settled', 'released')),
    metadata jsonb not null default '{}' check (
        jsonb_typeof(metadata) = 'object' and octet_length(metadata::text) <= 16384
    ),
    created_at timestamptz not null default now(),
    closed_at timestamptz,
    primary key (id, created_at),
    constraint usage_events_closed_at_check check ((state = 'reserved') = (closed_at is null))
) partition by range (created_at);
comment on table public.usage_events is
    'One row per use, for ever: only its state moves, from reserved to settled or released.';
comment on column public.usage_events.charges is
    'The counters this use raised: [{meter, period_type, period_key}]. A release lowers the same.';
comment on column public.usage_events.period_type is 'Period of the first of these counters.';
comment on column public.usage_events.closed_at is 'When it was settled or released.';
create index usage_events_user_id_created_at_idx on public.usage_events (user_id, created_at desc);
create index usage_events_operation_idx on public.usage_events (operation);
-- Short: only the open ones are in it. Settle and release find theirs here by its id, and
-- maintain_reservations looks through all of it.
create index usage_events_reserved_idx on public.usage_events (id)
where state = 'reserved';

create table private.usage_events_default partition of public.usage_events default;
select private.close_table('private.usage_events_default');

create table private.idempotency_keys (
    user_id uuid not null references public.profiles (id) on delete cascade,
    operation text not null,
    idempotency_key text not null check (char_length(idempotency_key) between 1 and 200),
    payload_sha256 bytea not null,
    usage_event_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (user_id, operation, idempotency_key)
);
comment on table private.idempotency_keys is
    'Which use a client''s key stands for, so that a repeated request is answered, not repeated.';
select private.close_table('private.idempotency_keys');

-- Taking turns ----------------------------------------------------------------------------------

create function private.take_turn(p_user_id uuid) returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- Maintenance gives back several uses of a user in one transaction: tokens, then a counter. A
    -- use that is counted meanwhile would hold the counter and wait for the tokens.
    perform pg_advisory_xact_lock(hashtextextended('metering:' || p_user_id, 0));
end;
$$;
comment on function private.take_turn(uuid) is
    'Makes those who count or give back uses of a user take turns, until the transaction ends.';

-- Functions used by policies --------------------------------------------------------------------

create function private.has_paid_plan() returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select exists (
        select 1
        from public.profiles p
        inner join public.plans l on l.code = p.subscription_tier
        where p.id = (select auth.uid()) and l.tier_rank > 0
    );
$$;
comment on function private.has_paid_plan() is 'True when the caller''s plan is not free.';
grant execute on function private.has_paid_plan() to authenticated;

-- Row level security ----------------------------------------------------------------------------

alter table public.plans enable row level security;
alter table public.plan_limits enable row level security;
alter table public.operations enable row level security;
alter table public.usage_counters enable row level security;
alter table public.usage_events enable row level security;

create policy plans_select_anyone on public.plans
for select to anon, authenticated
using (is_active);

create policy plan_limits_select_anyone on public.plan_limits
for select to anon, authenticated
using (true);

create policy operations_select_anyone on public.operations
for select to anon, authenticated
using (is_active);

create policy usage_counters_select_owner on public.usage_counters
for select to authenticated
using (user_id = (select auth.uid()));

create policy usage_events_select_owner on public.usage_events
for select to authenticated
using (user_id = (select auth.uid()));

-- Grants ----------------------------------------------------------------------------------------

grant select on public.plans, public.plan_limits, public.operations
to anon, authenticated, service_role;
grant select on public.usage_counters, public.usage_events to authenticated, service_role;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.plans
for each row execute function private.tg_set_updated_at();

create function private.tg_usage_events__guard_history() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    if old.state is distinct from 'reserved' then
        raise exception 'Usage event % is % and cannot change.', old.id, old.state;
    end if;
    -- Everything but the state, and what belongs to it, is history. Named one by one: turning both
    -- rows into jsonb takes longer than the update itself.
    if (
        new.id, new.user_id, new.operation, new.source, new.credits_used, new.period_type,
        new.period_key, new.charges, new.created_at
    ) is distinct from (
        old.id, old.user_id, old.operation, old.source, old.credits_used, old.period_type,
        old.period_key, old.charges, old.created_at
    ) then
        raise exception 'Usage event %: only its state may change.', old.id;
    end if;
    return new;
end;
$$;
comment on function private.tg_usage_events__guard_history() is
    'Keeps usage events append-only: reserved may become settled or released, nothing else moves.';

create trigger _100_guard_history before update on public.usage_events
for each row execute function private.tg_usage_events__guard_history();

create function private.tg_profiles__create_counters() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    insert into public.usage_counters (user_id, meter, period_type, period_key)
    select new.id, l.meter, l.period, 'lifetime'
    from public.plan_limits l
    where l.plan_code = new.subscription_tier and l.period = 'lifetime'
    on conflict do nothing;
    return null;
end;
$$;
comment on function private.tg_profiles__create_counters() is
    'Gives a new user the lifetime counters of the plan; others appear when they are first used.';

create trigger _200_create_counters after insert on public.profiles
for each row execute function private.tg_profiles__create_counters();
