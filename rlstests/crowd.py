"""Many real connections that do something at the same moment."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic

import psycopg
from psycopg.rows import DictRow, dict_row

from rlstests.sessions import OPTIONS

Connection = psycopg.Connection[DictRow]
Action = Callable[[Connection, int], str]
START_SECONDS = 60


class Crowd:
    """Open connections, each with a thread of its own when it comes to it."""

    def __init__(self, gate: Connection, connections: list[Connection]) -> None:
        self._gate = gate
        self.connections = connections

    def at_once(
        self, action: Action, *, members: int = 0, times: int = 1, behind: str = ""
    ) -> Counter[str]:
        """Let members act, all from the same moment on, each so many times; counts the outcomes.

        The action gets a connection that commits each statement, and the member's number. What it
        raises is an outcome too: the SQLSTATE.

        `behind` is a query that locks a row which all of them want. They get it when each of them
        waits for it: then all have looked at the same state of it, and none was early.
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
            if behind:
                with self._gate.transaction():
                    assert self._gate.execute(behind.encode()).rowcount > 0, "a row to wait for"
                    running = [pool.submit(act, number) for number in range(len(acting))]
                    self._wait_for(acting, running)
            else:
                running = [pool.submit(act, number) for number in range(len(acting))]
            return Counter(outcome for each in running for outcome in each.result())

    def _wait_for(self, acting: list[Connection], running: list[Future[list[str]]]) -> None:
        """Return when all of them wait for a lock."""
        pids = [connection.info.backend_pid for connection in acting]
        pause, deadline = threading.Event(), monotonic() + START_SECONDS
        while True:
            found = self._gate.execute(
                "select count(*) as waiting from pg_locks where not granted and pid = any(%s)",
                [pids],
            ).fetchone()
            if found is not None and found["waiting"] == len(pids):
                return
            assert monotonic() < deadline, "they never all waited"
            assert not any(each.done() for each in running), "somebody did not have to wait"
            pause.wait(0.005)


@contextmanager
def gathered(db_url: str, size: int) -> Iterator[Crowd]:
    """Connect so many times, and once more for the gate; disconnect at the end."""
    connections: list[Connection] = []
    try:
        for _ in range(size + 1):
            connections.append(
                psycopg.connect(db_url, row_factory=dict_row, autocommit=True, options=OPTIONS)
            )
        yield Crowd(connections[0], connections[1:])
    finally:
        for connection in connections:
            connection.close()
