"""Room metering, reservations: what nobody closes is given back, once, and no sooner than that."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row
from rlstests.interview_helpers import answered
from rlstests.metering_helpers import (
    balance,
    move,
    put_on_plan,
    reserve,
    settle,
    state,
    use,
    used,
)
from rlstests.sessions import OPTIONS, session

EXPIRED = "select * from public.system_events where event_type = 'usage.expired' and user_id = %s"


def maintain(db: Database) -> Row:
    result = db.value(SYSTEM, "select private.maintain_reservations()")
    assert isinstance(result, dict)
    return result


def age(db: Database, event: UUID, interval: str) -> None:
    """Make an event older; it is history, so the guard looks away."""
    table = "public.usage_events"
    db.query(SYSTEM, f"alter table {table} disable trigger _100_guard_history")
    sql = f"update {table} set created_at = now() - %s::interval where id = %s"
    db.query(SYSTEM, sql, interval, event)
    db.query(SYSTEM, f"alter table {table} enable trigger _100_guard_history")


def lost(db: Database, user: Actor, code: str = "resume_parse") -> UUID:
    """A use whose work was lost yesterday."""
    event = use(db, user, code)
    age(db, event, "24 hours 1 second")
    return event


def test_reservation__is_released_when_its_time_is_over(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    event, young = lost(db, owner), use(db, owner)
    age(db, young, "23 hours 59 minutes")
    theirs = lost(db, stranger)
    assert maintain(db) == {"released": 2, "stuck": 0, "again": False}
    states = [state(db, each) for each in (event, theirs, young)]
    assert states == ["released", "released", "reserved"]
    assert (used(db, owner), used(db, stranger)) == (1, 0)
    assert maintain(db) == {"released": 0, "stuck": 0, "again": False}
    assert (used(db, owner), used(db, stranger)) == (1, 0)


def test_released_reservation__is_a_system_event(db: Database, owner: Actor) -> None:
    event = lost(db, owner)
    maintain(db)
    said = db.one(SYSTEM, EXPIRED, owner.user_id)
    assert said["severity"] == "warning"
    assert said["event_data"]["usage_event_id"] == str(event)
    assert said["event_data"]["operation"] == "resume_parse"
    assert said["event_data"]["reserved_at"] < said["created_at"].isoformat()


def test_tokens_of_a_reservation__come_back(db: Database, owner: Actor) -> None:
    move(db, owner, 25)
    lost(db, owner, "interview")
    assert balance(db, owner) == (0, 0)
    assert maintain(db)["released"] == 1
    assert balance(db, owner) == (25, 0)


def test_closed_use__stays_what_it_is(db: Database, owner: Actor) -> None:
    event = use(db, owner)
    settle(db, event)
    db.query(SYSTEM, "alter table public.usage_events disable trigger _100_guard_history")
    db.query(SYSTEM, "update public.usage_events set created_at = now() - interval '25 hours'")
    assert maintain(db)["released"] == 0
    assert state(db, event) == "settled"


def test_use_that_a_task_holds__waits_for_it(db: Database, owner: Actor, stranger: Actor) -> None:
    held, named = lost(db, owner), lost(db, owner)
    task = "select private.enqueue_task('resume_parse', '{}', %s, %s)"
    db.query(SYSTEM, task, owner.user_id, held)
    # The task of somebody else holds nothing of the owner's.
    db.query(SYSTEM, task, stranger.user_id, named)
    assert maintain(db)["released"] == 1
    assert (state(db, held), state(db, named)) == ("reserved", "released")
    # Its task was deleted by hand.
    db.query(SYSTEM, "delete from queue.tasks")
    assert maintain(db)["released"] == 1
    assert state(db, held) == "released"


def test_use_that_an_interview_holds__waits_for_its_end(db: Database, owner: Actor) -> None:
    put_on_plan(db, owner, "pro")
    interview = answered(db, owner)
    row = "select usage_event_id from public.interview_sessions where id = %s"
    event = db.value(SYSTEM, row, interview)
    db.query(SYSTEM, "delete from queue.tasks")
    age(db, event, "3 days")
    assert maintain(db)["released"] == 0
    # One that is over closed its use; where it did not, nobody else will.
    db.query(
        SYSTEM,
        "update public.interview_sessions set status = 'abandoned' where id = %s",
        interview,
    )
    assert maintain(db)["released"] == 1


@pytest.mark.parametrize(
    ("hours", "kept", "over"),
    [
        ("48", "47 hours", "49 hours"),
        ("0", "59 minutes", "61 minutes"),
        ("-5", "59 minutes", "61 minutes"),
        ('"soon"', "23 hours", "25 hours"),
        (None, "23 hours", "25 hours"),
    ],
)
def test_period__is_configured_and_never_less_than_an_hour(
    db: Database, owner: Actor, hours: str | None, kept: str, over: str
) -> None:
    key = "reservation_hours"
    db.query(SYSTEM, "delete from public.global_config where key = %s", key)
    if hours is not None:
        sql = "insert into public.global_config (key, value) values (%s, %s)"
        db.query(SYSTEM, sql, key, hours)
    events = [use(db, owner), use(db, owner)]
    for event, interval in zip(events, (kept, over), strict=True):
        age(db, event, interval)
    assert maintain(db)["released"] == 1
    assert [state(db, event) for event in events] == ["reserved", "released"]


def test_job__takes_so_many_at_once_and_comes_again(db: Database, owner: Actor) -> None:
    db.query(
        SYSTEM,
        "insert into public.usage_events "
        "(user_id, operation, period_type, period_key, charges, created_at) "
        "select %s, 'resume_parse', 'lifetime', 'lifetime', '[]', now() - interval '2 days' "
        "from generate_series(1, 201)",
        owner.user_id,
    )
    assert maintain(db) == {"released": 200, "stuck": 0, "again": True}
    assert maintain(db) == {"released": 1, "stuck": 0, "again": False}


def give_back_twice(db: Database, user: Actor) -> UUID:
    """A use that cannot be released: somebody gave its tokens back by hand."""
    move(db, user, 25)
    event = lost(db, user, "interview")
    move(db, user, 25, "refund", usage_event_id=event)
    return event


def test_use_that_cannot_be_released__keeps_no_other_from_it(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    stuck, theirs = give_back_twice(db, owner), lost(db, stranger)
    assert maintain(db) == {"released": 1, "stuck": 1, "again": False}
    assert (state(db, stuck), state(db, theirs)) == ("reserved", "released")
    assert balance(db, owner) == (25, 0)


def test_uses_that_cannot_be_released__are_not_tried_without_end(
    db: Database, owner: Actor
) -> None:
    db.query(
        SYSTEM,
        "insert into public.usage_events "
        "(user_id, operation, source, period_type, period_key, charges, credits_used, created_at) "
        "select %s, 'interview', 'tokens', 'lifetime', 'lifetime', '[]', 0, "
        "now() - interval '2 days' from generate_series(1, 200)",
        owner.user_id,
    )
    # A refund of nothing is none.
    assert maintain(db) == {"released": 0, "stuck": 200, "again": False}


def test_period__is_looked_up_once_a_round(db: Database, owner: Actor) -> None:
    for _ in range(3):
        use(db, owner)
    db.query(SYSTEM, "create sequence private.asked")
    db.query(
        SYSTEM,
        "create or replace function private.reservation_period() returns interval language sql "
        "volatile as $$ select nextval('private.asked') * interval '1 day' $$",
    )
    maintain(db)
    assert db.value(SYSTEM, "select last_value from private.asked") == 1


def test_maintenance__does_it_by_itself(db: Database, owner: Actor) -> None:
    event = lost(db, owner)
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = now()")
    headers = "select set_config('request.headers', %s, true)"
    with db.acting(SERVICE) as connection:
        connection.execute(headers, ('{"x-forwarded-for": "192.0.2.7", "user-agent": "Worker"}',))
        done = connection.execute("select worker.run_maintenance() as done").fetchone()
    assert done is not None and "reservations" in done["done"]["jobs"]
    assert state(db, event) == "released"
    # The user may have a copy of the event: where the worker is, is not in it.
    said = db.one(SYSTEM, EXPIRED, owner.user_id)
    assert (said["ip_address"], said["user_agent"]) == (None, None)


# Many at once ------------------------------------------------------------------------------------


@pytest.fixture
def abandoned(stack: StackStatus) -> Iterator[tuple[str, UUID, UUID]]:
    """A committed user and a use that was lost two days ago."""
    user_id, event_id = uuid4(), uuid4()
    with session(stack.db_url) as connection:
        connection.execute("insert into auth.users (id) values (%s)", (user_id,))
        connection.execute(
            "insert into public.token_transactions "
            "(user_id, amount, transaction_type, usage_event_id) "
            "values (%s, 25, 'grant', null), (%s, -25, 'usage', %s)",
            (user_id, user_id, event_id),
        )
        connection.execute(
            "insert into public.usage_events (id, user_id, operation, source, credits_used, "
            "period_type, period_key, charges, created_at) values (%s, %s, 'interview', 'tokens', "
            "25, 'lifetime', 'lifetime', '[]', now() - interval '2 days')",
            (event_id, user_id),
        )
    yield stack.db_url, user_id, event_id
    with session(stack.db_url) as connection:
        connection.execute("delete from auth.users where id = %s", (user_id,))


def test_two_rounds_and_the_product_at_once__close_it_once(
    abandoned: tuple[str, UUID, UUID],
) -> None:
    db_url, user_id, event_id = abandoned
    calls = ["select private.maintain_reservations()"] * 3
    calls += [f"select worker.{how}_usage('{event_id}')" for how in ("release", "settle")]
    barrier = threading.Barrier(len(calls))

    def act(call: str) -> bool:
        with psycopg.connect(db_url, options=OPTIONS) as connection:
            barrier.wait(30)
            row = connection.execute(call).fetchone()
        assert row is not None
        return row[0] is True or row[0] is not False and row[0]["released"] == 1

    with ThreadPoolExecutor(len(calls)) as pool:
        assert sum(pool.map(act, calls)) == 1
    with session(db_url) as connection:
        row = connection.execute(
            "select e.state, b.current_balance, count(t.*) from public.usage_events e "
            "join public.token_balances b using (user_id) left join public.token_transactions t "
            "on t.usage_event_id = e.id and t.transaction_type = 'refund' "
            "where e.id = %s group by 1, 2",
            (event_id,),
        ).fetchone()
    assert row in [("released", 25, 1), ("settled", 0, 0)]


def test_use_that_is_being_closed__is_left_alone(abandoned: tuple[str, UUID, UUID]) -> None:
    db_url, _, event_id = abandoned
    with psycopg.connect(db_url, options=OPTIONS) as product:
        product.execute("select worker.settle_usage(%s)", (event_id,))
        with session(db_url) as clock:
            row = clock.execute("select private.maintain_reservations()").fetchone()
        assert row == ({"released": 0, "stuck": 0, "again": False},)
        product.commit()
    with session(db_url) as connection:
        sql = "select state from public.usage_events where id = %s"
        assert connection.execute(sql, (event_id,)).fetchone() == ("settled",)


def test_reserve__still_works_after_an_expiry(db: Database, owner: Actor) -> None:
    first = reserve(db, owner, "k")
    age(db, first["usage_event_id"], "2 days")
    maintain(db)
    # The key stands for what became of the first.
    assert reserve(db, owner, "k") == first | {"is_replay": True}
    assert reserve(db, owner)["is_replay"] is False
