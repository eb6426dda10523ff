"""What a subscription of Razorpay's says, in our words."""

from datetime import datetime
from typing import Any, NamedTuple

from edge_workers.billing.changes import SubscriptionChange, SubscriptionStatus
from edge_workers.billing.razorpay_entities import Subscription

_STATUSES: dict[str, SubscriptionStatus] = {
    "created": "incomplete",
    "authenticated": "incomplete",
    "active": "active",
    "pending": "past_due",
    "halted": "unpaid",
    "paused": "paused",
    "cancelled": "canceled",
    "completed": "expired",
    "expired": "expired",
}


class _Period(NamedTuple):
    start: datetime | None
    end: datetime | None


def change_of(subscription: Subscription, occurred_at: datetime) -> SubscriptionChange:
    """The subscription as it was at `occurred_at`.

    Whether it will end with its period Razorpay tells nobody: after a cancellation at the end of
    the cycle the subscription looks as before, until it is cancelled (`has_scheduled_changes` is
    about updates). So that is left unsaid, and stays as we noted it when we asked for it.
    """
    return SubscriptionChange(
        provider="razorpay",
        occurred_at=occurred_at,
        user_id=subscription.user_id,
        customer_id=subscription.customer_id,
        subscription_id=subscription.id,
        price_id=subscription.plan_id,
        start_date=subscription.created_at,
        **_state(subscription, occurred_at),
    )


def _state(subscription: Subscription, occurred_at: datetime) -> dict[str, Any]:
    if _is_trial(subscription, occurred_at):
        return {
            "status": "trialing",
            "trial_end": subscription.start_at,
            "current_period_start": subscription.created_at,
            "current_period_end": subscription.start_at,
        }
    period = _period_of(subscription)
    state: dict[str, Any] = {
        "status": _STATUSES[subscription.status],
        "current_period_start": period.start,
        "current_period_end": period.end,
    }
    if _runs_out(subscription, period, occurred_at):
        return state | {"status": "active", "cancel_at_period_end": True}
    if subscription.status in ("cancelled", "completed", "expired"):
        state["ended_at"] = _end_of(subscription, period, occurred_at)
    if subscription.status == "cancelled":
        # When it was asked for is not told.
        state["canceled_at"] = state["ended_at"]
    return state


def _period_of(subscription: Subscription) -> _Period:
    start, end = subscription.current_start, subscription.current_end
    # Both are null before the first cycle. An empty period says nothing about access either.
    return _Period(start, end) if start and end and start < end else _Period(None, None)


def _is_trial(subscription: Subscription, occurred_at: datetime) -> bool:
    """Whether the customer gave a mandate, and billing begins later."""
    start_at = subscription.start_at
    return (
        subscription.status == "authenticated"
        and start_at is not None
        and start_at > max(occurred_at, subscription.created_at)
    )


def _paid_until(subscription: Subscription, period: _Period) -> datetime | None:
    """Until when a completed subscription is paid.

    Razorpay completes it, and says that it ended, with the last invoice: at the begin of the last
    cycle. That cycle is paid unless its charge is still failing.
    """
    if subscription.status != "completed" or subscription.auth_attempts:
        return None
    return period.end


def _runs_out(subscription: Subscription, period: _Period, occurred_at: datetime) -> bool:
    paid_until = _paid_until(subscription, period)
    return paid_until is not None and occurred_at < paid_until


def _end_of(subscription: Subscription, period: _Period, occurred_at: datetime) -> datetime:
    paid_until = _paid_until(subscription, period)
    if paid_until is not None:
        return paid_until
    return subscription.ended_at or occurred_at
