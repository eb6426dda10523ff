-- Room: metering, tokens: held, and moved.
--
-- What lives here: what a user holds (token_balances) and every move of it (token_transactions).
-- The ledger is the only way to move a balance: inserting a row applies it, so that the sum of the
-- ledger is the balance, always.
-- Who may touch it: owners read. Functions of private insert into the ledger.
-- Tests: rlstests/test_metering_tokens.py

-- Tables --------------------------------------------------------------------------------------

create table public.token_balances (
    user_id uuid primary key references public.profiles (id) on delete cascade,
    current_balance integer not null default 0 check (current_balance >= 0),
    total_purchased integer not null default 0 check (total_purchased >= 0),
    debt integer not null default 0 check (debt >= 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
) with (fillfactor = 70);
comment on table public.token_balances is
    'Tokens a user holds, one row per user, made at signup.
System-written: it follows the rows of token_transactions and nothing else.';
comment on column public.token_balances.total_purchased is
    'Tokens ever bought, without grants; a refund does not lower it.';
comment on column public.token_balances.debt is
    'Tokens that were spent before their payment was refunded, still to be made good.';

create table public.token_transactions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references public.profiles (id) on delete cascade,
    amount integer not null,
    debt_change integer not null default 0,
    balance_after integer not null check (balance_after >= 0),
    transaction_type text not null check (
        transaction_type in ('purchase', 'usage', 'refund', 'grant', 'adjustment')
    ),
    feature_type text references public.operations (code) on delete restrict,
    description text check (char_length(description) <= 500),
    status text not null default 'completed' check (status in ('pending', 'completed', 'failed')),
    reference text check (char_length(reference) between 1 and 300),
    usage_event_id uuid,
    created_at timestamptz not null default now(),
    -- A refund that finds nothing to take only raises the debt.
    constraint token_transactions_amount_check check (amount <> 0 or debt_change <> 0),
    constraint token_transactions_sign_check check (
        case transaction_type
            when 'purchase' then amount > 0
            when 'grant' then amount > 0
            when 'usage' then amount < 0 and usage_event_id is not null
            when 'refund' then
                case when usage_event_id is null then amount <= 0 else amount > 0 end
            else true
        end
    ),
    constraint token_transactions_usage_event_check check (
        usage_event_id is null or transaction_type in ('usage', 'refund')
    ),
    constraint token_transactions_debt_change_check check (
        debt_change = 0 or transaction_type in ('refund', 'adjustment')
    )
);
comment on table public.token_transactions is
    'The ledger of tokens: one row per move, for ever. System-written.
The amounts of the completed rows of a user add up to token_balances.current_balance.';
comment on column public.token_transactions.amount is
    'What came in (positive) or went out (negative).';
comment on column public.token_transactions.debt_change is
    'How much the debt of the user rose or, when made good, fell; these add up to the debt.';
comment on column public.token_transactions.balance_after is
    'The balance once this row was applied. Set by the database.';
comment on column public.token_transactions.transaction_type is
    'purchase, grant: in. usage: out, for a use. refund: in for a use that came to nothing, out for
a payment that was given back. adjustment: either.';
comment on column public.token_transactions.feature_type is 'The operation it paid for.';
comment on column public.token_transactions.status is
    'pending and failed rows record an attempt, and leave the balance as it was.';
comment on column public.token_transactions.reference is
    'What it was made for, such as <provider>:<payment id>; one row of each type and status.';
comment on column public.token_transactions.usage_event_id is
    'The use that was paid for, or given back.';
create index token_transactions_user_id_idx
on public.token_transactions (user_id, created_at desc);
create index token_transactions_feature_type_idx on public.token_transactions (feature_type)
where feature_type is not null;
-- A payment is credited once and its refund debited once, however often a provider tells of it.
create unique index token_transactions_reference_key
on public.token_transactions (transaction_type, reference, status) where reference is not null;
-- A use is paid once and given back once.
create unique index token_transactions_usage_event_id_key
on public.token_transactions (usage_event_id, transaction_type)
where usage_event_id is not null and status = 'completed';

-- Row level security ----------------------------------------------------------------------------

alter table public.token_balances enable row level security;
alter table public.token_transactions enable row level security;

create policy token_balances_select_owner on public.token_balances
for select to authenticated
using (user_id = (select auth.uid()));

create policy token_transactions_select_owner on public.token_transactions
for select to authenticated
using (user_id = (select auth.uid()));

-- Grants ----------------------------------------------------------------------------------------

grant select on public.token_balances, public.token_transactions
to authenticated, service_role;

-- Triggers --------------------------------------------------------------------------------------

create trigger _100_set_updated_at before update on public.token_balances
for each row execute function private.tg_set_updated_at();

create function private.tg_token_balances__guard_ledger() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    -- Depth 1 is a statement of its own; the ledger's trigger comes in at depth 2.
    if pg_trigger_depth() < 2 and (
        tg_op = 'INSERT'
        and (new.current_balance, new.total_purchased, new.debt) is distinct from (0, 0, 0)
        or tg_op = 'UPDATE'
        and (new.user_id, new.current_balance, new.total_purchased, new.debt)
            is distinct from (old.user_id, old.current_balance, old.total_purchased, old.debt)
    ) then
        raise exception 'The balance of % moves only with a row of token_transactions.', new.user_id
            using hint = 'Insert a transaction; it is applied to the balance.';
    end if;
    return new;
end;
$$;
comment on function private.tg_token_balances__guard_ledger() is
    'Keeps balances from moving without a row in the ledger.';

create trigger _200_guard_ledger before insert or update on public.token_balances
for each row execute function private.tg_token_balances__guard_ledger();

create function private.tg_token_transactions__apply() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.lock_account(new.user_id);
    -- The row lock makes moves of one user take turns; a balance below zero fails its check.
    update public.token_balances b
    set current_balance = b.current_balance
            + case new.status when 'completed' then new.amount else 0 end,
        debt = b.debt + case new.status when 'completed' then new.debt_change else 0 end,
        total_purchased = b.total_purchased + case
            when new.status = 'completed' and new.transaction_type = 'purchase' then new.amount
            else 0
        end
    where b.user_id = new.user_id
    returning b.current_balance into new.balance_after;
    if not found then
        raise exception 'User % has no token balance.', new.user_id;
    end if;
    return new;
end;
$$;
comment on function private.tg_token_transactions__apply() is
    'Applies a new row of the ledger to the balance and notes the balance after it.';

create trigger _100_apply before insert on public.token_transactions
for each row execute function private.tg_token_transactions__apply();

create function private.tg_token_transactions__guard_history() returns trigger
language plpgsql
volatile
set search_path = ''
as $$
begin
    if tg_op = 'DELETE'
        and not exists (select 1 from public.profiles p where p.id = old.user_id) then
        return old;
    end if;
    raise exception 'Token transaction % is history and cannot change.', old.id
        using hint = 'Insert an adjustment that makes it good.';
end;
$$;
comment on function private.tg_token_transactions__guard_history() is
    'Keeps the ledger append-only: rows change never, and go only with their account.';

create trigger _200_guard_history before update or delete on public.token_transactions
for each row execute function private.tg_token_transactions__guard_history();

-- Tokens out of nothing are what an auditor asks for; the ledger itself tells of the rest.
create trigger _900_audit after insert on public.token_transactions
for each row when (new.transaction_type in ('grant', 'adjustment'))
execute function private.tg_audit('id', '{}', '{}');

create function private.pay_token_debt(p_user_id uuid) returns integer
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_paid integer;
begin
    select least(b.debt, b.current_balance) into v_paid
    from public.token_balances b
    where b.user_id = p_user_id
    for no key update;
    if v_paid > 0 then
        insert into public.token_transactions
        (user_id, amount, debt_change, transaction_type, description)
        values (p_user_id, -v_paid, -v_paid, 'adjustment', 'Debt made good.');
    end if;
    return coalesce(v_paid, 0);
end;
$$;
comment on function private.pay_token_debt(uuid) is
    'Makes good what a user owes, as far as the balance goes; returns how many tokens that took.
Call it after each row of the ledger that brings tokens in, and private.lock_account before.';

create function private.tg_profiles__create_token_balance() returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    insert into public.token_balances (user_id) values (new.id)
    on conflict (user_id) do nothing;
    return null;
end;
$$;
comment on function private.tg_profiles__create_token_balance() is
    'Gives a new user a balance of no tokens.';

create trigger _210_create_token_balance after insert on public.profiles
for each row execute function private.tg_profiles__create_token_balance();

-- Users who were there before this migration ----------------------------------------------------

insert into public.token_balances (user_id)
select p.id from public.profiles p
on conflict (user_id) do nothing;
