"""Room metering: whatever happens in whatever order, the books agree with a model in Python.

Hypothesis makes up histories of some users: reserve, settle, release, buy, refund, another plan, a
night that passes. After each step everything that the database wrote down is compared with
rlstests/metering_model.py, and public.report_consistency is asked.

`make test` runs the same few histories each time. For thousands of new ones:

    .venv/bin/python -m pytest rlstests/test_metering_properties.py --hypothesis-profile=thorough
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rlstests.actors import SYSTEM, Actor, Database
from rlstests.conftest import Connection, prepared
from rlstests.metering_model import Account, Refusal, State
from rlstests.metering_stage import (
    METERS,
    OPERATIONS,
    PLANS,
    CustomLimits,
    limits_of,
    make_catalogue,
    moment,
    read_books,
    subscribe,
)
from rlstests.moved_clock import install_clock, set_clock

BEGINNINGS = (
    "2026-11-20 15:00:00+00:00",
    "2026-12-31 23:59:59.999999+00:00",
    "2028-02-28 23:59:59.999999+00:00",
    "2028-02-29 12:00:00+05:30",
)
PASSING = (timedelta(microseconds=1), timedelta(hours=11), timedelta(days=1), timedelta(days=28))
CUSTOM: tuple[CustomLimits, ...] = (
    {},
    {"pages": {"day": 3}},
    {"scans": {"lifetime": 1}, "talks": {"month": None}},
)

people = st.integers(0, 2)
amounts = st.integers(1, 12)
ADMIN = 2


class Metering(RuleBasedStateMachine):
    """Three users; the third is an admin. `known` are their uses, in the order of the model's."""

    db: Database
    users: list[Actor]

    def __init__(self) -> None:
        super().__init__()
        self.accounts = [
            Account(limits_of("free", {}, is_admin=who == ADMIN))
            for who, _ in enumerate(self.users)
        ]
        self.known: list[list[UUID]] = [[] for _ in self.users]
        self.references = count(1)
        self.db.connection.execute("savepoint history")

    def teardown(self) -> None:
        self.db.connection.execute("rollback to savepoint history; release savepoint history")

    @initialize(at=st.sampled_from(BEGINNINGS))
    def begin(self, at: str) -> None:
        self.pass_to(moment(at))

    def pass_to(self, at: datetime) -> None:
        self.now = at
        set_clock(self.db, at)

    # What may happen -----------------------------------------------------------------------------

    @rule(passing=st.sampled_from(PASSING))
    def time_passes(self, passing: timedelta) -> None:
        self.pass_to(self.now + passing)

    @rule(who=people, plan=st.sampled_from(sorted(PLANS)), custom=st.sampled_from(CUSTOM))
    def change_plan(self, who: int, plan: str, custom: CustomLimits) -> None:
        custom = {} if plan == "free" else custom
        subscribe(self.db, self.users[who], plan, custom)
        self.accounts[who].limits = limits_of(plan, custom, is_admin=who == ADMIN)

    @rule(
        who=people,
        name=st.sampled_from(sorted(OPERATIONS)),
        key=st.sampled_from([None, None, "a", "b"]),
        payload=st.sampled_from(['{"n": 1}', '{"n": 2}']),
    )
    def reserve(self, who: int, name: str, key: str | None, payload: str) -> None:
        expected = self.accounts[who].reserve(name, OPERATIONS[name], key, payload, self.now)
        known = self.known[who]
        try:
            found = self.db.one(
                SYSTEM,
                "select * from private.reserve_usage(%s, %s, %s, %s)",
                *(self.users[who].user_id, name, key, payload),
            )
        except psycopg.Error as error:
            assert error.sqlstate == expected, f"{error}, and not {expected}"
            return
        assert not isinstance(expected, Refusal), f"{expected} was due"
        assert found["is_replay"] is (expected < len(known))
        if not found["is_replay"]:
            known.append(found["usage_event_id"])
        assert found["usage_event_id"] == known[expected]

    @precondition(lambda self: any(self.known))
    @rule(choice=st.integers(0, 99), end=st.sampled_from([State.SETTLED, State.RELEASED]))
    def close(self, choice: int, end: State) -> None:
        uses = [(who, n) for who, known in enumerate(self.known) for n in range(len(known))]
        who, number = uses[-1 - choice % len(uses)]
        function = {State.SETTLED: "settle", State.RELEASED: "release"}[end]
        sql = f"select private.{function}_usage(%s)"
        closed = self.db.value(SYSTEM, sql, self.known[who][number])
        assert closed is self.accounts[who].close(number, end)

    @rule(who=people, month=st.sampled_from(["this", "the last"]))
    def increment(self, who: int, month: str) -> None:
        """An interview is over, now or in the month before."""
        first = self.now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        at = self.now if month == "this" else first - timedelta(microseconds=1)
        account, user = self.accounts[who], self.users[who].user_id
        expected = account.use("interview", OPERATIONS["interview"], "", at, self.now)
        try:
            self.db.query(
                SYSTEM,
                "select public.increment_usage(%s, 'interview', %s)",
                *(user, f"{at.astimezone(UTC):%Y-%m}"),
            )
        except psycopg.Error as error:
            assert error.sqlstate == expected, f"{error}, and not {expected}"
            return
        assert not isinstance(expected, Refusal), f"{expected} was due"
        account.close(expected, State.SETTLED)
        sql = "select id from public.usage_events where user_id = %s and id <> all(%s)"
        self.known[who].append(self.db.value(SYSTEM, sql, user, self.known[who]))

    @rule()
    def sweep(self) -> None:
        """Maintenance releases what stayed open for too long."""
        while self.db.value(SYSTEM, "select private.maintain_reservations()")["again"]:
            pass
        for account in self.accounts:
            account.expire(self.now)

    @rule(who=people, kind=st.sampled_from(["grant", "purchase"]), tokens=amounts)
    def receive(self, who: int, kind: str, tokens: int) -> None:
        self.accounts[who].receive(tokens)
        self.write(who, kind, tokens, 0)
        self.db.query(SYSTEM, "select private.pay_token_debt(%s)", self.users[who].user_id)

    @rule(who=people, tokens=amounts)
    def refund(self, who: int, tokens: int) -> None:
        self.write(who, "refund", *self.accounts[who].give_back(tokens))

    def write(self, who: int, kind: str, tokens: int, debt: int) -> None:
        self.db.query(
            SYSTEM,
            "insert into public.token_transactions (user_id, transaction_type, amount, "
            "debt_change, reference) values (%s, %s, %s, %s, %s)",
            *(self.users[who].user_id, kind, tokens, debt, f"proof:{next(self.references)}"),
        )

    # What holds after each step ------------------------------------------------------------------

    @invariant()
    def books_are_those_of_the_model(self) -> None:
        for account, known, books in zip(
            self.accounts, self.known, read_books(self.db, self.users), strict=True
        ):
            assert (books.balance, books.debt) == (account.balance, account.debt)
            assert books.balance >= 0 and books.debt >= 0
            assert sum(move["amount"] for move in books.moves) == books.balance
            assert sum(move["debt_change"] for move in books.moves) == books.debt
            assert +Counter(books.counters) == account.counted()
            assert set(books.uses) == set(known)
            paid = Counter((m["usage_event_id"], m["transaction_type"]) for m in books.moves)
            for event_id, use in zip(known, account.uses, strict=True):
                written = books.uses[event_id]
                assert (written["state"], written["source"]) == (use.state, use.source)
                drawn = use.tokens > 0
                assert paid[str(event_id), "usage"] == drawn
                assert paid[str(event_id), "refund"] == (drawn and use.state is State.RELEASED)

    @invariant()
    def report_finds_nothing(self) -> None:
        # Of these users: other tests commit what they like.
        sql = "select * from private.check_consistency() where left(problem, 36) = any(%s)"
        assert self.db.query(SYSTEM, sql, [str(user.user_id) for user in self.users]) == []

    @rule(who=people)
    def ask_for_the_allowance(self, who: int) -> None:
        counted = self.accounts[who].counted()
        expected = {}
        for limit in self.accounts[who].limits:
            charge = limit.charge(self.now)
            left = None if limit.most is None else max(limit.most - counted[charge], 0)
            expected[charge] = (counted[charge], limit.most, left)
        rows = self.db.query(self.users[who], "select * from public.my_usage()")
        assert expected == {
            (row["meter"], row["period"], row["period_key"]): (
                row["used"],
                row["max_uses"],
                row["remaining"],
            )
            for row in rows
            if row["meter"] in METERS
        }


@pytest.fixture
def stage(connected: Callable[[], Connection]) -> Iterator[tuple[Database, list[Actor]]]:
    connection = connected()
    with connection.transaction(force_rollback=True):
        db = prepared(connection)
        assert "private.reserve_usage(uuid,text,text,jsonb)" in install_clock(db)
        make_catalogue(db)
        yield db, [db.add_user("one"), db.add_user("two"), db.add_admin("admin")]


def test_any_history__leaves_books_that_agree(stage: tuple[Database, list[Actor]]) -> None:
    class Played(Metering):
        db, users = stage

    # A history is as much work as many examples of other properties.
    histories = settings().max_examples // 2
    run_state_machine_as_test(
        Played,
        settings=settings(
            max_examples=histories, stateful_step_count=40, report_multiple_bugs=False
        ),
    )
