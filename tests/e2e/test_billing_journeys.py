"""From a used-up free plan to a paid one and back, as a user, a provider and a worker live it.

Everything is real but the providers: their APIs are fakes on this machine, asked by the official
SDKs, and what they would send comes signed over HTTP, in any order.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from supabase import PostgrestAPIError

from cli.demo.user import DemoUser
from cli.stack.status import StackStatus
from edge_workers.settings import BillingSettings
from tests.e2e.billing_world import BEGAN, KINDS, World, story
from tests.integration.billing import fake_razorpay, fake_stripe
from tests.integration.billing.fake_api import running as running_fake
from tests.integration.billing.fake_razorpay import FakeRazorpay
from tests.integration.billing.fake_stripe import FakeStripe
from tests.integration.http.service import running

RETURN_URLS = {
    "CHECKOUT_SUCCESS_URL": "https://app.example.com/thanks",
    "CHECKOUT_CANCEL_URL": "https://app.example.com/plans",
}


@pytest.fixture(scope="module")
def world(stack: StackStatus) -> Iterator[World]:
    with ExitStack() as parts:
        razorpay = parts.enter_context(running_fake(FakeRazorpay()))
        stripe = parts.enter_context(running_fake(FakeStripe()))
        variables = {
            "RAZORPAY_KEY_ID": fake_razorpay.KEY_ID,
            "RAZORPAY_KEY_SECRET": fake_razorpay.KEY_SECRET,
            "RAZORPAY_API_URL": razorpay.url,
            "STRIPE_SECRET_KEY": fake_stripe.SECRET_KEY,
            "STRIPE_API_URL": stripe.url,
            **RETURN_URLS,
        }
        given: Any = {name.lower(): value for name, value in variables.items()}
        with psycopg.connect(stack.db_url, autocommit=True) as connection:
            # What other tests left behind is not part of these journeys.
            connection.execute("delete from queue.tasks where kind = any(%s)", [list(KINDS)])
        service = parts.enter_context(running(stack, **variables))
        yield World(stack, service, razorpay, stripe, BillingSettings(**given))


@pytest.fixture
def user(stack: StackStatus) -> Iterator[DemoUser]:
    with DemoUser(stack.api_url, stack.publishable_key) as someone:
        someone.sign_up("Ada")
        yield someone


def status(user: DemoUser) -> tuple[str, str]:
    (row,) = user.client.rpc("my_subscription_status", {}).execute().data
    return row["plan_name"], row["status"]


def balance(user: DemoUser) -> int:
    (row,) = user.client.rpc("my_subscription_status", {}).execute().data
    return int(row["token_balance"])


def use(user: DemoUser, resume_id: str) -> None:
    values = {
        "p_kind": "summary",
        "p_resume_id": resume_id,
        "p_idempotency_key": str(uuid4()),
    }
    user.client.rpc("request_document", values).execute()


def write_resume(user: DemoUser) -> str:
    row = {"title": "Mine", "content": {"summary": "Engineer."}}
    rows: Any = user.client.table("resumes").insert(row).execute().data
    return str(rows[0]["id"])


def use_up_free_plan(user: DemoUser, resume_id: str) -> None:
    for _ in range(5):
        use(user, resume_id)
    with pytest.raises(PostgrestAPIError) as caught:
        use(user, resume_id)
    assert caught.value.code == "PT402"


def documents(user: DemoUser) -> int:
    return len(user.client.table("ai_documents").select("id").execute().data)


def assert_free_and_nothing_lost(user: DemoUser, resume_id: str, *, documents_made: int) -> None:
    assert status(user) == ("free", "none")
    with pytest.raises(PostgrestAPIError) as caught:
        use(user, resume_id)
    assert caught.value.code == "PT402"
    assert user.resume(resume_id)["content"] == {"summary": "Engineer."}
    assert documents(user) == documents_made


def test_razorpay__from_free_to_pro_and_back(world: World, user: DemoUser) -> None:
    resume_id = write_resume(user)
    use_up_free_plan(user, resume_id)

    wanted = {"provider": "razorpay", "kind": "plan", "code": "pro", "interval": "month"}
    checkout = world.post("/checkout", user, wanted, "first")
    name = checkout["subscription_id"]
    assert status(user) == ("free", "none")

    life = story("razorpay", user, subscription_id=name, amount=checkout["amount"])
    began, until = life.now - BEGAN, life.now + timedelta(days=1)
    month = {"period_start": began, "period_end": until}
    world.razorpay.activate(name, start=int(began.timestamp()), end=int(until.timestamp()))
    world.deliver(
        life.event("subscription.authenticated", began, **month),
        life.event("subscription.activated", began + timedelta(seconds=5), **month),
        life.event("subscription.charged", began + timedelta(seconds=5), **month),
        life.event("payment.captured", began + timedelta(seconds=5), **month),
    )
    assert status(user) == ("pro", "active")
    use(user, resume_id)
    assert world.post("/portal", user, {})["url"] == checkout["url"]

    failed = life.event("subscription.pending", life.now - timedelta(seconds=60), **month)
    world.razorpay.subscriptions[name]["status"] = "pending"
    world.deliver(failed)
    assert status(user) == ("pro", "past_due")
    use(user, resume_id)

    assert world.post("/portal", user, {"action": "cancel"})["status"] == "requested"
    world.work()
    (asked,) = world.razorpay.calls("POST", f"/v1/subscriptions/{name}/cancel")
    assert asked.json() == {"cancel_at_cycle_end": 1}
    assert status(user) == ("pro", "past_due")

    ended = life.event("subscription.cancelled", life.now - timedelta(seconds=30), **month)
    world.deliver(ended, failed)
    assert_free_and_nothing_lost(user, resume_id, documents_made=7)
    # And once more: the plan is sold again.
    assert world.post("/checkout", user, wanted, "second")["subscription_id"] != name


def test_stripe__from_free_to_pro_and_back(world: World, user: DemoUser) -> None:
    resume_id = write_resume(user)
    use_up_free_plan(user, resume_id)

    wanted = {"provider": "stripe", "kind": "plan", "code": "pro", "interval": "month"}
    checkout = world.post("/checkout", user, wanted, "first")
    life = story(
        "stripe",
        user,
        subscription_id=f"sub_{uuid4().hex[:14]}",
        checkout_id=checkout["session_id"],
        amount=checkout["amount"],
        currency="USD",
    )
    began, until = life.now - BEGAN, life.now + timedelta(days=1)
    month = {"period_start": began, "period_end": until}
    # Stripe sends all of this within a second.
    world.deliver(
        life.event("customer.subscription.created", began, **month),
        life.event("customer.subscription.updated", began, status="active", **month),
        life.event("checkout.session.completed", began, **month),
        life.event("invoice.paid", began, **month),
        life.event("invoice_payment.paid", began, **month),
    )
    assert status(user) == ("pro", "active")
    use(user, resume_id)
    world.stripe.customers.add(life.facts.customer_id)
    assert world.post("/portal", user, {})["url"].startswith("https://billing.stripe.example/")

    failing = life.now - timedelta(seconds=60)
    world.deliver(
        life.event("invoice.payment_failed", failing, invoice_id=f"in_{uuid4().hex}", **month),
        life.event("customer.subscription.updated", failing, status="past_due", **month),
    )
    assert status(user) == ("pro", "past_due")
    use(user, resume_id)

    # It ends, and the webhook that would say so never comes: the night finds out.
    now = int(time.time())
    world.stripe.subscribe(
        life.facts.subscription_id,
        status="canceled",
        canceled_at=now,
        ended_at=now,
        customer=life.facts.customer_id,
        period=(int(began.timestamp()), int(until.timestamp())),
    )
    with psycopg.connect(world.stack.db_url, autocommit=True) as connection:
        connection.execute("select private.enqueue_reconcile(%s)", [user.user_id])
    world.work()
    assert_free_and_nothing_lost(user, resume_id, documents_made=7)


@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
def test_tokens__are_bought_spent_and_refunded(world: World, user: DemoUser, provider: str) -> None:
    resume_id = write_resume(user)
    use_up_free_plan(user, resume_id)
    wanted = {"provider": provider, "kind": "tokens", "code": "small"}
    checkout = world.post("/checkout", user, wanted, "first")
    assert balance(user) == 0

    life = story(
        provider,
        user,
        checkout_id=checkout.get("order_id") or checkout["session_id"],
        amount=checkout["amount"],
        currency=checkout["currency"],
        price_id="pack_local_small",
        buys_tokens=True,
    )
    paid_at = life.now - timedelta(minutes=5)
    paid = {
        "razorpay": ("payment.authorized", "payment.captured", "order.paid"),
        "stripe": ("checkout.session.completed",),
    }[provider]
    world.deliver(*(life.event(kind, paid_at) for kind in paid))
    assert balance(user) == 100
    use(user, resume_id)
    assert balance(user) == 95

    refund = {"razorpay": "refund.processed", "stripe": "charge.refunded"}[provider]
    half = checkout["amount"] // 2
    back_at = life.now - timedelta(minutes=4)
    world.deliver(
        life.event(refund, back_at, refunded_amount=half),
        life.event(refund, back_at + timedelta(minutes=1), refunded_amount=checkout["amount"]),
    )
    # Five were spent: they are owed, and nothing falls below zero.
    assert balance(user) == 0

    again = world.post("/checkout", user, wanted, "second")
    life = story(
        provider,
        user,
        checkout_id=again.get("order_id") or again["session_id"],
        amount=again["amount"],
        currency=again["currency"],
        price_id="pack_local_small",
        buys_tokens=True,
    )
    world.deliver(*(life.event(kind, paid_at) for kind in paid))
    assert balance(user) == 95
