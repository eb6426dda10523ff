"""Reconciling: real worker, real SDKs, real database, fakes of both providers."""

import pytest

from edge_workers.settings import BillingSettings

from . import fake_razorpay, fake_stripe
from .conftest import add_subscription
from .provider_rows import last_event, made, status


def test_reconcile__brings_both_providers_up_to_date(
    work, ask, razorpay, stripe, visitor, stranger, tag
):
    at_razorpay = add_subscription(
        ask, visitor, "razorpay", made(razorpay, f"sub_{tag}", status="pending")
    )
    # No webhook tells this one.
    expired = add_subscription(
        ask,
        visitor,
        "razorpay",
        made(
            razorpay,
            f"sub_x{tag}",
            status="expired",
            current_start=None,
            current_end=None,
        ),
        status="incomplete",
    )
    name = f"sub_{stranger.user_id[-12:]}"
    stripe.subscribe(name, status="unpaid")
    at_stripe = add_subscription(ask, stranger, "stripe", name)
    assert ask("select private.maintain_reconcile() as r")[0]["r"] == {
        "subscriptions": 3,
        "checkouts": 0,
        "tasks": 2,
    }
    assert work() == {"done": 2}
    assert [status(ask, row) for row in (at_razorpay, expired, at_stripe)] == [
        "past_due",
        "expired",
        "unpaid",
    ]


def test_reconcile__goes_on_without_those_that_fail(work, ask, stripe, visitor, tag):
    names = [f"sub_{letter}{tag}" for letter in "abcde"]
    rows = [add_subscription(ask, visitor, "stripe", name, superseded_at="now") for name in names]
    stripe.subscribe(names[0], status="past_due")
    stripe.subscribe(names[1], status="nonsense")
    stripe.subscribe(names[2], status="past_due")["id"] = names[0]
    stripe.subscribe(names[3], status="past_due", price="price_unknown")
    ask("select private.enqueue_reconcile(%s)", visitor.user_id)
    assert work() == {"done": 1}
    assert [status(ask, row) for row in rows] == ["past_due"] + ["active"] * 4
    found = last_event(ask, "reconcile.incomplete")["problems"]
    assert {each["id"]: each["code"] for each in found} == {
        names[1]: "malformed",
        names[2]: "another",
        names[3]: "not_applied",
        names[4]: "missing",
    }


def test_reconcile__asks_a_few_at_a_time(work, ask, stripe, visitor, tag):
    for number in range(12):
        name = f"sub_{number}_{tag}"
        stripe.subscribe(name)
        add_subscription(ask, visitor, "stripe", name, superseded_at="now")
    ask("select private.enqueue_reconcile(%s)", visitor.user_id)
    assert work() == {"done": 1}
    assert stripe.most_at_once <= 4
    assert len(stripe.asked) == 12


@pytest.mark.parametrize("mood", [429, 500, "hang_up", "malformed"])
@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
def test_reconcile__comes_back_when_nobody_answers(
    work, ask, razorpay, stripe, visitor, provider, mood, tag
):
    fake = {"razorpay": razorpay, "stripe": stripe}[provider]
    add_subscription(ask, visitor, provider, f"sub_{tag}")
    fake.moods.append(mood)
    ask("select private.enqueue_reconcile(%s)", visitor.user_id)
    assert work() == {"retry": 1}
    (task,) = ask("select last_error from queue.tasks where kind = 'reconcile'")
    assert "did not answer" in task["last_error"]


@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
def test_reconcile__ends_clearly_without_good_keys(
    work, ask, razorpay, stripe, visitor, provider, capfd, tag
):
    add_subscription(ask, visitor, provider, f"sub_{tag}")
    ask("select private.enqueue_reconcile(%s)", visitor.user_id)
    assert work(BillingSettings()) == {"dead": 1}
    assert "not set up here" in last_event(ask, "reconcile.failed")["error"]
    {"razorpay": razorpay, "stripe": stripe}[provider].moods.append(401)
    ask("select private.enqueue_reconcile(%s)", visitor.user_id)
    assert work() == {"dead": 1}
    assert "refused" in last_event(ask, "reconcile.failed")["error"]
    said = "".join(capfd.readouterr())
    assert fake_razorpay.KEY_SECRET not in said
    assert fake_stripe.SECRET_KEY not in said
