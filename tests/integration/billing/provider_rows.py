"""What the tests of tasks at providers have in common: what there is here, and there."""

import time

KINDS = ("reconcile", "cancel_subscription")
DAY = 86400


def end_all(ask):
    """Other tests leave subscriptions and tasks behind; here they are over."""
    ask("delete from queue.tasks where kind = any(%s)", list(KINDS))
    ask(
        "update subscriptions set status = 'canceled', ended_at = now(), past_due_at = null "
        "where status not in ('canceled', 'expired')"
    )
    ask("update private.checkouts set status = 'expired' where status = 'open'")


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
