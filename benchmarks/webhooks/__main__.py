"""Webhooks a second and what they wait, beside @supabase/stripe-sync-engine on the same Postgres.

    make webhooks                                (or: python -m benchmarks.webhooks --help)

Both services get the same signed events of Stripe over HTTP, in turns, from a load generator that
does nothing but write prepared bytes; medians over the rounds are printed. Before that, both get
the lives of subscriptions in every order, and what they made of them is compared with the truth.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.webhooks import events, orders, services
from benchmarks.webhooks.orders import Judged
from benchmarks.webhooks.services import Measured, Running
from cli.stack.ports import free_base
from cli.stack.supervisor import Stack

EVENTS = {1: 1000, 10: 4000, 64: 6000}
"""How many events each service gets in a round, by the number of connections."""
WARM_UP = 500
FIELDS = ("events_per_second", "p50_milliseconds", "p99_milliseconds", "cpu_milliseconds")


def main() -> int:
    """Start everything, measure, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="Of the events of a round.")
    arguments = parser.parse_args()
    services.install_peer()
    home = Path(tempfile.mkdtemp(prefix="resumebase-webhooks-"))
    stack = Stack(root=services.ROOT, state_dir=home / "state", port_base=free_base())
    try:
        status = stack.up(without=frozenset({"worker", "http"}))
        with services.ours(status) as ours, services.peer(status) as peer:
            both = {"resumebase": ours, "stripe-sync-engine": peer}
            # First, so that a worker does not have to work off what the measurement left.
            report_orders(orders.judge(status, both.values(), home / "events"))
            report(measure(both, home / "events", arguments.rounds, arguments.share))
    finally:
        stack.destroy()
        shutil.rmtree(home, ignore_errors=True)
    return 0


def measure(
    running: Mapping[str, Running], file: Path, rounds: int, share: float
) -> dict[tuple[str, int], list[Measured]]:
    """Give every service the same load in turns, after some to warm up."""
    found: dict[tuple[str, int], list[Measured]] = {}
    events.write(events.various(WARM_UP), file)
    for service in running.values():
        services.load(service, file, connections=10, count=WARM_UP)
    for connections, whole in EVENTS.items():
        count = int(whole * share)
        for _ in range(rounds):
            # Made anew each time: a signature is good for five minutes.
            events.write(events.various(count), file)
            for name, service in running.items():
                one = services.load(service, file, connections=connections, count=count)
                found.setdefault((name, connections), []).append(one)
    return found


def report_orders(found: Mapping[str, Judged]) -> None:
    """Print how many orders of events ended well."""
    sys.stdout.write(f"{'':22}{'orders':>12}{'right status':>14}{'with period':>13}\n")
    for name, one in found.items():
        sys.stdout.write(f"{name:22}{one.orders:>12}{one.right_status:>14}{one.with_period:>13}\n")


def report(found: Mapping[tuple[str, int], list[Measured]]) -> None:
    """Print medians as a table."""
    columns = f"{'connections':>12}{'events/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms/event':>14}"
    sys.stdout.write(f"{'':22}{columns}\n")
    for (name, connections), rounds in sorted(found.items(), key=lambda item: item[0][1]):
        middle = [statistics.median(getattr(each, field) for each in rounds) for field in FIELDS]
        failures = sum(each.failures for each in rounds)
        failed = f"   {failures} failed" if failures else ""
        sys.stdout.write(
            f"{name:22}{connections:>12}{middle[0]:>10.0f}{middle[1]:>9.2f}{middle[2]:>9.2f}"
            f"{middle[3]:>14.2f}{failed}\n"
        )


if __name__ == "__main__":
    sys.exit(main())
