"""Room billing, races: money and accounts that go at the same moment never wait for each other."""

from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg

from cli.stack.status import StackStatus
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
