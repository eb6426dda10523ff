"""What events of Stripe say of subscriptions, in the shapes before and since 2025-03-31."""

from datetime import UTC, datetime, timedelta

import pytest

from edge_workers.billing import stripe
from edge_workers.billing.changes import MalformedEvent, SubscriptionChange
from tests.unit.billing.stripe_events import MONTH_LATER, NOW, SUBSCRIPTION, but, changes, event
from tests.unit.billing.stripe_older import older


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("created", {"status": "incomplete"}),
        ("updated", {}),
        ("deleted", {"status": "canceled", "canceled_at": NOW, "ended_at": NOW}),
        ("paused", {"status": "paused"}),
        ("resumed", {}),
        ("trial_will_end", {"status": "trialing", "trial_end": MONTH_LATER}),
    ],
)
def test_each_event_of_a_subscription_says_all_of_it_in_both_shapes(name, values):
    sample = event(f"customer.subscription.{name}")
    for payload in (sample, older(sample)):
        said = stripe.normalise(sample["type"], payload)
        assert said.changes == (but(SUBSCRIPTION, **values),)
        assert said.note is None


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("incomplete", "incomplete"),
        ("incomplete_expired", "expired"),
        ("trialing", "trialing"),
        ("active", "active"),
        ("past_due", "past_due"),
        ("paused", "paused"),
        ("unpaid", "unpaid"),
        ("canceled", "canceled"),
    ],
)
def test_each_status_of_stripe_has_one_of_ours(theirs, ours):
    (change,) = changes("customer.subscription.updated", status=theirs)
    assert change.status == ours


def test_a_status_that_we_do_not_know_is_no_guess():
    with pytest.raises(MalformedEvent, match=r"^status: "):
        changes("customer.subscription.updated", status="hibernating")


@pytest.mark.parametrize("behavior", ["void", "keep_as_draft", "mark_uncollectible"])
def test_paused_collection_is_a_service_given_away_and_not_a_pause(behavior):
    pause = {"behavior": behavior, "resumes_at": None}
    (change,) = changes("customer.subscription.updated", pause_collection=pause)
    assert change == SUBSCRIPTION


@pytest.mark.parametrize("status", ["active", "past_due", "trialing"])
def test_a_deleted_subscription_is_over_whatever_its_last_status(status):
    (change,) = changes("customer.subscription.deleted", status=status)
    assert (change.status, change.ended_at) == ("canceled", NOW)


def test_a_deleted_subscription_that_expired_stays_expired():
    (change,) = changes("customer.subscription.deleted", status="incomplete_expired")
    assert change.status == "expired"


@pytest.mark.parametrize(
    ("flag", "cancel_at", "ends"),
    [
        (False, None, False),
        (True, None, True),
        (False, MONTH_LATER, True),
        (False, MONTH_LATER - timedelta(days=1), True),
        (False, MONTH_LATER + timedelta(seconds=1), False),
        (True, MONTH_LATER + timedelta(days=300), True),
    ],
)
def test_a_date_to_cancel_at_within_the_period_is_the_end_of_the_period(flag, cancel_at, ends):
    at = cancel_at and int(cancel_at.timestamp())
    (change,) = changes("customer.subscription.updated", cancel_at_period_end=flag, cancel_at=at)
    assert change.cancel_at_period_end is ends


def test_a_date_to_cancel_at_without_a_known_period_is_its_end():
    entity = event("customer.subscription.updated", cancel_at=1)["data"]["object"]
    entity["items"]["data"] = []
    assert stripe.subscription_change(entity, NOW).cancel_at_period_end is True


def test_a_fetched_subscription_is_of_the_time_of_the_fetch():
    entity = event("customer.subscription.updated")["data"]["object"]
    later = NOW + timedelta(hours=7)
    assert stripe.subscription_change(entity, later) == but(SUBSCRIPTION, occurred_at=later)


def test_the_oldest_item_is_the_plan_in_whatever_order_they_come():
    entity = event("customer.subscription.updated")["data"]["object"]
    plan = entity["items"]["data"][0]
    added = plan | {
        "id": "si_Added",
        "created": plan["created"] + 1,
        "price": {"id": "price_Added"},
        "current_period_end": plan["current_period_end"] + 999,
    }
    for items in ([plan, added], [added, plan]):
        entity["items"]["data"] = items
        assert stripe.subscription_change(entity, NOW) == SUBSCRIPTION


def test_what_is_missing_is_none_and_no_error():
    change = stripe.subscription_change({"id": "sub_1", "status": "active"}, NOW)
    assert change == SubscriptionChange(
        provider="stripe",
        occurred_at=NOW,
        subscription_id="sub_1",
        status="active",
        cancel_at_period_end=False,
    )


def test_the_price_may_be_where_plans_were():
    entity = {"id": "sub_1", "status": "active", "plan": {"id": "plan_old"}}
    assert stripe.subscription_change(entity, NOW).price_id == "plan_old"
    entity["items"] = {"data": [{"plan": {"id": "plan_item"}}]}
    assert stripe.subscription_change(entity, NOW).price_id == "plan_item"


def test_the_time_of_creation_is_the_start_when_no_other_is_said():
    sample = event("customer.subscription.updated", start_date=None, created=1)
    (change,) = stripe.normalise(sample["type"], sample).changes
    assert change.start_date == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_expanded_references_are_read_by_their_id():
    (change,) = changes(
        "customer.subscription.updated", customer={"id": "cus_9", "object": "customer"}
    )
    assert change.customer_id == "cus_9"
