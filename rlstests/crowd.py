"""Many real connections that do something at the same moment."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
from psycopg.rows import DictRow, dict_row

from rlstests.sessions import OPTIONS

Connection = psycopg.Connection[DictRow]
Action = Callable[[Connection, int], str]
START_SECONDS = 60


class Crowd:
    """Open connections, each with a thread of its own when it comes to it."""

    def __init__(self, connections: list[Connection]) -> None:
        self.connections = connections

    def at_once(self, action: Action, *, members: int = 0, times: int = 1) -> Counter[str]:
        """Let members act, all from the same moment on, each so many times; counts the outcomes.

        The action gets a connection that commits each statement, and the member's number. What it
        raises is an outcome too: the SQLSTATE.
        """
        acting = self.connections[: members or len(self.connections)]
        barrier = threading.Barrier(len(acting))

        def act(number: int) -> list[str]:
            barrier.wait(START_SECONDS)
            return [attempt(number) for _ in range(times)]

        def attempt(number: int) -> str:
            try:
                return action(acting[number], number)
            except psycopg.Error as error:
                return str(error.sqlstate)

        with ThreadPoolExecutor(len(acting)) as pool:
            return Counter(
                outcome for outcomes in pool.map(act, range(len(acting))) for outcome in outcomes
            )


@contextmanager
def gathered(db_url: str, size: int) -> Iterator[Crowd]:
    """Connect so many times, and disconnect at the end."""
    connections: list[Connection] = []
    try:
        for _ in range(size):
            connections.append(
                psycopg.connect(db_url, row_factory=dict_row, autocommit=True, options=OPTIONS)
            )
        yield Crowd(connections)
    finally:
        for connection in connections:
            connection.close()
