"""The two services under test, and the load between them and the clock."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil
import psycopg

from benchmarks.webhooks.events import SECRET
from cli.runtime import node
from cli.stack.ports import free_base
from cli.stack.status import StackStatus

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
START_SECONDS = 30.0


@dataclass(frozen=True)
class Measured:
    """What one run of the load generator saw."""

    events_per_second: float
    p50_milliseconds: float
    p99_milliseconds: float
    cpu_milliseconds: float
    """Of an event, in all processes that have to do with it: what other load does not change."""
    failures: int


def install_peer() -> None:
    """Install the locked packages of this folder, unless they are there."""
    if (HERE / "node_modules" / "stripe").is_dir():
        return
    npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", os.defpath)])
    subprocess.run(
        [node(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=HERE,
        env={**os.environ, "PATH": path},
        check=True,
    )


@dataclass(frozen=True)
class Running:
    """A service that runs: its port, and the processes that work for it."""

    port: int
    pids: tuple[int, ...]

    def cpu_seconds(self) -> float:
        """Return what its processes have used so far, with their children."""
        return sum(map(_cpu_seconds, self.pids))


def _cpu_seconds(pid: int) -> float:
    total = 0.0
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system
    return total


@contextmanager
def ours(status: StackStatus) -> Iterator[Running]:
    """Run our service in front of the stack."""
    port = free_base()
    variables = {
        "SUPABASE_URL": status.api_url,
        "SUPABASE_SECRET_KEY": status.secret_key,
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "cli.main", "webhook", "serve", "--port", str(port)]
    with _running(command, port, variables) as pid:
        yield Running(port, (pid, *_pids(status, "gateway", "postgres")))


@contextmanager
def peer(status: StackStatus) -> Iterator[Running]:
    """Run the other service on a database of its own in the same Postgres."""
    with psycopg.connect(status.db_url, autocommit=True, sslmode="disable") as connection:
        connection.execute("create database peer")
    url = status.db_url.rpartition("/")[0] + "/peer"
    port = free_base()
    variables = {"DATABASE_URL": url, "STRIPE_WEBHOOK_SECRET": SECRET}
    with _running([node(), HERE / "peer.mjs", str(port)], port, variables) as pid:
        yield Running(port, (pid, *_pids(status, "postgres")))


def _pids(status: StackStatus, *names: str) -> list[int]:
    return [pid for name in names if (pid := status.services[name].pid) is not None]


@contextmanager
def _running(
    command: Sequence[str | Path], port: int, variables: Mapping[str, str]
) -> Iterator[int]:
    environment = {**os.environ, **variables}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} did not start")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("POST", "/webhooks/stripe", b"{}")
        return connection.getresponse().status < 600
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def load(service: Running, file: Path, *, connections: int, count: int) -> Measured:
    """Send the first `count` requests of the file and return what came of it."""
    words = [service.port, connections, file, 0, count]
    before = service.cpu_seconds()
    done = subprocess.run(
        [node(), HERE / "load.mjs", *map(str, words)], capture_output=True, text=True, check=True
    )
    seen = json.loads(done.stdout)
    total = sum(seen["statuses"].values())
    return Measured(
        events_per_second=total / seen["seconds"],
        p50_milliseconds=seen["p50"],
        p99_milliseconds=seen["p99"],
        cpu_milliseconds=(service.cpu_seconds() - before) / total * 1000,
        failures=total - seen["statuses"].get("200", 0),
    )
