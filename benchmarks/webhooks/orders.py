"""Lives of subscriptions in every order: what does a service make of them in the end?"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from benchmarks.webhooks import events, services
from benchmarks.webhooks.services import Running
from cli.demo.user import DemoUser
from cli.stack.status import StackStatus
from edge_workers.billing import stripe_samples
from edge_workers.billing.sample_facts import SampleFacts

BEGINS = (
    ("customer.subscription.created", "incomplete", 0),
    # In the same second, as at Stripe when the first payment goes through at once.
    ("customer.subscription.updated", "active", 0),
)
FAILS = (*BEGINS, ("customer.subscription.updated", "past_due", 1))
ENDS = (*FAILS, ("customer.subscription.deleted", "canceled", 2))
LIVES = {"active": BEGINS, "past_due": FAILS, "canceled": ENDS}
"""What happens on which day, by the status that it leads to."""

OURS = "select provider_subscription_id, status, current_period_end from public.subscriptions"
THEIRS = "select id, status::text, to_timestamp(current_period_end) from stripe.subscriptions"


@dataclass(frozen=True)
class Judged:
    """Of all orders, how many ended in the right status and with the end of the paid period."""

    orders: int
    right_status: int
    with_period: int


@dataclass(frozen=True)
class _Order:
    subscription_id: str
    status: str
    requests: tuple[bytes, ...]


def judge(status: StackStatus, running: Iterable[Running], file: Path) -> dict[str, Judged]:
    """Send every life in every order, with one event twice, and compare with the truth."""
    with DemoUser(status.api_url, status.publishable_key) as user:
        user.sign_up("Ada")
        user_id = UUID(user.user_id)
    orders = [order for life in LIVES for order in _orders(life, user_id)]
    requests = [request for order in orders for request in order.requests]
    events.write(requests, file)
    for service in running:
        services.load(service, file, connections=1, count=len(requests))
    _drain(status)
    peer_url = status.db_url.rpartition("/")[0] + "/peer"
    return {
        "resumebase": _compare(orders, status.db_url, OURS),
        "stripe-sync-engine": _compare(orders, peer_url, THEIRS),
    }


def _orders(status: str, user_id: UUID) -> Iterator[_Order]:
    for order in permutations(LIVES[status]):
        one = uuid4().hex[:20]
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
        facts = stripe_samples.sample_facts(
            user_id,
            start,
            subscription_id=f"sub_{one}",
            customer_id=f"cus_{one}",
            period_start=start,
            period_end=start + timedelta(days=30),
        )
        requests = [_request(facts, *step) for step in order]
        yield _Order(facts.subscription_id, status, (*requests, requests[0]))


def _request(facts: SampleFacts, kind: str, status: str, day: int) -> bytes:
    at = facts.at + timedelta(days=day)
    event_id = f"evt_{uuid4().hex}"
    made = stripe_samples.make(kind, replace(facts, at=at), event_id=event_id, status=status)
    return events.request(made)


def _drain(status: StackStatus) -> None:
    """Let a worker apply what is in the inbox."""
    environment = {
        **os.environ,
        "SUPABASE_URL": status.api_url,
        "SUPABASE_SECRET_KEY": status.secret_key,
        "PYTHONPATH": str(services.ROOT),
    }
    command = [sys.executable, "-m", "cli.main", "worker", "run", "--drain", "--kinds", "webhook"]
    subprocess.run(command, env=environment, check=True, capture_output=True)


def _compare(orders: list[_Order], url: str, query: str) -> Judged:
    with psycopg.connect(url, sslmode="disable") as connection:
        rows = connection.execute(query.encode()).fetchall()
    found = {name: (status, period_end) for name, status, period_end in rows}
    ends = [(order, *found.get(order.subscription_id, (None, None))) for order in orders]
    return Judged(
        orders=len(orders),
        right_status=sum(status == order.status for order, status, _ in ends),
        with_period=sum(period_end is not None for _, _, period_end in ends),
    )
