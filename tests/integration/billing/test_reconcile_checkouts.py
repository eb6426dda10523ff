"""Checkouts that were paid while no webhook came, found by a real worker."""

import secrets
import time

import pytest

from .provider_rows import DAY

PLAN = {"kind": "plan", "code": "pro", "interval": "month"}
TOKENS = {"kind": "tokens", "code": "small"}


def begin(post, ask, user, provider, body):
    """Begin a checkout, and have everything of its user looked up by the next worker."""
    answer = post("/checkout", {"provider": provider, **body}, user=user, key=secrets.token_hex(8))
    assert answer.status_code == 201, answer.text
    ask("select private.enqueue_reconcile(%s)", user.user_id)
    return answer.json()


def plan_of(ask, user):
    (row,) = ask("select subscription_tier from profiles where id = %s", user.user_id)
    return row["subscription_tier"]


def tokens_of(ask, user):
    rows = ask("select current_balance from token_balances where user_id = %s", user.user_id)
    return rows[0]["current_balance"] if rows else 0


@pytest.mark.parametrize("provider", ["razorpay", "stripe"])
@pytest.mark.parametrize("body", [PLAN, TOKENS])
def test_checkout_nobody_paid__changes_nothing(work, ask, post, user, provider, body):
    begin(post, ask, user, provider, body)
    assert work() == {"done": 1}
    assert (plan_of(ask, user), tokens_of(ask, user)) == ("free", 0)
    (row,) = ask("select status from private.checkouts where user_id = %s", user.user_id)
    assert row["status"] == "open"


def test_paid_plan_at_razorpay__is_found(work, ask, post, razorpay, user):
    answer = begin(post, ask, user, "razorpay", PLAN)
    now = int(time.time())
    razorpay.activate(answer["subscription_id"], start=now - DAY, end=now + DAY)
    assert work() == {"done": 1}
    assert plan_of(ask, user) == "pro"


def test_paid_plan_at_stripe__is_found(work, ask, post, stripe, user, tag):
    answer = begin(post, ask, user, "stripe", PLAN)
    stripe.subscribe(f"sub_{tag}")
    stripe.complete(answer["session_id"], subscription=f"sub_{tag}")
    assert work() == {"done": 1}
    assert plan_of(ask, user) == "pro"


def test_paid_tokens__are_found_once(work, ask, post, razorpay, stripe, user, tag):
    order = begin(post, ask, user, "razorpay", TOKENS)
    razorpay.pay(order["order_id"], f"pay_{tag}")
    assert work() == {"done": 1}
    assert tokens_of(ask, user) == 100
    session = begin(post, ask, user, "stripe", TOKENS)
    stripe.complete(session["session_id"], payment_intent=f"pi_{tag}")
    assert work() == {"done": 1}
    assert tokens_of(ask, user) == 200
    ask("select private.enqueue_reconcile(%s)", user.user_id)
    assert work() == {}
    assert tokens_of(ask, user) == 200


def test_expired_session__is_over(work, ask, post, stripe, user):
    session = begin(post, ask, user, "stripe", TOKENS)
    stripe.sessions[session["session_id"]]["status"] = "expired"
    assert work() == {"done": 1}
    (row,) = ask("select status from private.checkouts where user_id = %s", user.user_id)
    assert row["status"] == "expired"
