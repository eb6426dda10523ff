"""From the inbox to the plan and the tokens of a user, with a real worker."""

import json
import random
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus
from edge_workers.billing import razorpay_samples, stripe_samples
from edge_workers.billing.sample_facts import SampleFacts
from tests.integration.processes import drain

Connection = psycopg.Connection[DictRow]
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def database(stack: StackStatus):
    with psycopg.connect(stack.db_url, row_factory=dict_row, autocommit=True) as connection:
        yield connection


def receive(database: Connection, provider: str, events: list[tuple[str, dict[str, Any]]]) -> None:
    """Record events as the HTTP service does."""
    batch = [
        {
            "provider": provider,
            "event_id": f"evt_{sha256(json.dumps(body).encode()).hexdigest()[:20]}",
            "body_sha256": sha256(json.dumps(body).encode()).hexdigest(),
            "type": name,
            "payload": body,
            "occurred_at": NOW.isoformat(),
        }
        for name, body in events
    ]
    sql = "select count(*) from worker.record_webhook_events(%s)"
    database.execute(sql, (json.dumps(batch),))


def statuses(database: Connection, marker: str) -> set[str]:
    sql = "select distinct status from private.webhook_events where payload::text like %s"
    return {row["status"] for row in database.execute(sql, (f"%{marker}%",))}


def one(database: Connection, sql: str, *values: object) -> DictRow:
    row = database.execute(sql, values).fetchone()
    assert row is not None
    return row


def facts_of(user: DemoUser, provider: str, **more: Any) -> SampleFacts:
    """Facts whose ids nobody else has."""
    mark = UUID(user.user_id).hex[:14]
    sizes = {"amount": 49900, "currency": "INR"}
    prefixes = {"customer_id": "cust", "payment_id": "pay", "checkout_id": "order"}
    if provider == "stripe":
        sizes = {"amount": 1200, "currency": "USD"}
        prefixes = {"customer_id": "cus", "payment_id": "pi", "checkout_id": "cs_test"}
    ids = {name: f"{prefix}_{mark}" for name, prefix in prefixes.items()}
    return SampleFacts(
        **{
            "user_id": UUID(user.user_id),
            "at": NOW - timedelta(days=20),
            "subscription_id": f"sub_{mark}",
            "invoice_id": f"in_{mark}",
            "period_end": NOW - timedelta(days=8),
            **sizes,
            **ids,
            **more,
        }
    )


@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
def test_shuffled_story_of_a_subscription__ends_where_it_ends(stack, database, user, provider):
    samples = razorpay_samples if provider == "razorpay" else stripe_samples
    story = samples.lifecycle(facts_of(user, provider))
    end = story.pop()
    mark = UUID(user.user_id).hex[:14]
    random.Random(4).shuffle(story)
    receive(database, provider, story)
    drain(stack, "--kinds", "webhook")
    assert statuses(database, mark) == {"processed"}
    assert user.client.rpc("my_subscription_status").execute().data[0]["plan_name"] == "pro"
    receive(database, provider, [end])
    drain(stack, "--kinds", "webhook")
    row = one(database, "select * from public.subscriptions where user_id = %s", user.user_id)
    assert row["status"] == "canceled"
    sql = "select status, subscription_id from public.payments where user_id = %s"
    payments = database.execute(sql, (user.user_id,)).fetchall()
    assert [p["status"] for p in payments] == ["succeeded", "succeeded"]
    assert {p["subscription_id"] for p in payments} == {row["id"]}
    profile = one(database, "select * from public.profiles where id = %s", user.user_id)
    assert profile["subscription_tier"] == "free"


def test_event_without_meaning__fails_in_sight_and_is_replayed(stack, database, user):
    mark = UUID(user.user_id).hex
    receive(database, "stripe", [("customer.subscription.updated", {"id": mark})])
    drain(stack, "--kinds", "webhook")
    assert statuses(database, mark) == {"failed"}
    row = one(
        database,
        "select * from private.webhook_events where payload::text like %s",
        f"%{mark}%",
    )
    assert row["error"].startswith("Malformed customer.subscription.updated: ")
    database.execute("select public.admin_replay_webhook_event(%s)", (row["id"],))
    assert statuses(database, mark) == {"received"}
    drain(stack, "--kinds", "webhook")
    assert statuses(database, mark) == {"failed"}
