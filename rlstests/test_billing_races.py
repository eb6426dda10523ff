"""Room billing, races: money and accounts that go at the same moment never wait for each other."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg

from cli.stack.status import StackStatus
from rlstests.actors import Actor
from rlstests.billing_changes import Change, at, payment, subscription
from rlstests.sessions import session
from rlstests.test_races import ROUNDS, at_once

Action = Callable[[psycopg.Connection], None]


def sign_up(db_url: str) -> UUID:
    """A committed user who holds ten tokens and has a subscription."""
    user_id = uuid4()
    with session(db_url) as connection:
        connection.execute("insert into auth.users (id) values (%s)", (user_id,))
        move_tokens(user_id, 10)(connection)
        connection.execute(
            "insert into public.subscriptions (user_id, provider, provider_subscription_id, "
            "plan_code, status, current_period_end) "
            "values (%s, 'stripe', %s, 'pro', 'active', now() + interval '1 day')",
            (user_id, f"sub_{user_id}"),
        )
    return user_id


def move_tokens(user_id: UUID, amount: int) -> Action:
    def run(connection: psycopg.Connection) -> None:
        connection.execute(
            "insert into public.token_transactions (user_id, amount, transaction_type) "
            "values (%s, %s, 'adjustment')",
            (user_id, amount),
        )

    return run


def renew(user_id: UUID) -> Action:
    def run(connection: psycopg.Connection) -> None:
        connection.execute("select private.lock_account(%s)", (user_id,))
        connection.execute(
            "update public.subscriptions set plan_code = case plan_code when 'pro' then 'coach' "
            "else 'pro' end where user_id = %s",
            (user_id,),
        )

    return run


def delete(user_id: UUID) -> Action:
    def run(connection: psycopg.Connection) -> None:
        connection.execute("delete from auth.users where id = %s", (user_id,))

    return run


def test_account_deleted_while_its_tokens_move__never_deadlocks(stack: StackStatus) -> None:
    for _ in range(ROUNDS):
        user_id = sign_up(stack.db_url)
        moved, deleted = at_once(stack.db_url, move_tokens(user_id, -1), delete(user_id))
        assert deleted == "ok"
        # Without an account there is no balance to move.
        assert moved in ("ok", "P0001")


def test_account_deleted_while_it_is_renewed__never_deadlocks(stack: StackStatus) -> None:
    for _ in range(ROUNDS):
        user_id = sign_up(stack.db_url)
        assert at_once(stack.db_url, renew(user_id), delete(user_id)) == ["ok", "ok"]


def test_changes_of_one_subscription_at_once__leave_the_profile_in_step(
    stack: StackStatus,
) -> None:
    user_id = sign_up(stack.db_url)
    try:
        assert at_once(stack.db_url, *[renew(user_id)] * 5) == ["ok"] * 5
        with session(stack.db_url) as connection:
            row = connection.execute(
                "select p.subscription_tier, s.plan_code from public.profiles p "
                "join public.subscriptions s on s.user_id = p.id where p.id = %s",
                (user_id,),
            ).fetchone()
        assert row == ("coach", "coach")
    finally:
        with session(stack.db_url) as connection:
            delete(user_id)(connection)


def say(*changes: Change) -> Action:
    """Apply the changes of one event."""

    def run(connection: psycopg.Connection) -> None:
        connection.execute("select private.apply_billing_changes(%s)", (json.dumps(changes),))

    return run


def newcomer(db_url: str) -> Actor:
    """A committed user who has bought nothing yet."""
    user_id = uuid4()
    with session(db_url) as connection:
        connection.execute("insert into auth.users (id) values (%s)", (user_id,))
    return Actor("newcomer", "authenticated", user_id)


def ids_of(user: Actor) -> dict[str, Any]:
    """Ids that nobody else has."""
    return {"subscription_id": f"sub_{user.user_id}", "customer_id": f"cus_{user.user_id}"}


def test_workers_that_apply_one_subscription_at_once__leave_what_all_of_it_says(
    stack: StackStatus,
) -> None:
    for _ in range(ROUNDS):
        user = newcomer(stack.db_url)
        assert user.user_id is not None
        story = [
            subscription(user, status, at(days=day), **ids_of(user))
            for day, status in enumerate(["incomplete", "trialing", "active", "past_due", "paused"])
        ]
        bought = payment(user, "succeeded", at(), payment_id=f"pi_{user.user_id}")
        story.append(bought)
        story.append({**bought, "refunded_amount": 100, "kind": None, "user_id": None})
        try:
            assert at_once(stack.db_url, *map(say, story + story[:2])) == ["ok"] * 9
            with session(stack.db_url) as connection:
                say(story[-1])(connection)
                row = connection.execute(
                    "select s.status, p.subscription_tier, b.current_balance, "
                    "(select count(*) from private.subscription_observations o "
                    "where o.user_id = s.user_id) from public.subscriptions s "
                    "join public.profiles p on p.id = s.user_id "
                    "join public.token_balances b on b.user_id = s.user_id "
                    "where s.user_id = %s",
                    (user.user_id,),
                ).fetchone()
            assert row == ("paused", "free", 50, 5)
        finally:
            with session(stack.db_url) as connection:
                delete(user.user_id)(connection)


def test_account_deleted_while_events_of_it_are_applied__never_deadlocks(
    stack: StackStatus,
) -> None:
    for _ in range(ROUNDS):
        user = newcomer(stack.db_url)
        assert user.user_id is not None
        actions = [
            say(subscription(user, "active", at(days=day), **ids_of(user))) for day in range(3)
        ]
        bought = say(payment(user, "succeeded", at(), payment_id=f"pi_{user.user_id}"))
        ends = at_once(stack.db_url, *actions, bought, delete(user.user_id))
        assert ends == ["ok"] * 5
        with session(stack.db_url) as connection:
            for table in ("public.subscriptions", "private.subscription_observations"):
                sql = f"select count(*) from {table} where user_id = %s"
                left = connection.execute(sql.encode(), (user.user_id,)).fetchone()
                assert left == (0,)


def test_events_of_two_users_in_either_order__never_deadlock(stack: StackStatus) -> None:
    for _ in range(ROUNDS):
        users = [newcomer(stack.db_url) for _ in range(2)]
        both = [subscription(user, "active", at(), **ids_of(user)) for user in users]
        later = [subscription(user, "past_due", at(days=1), **ids_of(user)) for user in users]
        try:
            ends = at_once(stack.db_url, say(*both), say(*later[::-1]), say(*both[::-1]))
            assert ends == ["ok"] * 3
        finally:
            for user in users:
                assert user.user_id is not None
                with session(stack.db_url) as connection:
                    delete(user.user_id)(connection)


def test_account_deleted_while_its_plan_changes_twice__never_deadlocks(stack: StackStatus) -> None:
    """Postgres looks for the user of a profile that one transaction changes a second time."""
    user_id = sign_up(stack.db_url)
    waits = "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
    with (
        psycopg.connect(stack.db_url) as payer,
        psycopg.connect(stack.db_url) as leaver,
        psycopg.connect(stack.db_url, autocommit=True) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        payer.execute("select private.lock_billing(%s)", (user_id,))
        renew(user_id)(payer)
        left = pool.submit(delete(user_id), leaver)
        while other.execute(waits, (leaver.info.backend_pid,)).fetchone() == (0,):
            assert not left.done()
        renew(user_id)(payer)
        payer.commit()
        left.result(timeout=20)


def test_first_events_that_disagree_whose_it_is__do_not_mix_two_accounts(
    stack: StackStatus,
) -> None:
    first, second = (newcomer(stack.db_url) for _ in range(2))
    assert first.user_id is not None and second.user_id is not None
    about: dict[str, Any] = {**ids_of(first), "customer_id": None}
    paid: dict[str, Any] = {"payment_id": f"pi_{first.user_id}"}
    stories = [
        (
            "subscriptions",
            subscription(first, "active", at(), **about),
            subscription(second, "active", at(days=1), **about),
        ),
        (
            "payments",
            payment(first, "succeeded", at(), **paid),
            payment(second, "succeeded", at(), **paid),
        ),
    ]
    try:
        for table, mine, theirs in stories:
            with session(stack.db_url) as connection, ThreadPoolExecutor(1) as pool:
                say(mine)(connection)
                later = pool.submit(at_once, stack.db_url, say(theirs))
                wait_for_somebody_who_waits(connection)
                connection.commit()
                assert later.result(30) == ["40001"], table
            # Its task comes again, and then finds whose it is.
            assert at_once(stack.db_url, say(theirs)) == ["ok"]
            with session(stack.db_url) as connection:
                sql = f"select distinct user_id from public.{table} where user_id in (%s, %s)"
                owners = connection.execute(sql.encode(), (first.user_id, second.user_id))
                assert owners.fetchall() == [(first.user_id,)]
    finally:
        with session(stack.db_url) as connection:
            delete(first.user_id)(connection)
            delete(second.user_id)(connection)


def wait_for_somebody_who_waits(connection: psycopg.Connection) -> None:
    """Return once another session waits for what this one has written."""
    sql = "select count(*) from pg_locks where not granted and locktype = 'transactionid'"
    deadline = time.monotonic() + 20
    while connection.execute(sql).fetchone() == (0,):
        assert time.monotonic() < deadline
