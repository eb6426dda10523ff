"""What could be weakened: every mutant of a migrated database, read from its catalogue.

A mutant is one small SQL change. Its id says the kind, the object and the detail, and stays the
same as long as those do: `policy-using-true:public.resumes:resumes_select_owner`.
"""

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import psycopg

from rlstests.mutation import bodies
from rlstests.mutation.catalogue import QUERIES, ROOMS


@dataclass(frozen=True)
class Mutant:
    """One weakening: `sql` makes it.

    `names` are the objects it concerns, `around` the functions through which those are reached.
    """

    id: str
    sql: str
    names: tuple[str, ...]
    around: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The part of the id before the first colon."""
        return self.id.partition(":")[0]


KINDS = (*QUERIES, *bodies.KINDS)


def enumerate_mutants(connection: psycopg.Connection) -> list[Mutant]:
    """Return every mutant of this database, ordered by id; ids are unique.

    Leaves the connection with an empty search_path, so that every name is written in full.
    """
    connection.execute("set search_path = ''")
    rooms = [name for (name,) in connection.execute(ROOMS)]
    functions = connection.execute(bodies.DEFINITIONS, {"rooms": rooms}).fetchall()
    callers = bodies.callers({name: definition for _, name, definition in functions})

    def around(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({caller for name in names for caller in callers.get(name, ())}))

    found = [
        Mutant(f"{kind}:{detail}", sql, tuple(names), around(names))
        for kind, query in QUERIES.items()
        for detail, sql, names in connection.execute(query, {"rooms": rooms})
    ]
    found += [
        Mutant(f"{kind}:{signature}{place}", sql, (name,), around([name]))
        for signature, name, definition in functions
        for kind, place, sql in bodies.weakened(name, definition)
    ]
    found.sort(key=lambda mutant: mutant.id)
    ids = [mutant.id for mutant in found]
    assert len(set(ids)) == len(ids), "two mutants share an id"
    return found


def matching(mutants: Iterable[Mutant], pattern: str) -> list[Mutant]:
    """Return the mutants whose id matches a shell pattern such as `trigger-drop:*`."""
    return [mutant for mutant in mutants if fnmatchcase(mutant.id, pattern)]


def shuffled(mutants: Iterable[Mutant], seed: int) -> list[Mutant]:
    """Return them in a random order in which every kind appears as evenly as it can.

    The first n are then a fair sample for each n; the same seed gives the same order.
    """
    randomness = random.Random(seed)
    by_kind: defaultdict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        by_kind[mutant.kind].append(mutant)
    places: list[tuple[int, float, Mutant]] = []
    for kind in sorted(by_kind):
        randomness.shuffle(by_kind[kind])
        places += [(turn, randomness.random(), m) for turn, m in enumerate(by_kind[kind])]
    return [mutant for _, _, mutant in sorted(places, key=lambda place: place[:2])]
