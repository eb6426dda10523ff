"""Room metering at midnight: days and months are those of UTC, half-open, wherever one sits."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.conftest import Connection, prepared
from rlstests.metering_stage import moment, read_books
from rlstests.moved_clock import install_clock, set_clock

TICK = timedelta(microseconds=1)
ZONES = ("UTC", "Asia/Kolkata", "America/Los_Angeles", "Pacific/Kiritimati")
# The first moment of a period, and the days on both sides of it.
MIDNIGHTS = {
    "a day": ("2026-11-21", "2026-11-20"),
    "a month": ("2026-12-01", "2026-11-30"),
    "a year": ("2027-01-01", "2026-12-31"),
    "into a leap day": ("2028-02-29", "2028-02-28"),
    "out of a leap day": ("2028-03-01", "2028-02-29"),
    "no leap day": ("2027-03-01", "2027-02-28"),
    "no leap day in a century": ("2100-03-01", "2100-02-28"),
    "a leap year ends": ("2029-01-01", "2028-12-31"),
}


@pytest.fixture(scope="module")
def clocked(connected: Callable[[], Connection]) -> Iterator[Database]:
    """A transaction in which the clock can be set, and one use a day and two a month."""
    connection = connected()
    with connection.transaction(force_rollback=True):
        db = prepared(connection)
        install_clock(db)
        db.query(
            SYSTEM,
            "insert into public.operations (code, meters, token_cost) "
            "values ('proof_tick', '{ticks}', 0)",
        )
        db.query(
            SYSTEM,
            "insert into public.plan_limits (plan_code, meter, period, max_uses) "
            "values ('free', 'ticks', 'day', 1), ('free', 'ticks', 'month', 2)",
        )
        yield db


@pytest.fixture
def db(clocked: Database) -> Iterator[Database]:
    with clocked.connection.transaction(force_rollback=True):
        yield clocked


def reserve(db: Database, user: Actor, at: datetime) -> UUID:
    set_clock(db, at)
    sql = "select usage_event_id from private.reserve_usage(%s, 'proof_tick', null, '{}')"
    return UUID(str(db.value(SYSTEM, sql, user.user_id)))


def ticks(db: Database, user: Actor) -> dict[str, int]:
    [books] = read_books(db, [user])
    return {key: used for (meter, _, key), used in books.counters.items() if meter == "ticks"}


def midnight(day: str) -> datetime:
    return moment(f"{day} 00:00:00+00:00")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", MIDNIGHTS)
def test_midnight__ends_a_day_wherever_the_session_is(
    db: Database, owner: Actor, name: str, zone: str
) -> None:
    after, before = MIDNIGHTS[name]
    db.query(SYSTEM, "select set_config('timezone', %s, true)", zone)
    reserve(db, owner, midnight(after) - TICK)
    with refused("PT402", match="1 ticks in this day"):
        reserve(db, owner, midnight(after) - TICK)
    reserve(db, owner, midnight(after))
    days = {before: 1, after: 1}
    months = {before[:7]: 1, after[:7]: 1} if before[:7] != after[:7] else {after[:7]: 2}
    assert ticks(db, owner) == days | months
    # The same moment, told in another zone, is in the same day.
    with refused("PT402"):
        reserve(db, owner, moment(f"{after} 05:30:00+05:30"))


@pytest.mark.parametrize("zone", ZONES)
def test_month__allows_anew_from_its_first_moment_on(db: Database, owner: Actor, zone: str) -> None:
    db.query(SYSTEM, "select set_config('timezone', %s, true)", zone)
    for at in ("2028-02-01 00:00:00+00:00", "2028-02-28 23:59:59.999999+00:00"):
        reserve(db, owner, moment(at))
    with refused("PT402", match="2 ticks in this month"):
        reserve(db, owner, midnight("2028-03-01") - TICK)
    reserve(db, owner, midnight("2028-03-01"))
    assert ticks(db, owner)["2028-02"] == 2
    assert ticks(db, owner)["2028-03"] == 1


@pytest.mark.parametrize("zone", ZONES)
def test_use_that_is_released_in_the_next_month__comes_back_to_its_own(
    db: Database, owner: Actor, zone: str
) -> None:
    db.query(SYSTEM, "select set_config('timezone', %s, true)", zone)
    old = reserve(db, owner, midnight("2027-01-01") - TICK)
    reserve(db, owner, midnight("2027-01-01"))
    set_clock(db, midnight("2027-01-15"))
    assert db.value(SYSTEM, "select private.release_usage(%s)", old) is True
    assert ticks(db, owner) == {
        "2026-12-31": 0,
        "2026-12": 0,
        "2027-01-01": 1,
        "2027-01": 1,
    }


def test_allowance__is_shown_for_the_day_it_is(db: Database, owner: Actor) -> None:
    sql = "select period_key, used, remaining from public.my_usage() where meter = 'ticks'"
    last = midnight("2028-03-01") - TICK
    reserve(db, owner, last)
    db.query(SYSTEM, "set local timezone = 'Pacific/Kiritimati'")
    rows = {tuple(row.values()) for row in db.query(owner, sql)}
    assert rows == {("2028-02-29", 1, 0), ("2028-02", 1, 1)}
    set_clock(db, last + TICK)
    rows = {tuple(row.values()) for row in db.query(owner, sql)}
    assert rows == {("2028-03-01", 0, 1), ("2028-03", 0, 2)}
