"""Room metering: whatever happens in whatever order, the books agree with a model in Python.

Hypothesis makes up histories of some users: reserve, settle, release, buy, refund, another plan, a
night that passes. After each step everything that the database wrote down is compared with
rlstests/metering_model.py; at the end the report on consistency has to find nothing.

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

from rlstests.actors import SYSTEM, Actor, Database, Row
from rlstests.conftest import Connection, prepared
from rlstests.metering_model import Account, Refusal, State
from rlstests.metering_stage import (
    BEGINNINGS,
    CUSTOM,
    METERS,
    OPERATIONS,
    PASSING,
    PLANS,
    CustomLimits,
    end_of_month_before,
    limits_of,
    make_catalogue,
    moment,
    read_books,
    subscribe,
)
from rlstests.moved_clock import install_clock, set_clock

FUNCTION = {State.SETTLED: "settle_usage", State.RELEASED: "release_usage"}
CLOSED = (State.SETTLED, State.RELEASED)
ADMIN = 2
# Mostly one user, to whom much happens.
people = st.sampled_from((0, 0, 0, 0, 1, ADMIN))
amounts = st.integers(1, 25)
operations = st.sampled_from(["proof_page", "proof_scan", "proof_scan", "proof_talk", "interview"])
ends = st.sampled_from([State.RELEASED, State.SETTLED])
plans = st.sampled_from(sorted(PLANS))
# What has to have happened, or the histories would prove little.
TURNS = {
    *("plan", "tokens", "replay", "PT402", "PT409", "settled", "released", "closed before"),
    *("tokens given back", "owed", "expired", "booked late"),
}


class Metering(RuleBasedStateMachine):
    """Three users; the third is an admin. `known` are their uses, in the order of the model's."""

    db: Database
    users: list[Actor]
    turns: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        are_admins = (who == ADMIN for who in range(len(self.users)))
        self.accounts = [Account(limits_of("free", {}, is_admin=admin)) for admin in are_admins]
        self.known: list[list[UUID]] = [[] for _ in self.users]
        self.references = count(1)
        self.db.connection.execute("savepoint history")

    def teardown(self) -> None:
        # Of these users: other tests commit what they like.
        sql = "select * from private.check_consistency() where left(problem, 36) = any(%s)"
        try:
            assert self.db.query(SYSTEM, sql, [str(user.user_id) for user in self.users]) == []
        finally:
            self.db.connection.execute("rollback to history; release history")

    @initialize(at=st.sampled_from(BEGINNINGS), plan=plans, tokens=st.integers(1, 20))
    def begin(self, at: str, plan: str, tokens: int) -> None:
        self.pass_to(moment(at))
        self.change_plan(0, plan, {})
        self.receive(0, "grant", tokens)

    def pass_to(self, at: datetime) -> None:
        self.now = at
        set_clock(self.db, at)

    # What may happen -----------------------------------------------------------------------------

    @rule(passing=st.sampled_from(PASSING))
    def time_passes(self, passing: timedelta) -> None:
        self.pass_to(self.now + passing)

    @rule(who=people, plan=plans, custom=st.sampled_from(CUSTOM))
    def change_plan(self, who: int, plan: str, custom: CustomLimits) -> None:
        custom = {} if plan == "free" else custom
        subscribe(self.db, self.users[who], plan, custom)
        self.accounts[who].limits = limits_of(plan, custom, is_admin=who == ADMIN)

    @rule(who=people, names=st.lists(operations, min_size=1, max_size=4))
    def reserve_some(self, who: int, names: list[str]) -> None:
        for name in names:
            self.reserve(who, name, None, "{}")

    @rule(
        who=people,
        name=st.sampled_from(["proof_page", "proof_scan"]),
        key=st.sampled_from("ab"),
        payload=st.sampled_from(['{"n": 1}', '{"n": 2}']),
    )
    def reserve(self, who: int, name: str, key: str | None, payload: str) -> None:
        account, known = self.accounts[who], self.known[who]
        expected = account.reserve(name, OPERATIONS[name], key, payload, self.now)
        sql = "select * from private.reserve_usage(%s, %s, %s, %s)"
        found = self.ask(expected, sql, self.users[who].user_id, name, key, payload)
        if isinstance(expected, Refusal):
            return
        is_new = expected == len(known)
        assert found["is_replay"] is not is_new
        if is_new:
            known.append(found["usage_event_id"])
        assert found["usage_event_id"] == known[expected]
        self.turns[account.uses[expected].source if is_new else "replay"] += 1

    def ask(self, expected: int | Refusal, sql: str, *values: object) -> Row:
        """Ask for a use, and be refused where the model says so."""
        try:
            found = self.db.one(SYSTEM, sql, *values)
        except psycopg.Error as error:
            assert error.sqlstate == expected, f"{error}, and not {expected}"
            self.turns[expected] += 1
            return {}
        assert not isinstance(expected, Refusal), f"{expected} was due"
        return found

    def of(self, *states: State) -> list[tuple[int, int]]:
        """The uses in one of these states, those that tokens paid last: whose, and the number."""
        found = [
            (use.tokens > 0, who, number)
            for who, account in enumerate(self.accounts)
            for number, use in enumerate(account.uses)
            if use.state in states
        ]
        return [(who, number) for _, who, number in sorted(found)]

    @precondition(lambda self: self.of(State.RESERVED))
    @rule(choice=st.integers(0, 20), end=ends)
    def close(self, choice: int, end: State) -> None:
        self.end(self.of(State.RESERVED), choice, end)

    @precondition(lambda self: self.of(*CLOSED))
    @rule(choice=st.integers(0, 20), end=ends)
    def close_again(self, choice: int, end: State) -> None:
        self.end(self.of(*CLOSED), choice, end)

    def end(self, uses: list[tuple[int, int]], choice: int, end: State) -> None:
        who, number = uses[-1 - choice % len(uses)]
        account, sql = self.accounts[who], f"select private.{FUNCTION[end]}(%s)"
        closed, owed = self.db.value(SYSTEM, sql, self.known[who][number]), account.debt
        assert closed is account.close(number, end)
        self.turns[end if closed else "closed before"] += 1
        self.turns["tokens given back"] += bool(
            closed and end is State.RELEASED and account.uses[number].tokens
        )
        self.turns["made good by a release"] += account.debt < owed

    @rule(who=people, is_late=st.booleans())
    def increment(self, who: int, is_late: bool) -> None:
        """An interview is over, now or in the month before."""
        now = self.now.astimezone(UTC)
        at = end_of_month_before(now) if is_late else now
        account, user = self.accounts[who], self.users[who].user_id
        expected = account.use("interview", OPERATIONS["interview"], "", at, now)
        sql = "select public.increment_usage(%s, 'interview', %s)"
        self.ask(expected, sql, user, f"{at:%Y-%m}")
        if isinstance(expected, Refusal):
            return
        account.close(expected, State.SETTLED)
        sql = "select id from public.usage_events where user_id = %s and id <> all(%s)"
        self.known[who].append(self.db.value(SYSTEM, sql, user, self.known[who]))
        self.turns["booked late"] += is_late and bool(account.uses[expected].charges)

    @rule()
    def sweep(self) -> None:
        """Maintenance releases what stayed open for too long."""
        while self.db.value(SYSTEM, "select private.maintain_reservations()")["again"]:
            pass
        for account in self.accounts:
            self.turns["expired"] += account.expire(self.now)

    @rule(who=people, kind=st.sampled_from(["grant", "purchase"]), tokens=amounts)
    def receive(self, who: int, kind: str, tokens: int) -> None:
        self.accounts[who].receive(tokens)
        self.write(who, kind, tokens, 0)
        self.db.query(SYSTEM, "select private.pay_token_debt(%s)", self.users[who].user_id)

    @rule(who=people, tokens=amounts, is_spent=st.booleans())
    def refund(self, who: int, tokens: int, is_spent: bool) -> None:
        """A payment is given back: part of what is there, or more than that."""
        tokens += self.accounts[who].balance * is_spent
        taken, owed = self.accounts[who].give_back(tokens)
        self.write(who, "refund", taken, owed)
        self.turns["owed"] += bool(owed)

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

    @rule(who=people)
    def ask_for_the_allowance(self, who: int) -> None:
        rows = self.db.query(self.users[who], "select * from public.my_usage()")
        assert self.accounts[who].allowance(self.now) == {
            (row["meter"], row["period"], row["period_key"]): tuple(row.values())[3:]
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


@pytest.fixture
def machine(stage: tuple[Database, list[Actor]]) -> type[Metering]:
    class Played(Metering):
        db, users = stage
        turns: Counter[str] = Counter()

    return Played


def test_any_history__leaves_books_that_agree(machine: type[Metering]) -> None:
    # A history is as much work as several examples of other properties.
    histories = settings().max_examples * 6 // 10
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories, stateful_step_count=40, report_multiple_bugs=False
        ),
    )
    assert set(+machine.turns) >= TURNS, machine.turns


def test_release_of_a_debtor__pays_the_debt_first(machine: type[Metering]) -> None:
    """A turn too rare to wait for: tokens were drawn, their payment is taken back, then the use."""
    history = machine()
    history.begin(BEGINNINGS[0], "proof_small", 12)
    history.reserve_some(0, ["proof_scan", "proof_scan", "proof_scan"])
    history.refund(0, 4, True)
    for _ in range(2):
        history.close(0, State.RELEASED)
        history.books_are_those_of_the_model()
    history.teardown()
    assert history.turns["made good by a release"] == 1
    assert history.turns["tokens given back"] == 2
