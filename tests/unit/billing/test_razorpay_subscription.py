"""A subscription of Razorpay's in our words: which status means what, until when it is paid, and
what is left unsaid because Razorpay does not say it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from edge_workers.billing import razorpay, razorpay_samples
from edge_workers.billing.changes import MalformedEvent
from edge_workers.billing.sample_facts import SampleFacts

USER = UUID("7d0c1c2e-0a6b-4a53-9f0e-6b1f6c1f0a11")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS = SampleFacts(user_id=USER, at=NOW, period_start=NOW, period_end=NOW + 30 * DAY)


def epoch(at: datetime) -> int:
    return int(at.timestamp())


def entity(**changes):
    """A subscription in its first cycle, as fetched, with changes."""
    body = razorpay_samples.make("subscription.charged", FACTS, event_id="Ev1")
    return body["payload"]["subscription"]["entity"] | changes


def change(*, at: datetime = NOW, **changes):
    return razorpay.subscription_change(entity(**changes), at)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("created", "incomplete"),
        ("authenticated", "incomplete"),
        ("active", "active"),
        ("pending", "past_due"),
        ("halted", "unpaid"),
        ("paused", "paused"),
        ("cancelled", "canceled"),
        ("expired", "expired"),
    ],
)
def test_status__is_that_of_the_entity(theirs, ours):
    assert change(status=theirs).status == ours


def test_unknown_status__is_malformed():
    with pytest.raises(MalformedEvent, match=r"Subscription\.status"):
        change(status="resumed")


def test_active__says_what_is_paid_for_and_until_when():
    assert change().model_dump(exclude_none=True) == {
        "type": "subscription",
        "provider": "razorpay",
        "occurred_at": NOW,
        "user_id": USER,
        "customer_id": "cust_Sample0000001",
        "subscription_id": "sub_Sample00000001",
        "status": "active",
        "price_id": "plan_local_pro_month",
        "current_period_start": NOW,
        "current_period_end": NOW + 30 * DAY,
        "start_date": NOW - timedelta(seconds=20),
    }


# Before the first charge ------------------------------------------------------------------------


def test_authenticated__before_its_start_is_a_trial_until_then():
    start = NOW + 7 * DAY
    trial = change(
        status="authenticated", start_at=epoch(start), current_start=None, current_end=None
    )
    assert trial.status == "trialing"
    assert trial.trial_end == start
    # Access has an end, though nobody may ever tell us that the first charge did not happen.
    assert (trial.current_period_start, trial.current_period_end) == (trial.start_date, start)


@pytest.mark.parametrize("start_at", [None, epoch(NOW), epoch(NOW - DAY)])
def test_authenticated__when_billing_starts_at_once_is_not_paid_yet(start_at):
    unpaid = change(status="authenticated", start_at=start_at, current_start=None, current_end=None)
    assert unpaid.status == "incomplete"
    assert unpaid.current_period_end is None and unpaid.trial_end is None


def test_start_in_the_future__is_no_trial_without_a_mandate():
    assert change(status="created", start_at=epoch(NOW + DAY)).status == "incomplete"


def test_trial__needs_a_start_after_it_was_made():
    broken = change(
        status="authenticated", start_at=epoch(NOW + DAY), created_at=epoch(NOW + 2 * DAY)
    )
    assert broken.status == "incomplete"


# The period -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, None),
        (epoch(NOW), None),
        (None, epoch(NOW)),
        (epoch(NOW), epoch(NOW)),
        (epoch(NOW + DAY), epoch(NOW)),
    ],
)
def test_period__that_is_none_is_left_unsaid(start, end):
    """Razorpay's own examples have an empty one; the table takes only periods with a length."""
    said = change(current_start=start, current_end=end)
    assert (said.current_period_start, said.current_period_end) == (None, None)


# The end ----------------------------------------------------------------------------------------


def test_cancelled__ended_when_the_entity_says():
    ended = change(status="cancelled", ended_at=epoch(NOW - DAY))
    assert (ended.ended_at, ended.canceled_at) == (NOW - DAY, NOW - DAY)


@pytest.mark.parametrize("status", ["cancelled", "expired"])
def test_ended__without_a_time_ended_when_we_heard_of_it(status):
    assert change(status=status, ended_at=None).ended_at == NOW


def test_ended_at__is_only_of_what_ended():
    assert change(status="active", ended_at=epoch(NOW)).ended_at is None


def test_expired__was_not_cancelled_by_anybody():
    assert change(status="expired").canceled_at is None


def test_completed__keeps_access_through_the_last_cycle():
    """Razorpay completes it with the last invoice: when the last cycle begins, not when it ends."""
    last = change(status="completed", ended_at=epoch(NOW), charge_at=None)
    assert last.status == "active"
    assert last.cancel_at_period_end is True
    assert last.current_period_end == NOW + 30 * DAY
    assert last.ended_at is None


def test_completed__is_expired_when_its_last_cycle_is_over():
    over = change(at=NOW + 30 * DAY, status="completed", ended_at=epoch(NOW))
    assert over.status == "expired"
    assert over.ended_at == NOW + 30 * DAY
    assert over.cancel_at_period_end is None


def test_completed__with_a_charge_that_still_fails_is_over_at_once():
    failed = change(status="completed", ended_at=epoch(NOW), auth_attempts=4)
    assert (failed.status, failed.ended_at) == ("expired", NOW)


def test_completed__without_a_period_is_over_at_once():
    bare = change(status="completed", ended_at=None, current_start=None, current_end=None)
    assert (bare.status, bare.ended_at) == ("expired", NOW)


@pytest.mark.parametrize("has_scheduled_changes", [True, False])
def test_cancellation_with_the_cycle__is_never_told(has_scheduled_changes):
    """The field is about updates, so neither answer says that it ends, or that it does not."""
    said = change(
        has_scheduled_changes=has_scheduled_changes, change_scheduled_at=epoch(NOW + 30 * DAY)
    )
    assert said.cancel_at_period_end is None


# Whose it is ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "notes",
    [
        [],
        {},
        None,
        "user_id",
        {"user_id": None},
        {"user_id": ""},
        {"user_id": "me"},
        {"user_id": 7},
        {"user_id": {"id": str(USER)}},
        {"User_Id": str(USER)},
    ],
)
def test_notes__that_name_no_user_of_ours_are_no_error(notes):
    assert change(notes=notes).user_id is None


@pytest.mark.parametrize("customer_id", [None, ""])
def test_customer__may_be_nobody(customer_id):
    assert change(customer_id=customer_id).customer_id is None


def test_unknown_fields__are_none_of_our_business():
    assert change(new_field={"a": 1}, remaining_count="many") == change()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", ""),
        ("id", "s" * 256),
        ("plan_id", None),
        ("status", None),
        ("created_at", None),
        ("current_end", "1772366400"),
        ("current_end", 1772366400.5),
        ("current_end", 1772366400000),
        ("current_end", 0),
        ("ended_at", True),
        ("auth_attempts", "4"),
        ("auth_attempts", -1),
    ],
)
def test_entity_that_is_not_as_documented__is_malformed(field, value):
    with pytest.raises(MalformedEvent, match=rf"Subscription\.{field}"):
        change(**{field: value})


def test_malformed__repeats_nothing_of_what_was_sent():
    with pytest.raises(MalformedEvent) as malformed:
        change(status="asha.menon@example.com", plan_id=5)
    assert "asha" not in str(malformed.value)


def test_missing_entity__is_malformed():
    with pytest.raises(MalformedEvent):
        razorpay.subscription_change({}, NOW)
