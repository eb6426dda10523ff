-- Room: ai, fourth part: what the providers cost.
--
-- What lives here: one row per call of a provider (ai_usage), their prices (model_prices), and the
-- answers that need not be asked for twice (ai_cache).
-- Who may touch it: owners read usage, admins read prices; operators write prices. Only
-- functions of private write the rest.
-- Tests: rlstests/test_ai_usage.py

-- Tables --------------------------------------------------------------------------------------

create table public.ai_usage (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null references public.profiles (id) on delete cascade,
    task_id uuid,
    feature text not null check (feature ~ '^[a-z][a-z0-9_]{1,39}$'),
    ai_provider text not null check (
        ai_provider in ('gemini', 'claude', 'openai', 'openrouter', 'offline')
    ),
    model text check (char_length(model) <= 200),
    input_tokens integer not null default 0,
    output_tokens integer not null default 0 check (output_tokens >= 0),
    cached_tokens integer not null default 0,
    tokens_used integer not null generated always as (input_tokens + output_tokens) stored,
    estimated_cost numeric(10, 6) check (estimated_cost >= 0),
    response_time_ms integer check (response_time_ms >= 0),
    was_cached boolean not null default false,
    request_summary text check (char_length(request_summary) <= 500),
    response_summary text check (char_length(response_summary) <= 500),
    created_at timestamptz not null default now(),
    date date not null generated always as ((created_at at time zone 'UTC')::date) stored,
    primary key (id, created_at),
    constraint ai_usage_input_tokens_check check (cached_tokens between 0 and input_tokens)
) partition by range (created_at);
comment on table public.ai_usage is
    'One row per call of an AI provider: what for, how much, how long. System-written.';
comment on column public.ai_usage.task_id is
    'The task that called. No foreign key: tasks leave the queue.';
comment on column public.ai_usage.feature is 'What it was for: the kind of the task.';
comment on column public.ai_usage.cached_tokens is
    'Those of the input tokens that the provider had in its own cache, at a lower price.';
comment on column public.ai_usage.tokens_used is 'Input and output together.';
comment on column public.ai_usage.estimated_cost is
    'In US dollars, by model_prices. Null when the model has no price there.';
comment on column public.ai_usage.was_cached is
    'The answer came out of our own cache and no provider was asked.';
comment on column public.ai_usage.request_summary is
    'A few words on the request, never its content.';
comment on column public.ai_usage.response_summary is
    'A few words on the response, never its content.';
comment on column public.ai_usage.date is 'The UTC day, for daily sums.';
create index ai_usage_user_id_created_at_idx on public.ai_usage (user_id, created_at desc);
create index ai_usage_date_idx on public.ai_usage (date, ai_provider);

create table private.ai_usage_default partition of public.ai_usage default;
select private.close_table('private.ai_usage_default');
select private.ensure_month_partition('public.ai_usage', 'created_at', current_date);

create table public.model_prices (
    provider text not null check (
        provider in ('gemini', 'claude', 'openai', 'openrouter', 'offline')
    ),
    model text not null check (char_length(model) between 1 and 200),
    effective_from date not null,
    input_price numeric(12, 6) not null check (input_price >= 0),
    output_price numeric(12, 6) not null check (output_price >= 0),
    cached_price numeric(12, 6) check (cached_price >= 0),
    created_at timestamptz not null default now(),
    primary key (provider, model, effective_from)
);
comment on table public.model_prices is
    'What a model costs, in US dollars per million tokens. Read by admins, written by operators.
A price holds until the next one of its model: a change is a new row, history stays.';
comment on column public.model_prices.effective_from is 'The first UTC day of the price.';
comment on column public.model_prices.cached_price is
    'Of input tokens that the provider had in its cache. Null when they cost as much as others.';

create unlogged table private.ai_cache (
    key bytea primary key check (octet_length(key) = 32),
    user_id uuid not null references public.profiles (id) on delete cascade,
    value jsonb not null check (octet_length(value::text) <= 1048576),
    expires_at timestamptz not null,
    created_at timestamptz not null default now()
);
comment on table private.ai_cache is
    'Answers of providers, so that the same question is asked once. A crash forgets them.';
comment on column private.ai_cache.key is
    'SHA-256 of user, normalised input, schema, version of the prompt, and model.';
create index ai_cache_user_id_idx on private.ai_cache (user_id);
create index ai_cache_expires_at_idx on private.ai_cache (expires_at);
select private.close_table('private.ai_cache');

-- Row level security ----------------------------------------------------------------------------

alter table public.ai_usage enable row level security;
alter table public.model_prices enable row level security;

create policy ai_usage_select_owner on public.ai_usage
for select to authenticated
using (user_id = (select auth.uid()));

create policy model_prices_select_admin on public.model_prices
for select to authenticated
using ((select private.is_admin()));

-- Grants ----------------------------------------------------------------------------------------

grant select on public.ai_usage, public.model_prices to authenticated, service_role;

-- Cost ------------------------------------------------------------------------------------------

create function private.estimate_cost(
    p_provider text,
    p_model text,
    p_at timestamptz,
    p_input_tokens integer,
    p_output_tokens integer,
    p_cached_tokens integer
) returns numeric
language sql
stable
set search_path = ''
as $$
    select round((
        (p_input_tokens - p_cached_tokens) * m.input_price
        + p_cached_tokens * coalesce(m.cached_price, m.input_price)
        + p_output_tokens * m.output_price
    ) / 1000000, 6)
    from public.model_prices m
    where m.provider = p_provider and m.model = p_model
        and m.effective_from <= (p_at at time zone 'UTC')::date
    order by m.effective_from desc
    limit 1;
$$;
comment on function private.estimate_cost(text, text, timestamptz, integer, integer, integer) is
    'What a call cost in US dollars, by the prices of that day; null for a model without a price.
p_cached_tokens are those of p_input_tokens that came out of the provider''s cache.';

-- Maintenance -----------------------------------------------------------------------------------

create function private.maintain_ai_cache() returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_deleted integer;
begin
    -- Rows of an account that is just being deleted are left to that.
    delete from private.ai_cache c
    where c.key = any(array(
        select e.key
        from private.ai_cache e
        where e.expires_at <= now()
        order by e.expires_at
        limit 5000
        for update skip locked
    ));
    get diagnostics v_deleted = row_count;
    return jsonb_build_object('deleted', v_deleted);
end;
$$;
comment on function private.maintain_ai_cache() is
    'Forgets cached answers whose time is over, at most 5000 at once.';

insert into private.maintenance_jobs (name, description, repeat_every)
values ('ai_cache', 'Forget cached AI answers whose time is over.', interval '5 minutes')
on conflict (name) do nothing;
