"""Room billing, operating, races: what admins do twice at once is done once, and never waits."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.sessions import session
from rlstests.test_billing_races import Action, delete, sign_up
from rlstests.test_races import ROUNDS, at_once


@pytest.fixture
def account(stack: StackStatus) -> Iterator[UUID]:
    made = sign_up(stack.db_url)
    yield made
    with session(stack.db_url) as connection:
        delete(made)(connection)


def calling(call: str, *values: object) -> Action:
    def run(connection: psycopg.Connection) -> None:
        connection.execute(f"select * from public.{call}".encode(), values)

    return run


def grant_tokens(user_id: UUID) -> Action:
    return calling("admin_grant_tokens(%s, 100, 'Goodwill', 'once')", user_id)


def grant_plan(user_id: UUID, plan: str) -> Action:
    return calling("admin_grant_subscription(%s, %s)", user_id, plan)


def test_one_grant_of_tokens_sent_many_times_at_once__is_given_once(
    stack: StackStatus, account: UUID
) -> None:
    assert at_once(stack.db_url, *[grant_tokens(account)] * 6) == ["ok"] * 6
    with session(stack.db_url) as connection:
        row = connection.execute(
            "select current_balance from public.token_balances where user_id = %s", (account,)
        ).fetchone()
    assert row == (110,)


def test_grants_of_plans_at_once__leave_one_grant_and_a_profile_in_step(
    stack: StackStatus, account: UUID
) -> None:
    plans = ("career", "premium", "coach") * 2
    done = at_once(stack.db_url, *[grant_plan(account, plan) for plan in plans])
    assert done == ["ok"] * 6
    with session(stack.db_url) as connection:
        rows = connection.execute(
            "select s.plan_code, p.subscription_tier from public.subscriptions s "
            "join public.profiles p on p.id = s.user_id "
            "where s.user_id = %s and s.provider = 'manual'",
            (account,),
        ).fetchall()
    assert len(rows) == 1
    [(granted, shown)] = rows
    assert granted == shown


@pytest.mark.parametrize("what", ["plan", "tokens", "end"])
def test_account_deleted_meanwhile__never_deadlocks(stack: StackStatus, what: str) -> None:
    for _ in range(ROUNDS // 2):
        user_id = sign_up(stack.db_url)
        action = {
            "plan": grant_plan(user_id, "coach"),
            "tokens": grant_tokens(user_id),
            "end": calling("admin_cancel_subscription(%s, false)", user_id),
        }[what]
        acted, deleted = at_once(stack.db_url, action, delete(user_id))
        assert deleted == "ok"
        assert acted in ("ok", "PT404")
