"""What metering promises, as plain Python: the yardstick of test_metering_properties.py.

It keeps uses and moves of tokens, and derives everything else from them each time it is asked.
That is slow and leaves nothing to get out of step, which is how the database must not work.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

Charge = tuple[str, str, str]  # meter, period, key
# How long a use may stay open.
PATIENCE = timedelta(hours=24)


@dataclass(frozen=True)
class Operation:
    """Something that costs a use, or tokens where the plan allows no more."""

    meters: frozenset[str]
    tokens: int


@dataclass(frozen=True)
class Limit:
    """At most so many uses of a meter in a period; None is without end."""

    meter: str
    period: str
    most: int | None

    def charge(self, at: datetime) -> Charge:
        day = at.astimezone(UTC).date()
        keys = {"day": f"{day}", "month": f"{day}"[:7], "lifetime": "lifetime"}
        return self.meter, self.period, keys[self.period]


class Refusal(StrEnum):
    """Why a use is not reserved, by the code that says so."""

    LIMIT = "PT402"
    KEY = "PT409"


class State(StrEnum):
    """A use is reserved first, and closed once."""

    RESERVED = "reserved"
    SETTLED = "settled"
    RELEASED = "released"


@dataclass
class Use:
    """One use: what it was charged to, counters or tokens, and how it ended."""

    operation: str
    payload: str
    charges: frozenset[Charge]
    tokens: int
    since: datetime
    state: State = State.RESERVED

    @property
    def source(self) -> str:
        return "tokens" if self.tokens else "plan"


@dataclass
class Account:
    """One user: what may be used, and everything that ever happened."""

    limits: tuple[Limit, ...]
    uses: list[Use] = field(default_factory=list)
    keys: dict[tuple[str, str], int] = field(default_factory=dict)
    moves: list[tuple[int, int]] = field(default_factory=list)  # tokens, debt

    @property
    def balance(self) -> int:
        return sum(tokens for tokens, _ in self.moves)

    @property
    def debt(self) -> int:
        return sum(debt for _, debt in self.moves)

    def counted(self) -> Counter[Charge]:
        """What each counter has to say; those that are not named say nothing or 0."""
        kept = (use for use in self.uses if use.state is not State.RELEASED)
        return Counter(charge for use in kept for charge in use.charges)

    def allowance(self, at: datetime) -> dict[Charge, tuple[int, int | None, int | None]]:
        """For each limit what is used of it, how much it allows, and what remains."""
        counted = self.counted()
        found = {}
        for limit in self.limits:
            used, left = counted[limit.charge(at)], None
            if limit.most is not None:
                left = max(limit.most - used, 0)
            found[limit.charge(at)] = (used, limit.most, left)
        return found

    def reserve(
        self, name: str, operation: Operation, key: str | None, payload: str, at: datetime
    ) -> int | Refusal:
        """The number of the use, an earlier one if the key is known; or why there is none."""
        if key is not None and (name, key) in self.keys:
            known = self.keys[name, key]
            return known if self.uses[known].payload == payload else Refusal.KEY
        number = self.use(name, operation, payload, at, at)
        if key is not None and not isinstance(number, Refusal):
            self.keys[name, key] = number
        return number

    def use(
        self, name: str, operation: Operation, payload: str, at: datetime, now: datetime
    ) -> int | Refusal:
        """Count a use in the periods of one moment, written down at another; or pay for it."""
        counted = self.counted()
        limits = [limit for limit in self.limits if limit.meter in operation.meters]
        has_room = [
            limit.most is None or counted[limit.charge(at)] < limit.most for limit in limits
        ]
        if has_room and all(has_room):
            charges, tokens = frozenset(limit.charge(at) for limit in limits), 0
        elif 0 < operation.tokens <= self.balance:
            charges, tokens = frozenset(), operation.tokens
            self.moves.append((-tokens, 0))
        else:
            return Refusal.LIMIT
        self.uses.append(Use(name, payload, charges, tokens, now))
        return len(self.uses) - 1

    def close(self, number: int, state: State) -> bool:
        """Settle or release; False when that is over."""
        use = self.uses[number]
        if use.state is not State.RESERVED:
            return False
        use.state = state
        if state is State.RELEASED and use.tokens:
            self.receive(use.tokens)
        return True

    def expire(self, now: datetime) -> int:
        """Release what nobody closed; gives how many."""
        return sum(
            self.close(number, State.RELEASED)
            for number, use in enumerate(self.uses)
            if use.since < now - PATIENCE
        )

    def receive(self, tokens: int) -> None:
        """Tokens come in; what is owed goes first."""
        self.moves.append((tokens, 0))
        if paid := min(self.debt, self.balance):
            self.moves.append((-paid, -paid))

    def give_back(self, tokens: int) -> tuple[int, int]:
        """A payment is refunded: what is not there any more is owed. Returns what moved."""
        taken = min(tokens, self.balance)
        self.moves.append((-taken, tokens - taken))
        return self.moves[-1]
