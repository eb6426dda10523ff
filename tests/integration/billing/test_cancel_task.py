"""Cancelling: real worker, real SDKs, real database, fakes of both providers."""

import time

import pytest

from .conftest import add_subscription
from .provider_rows import last_event, made, status


def cancel(ask, row, *, at_period_end):
    ask("select private.request_provider_cancel(%s, %s)", row["id"], at_period_end)


@pytest.mark.parametrize("at_period_end", [True, False])
def test_cancel_at_stripe__is_applied(work, ask, stripe, visitor, at_period_end, tag):
    name = f"sub_{tag}"
    stripe.subscribe(name)
    row = add_subscription(ask, visitor, "stripe", name)
    cancel(ask, row, at_period_end=at_period_end)
    assert work() == {"done": 1}
    (found,) = ask("select * from subscriptions where id = %s", row["id"])
    expected = ("active", True) if at_period_end else ("canceled", False)
    assert (found["status"], found["cancel_at_period_end"]) == expected
    assert stripe.subscriptions[name]["status"] == expected[0]


@pytest.mark.parametrize("at_period_end", [True, False])
def test_cancel_at_razorpay__is_applied(work, ask, razorpay, visitor, at_period_end, tag):
    name = made(razorpay, f"sub_{tag}")
    row = add_subscription(ask, visitor, "razorpay", name)
    cancel(ask, row, at_period_end=at_period_end)
    assert work() == {"done": 1}
    (asked,) = razorpay.calls("POST", f"/v1/subscriptions/{name}/cancel")
    assert asked.json() == {"cancel_at_cycle_end": int(at_period_end)}
    (found,) = ask("select * from subscriptions where id = %s", row["id"])
    assert found["status"] == ("active" if at_period_end else "canceled")
    # Razorpay does not say so; we asked for it.
    assert found["cancel_at_period_end"] is at_period_end


def test_cancel_later_of_what_is_not_paid__is_now(work, ask, razorpay, visitor, tag):
    name = made(razorpay, f"sub_{tag}", status="halted")
    row = add_subscription(ask, visitor, "razorpay", name, status="unpaid")
    cancel(ask, row, at_period_end=True)
    assert work() == {"done": 1}
    assert status(ask, row) == "canceled"
    assert razorpay.subscriptions[name]["status"] == "cancelled"


@pytest.mark.parametrize("at_period_end", [True, False])
def test_cancel_of_what_is_over_there__is_success(
    work, ask, razorpay, stripe, visitor, stranger, at_period_end, tag
):
    now = int(time.time())
    over = {"status": "canceled", "ended_at": now, "canceled_at": now}
    stripe.subscribe(f"sub_{stranger.user_id[-12:]}", **over)
    made(razorpay, f"sub_{tag}", status="cancelled", ended_at=now)
    rows = [
        add_subscription(ask, visitor, "razorpay", f"sub_{tag}"),
        add_subscription(ask, stranger, "stripe", f"sub_{stranger.user_id[-12:]}"),
    ]
    for row in rows:
        cancel(ask, row, at_period_end=at_period_end)
    assert work() == {"done": 2}
    assert [status(ask, row) for row in rows] == ["canceled", "canceled"]


@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
def test_cancel_of_what_nobody_knows__is_success(work, ask, visitor, provider, tag):
    row = add_subscription(ask, visitor, provider, f"sub_{tag}")
    cancel(ask, row, at_period_end=False)
    assert work() == {"done": 1}
    assert "knows no" in last_event(ask, "subscription.cancel_done")["note"]
    assert status(ask, row) == "active"


def test_cancel_whose_answer_was_lost__is_done_the_second_time(work, ask, razorpay, visitor, tag):
    name = made(razorpay, f"sub_{tag}")
    row = add_subscription(ask, visitor, "razorpay", name)
    cancel(ask, row, at_period_end=False)
    razorpay.moods.append("late")
    assert work() == {"retry": 1}
    ask("update queue.tasks set run_at = now() where kind = 'cancel_subscription'")
    assert work() == {"done": 1}
    assert status(ask, row) == "canceled"


def test_refused_cancel_of_a_paid_one__is_told_to_operators(work, ask, razorpay, visitor, tag):
    name = made(razorpay, f"sub_{tag}")
    row = add_subscription(ask, visitor, "razorpay", name)
    cancel(ask, row, at_period_end=True)
    razorpay.moods.append(400)
    assert work() == {"dead": 1}
    assert status(ask, row) == "active"
    assert razorpay.subscriptions[name]["status"] == "active"
    event = last_event(ask, "subscription.cancel_failed")
    assert event["provider_subscription_id"] == name


def test_account_that_goes__is_not_charged_any_more(work, ask, razorpay, stripe, user, tag):
    made(razorpay, f"sub_{tag}")
    stripe.subscribe(f"sub_s{tag}")
    add_subscription(ask, user, "razorpay", f"sub_{tag}")
    add_subscription(ask, user, "stripe", f"sub_s{tag}", superseded_at="now")
    ask("delete from auth.users where id = %s", user.user_id)
    assert work() == {"done": 2}
    assert razorpay.subscriptions[f"sub_{tag}"]["status"] == "cancelled"
    assert stripe.subscriptions[f"sub_s{tag}"]["status"] == "canceled"
    assert ask("select 1 from subscriptions where user_id = %s", user.user_id) == []
