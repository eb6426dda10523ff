"""Room metering under a crowd: 64 connections at once get what there is, and no use more."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from cli.stack.status import StackStatus
from rlstests.actors import SYSTEM, Actor, Database
from rlstests.crowd import Connection, Crowd, gathered
from rlstests.metering_stage import Books, read_books

# Mutants run several at once, and so many connections are more than each can have.
pytestmark = pytest.mark.beyond_database

CROWD = 64
LIMIT = 100
COST = 5  # tokens, of resume_parse


@pytest.fixture(scope="module")
def crowd(stack: StackStatus) -> Iterator[Crowd]:
    with gathered(stack.db_url, CROWD) as crowd:
        yield crowd


@pytest.fixture
def member(crowd: Crowd) -> Iterator[Actor]:
    """A user whom everybody sees, with a limit of a hundred by day, and a large one by month.

    The day is counted first: with a second limit as tight, whoever has passed the first alone would
    be caught by the second, and a fault in the first would not show.
    """
    db = Database(crowd.connections[0])
    user = db.add_user("member")
    limits = {"ai_actions": {"day": LIMIT, "month": 10 * LIMIT}}
    db.query(
        SYSTEM,
        "insert into public.subscriptions (user_id, provider, plan_code, status, custom_limits) "
        "values (%s, 'manual', 'pro', 'active', %s)",
        *(user.user_id, json.dumps(limits)),
    )
    yield user
    db.query(SYSTEM, "delete from auth.users where id = %s", user.user_id)


def give_tokens(crowd: Crowd, user: Actor, tokens: int) -> None:
    crowd.connections[0].execute(
        "insert into public.token_transactions (user_id, amount, transaction_type) "
        "values (%s, %s, 'grant')",
        (user.user_id, tokens),
    )


def books(crowd: Crowd, user: Actor) -> Books:
    """What is written down in the end; whatever happened, it agrees with itself."""
    db = Database(crowd.connections[0])
    [found] = read_books(db, [user])
    assert found.balance == sum(move["amount"] for move in found.moves) >= 0
    for check in ("uncounted_uses", "unbalanced_ledgers"):
        sql = f"select p from private.{check}() p where p like %s"
        assert db.query(SYSTEM, sql, f"{user.user_id}%") == []
    return found


def used(crowd: Crowd, user: Actor) -> set[int]:
    """What the counters say that say anything."""
    return {count for count in books(crowd, user).counters.values() if count}


def reserve(
    connection: Connection, user: Actor, key: str | None = None, payload: str = "{}"
) -> tuple[str, UUID]:
    """Reserve a use; gives replay, or what it was drawn from: plan or tokens."""
    row = connection.execute(
        "select * from worker.reserve_usage(%s, 'resume_parse', %s, %s)",
        (user.user_id, key, payload),
    ).fetchone()
    assert row is not None
    return "replay" if row["is_replay"] else row["source"], row["usage_event_id"]


def release(connection: Connection, event_id: UUID) -> bool:
    row = connection.execute("select worker.release_usage(%s) as released", (event_id,)).fetchone()
    assert row is not None
    return bool(row["released"])


def row_of(table: str, user: Actor, column: str = "user_id") -> str:
    """A query that locks the rows of a user: what a crowd can be made to wait for."""
    return f"select 1 from {table} where {column} = '{user.user_id}' for update"


def test_crowd__gets_exactly_what_the_limit_allows(crowd: Crowd, member: Actor) -> None:
    def act(connection: Connection, _: int) -> str:
        return reserve(connection, member)[0]

    assert crowd.at_once(act) == {"plan": CROWD}
    # All of them see that there are 36 left, before the first may take one.
    outcomes = crowd.at_once(act, behind=row_of("public.usage_counters", member))
    assert outcomes == {"plan": LIMIT - CROWD, "PT402": 2 * CROWD - LIMIT}
    assert crowd.at_once(act, times=2) == {"PT402": 2 * CROWD}
    assert used(crowd, member) == {LIMIT}
    assert len(books(crowd, member).uses) == LIMIT


def test_crowd_with_tokens__draws_them_after_the_plan_and_to_the_last(
    crowd: Crowd, member: Actor
) -> None:
    bought = 30
    give_tokens(crowd, member, bought * COST + COST - 1)

    def act(connection: Connection, _: int) -> str:
        return reserve(connection, member)[0]

    assert crowd.at_once(act) == {"plan": CROWD}
    at_first = crowd.at_once(act, behind=row_of("public.usage_counters", member))
    assert at_first == {"plan": LIMIT - CROWD, "tokens": 2 * CROWD - LIMIT}
    at_last = crowd.at_once(act, behind=row_of("public.token_balances", member))
    left = bought - at_first["tokens"]
    assert at_last == {"tokens": left, "PT402": CROWD - left}
    found = books(crowd, member)
    assert used(crowd, member) == {LIMIT}
    assert (found.balance, len(found.uses)) == (COST - 1, LIMIT + bought)


def test_draws_at_once__never_take_the_balance_below_zero(crowd: Crowd, member: Actor) -> None:
    crowd.connections[0].execute(
        "update public.subscriptions set custom_limits = %s where user_id = %s",
        (json.dumps({"ai_actions": {"month": 0}}), member.user_id),
    )
    give_tokens(crowd, member, 7 * COST)
    outcomes = crowd.at_once(
        lambda c, _: reserve(c, member)[0],
        members=32,
        behind=row_of("public.token_balances", member),
    )
    assert outcomes == {"tokens": 7, "PT402": 25}
    assert books(crowd, member).balance == 0
    assert min(move["balance_after"] for move in books(crowd, member).moves) == 0


def test_one_key_by_many__is_one_use(crowd: Crowd, member: Actor) -> None:
    outcomes = crowd.at_once(
        lambda c, _: reserve(c, member, "once")[0],
        members=32,
        behind=row_of("public.profiles", member, "id"),
    )
    assert outcomes == {"plan": 1, "replay": 31}
    assert used(crowd, member) == {1}


def test_one_key_for_two_requests__is_of_whoever_came_first(crowd: Crowd, member: Actor) -> None:
    outcomes = crowd.at_once(
        lambda c, number: reserve(c, member, "once", json.dumps({"n": number % 2}))[0],
        members=32,
        behind=row_of("public.profiles", member, "id"),
    )
    assert outcomes == {"plan": 1, "replay": 15, "PT409": 16}
    assert len(books(crowd, member).uses) == 1


def test_one_use_released_by_many__comes_back_once(crowd: Crowd, member: Actor) -> None:
    give_tokens(crowd, member, COST)
    events = [reserve(crowd.connections[0], member)[1] for _ in range(LIMIT + 1)]
    # One that was paid for with tokens, and one of the plan.
    for event in (events[-1], events[0]):

        def give_back(connection: Connection, _: int, event: UUID = event) -> str:
            return str(release(connection, event))

        row = f"select 1 from public.usage_events where id = '{event}' for update"
        outcomes = crowd.at_once(give_back, members=16, behind=row)
        assert outcomes == {"True": 1, "False": 15}
    found = books(crowd, member)
    assert used(crowd, member) == {LIMIT - 1}
    assert found.balance == COST


def test_reserving_and_releasing_at_once__leaves_what_was_kept(crowd: Crowd, member: Actor) -> None:
    """The limit holds at every moment, and what came back can be used again."""

    def come_and_go(connection: Connection, number: int) -> str:
        with connection.transaction():
            _, event = reserve(connection, member)
            seen = connection.execute(
                "select max(used) as used from public.usage_counters where user_id = %s",
                (member.user_id,),
            ).fetchone()
            assert seen is not None and seen["used"] <= LIMIT
        if number % 2:
            return "kept"
        return "came back" if release(connection, event) else "twice"

    reserve(crowd.connections[0], member)
    outcomes = crowd.at_once(come_and_go, times=4, behind=row_of("public.usage_counters", member))
    outcomes["kept"] += 1
    assert set(outcomes) <= {"kept", "came back", "PT402"}, outcomes
    assert used(crowd, member) == {outcomes["kept"]}
    assert len(books(crowd, member).uses) == outcomes["kept"] + outcomes["came back"]


def test_uses_given_back_together__deadlock_nobody_who_asks(crowd: Crowd, member: Actor) -> None:
    """Maintenance gives tokens back, then a counter; who asks holds a counter and wants tokens."""
    give_tokens(crowd, member, 10 * COST)
    limited = "update public.subscriptions set custom_limits = %s where user_id = %s"
    clock, client, other = crowd.connections[:3]
    events = []
    for uses in (0, 1):
        limits = json.dumps({"ai_actions": {"month": uses}})
        other.execute(limited, (limits, member.user_id))
        events.append(reserve(other, member)[1])
    waits = "select 1 from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as pool:
        with clock.transaction():
            assert release(clock, events[0])
            asked = pool.submit(reserve, client, member)
            while not other.execute(waits, (client.info.backend_pid,)).fetchone():
                assert not asked.done()
            assert release(clock, events[1])
        # By now the plan has room again.
        assert asked.result(timeout=20)[0] == "plan"
    assert used(crowd, member) == {1}


def test_plan_that_changes_meanwhile__deadlocks_nobody(crowd: Crowd, member: Actor) -> None:
    give_tokens(crowd, member, 10 * COST)

    def act(connection: Connection, number: int) -> str:
        if number % 8:
            return reserve(connection, member)[0]
        connection.execute(
            "update public.subscriptions set custom_limits = %s where user_id = %s",
            (json.dumps({"ai_actions": {"month": number}}), member.user_id),
        )
        return "changed"

    outcomes = crowd.at_once(act, times=2, behind=row_of("public.profiles", member, "id"))
    assert set(outcomes) <= {"plan", "tokens", "PT402", "changed"}, outcomes
    assert outcomes["changed"] == CROWD // 4
    books(crowd, member)


def test_account_deleted_in_the_middle__deadlocks_nobody(crowd: Crowd) -> None:
    db = Database(crowd.connections[0])
    user = db.add_user("leaving")
    give_tokens(crowd, user, 4 * COST)

    def act(connection: Connection, number: int) -> str:
        if number == 7:
            connection.execute("delete from auth.users where id = %s", (user.user_id,))
            return "deleted"
        _, event = reserve(connection, user, str(uuid4()))
        return "came back" if release(connection, event) else "gone"

    outcomes = crowd.at_once(act, members=32, times=2, behind=row_of("public.profiles", user, "id"))
    assert set(outcomes) <= {"came back", "gone", "PT402", "PT404", "deleted"}, outcomes
    assert outcomes["deleted"] == 2
