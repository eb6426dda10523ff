"""The handler of `webhook`: what it reads, what it says, and what it gives up on."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from edge_workers.billing import razorpay_samples, stripe_samples
from edge_workers.billing.changes import Normalised
from edge_workers.billing.sample_facts import SampleFacts
from edge_workers.handlers.registry import HANDLERS
from edge_workers.runner.task_run import NO_ANSWER, OUR_FAULT

from .backend import Backend, Fault
from .bench import work
from .fake_queue import Queued

FACTS = SampleFacts(
    user_id=UUID("6b0e7f1e-3f43-4bd4-a0b3-2a5a8a5b2f2c"), at=datetime(2026, 11, 20, tzinfo=UTC)
)
STRIPE_FACTS = stripe_samples.sample_facts(FACTS.user_id, FACTS.at)
SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "razorpay": (
        "subscription.charged",
        razorpay_samples.make("subscription.charged", FACTS, event_id="evt_1"),
    ),
    "stripe": (
        "customer.subscription.updated",
        stripe_samples.make("customer.subscription.updated", STRIPE_FACTS, event_id="evt_1"),
    ),
}


def receive(backend: Backend, provider: str, name: str, payload: dict[str, Any]) -> Queued:
    """Store an event and queue its task, as the database does."""
    backend.webhook_event = {
        "id": "0d9d5e7c-7b1e-4f6e-9a39-0c7a6f2b7c11",
        "provider": provider,
        "type": name,
        "payload": payload,
        "occurred_at": "2026-11-20T08:00:00+00:00",
        "received_at": "2026-11-20T08:00:01+00:00",
        "attempts": 0,
    }
    task = backend.enqueue("webhook")
    task.payload["webhook_event_id"] = backend.webhook_event["id"]
    return task


@pytest.mark.parametrize("provider", SAMPLES)
def test_event__becomes_the_changes_that_the_database_applies(backend, provider):
    task = receive(backend, provider, *SAMPLES[provider])
    assert work(backend, HANDLERS) == {"done": 1}
    result = Normalised.model_validate(task.result)
    change = result.changes[0]
    assert (change.type, change.provider, change.user_id) == (
        "subscription",
        provider,
        FACTS.user_id,
    )
    [call] = backend.called("webhook_event")
    assert set(call.params) == {"p_task_id", "p_lease_token"}


@pytest.mark.parametrize("provider", SAMPLES)
def test_event_of_no_interest__is_done_with_a_note(backend, provider):
    task = receive(backend, provider, "thing.happened", SAMPLES[provider][1])
    assert work(backend, HANDLERS) == {"done": 1}
    assert task.result["changes"] == []
    assert task.result["note"]


@pytest.mark.parametrize("provider", SAMPLES)
def test_malformed_event__fails_for_good_and_says_where(backend, provider, logged):
    task = receive(backend, provider, SAMPLES[provider][0], {"secret": "Ada"})
    assert work(backend, HANDLERS) == {"dead": 1}
    assert task.state == "dead"
    assert task.error.startswith(f"Malformed {SAMPLES[provider][0]}: ")
    assert "Ada" not in task.error
    assert "Ada" not in str(logged())


def test_event_of_nobody_we_know__is_our_fault(backend):
    task = receive(backend, "paypal", "invoice.paid", {})
    work(backend, HANDLERS)
    assert (task.state, task.error) == ("scheduled", OUR_FAULT)


def test_inbox_without_an_answer__leads_to_another_attempt(backend):
    task = receive(backend, "stripe", *SAMPLES["stripe"])
    backend.faults["webhook_event"].append(Fault.ERROR_500)
    work(backend, HANDLERS)
    assert (task.state, task.error) == ("scheduled", NO_ANSWER)
    task.state = "ready"
    assert work(backend, HANDLERS) == {"done": 1}


def test_lost_lease__says_nothing(backend):
    receive(backend, "stripe", *SAMPLES["stripe"])
    backend.faults["webhook_event"].append(Fault.LOSE_LEASE)
    assert work(backend, HANDLERS) == {"dropped": 1}
    assert not backend.called("complete_task")
