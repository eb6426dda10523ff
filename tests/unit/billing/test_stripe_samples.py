"""The sample events of Stripe are events as the SDK knows them, and tell one story."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import stripe as sdk

from edge_workers.billing import stripe, stripe_samples
from tests.unit.billing.stripe_events import FACTS, NOW, SECRET, TOKENS, event

# Only in embedded checkouts, and in charges of platforms.
NOT_HERE = {"redirect_on_completion", "transfer"}


@pytest.mark.parametrize("facts", [FACTS, TOKENS], ids=["subscription", "tokens"])
@pytest.mark.parametrize("name", stripe_samples.EVENTS)
def test_the_sdk_reads_each_sample(name, facts):
    sample = stripe_samples.make(name, facts, event_id="evt_1")
    read = sdk.Event.construct_from(sample, "sk_test_none")
    assert (read.type, read.api_version) == (name, sdk.api_version)
    assert read.created == int(NOW.timestamp())
    assert sample["data"]["object"]["object"] == type(read.data.object).OBJECT_NAME
    assert read.data.object.id


@pytest.mark.parametrize("name", stripe_samples.EVENTS)
def test_a_sample_has_the_fields_that_the_sdk_documents(name):
    entity = event(name)["data"]["object"]
    documented = type(sdk.Event.construct_from(event(name), "sk").data.object).__annotations__
    required = {
        field
        for field, annotation in documented.items()
        if "Optional[" not in str(annotation) and "ClassVar[" not in str(annotation)
    }
    assert required - entity.keys() - NOT_HERE == set()
    assert entity.keys() - documented.keys() == set()


@pytest.mark.parametrize("facts", [FACTS, TOKENS], ids=["subscription", "tokens"])
@pytest.mark.parametrize("name", stripe_samples.EVENTS)
def test_each_sample_goes_through_and_changes_something(name, facts):
    body = json.dumps(stripe_samples.make(name, facts, event_id="evt_1")).encode()
    headers = stripe.sign(body, SECRET, event_id="evt_1", at=NOW)
    inbox = stripe.read_webhook(body, headers, [SECRET], now=NOW)
    said = stripe.normalise(inbox.type, inbox.payload)
    assert bool(said.changes) is (name != "charge.dispute.created")
    assert {change.occurred_at for change in said.changes} <= {NOW}


def test_each_event_that_is_read_has_a_sample_and_each_has_a_description():
    sampled = stripe_samples.EVENTS.keys() | {"invoice.payment_succeeded"}
    assert sampled == stripe._READERS.keys() | {"charge.dispute.created"}
    assert all(line.endswith(".") for line in stripe_samples.EVENTS.values())


def test_a_sample_of_an_unknown_event_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"'invoice\.eaten'.*invoice\.paid"):
        stripe_samples.make("invoice.eaten", FACTS, event_id="evt_1")


def test_a_sample_is_nobody_elses_to_change():
    event("invoice.paid")["data"]["object"]["lines"]["data"].clear()
    assert event("invoice.paid")["data"]["object"]["lines"]["data"]


@pytest.mark.parametrize("facts", [FACTS, TOKENS], ids=["subscription", "tokens"])
def test_a_lifecycle_has_its_order_its_own_ids_and_ties(facts):
    story = stripe_samples.lifecycle(facts)
    times = [payload["created"] for _, payload in story]
    assert times == sorted(times)
    assert max(Counter(times).values()) > 1
    assert len({payload["id"] for _, payload in story}) == len(story)
    assert all(name == payload["type"] for name, payload in story)


def test_a_subscription_begins_once_and_ends_cancelled():
    changes = [
        change
        for name, payload in stripe_samples.lifecycle(FACTS)
        for change in stripe.normalise(name, payload).changes
    ]
    states = [change for change in changes if change.type == "subscription"]
    assert {change.start_date for change in states} == {NOW}
    assert [change.status for change in states] == [
        "incomplete",
        "active",
        "active",
        "past_due",
        "active",
        "active",
        "canceled",
    ]
    assert [change.cancel_at_period_end for change in states[-2:]] == [True, False]
    paid = {change.payment_id for change in changes if change.type == "payment"}
    assert paid == {"in_Sample00000001", "in_Sample00000001_2", "pi_Sample00000001"}


def test_tokens_are_given_back_in_two_parts():
    charges = [
        payload["data"]["object"]
        for name, payload in stripe_samples.lifecycle(TOKENS)
        if name == "charge.refunded"
    ]
    assert [charge["amount_refunded"] for charge in charges] == [19900 // 3, 19900]
    assert [charge["refunded"] for charge in charges] == [False, True]


def test_lifecycles_of_two_subscriptions_share_no_event():
    other = replace(FACTS, subscription_id="sub_Other")
    ids = [
        payload["id"] for facts in (FACTS, other) for _, payload in stripe_samples.lifecycle(facts)
    ]
    assert len(set(ids)) == len(ids)
