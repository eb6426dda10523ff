"""Reconciling and cancelling: real worker, real SDKs, real database, fakes of both providers."""

import secrets
import time

import pytest

from edge_workers.settings import BillingSettings

from . import fake_razorpay, fake_stripe
from .conftest import add_subscription
from .working import work as work_queue

KINDS = ("reconcile", "cancel_subscription")
DAY = 86400


@pytest.fixture
def tag():
    """Part of the ids of a test: those of a provider are never given twice."""
    return secrets.token_hex(6)


def end_all(ask):
    """Other tests leave subscriptions and tasks behind; here they are over."""
    ask("delete from queue.tasks where kind = any(%s)", list(KINDS))
    ask(
        "update subscriptions set status = 'canceled', ended_at = now(), past_due_at = null "
        "where status not in ('canceled', 'expired')"
    )
    ask("update private.checkouts set status = 'expired' where status = 'open'")


@pytest.fixture
def work(stack, billing, ask):
    """A function that runs a worker until the queue is empty; gives how attempts ended."""
    end_all(ask)

    def run(settings=billing):
        return work_queue(stack, settings, KINDS)

    return run


def status(ask, row):
    (found,) = ask("select * from subscriptions where id = %s", row["id"])
    return found["status"]


def last_event(ask, event_type):
    (event, *_) = ask(
        "select event_data from system_events where event_type = %s order by created_at desc",
        event_type,
    )
    return event["event_data"]


def made(razorpay, name, **more):
    """Put a subscription into the fake of Razorpay."""
    now = int(time.time())
    razorpay.subscriptions[name] = {
        "id": name,
        "entity": "subscription",
        "plan_id": "plan_local_pro_month",
        "customer_id": None,
        "status": "active",
        "current_start": now - DAY,
        "current_end": now + 29 * DAY,
        "ended_at": None,
        "quantity": 1,
        "notes": [],
        "charge_at": now + 29 * DAY,
        "start_at": now - DAY,
        "end_at": now + 400 * DAY,
        "auth_attempts": 0,
        "total_count": 120,
        "paid_count": 1,
        "created_at": now - 2 * DAY,
        "expire_by": None,
        "short_url": "https://rzp.example/i/x",
        "has_scheduled_changes": False,
        "change_scheduled_at": None,
        "source": "api",
        "remaining_count": 119,
        **more,
    }
    return name


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


# What no webhook told of a checkout --------------------------------------------------------------


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


# Cancelling --------------------------------------------------------------------------------------


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
