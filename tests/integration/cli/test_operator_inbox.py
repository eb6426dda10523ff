"""`webhook list | show | replay | stats` against a real database."""

from __future__ import annotations

import json

from .checkout import Checkout
from .operating import Run, User, well


def test_inbox__is_listed_and_filtered(run: Run, user: User, events: dict[str, str]) -> None:
    rows = well(run("webhook", "list", "--user", user.email, "--json")).data
    assert {row["event_id"] for row in rows} == set(events)
    for status in ("parked", "processed", "failed"):
        words = ("webhook", "list", "--status", status, "--type", "invoice.paid")
        rows = well(run(*words, "--json")).data
        assert [row["event_id"] for row in rows] == [f"evt_{status}"]
        listed = well(run(*words)).stdout
        assert status in listed
        # What the list shows of an id is enough to name the event.
        assert (short := rows[0]["id"][:8]) in listed
        assert ("No such customer." in listed) is (status != "processed")
        assert well(run("webhook", "show", short, "--json")).data["id"] == rows[0]["id"]
    assert well(run("webhook", "list", "--provider", "razorpay", "--json")).data == []


def test_event__is_shown_by_either_id(run: Run, events: dict[str, str]) -> None:
    for name in ("evt_failed", events["evt_failed"]):
        data = well(run("webhook", "show", name, "--json")).data
        assert data["payload"] == {"id": "in_1"}
    shown = well(run("webhook", "show", "evt_parked")).stdout
    assert "No such customer." in shown
    assert json.loads(shown[shown.index("{") :]) == {"id": "in_1"}
    answer = run("webhook", "show", "evt_none", "--json")
    assert (answer.code, answer.error["code"]) == (1, "unknown-event")


def test_events__are_replayed_one_or_all_that_failed(
    checkout: Checkout, run: Run, events: dict[str, str]
) -> None:
    assert "is in the queue" in well(run("webhook", "replay", "evt_parked")).stdout
    done = well(run("webhook", "replay", "--all-failed", "--json")).data
    assert done["replayed"] == 1
    said = well(run("webhook", "replay", "--all-failed")).stdout
    assert said == "no event has failed\n"
    queued = checkout.query("select payload ->> 'webhook_event_id' from queue.tasks")
    assert {row[0] for row in queued} == {events["evt_parked"], events["evt_failed"]}


def test_stats__count_what_is_in_the_inbox(run: Run, events: dict[str, str]) -> None:
    assert events
    answer = well(run("webhook", "stats", "--json"))
    row = next(row for row in answer.data if row["provider"] == "stripe")
    assert (row["parked"], row["processed"], row["failed"]) == (1, 1, 1)
    assert row["failures"] == {"invoice.paid": 1}
    assert row["lag_max_seconds"] == 0
    answer = well(run("webhook", "stats"))
    assert "failed stripe invoice.paid: 1" in answer.stdout
    assert "webhook list --status failed" in answer.stderr
