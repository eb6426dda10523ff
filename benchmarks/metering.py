"""What metering costs: reserve and settle, beside the least that Postgres can do, and Redis.

    make bench                                   (or: python -m benchmarks.metering --help)

Every client is a process of its own with one connection, and does one thing after another. For 1, 8
and 32 clients it counts how often per second each of these is done:

    update     `update … set used = used + 1 where id = …`, a transaction of its own: the limit of
               what any counter in this Postgres can do
    metering   private.reserve_usage, then private.settle_usage, each a transaction of its own, as
               when work lies between: limits, counter, usage event, both of its states
    at once    public.increment_usage: the same in one transaction, as when no work lies between
    redis      a Lua script that compares a counter with its limit and increments it, all in memory
    redis aof  the same with what Postgres does at each commit: the disk has it before the answer

each on a row (user, key) per client, and on a single one that all clients want. The parts of a
round follow each other, so that what else the machine does hits all of them; figures are medians of
rounds.
"""

import argparse
import json
import multiprocessing
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import psycopg

from benchmarks.redis_server import RedisClient, redis_server
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = (1, 8, 32)
LIMIT = 999_999_999
WARM_UP_SECONDS = 0.5
DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
IN_MEMORY = ("--appendonly", "no", "--save", "")
# ATS Resume Platform counts with INCR and EXPIRE. Comparing in the same step makes it a limit.
SCRIPT = """
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return -1 end
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('EXPIRE', KEYS[1], 86400) end
return used
"""

Step = Callable[[], object]


@dataclass(frozen=True)
class Places:
    """Where to measure: a database with a user and a row per client, and two Redis or none."""

    db_url: str
    users: list[UUID]
    redis: dict[str, int]

    def steps(self) -> dict[str, Callable[[int], Step]]:
        """For each workload what makes the step of a client that wants row n."""
        postgres: dict[str, Callable[[int], Step]] = {
            "update": self.update,
            "metering": self.reserve_and_settle,
            "at once": self.increment,
        }
        return postgres | {name: self.script(port) for name, port in self.redis.items()}

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.db_url, autocommit=True, prepare_threshold=0)

    def update(self, row: int) -> Step:
        connection = self.connect()
        sql = "update public.bench_counters set used = used + 1 where id = %s"
        return lambda: connection.execute(sql, [row])

    def reserve_and_settle(self, row: int) -> Step:
        connection, user_id = self.connect(), self.users[row]
        reserve = "select usage_event_id from private.reserve_usage(%s, 'resume_parse', null, '{}')"
        settle = "select private.settle_usage(%s)"

        def step() -> None:
            event = connection.execute(reserve, [user_id]).fetchone()
            done = connection.execute(settle, event).fetchone()
            assert done == (True,)

        return step

    def increment(self, row: int) -> Step:
        connection, user_id = self.connect(), self.users[row]
        sql = "select public.increment_usage(%s, 'interview', private.period_key('month', now()))"
        return lambda: connection.execute(sql, [user_id])

    @staticmethod
    def script(port: int) -> Callable[[int], Step]:
        def make(row: int) -> Step:
            client = RedisClient(port)
            sha = client.command("SCRIPT", "LOAD", SCRIPT)
            key = f"usage:{row}:analyses:2026-11-20"

            def step() -> None:
                assert client.command("EVALSHA", sha, "1", key, str(LIMIT)) != "-1"

            return step

        return make


def run_client(number: int, orders: Pipe, places: Places) -> None:
    """A client's process: take (workload, hot), get ready; take (begin, end), answer a count."""
    steps: dict[tuple[str, int], Step] = {}
    while order := orders.recv():
        workload, is_hot = order
        row = 0 if is_hot else number
        if (workload, row) not in steps:
            steps[workload, row] = places.steps()[workload](row)
        step = steps[workload, row]
        orders.send("ready")
        begin, end = orders.recv()
        count = 0
        while (now := monotonic()) < end:
            step()
            count += now >= begin
        orders.send(count)


class Crowd:
    """The processes of all clients; those that are not asked wait."""

    def __init__(self, size: int, places: Places) -> None:
        # A new interpreter each: nothing is shared but what goes through the pipe.
        context = multiprocessing.get_context("spawn")
        self._pipes, self._processes = [], []
        for number in range(size):
            ours, theirs = context.Pipe()
            process = context.Process(target=run_client, args=(number, theirs, places), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def rate(self, workload: str, *, clients: int, is_hot: bool, seconds: float) -> float:
        """Steps per second of so many clients together."""
        acting = self._pipes[:clients]
        self._ask(acting, (workload, is_hot))
        # The clock is one for all processes of a machine.
        begin = monotonic() + WARM_UP_SECONDS
        counts: list[int] = self._ask(acting, (begin, begin + seconds))
        return sum(counts) / seconds

    @staticmethod
    def _ask(pipes: list[Pipe], question: object) -> list[Any]:
        for pipe in pipes:
            pipe.send(question)
        return [pipe.recv() for pipe in pipes]

    def close(self) -> None:
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.send(None)
            process.join()


@contextmanager
def places(clients: int) -> Iterator[Places]:
    """A scratch stack with what is measured in it; two Redis beside it when there is one."""
    home = Path(tempfile.mkdtemp(prefix="resumebase-bench-"))
    stack = Stack(root=ROOT, state_dir=home / "state", port_base=free_base())
    redis = {}
    with ExitStack() as open_servers:
        open_servers.callback(shutil.rmtree, home, ignore_errors=True)
        open_servers.callback(stack.destroy)
        status = stack.up(without=frozenset({"worker", "http"}))
        if shutil.which("redis-server"):
            redis["redis"] = open_servers.enter_context(redis_server(*IN_MEMORY))
            redis["redis aof"] = open_servers.enter_context(redis_server(*DURABLE))
        else:
            sys.stderr.write("There is no redis-server here: its lines are left out.\n")
        with psycopg.connect(status.db_url, autocommit=True) as connection:
            yield Places(status.db_url, fill(connection, clients), redis)


def fill(connection: psycopg.Connection, clients: int) -> list[UUID]:
    """A row and a user for each client; gives the users."""
    connection.execute(
        "create table public.bench_counters (id integer primary key, used integer not null) "
        "with (fillfactor = 70)"
    )
    connection.execute(
        "insert into public.bench_counters select n, 0 from generate_series(0, %s) n", [clients - 1]
    )
    users = [uuid4() for _ in range(clients)]
    limits = {meter: {"month": LIMIT} for meter in ("ai_actions", "interviews")}
    for user_id in users:
        connection.execute("insert into auth.users (id) values (%s)", [user_id])
        connection.execute(
            "insert into public.subscriptions (user_id, provider, plan_code, status, "
            "custom_limits) values (%s, 'manual', 'pro', 'active', %s)",
            [user_id, json.dumps(limits)],
        )
    return users


def measure(arguments: argparse.Namespace) -> dict[tuple[str, bool, int], list[float]]:
    """Rates by workload, whether all want one row, and number of clients; one for each round."""
    rates: dict[tuple[str, bool, int], list[float]] = {}
    with places(max(CLIENTS)) as where:
        crowd = Crowd(max(CLIENTS), where)
        for _ in range(arguments.rounds):
            for clients in CLIENTS:
                for is_hot in (False, True):
                    for name in where.steps():
                        rate = crowd.rate(
                            name, clients=clients, is_hot=is_hot, seconds=arguments.seconds
                        )
                        rates.setdefault((name, is_hot, clients), []).append(rate)
        crowd.close()
    return rates


def table(rates: dict[tuple[str, bool, int], list[float]]) -> str:
    """The medians per second, and each as a ratio to `update` of the same round."""
    heads = [f"{n} client{'s' * (n > 1)}" for n in CLIENTS]
    lines = [f"| per second | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for name, is_hot in dict.fromkeys((name, is_hot) for name, is_hot, _ in rates):
        cells = []
        for clients in CLIENTS:
            found, bare = rates[name, is_hot, clients], rates["update", is_hot, clients]
            ratio = statistics.median(one / other for one, other in zip(found, bare, strict=True))
            cells.append(f"{statistics.median(found):,.0f} ({ratio:.2f})")
        lines.append(f"| {name}, {'one row' if is_hot else 'a row each'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement")
    sys.stdout.write(table(measure(parser.parse_args())) + "\n")


if __name__ == "__main__":
    main()
