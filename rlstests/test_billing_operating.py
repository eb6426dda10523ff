"""Room billing, operating: the inbox as admins see it, and events that are tried again."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused

CLOSED = ("processed", "ignored", "failed")


def receive(db: Database, name: str = "evt_1", **columns: Any) -> UUID:
    """Store an event of Stripe's that just came in, unless columns say otherwise."""
    status = columns.get("status", "received")
    values: dict[str, Any] = {
        "provider": "stripe",
        "event_id": name,
        "body_sha256": name.encode().ljust(32, b"\0"),
        "type": "invoice.paid",
        "payload": '{"id": "in_1"}',
        "occurred_at": "now",
        "closed_at": "now" if status in CLOSED else None,
        "error": "No such customer." if status == "failed" else None,
        **columns,
    }
    sql = (
        f"insert into private.webhook_events ({', '.join(values)}) "
        f"values ({', '.join(['%s'] * len(values))}) returning id"
    )
    found: UUID = db.value(SYSTEM, sql, *values.values())
    return found


def park(db: Database, name: str = "evt_parked", **columns: Any) -> UUID:
    waits = {"parked_at": "now", "waits_for": ["customer:stripe:cus_1"], "error": "Nobody knows."}
    return receive(db, name, **waits, **columns)


def listed(db: Database, actor: Actor, **filters: object) -> list[Row]:
    given = ", ".join(f"p_{name} => %s" for name in filters)
    return db.query(
        actor, f"select * from public.report_webhook_events({given})", *filters.values()
    )


def event(db: Database, event_id: UUID) -> Row:
    return db.one(SYSTEM, "select * from private.webhook_events where id = %s", event_id)


def queued(db: Database) -> list[str]:
    rows = db.query(SYSTEM, "select payload from queue.tasks where kind = 'webhook'")
    return [row["payload"]["webhook_event_id"] for row in rows]


def replay(db: Database, actor: Actor, event_id: object) -> Any:
    return db.value(actor, "select public.admin_replay_webhook_event(%s)", event_id)


def replay_failed(db: Database, actor: Actor, *values: object) -> int:
    places = ", ".join(["%s"] * len(values))
    sql = f"select public.admin_replay_failed_webhook_events({places})"
    return int(db.value(actor, sql, *values))


def stats(db: Database, actor: Actor, provider: str = "stripe", days: int | None = 7) -> Row:
    rows = db.query(actor, "select * from public.report_webhook_stats(%s)", days)
    assert [row["provider"] for row in rows] == ["razorpay", "stripe"]
    return next(row for row in rows if row["provider"] == provider)


@pytest.fixture(autouse=True)
def empty_inbox(db: Database) -> None:
    db.query(SYSTEM, "delete from private.webhook_events")


@pytest.mark.parametrize(
    "call",
    [
        "report_webhook_events(null, null, null, null, 50)",
        "report_webhook_event(gen_random_uuid())",
        "report_webhook_stats(7)",
        "admin_replay_webhook_event(gen_random_uuid())",
        "admin_replay_failed_webhook_events(null, null)",
    ],
)
def test_inbox__is_for_admins_only(db: Database, owner: Actor, admin: Actor, call: str) -> None:
    for schema in ("public", "private"):
        with refused("PT403", match="for admins"):
            db.query(owner, f"select * from {schema}.{call}")
        for actor in (ANON, SERVICE):
            with refused("42501", match=NO_GRANT):
                db.query(actor, f"select * from {schema}.{call}")
    db.make_inactive("blocked", admin)
    with refused("PT403"):
        db.query(admin, f"select * from public.{call}")


# Looking -----------------------------------------------------------------------------------------


def test_list__has_the_latest_first_and_no_payload(db: Database, admin: Actor) -> None:
    old = receive(db, "evt_old", received_at="yesterday")
    new = receive(db, "evt_new")
    rows = listed(db, admin)
    assert [row["id"] for row in rows] == [new, old]
    assert "payload" not in rows[0]
    assert [row["id"] for row in listed(db, admin, limit=1)] == [new]
    assert len(listed(db, admin, limit=0)) == 1
    assert len(listed(db, admin, limit=None)) == 1


def test_list__is_never_longer_than_five_hundred(db: Database, admin: Actor) -> None:
    db.query(
        SYSTEM,
        "insert into private.webhook_events (provider, body_sha256, type, payload, occurred_at) "
        "select 'stripe', sha256(n::text::bytea), 'x', '{}', now() from generate_series(1, 501) n",
    )
    assert len(listed(db, admin, limit=1000)) == 500
    assert len(listed(db, admin)) == 50


def test_list__takes_filters(db: Database, owner: Actor, admin: Actor) -> None:
    mine = receive(db, "evt_1", user_id=owner.user_id)
    failed = receive(db, "evt_2", status="failed", provider="razorpay", type="order.paid")
    parked = park(db)
    done = receive(db, "evt_3", status="processed")
    ignored = receive(db, "evt_4", status="ignored")
    for filters, expected in (
        ({"provider": "razorpay"}, {failed}),
        ({"provider": "stripe"}, {mine, parked, done, ignored}),
        ({"type": "order.paid"}, {failed}),
        ({"account_id": owner.user_id}, {mine}),
        ({"status": "received"}, {mine, parked}),
        ({"status": "parked"}, {parked}),
        ({"status": "processed"}, {done}),
        ({"status": "ignored"}, {ignored}),
        ({"status": "failed", "provider": "razorpay"}, {failed}),
        ({"status": "failed", "provider": "stripe"}, set()),
    ):
        assert {row["id"] for row in listed(db, admin, **filters)} == expected, filters
    by_id = {row["id"]: row for row in listed(db, admin)}
    assert by_id[parked]["is_parked"] and not by_id[mine]["is_parked"]
    assert by_id[parked]["error"] == "Nobody knows."
    assert by_id[mine]["next_attempt_at"] is None


@pytest.mark.parametrize("filters", [{"provider": "paypal"}, {"status": "lost"}], ids=str)
def test_filter_that_means_nothing__is_refused(
    db: Database, admin: Actor, filters: dict[str, object]
) -> None:
    with refused("PT400", match="There is no"):
        listed(db, admin, **filters)


def test_event__is_shown_whole_and_leaves_a_trace(db: Database, admin: Actor) -> None:
    found = park(db)
    task = db.value(
        SYSTEM,
        "select private.enqueue_task('webhook', %s, null, null)",
        json.dumps({"webhook_event_id": str(found)}),
    )
    seen = db.value(admin, "select public.report_webhook_event(%s)", found)
    assert seen["payload"] == {"id": "in_1"}
    assert seen["body_sha256"] == b"evt_parked".ljust(32, b"\0").hex()
    assert seen["is_parked"]
    assert (seen["live_task"]["id"], seen["live_task"]["is_running"]) == (str(task), False)
    assert db.query(
        SYSTEM,
        "select user_id, event_data from public.system_events where event_type = 'webhook.opened'",
    ) == [{"user_id": admin.user_id, "event_data": {"webhook_event_id": str(found)}}]


def test_event_that_is_none__is_not_found(db: Database, admin: Actor) -> None:
    for event_id in (uuid4(), None):
        with refused("PT404", match="no webhook event"):
            db.value(admin, "select public.report_webhook_event(%s)", event_id)
        with refused("PT404", match="no webhook event"):
            replay(db, admin, event_id)


def test_stats__count_by_provider_and_status(db: Database, admin: Actor) -> None:
    now = db.value(SYSTEM, "select now()")
    receive(db, "evt_1", received_at=now - timedelta(days=20))
    park(db, received_at=now - timedelta(days=30))
    for number, seconds in enumerate((1, 3, 8)):
        receive(
            db,
            f"evt_done_{number}",
            status="processed",
            received_at=now - timedelta(seconds=seconds),
        )
    receive(db, "evt_2", status="ignored", received_at=now - timedelta(seconds=3))
    receive(db, "evt_3", status="failed", type="charge.refunded", received_at="yesterday")
    receive(db, "evt_4", status="failed", type="charge.refunded")
    receive(db, "evt_5", status="failed")
    receive(db, "evt_6", status="failed", received_at=now - timedelta(days=9))
    row = stats(db, admin)
    counts = [row[name] for name in ("waiting", "parked", "processed", "ignored", "failed")]
    assert counts == [1, 1, 3, 1, 3]
    assert row["oldest_waiting_at"] == now - timedelta(days=30)
    assert row["last_received_at"] == now
    assert (row["lag_median"], row["lag_max"]) == (timedelta(seconds=3), timedelta(seconds=8))
    assert row["failures"] == {"charge.refunded": 2, "invoice.paid": 1}
    assert stats(db, admin, days=10)["failed"] == 4


def test_stats__of_an_empty_inbox_are_zero(db: Database, admin: Actor) -> None:
    row = stats(db, admin, "razorpay")
    assert [row[name] for name in ("waiting", "parked", "processed", "ignored", "failed")] == [
        0
    ] * 5
    assert (row["oldest_waiting_at"], row["lag_max"], row["failures"]) == (None, None, {})
    for days in (0, 367, None):
        with refused("PT400"):
            stats(db, admin, days=days)


# Trying again ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["failed", "ignored", "processed"])
def test_replayed_event__is_in_the_queue_as_if_it_had_just_come(
    db: Database, admin: Actor, status: str
) -> None:
    found = receive(db, status=status)
    assert replay(db, admin, found) == status
    row = event(db, found)
    assert (row["status"], row["error"], row["closed_at"]) == ("received", None, None)
    assert queued(db) == [str(found)]
    told = db.one(
        SYSTEM, "select * from public.system_events where event_type = 'webhook.replayed'"
    )
    assert told["user_id"] == admin.user_id
    assert told["event_data"] == {"webhook_event_id": str(found), "status": status}


def test_parked_event__is_tried_at_once_when_replayed(db: Database, admin: Actor) -> None:
    found = park(db)
    assert replay(db, admin, found) == "received"
    row = event(db, found)
    assert (row["parked_at"], row["waits_for"], row["error"]) == (None, None, None)
    assert queued(db) == [str(found)]


def test_replay__of_what_is_in_the_queue_does_not_double_it(db: Database, admin: Actor) -> None:
    found = receive(db)
    for _ in range(2):
        replay(db, admin, found)
    assert queued(db) == [str(found)]


def test_forgotten_event__cannot_be_replayed(db: Database, admin: Actor) -> None:
    found = receive(db, status="failed", payload="{}")
    with refused("PT409", match="forgotten"):
        replay(db, admin, found)
    assert replay_failed(db, admin) == 0
    assert event(db, found)["status"] == "failed"


def test_all_failed_events__are_replayed_and_no_others(
    db: Database, owner: Actor, admin: Actor
) -> None:
    failed = {
        receive(db, "evt_1", status="failed", user_id=owner.user_id),
        receive(db, "evt_2", status="failed", provider="razorpay"),
    }
    for status in ("processed", "ignored"):
        receive(db, f"evt_{status}", status=status)
    park(db)
    assert replay_failed(db, admin) == 2
    assert set(queued(db)) == {str(one) for one in failed}
    assert {event(db, one)["status"] for one in failed} == {"received"}
    assert replay_failed(db, admin) == 0


def test_failed_events__are_replayed_of_one_provider_or_of_before_a_time(
    db: Database, admin: Actor
) -> None:
    razorpay = receive(db, "evt_1", status="failed", provider="razorpay")
    old = receive(db, "evt_2", status="failed", closed_at="yesterday")
    receive(db, "evt_3", status="failed")
    now = db.value(SYSTEM, "select now()")
    assert replay_failed(db, admin, None, now) == 1
    assert queued(db) == [str(old)]
    assert replay_failed(db, admin, "razorpay") == 1
    assert set(queued(db)) == {str(old), str(razorpay)}


def test_failed_events__are_replayed_five_hundred_at_a_time_the_oldest_first(
    db: Database, admin: Actor
) -> None:
    db.query(
        SYSTEM,
        "insert into private.webhook_events "
        "(provider, body_sha256, type, payload, occurred_at, status, closed_at) "
        "select 'stripe', sha256(n::text::bytea), 'x', '{\"a\": 1}', "
        "now() - make_interval(mins => n), 'failed', now() from generate_series(1, 501) n",
    )
    assert replay_failed(db, admin) == 500
    left = db.one(SYSTEM, "select occurred_at from private.webhook_events where status = 'failed'")
    assert left["occurred_at"] == db.value(SYSTEM, "select now() - interval '1 minute'")
