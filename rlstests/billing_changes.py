"""What providers say, for the tests of room billing: changes, and what comes of them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from rlstests.actors import SYSTEM, Actor, Database, Row

Change = dict[str, Any]
Event = list[Change]

# The past second that all lifecycles begin in: what ends with its period has then a year to go.
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)


def at(**after: float) -> str:
    """Say when: so long after the begin."""
    return (BEGIN + timedelta(**after)).isoformat()


def subscription(user: Actor, status: str, when: str, **more: Any) -> Change:
    """Make a change of a monthly pro subscription at Stripe, unless `more` says otherwise."""
    return {
        "type": "subscription",
        "provider": "stripe",
        "occurred_at": when,
        "user_id": str(user.user_id),
        "customer_id": "cus_1",
        "subscription_id": "sub_1",
        "status": status,
        "price_id": "plan_local_pro_month",
        "current_period_start": at(),
        "current_period_end": at(days=30),
        "start_date": at(),
        **more,
    }


def payment(user: Actor, status: str, when: str, **more: Any) -> Change:
    """Make a change of a payment for the small pack at Stripe, unless `more` says otherwise."""
    return {
        "type": "payment",
        "provider": "stripe",
        "occurred_at": when,
        "user_id": str(user.user_id),
        "payment_id": "pi_1",
        "kind": "tokens",
        "price_id": "pack_local_small",
        "status": status,
        "amount": 200,
        "currency": "USD",
        **more,
    }


def checkout(status: str, when: str, **more: Any) -> Change:
    """Make a change of a checkout session at Stripe, unless `more` says otherwise."""
    return {
        "type": "checkout",
        "provider": "stripe",
        "occurred_at": when,
        "checkout_id": "cs_1",
        "status": status,
        **more,
    }


def apply(db: Database, *changes: Change) -> Row:
    """Apply the changes of one event; gives what became of them."""
    outcome = db.value(SYSTEM, "select private.apply_billing_changes(%s)", json.dumps(changes))
    assert isinstance(outcome, dict)
    return outcome


def applied(db: Database, *changes: Change) -> list[str]:
    """Apply the changes of one event, which have to be known; gives what became of each."""
    outcome = apply(db, *changes)
    assert outcome["status"] == "applied", outcome
    return [each["status"] for each in outcome["changes"]]


def begin_checkout(db: Database, user: Actor, checkout_id: str | None, **columns: Any) -> Row:
    """Make a checkout of the small pack at Stripe, or of a `plan`, by the month."""
    provider = columns.get("provider", "stripe")
    plan = columns.get("plan")
    return db.one(
        SYSTEM,
        "insert into private.checkouts (user_id, provider, kind, checkout_id, plan_code, "
        "plan_price_id, amount, currency, idempotency_key) "
        "select %s, provider, 'subscription', %s, plan_code, id, amount, currency, %s "
        "from public.plan_prices where plan_code = %s and provider = %s and interval = 'month' "
        "returning *"
        if plan
        else "insert into private.checkouts (user_id, provider, kind, checkout_id, pack_code, "
        "pack_price_id, tokens, amount, currency, idempotency_key) "
        "select %s, r.provider, 'tokens', %s, k.code, r.id, k.tokens, r.amount, r.currency, %s "
        "from public.token_pack_prices r join public.token_packs k on k.code = r.pack_code "
        "where k.code = %s and r.provider = %s returning *",
        user.user_id,
        checkout_id,
        columns.get("key", f"key of {checkout_id}"),
        plan or columns.get("pack", "small"),
        provider,
    )


def balance(db: Database, user: Actor) -> tuple[int, int, int]:
    """Tokens that somebody has, owes, and ever bought."""
    row = db.one(SYSTEM, "select * from public.token_balances where user_id = %s", user.user_id)
    return row["current_balance"], row["debt"], row["total_purchased"]


STATE = """
    create function private.billing_state(p_user_id uuid) returns text language sql as $$
        select jsonb_pretty(jsonb_build_object(
            'subscriptions', (
                select jsonb_agg(
                    to_jsonb(s) - '{id,created_at,updated_at}'::text[]
                    order by s.provider, s.provider_subscription_id
                ) from public.subscriptions s where s.user_id = p_user_id
            ),
            'observations', (
                select jsonb_agg(o.content_sha256 order by o.content_sha256)
                from private.subscription_observations o where o.user_id = p_user_id
            ),
            'payments', (
                select jsonb_agg(
                    to_jsonb(p) - '{id,created_at,updated_at,subscription_id}'::text[]
                    || jsonb_build_object('paid_for', s.provider_subscription_id)
                    order by p.provider, p.provider_payment_id
                ) from public.payments p
                left join public.subscriptions s on s.id = p.subscription_id
                where p.user_id = p_user_id
            ),
            'aliases', (
                select jsonb_agg(a.alias || ' = ' || p.provider_payment_id order by a.alias)
                from private.payment_aliases a join public.payments p on p.id = a.payment_id
                where a.user_id = p_user_id
            ),
            'tokens', (
                select jsonb_build_array(b.current_balance, b.debt, b.total_purchased)
                from public.token_balances b where b.user_id = p_user_id
            ),
            'bought', (
                select jsonb_agg(t.reference || ' ' || t.amount order by t.reference)
                from public.token_transactions t
                where t.user_id = p_user_id and t.transaction_type = 'purchase'
            ),
            'checkouts', (
                select jsonb_agg(
                    jsonb_build_array(c.checkout_id, c.status, c.subscription_id, c.payment_id)
                    order by c.checkout_id
                ) from private.checkouts c where c.user_id = p_user_id
            ),
            'customers', (
                select jsonb_agg(c.provider_customer_id order by c.provider)
                from public.billing_customers c where c.user_id = p_user_id
            ),
            'profile', (
                select jsonb_build_array(
                    p.subscription_tier, p.subscription_status, p.custom_limits
                )
                from public.profiles p where p.id = p_user_id
            )
        ))
    $$
"""

# Every order of n events, by induction over their sets: whichever event comes last, each set leaves
# one state, and an event that comes again changes nothing. That is n * 2^n steps where the orders
# alone are n!. It holds because the state has all that applying an event looks at. Events that have
# to wait are tried again as soon as something new is known, as they are in earnest.
WALK = """
    create function private.state_after(
        p_user_id uuid, p_events jsonb, p_event integer, inout p_parked integer[], out state text
    ) language plpgsql as $$
    declare
        v_before integer := -1;
        v_n integer;
    begin
        p_parked := array_remove(p_parked, p_event) || p_event;
        while cardinality(p_parked) <> v_before loop
            v_before := cardinality(p_parked);
            foreach v_n in array p_parked loop
                if private.apply_billing_changes(p_events -> v_n) ->> 'status' = 'applied' then
                    p_parked := array_remove(p_parked, v_n);
                end if;
            end loop;
        end loop;
        select private.billing_state(p_user_id)
            || ' waiting ' || array(select unnest(p_parked) order by 1)::text
        into state;
    end $$;

    create function private.state_after_all(
        p_user_id uuid, p_events jsonb, p_order integer[], out state text
    ) language plpgsql as $$
    declare
        v_n integer;
        v_parked integer[] := '{}';
        v_after record;
    begin
        foreach v_n in array p_order loop
            v_after := private.state_after(p_user_id, p_events, v_n, v_parked);
            v_parked := v_after.p_parked;
        end loop;
        raise sqlstate 'UNDO1';
    exception when sqlstate 'UNDO1' then
        state := v_after.state;
    end $$;

    create function private.walk(
        p_user_id uuid, p_events jsonb, p_done integer[], p_parked integer[], p_states jsonb
    ) returns jsonb language plpgsql as $$
    declare
        v_n integer;
        v_set integer[];
        v_after record;
    begin
        for v_n in 0 .. jsonb_array_length(p_events) - 1 loop
            v_set := array(select distinct e from unnest(p_done || v_n) e order by e);
            begin
                v_after := private.state_after(p_user_id, p_events, v_n, p_parked);
                if not p_states ? v_set::text then
                    p_states := p_states || jsonb_build_object(v_set::text, v_after.state);
                    p_states := private.walk(
                        p_user_id, p_events, v_set, v_after.p_parked, p_states
                    );
                elsif p_states ->> v_set::text <> v_after.state then
                    p_states := p_states || jsonb_build_object(
                        'differs', jsonb_build_array(p_done, v_n, v_after.state)
                    );
                end if;
                raise sqlstate 'UNDO1';
            exception when sqlstate 'UNDO1' then
                null;
            end;
            exit when p_states ? 'differs';
        end loop;
        return p_states;
    end $$
"""


def make_functions(db: Database) -> None:
    """Make the functions that apply events and look at what comes of them."""
    db.query(SYSTEM, STATE)
    db.query(SYSTEM, WALK)


def end_state(db: Database, user: Actor, events: list[Event]) -> str:
    """Apply the events in every order, with each coming again at any time; gives the one end."""
    make_functions(db)
    states = db.value(
        SYSTEM,
        "select private.walk(%s, %s, '{}', '{}', '{}')",
        user.user_id,
        json.dumps(events),
    )
    if "differs" in states:
        before, last, found = states["differs"]
        expected = states["{" + ",".join(map(str, sorted({*before, last}))) + "}"]
        raise AssertionError(f"{before} and then {last}:\n{found}\ninstead of\n{expected}")
    assert len(states) == 2 ** len(events) - 1
    return str(states["{" + ",".join(map(str, range(len(events)))) + "}"])


def state(db: Database, user_id: UUID | None) -> str:
    """Everything that billing knows of somebody, but for ids and times of our own."""
    return str(db.value(SYSTEM, "select private.billing_state(%s)", user_id))
