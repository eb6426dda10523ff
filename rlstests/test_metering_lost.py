"""Room metering, uses that nobody closed: maintenance gives them back, once, whoever sweeps."""

import json
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from cli.stack.status import StackStatus
from rlstests.actors import SYSTEM, Actor, Database
from rlstests.crowd import Connection, Crowd, gathered
from rlstests.metering_stage import read_books

SWEEPERS = 8
COST = 5  # tokens, of resume_parse
STALE = timedelta(days=2)


@pytest.fixture(scope="module")
def sweepers(stack: StackStatus) -> Iterator[Crowd]:
    with gathered(stack.db_url, SWEEPERS) as crowd:
        yield crowd


@pytest.fixture
def loser(sweepers: Crowd) -> Iterator[Actor]:
    """A user whom everybody sees, with tokens for one use."""
    db = Database(sweepers.connections[0])
    user = db.add_user("loser")
    db.query(
        SYSTEM,
        "insert into public.token_transactions (user_id, amount, transaction_type) "
        "values (%s, %s, 'grant')",
        *(user.user_id, COST),
    )
    yield user
    db.query(SYSTEM, "delete from auth.users where id = %s", user.user_id)


def lose(db: Database, user: Actor, *, tokens: int = 0) -> UUID:
    """Write down a use of two days ago, as the process left it that died then.

    An event is history and cannot be made older; it is written in one piece, with what it moved.
    """
    event_id, month = uuid4(), "2026-01"
    charge = {"meter": "ai_actions", "period_type": "month", "period_key": month}
    with db.connection.transaction():
        db.query(
            SYSTEM,
            "insert into public.usage_events (id, user_id, operation, source, credits_used, "
            "period_type, period_key, charges, created_at) "
            "values (%s, %s, 'resume_parse', %s, %s, 'month', %s, %s, now() - %s)",
            *(event_id, user.user_id, "tokens" if tokens else "plan", tokens or 1, month),
            *(json.dumps([] if tokens else [charge]), STALE),
        )
        if tokens:
            sql = (
                "insert into public.token_transactions "
                "(user_id, amount, transaction_type, usage_event_id) values (%s, %s, 'usage', %s)"
            )
            db.query(SYSTEM, sql, user.user_id, -tokens, event_id)
        else:
            sql = "insert into public.usage_counters values (%s, 'ai_actions', 'month', %s, 1)"
            db.query(SYSTEM, sql, user.user_id, month)
    return event_id


def sweep(connection: Connection, _: int) -> str:
    row = connection.execute("select private.maintain_reservations() as done").fetchone()
    assert row is not None
    return str(row["done"]["released"])


def maintain(connection: Connection, _: int) -> str:
    connection.execute("select worker.run_maintenance()")
    return "ran"


def test_lost_use_of_the_plan__comes_back_once_of_many_sweeps(
    sweepers: Crowd, loser: Actor
) -> None:
    db = Database(sweepers.connections[0])
    event = lose(db, loser)
    [before] = read_books(db, [loser])
    assert before.counters["ai_actions", "month", "2026-01"] == 1
    # All of them have found it before the first may give it back.
    account = f"select 1 from public.profiles where id = '{loser.user_id}' for update"
    assert sweepers.at_once(sweep, behind=account) == {"1": 1, "0": SWEEPERS - 1}
    [after] = read_books(db, [loser])
    assert after.counters["ai_actions", "month", "2026-01"] == 0
    assert after.uses[event]["state"] == "released"
    assert sweepers.at_once(sweep) == {"0": SWEEPERS}


def test_lost_use_that_tokens_paid__gives_them_back_once(sweepers: Crowd, loser: Actor) -> None:
    db = Database(sweepers.connections[0])
    lose(db, loser, tokens=COST)
    assert read_books(db, [loser])[0].balance == 0
    assert sweepers.at_once(sweep, times=2)["1"] == 1
    [after] = read_books(db, [loser])
    assert after.balance == COST
    kinds = sorted(move["transaction_type"] for move in after.moves)
    assert kinds == ["grant", "refund", "usage"]


def test_two_rounds_of_maintenance__give_a_lost_use_back_once(
    sweepers: Crowd, loser: Actor
) -> None:
    db = Database(sweepers.connections[0])
    event = lose(db, loser, tokens=COST)
    db.query(
        SYSTEM,
        "update private.maintenance_jobs set next_run_at = now() where name = 'reservations'",
    )
    assert sweepers.at_once(maintain, members=2) == {"ran": 2}
    [after] = read_books(db, [loser])
    assert (after.balance, after.uses[event]["state"]) == (COST, "released")


def test_use_that_is_settled_while_it_is_swept__ends_one_way(sweepers: Crowd, loser: Actor) -> None:
    db = Database(sweepers.connections[0])
    event = lose(db, loser, tokens=COST)

    def act(connection: Connection, number: int) -> str:
        if number % 2:
            return f"swept {sweep(connection, number)}"
        row = connection.execute("select worker.settle_usage(%s) as done", (event,)).fetchone()
        assert row is not None
        return "settled" if row["done"] else "late"

    outcomes = sweepers.at_once(act)
    [after] = read_books(db, [loser])
    is_settled = after.uses[event]["state"] == "settled"
    assert (outcomes["settled"], outcomes["swept 1"]) == ((1, 0) if is_settled else (0, 1))
    assert after.balance == (0 if is_settled else COST)


def test_fresh_use__is_left_alone(sweepers: Crowd, loser: Actor) -> None:
    db = Database(sweepers.connections[0])
    row = db.one(SYSTEM, "select * from worker.reserve_usage(%s, 'resume_parse')", loser.user_id)
    assert sweepers.at_once(sweep) == {"0": SWEEPERS}
    assert read_books(db, [loser])[0].uses[row["usage_event_id"]]["state"] == "reserved"
