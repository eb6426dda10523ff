"""Room billing, inbox: what is answered with 200 is stored and queued, once."""

import json
from hashlib import sha256
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from cli.stack.status import StackStatus
from rlstests.actors import SERVICE, SYSTEM, Database, Row, refused
from rlstests.inbox_helpers import EVENT, event, record, stored, tasks
from rlstests.sessions import session
from rlstests.test_races import at_once


def forget(stack: StackStatus, mark: str) -> None:
    """Delete what a test has committed."""
    with session(stack.db_url) as connection:
        connection.execute(
            "with gone as (delete from private.webhook_events w where w.event_id like %s or exists "
            "(select 1 from public.system_events e where e.event_type = 'webhook.id_reused' "
            "and e.event_data ->> 'event_id' like %s and w.event_id is null "
            "and w.received_at = e.created_at) returning id) "
            "delete from queue.tasks t using gone g where t.dedupe_key = 'webhook:' || g.id",
            (f"evt_{mark}%", f"evt_{mark}%"),
        )


def news(rows: list[Row]) -> list[bool]:
    assert [row["event_index"] for row in rows] == list(range(len(rows)))
    return [row["is_new"] for row in rows]


def test_event__is_stored_as_it_came_and_queued(db: Database) -> None:
    (row,) = record(db, EVENT)
    kept = stored(db, row["webhook_event_id"])
    assert row["is_new"] is True
    assert (kept["provider"], kept["event_id"], kept["type"]) == (
        "stripe",
        "evt_1",
        "invoice.paid",
    )
    assert kept["body_sha256"].hex() == EVENT["body_sha256"]
    assert (kept["payload"], kept["status"]) == ({"name": "Ada"}, "received")
    assert kept["occurred_at"].hour == 8
    (task,) = tasks(db, kept["id"])
    assert task["kind"] == "webhook"
    assert task["payload"] == {"webhook_event_id": str(kept["id"])}
    # The account may go; the task of its event must not go with it.
    assert task["user_id"] is None


def test_event_that_comes_again__is_known_by_its_id_or_its_body(db: Database) -> None:
    first, other = record(db, event("a", "evt_1"), event("b", "evt_2"))
    again = record(
        db,
        event("a", "evt_1"),
        event("a, delivered later", "evt_1"),
        event("b", "evt_3"),
        event("b", None),
        event("a", "evt_1", provider="razorpay"),
    )
    assert news(again) == [False, False, False, False, True]
    assert [row["webhook_event_id"] for row in again[:4]] == [
        first["webhook_event_id"],
        first["webhook_event_id"],
        other["webhook_event_id"],
        other["webhook_event_id"],
    ]
    assert len(tasks(db, first["webhook_event_id"])) == 1


def test_batch__may_have_the_same_event_twice_and_none_at_all(db: Database) -> None:
    rows = record(db, event("a", "evt_1"), event("b", "evt_2"), event("a", "evt_1"))
    assert news(rows) == [True, True, False]
    assert rows[0]["webhook_event_id"] == rows[2]["webhook_event_id"]
    assert record(db) == []


def test_used_id__keeps_no_other_body_of_razorpay_out(db: Database) -> None:
    # The id is in a header that is not signed: whoever saw it may send it with an old body.
    record(db, event("captured", "evt_1", provider="razorpay"))
    true, again = (record(db, event("true", "evt_1", provider="razorpay"))[0] for _ in range(2))
    assert (true["is_new"], again["is_new"]) == (True, False)
    assert again["webhook_event_id"] == true["webhook_event_id"]
    assert stored(db, true["webhook_event_id"])["event_id"] is None
    assert len(tasks(db, true["webhook_event_id"])) == 1
    found = db.query(
        SYSTEM, "select * from public.system_events where event_type = 'webhook.id_reused'"
    )
    assert [e["event_data"]["event_id"] for e in found if e["created_at"]] == ["evt_1"]


@pytest.mark.parametrize(
    "odd",
    [
        {"provider": "paypal"},
        {"provider": None},
        {"event_id": ""},
        {"event_id": "x" * 256},
        {"body_sha256": "ab"},
        {"body_sha256": None},
        {"body_sha256": "AB" * 32},
        {"type": ""},
        {"type": "x" * 101},
        {"type": None},
        {"payload": []},
        {"payload": None},
        {"payload": {"text": "x" * 1_048_576}},
        {"occurred_at": "yesterday-ish"},
        {"occurred_at": None},
        {"occurred_at": "infinity"},
    ],
)
def test_odd_event__is_named_and_nothing_is_stored(db: Database, odd: Row) -> None:
    with refused("PT422", match="Event 1 cannot be stored") as caught:
        record(db, event("a", "evt_a"), {**EVENT, **odd}, event("b", "evt_b"))
    assert json.loads(str(caught.value.diag.message_detail)) == {"index": 1}
    assert news(record(db, event("a", "evt_a"), event("b", "evt_b"))) == [True, True]


def test_numbers_that_are_long_when_written_out__are_named_too(db: Database) -> None:
    long = json.dumps([EVENT]).replace('"Ada"', "[" + ",".join(["1e131071"] * 2000) + "]")
    with refused("PT422", match="Event 0 cannot be stored"):
        db.query(SERVICE, "select * from worker.record_webhook_events(%s)", long)


@pytest.mark.parametrize("batch", [None, "{}", "3", json.dumps([EVENT] * 501), "[3]", "[null]"])
def test_batch__is_an_array_of_few_events(db: Database, batch: str | None) -> None:
    with refused("PT422"):
        db.query(SERVICE, "select * from worker.record_webhook_events(%s)", batch)
    assert len(record(db, *[event(str(n), f"evt_{n}") for n in range(500)])) == 500


def test_ids_swapped_between_batches__keep_nobody_waiting_for_ever(stack: StackStatus) -> None:
    mark = uuid4().hex

    def send(turn: int) -> Any:
        bodies = sorted(
            (event(f"{mark} {turn} {n}", None, provider="razorpay") for n in range(60)),
            key=lambda one: str(one["body_sha256"]),
        )
        # They are stored in the order of their bodies: one batch takes the ids in the other's.
        for n, body in enumerate(bodies):
            body["event_id"] = f"evt_{mark}_{n if turn else 59 - n}"

        def run(connection: psycopg.Connection) -> None:
            sql = "select count(*) from worker.record_webhook_events(%s)"
            connection.execute(sql, (json.dumps(bodies),))

        return run

    try:
        assert at_once(stack.db_url, send(0), send(1)) == ["ok", "ok"]
        with session(stack.db_url) as connection:
            counted = connection.execute(
                "select count(*) filter (where event_id is not null), count(*) "
                "from private.webhook_events where body_sha256 = any(%s)",
                (
                    [
                        sha256(f"{mark} {turn} {n}".encode()).digest()
                        for turn in range(2)
                        for n in range(60)
                    ],
                ),
            ).fetchone()
        assert counted == (60, 120)
    finally:
        forget(stack, mark)


def test_batches_that_meet__all_get_through(stack: StackStatus) -> None:
    mark = uuid4().hex
    ids = [f"evt_{mark}_{n}" for n in range(40)]

    def send(provider: str, turn: int) -> Any:
        order = ids if turn % 2 else ids[::-1]
        # Stripe's body changes with each delivery, Razorpay's does not.
        batch = [
            event(f"{id_} {turn if provider == 'stripe' else ''}", id_, provider=provider)
            for id_ in order
        ]

        def run(connection: psycopg.Connection) -> None:
            sql = "select count(*) from worker.record_webhook_events(%s)"
            connection.execute(sql, (json.dumps(batch),))

        return run

    actions = [send(provider, turn) for provider in ("stripe", "razorpay") for turn in range(4)]
    try:
        assert at_once(stack.db_url, *actions) == ["ok"] * 8
        with session(stack.db_url) as connection:
            counted = connection.execute(
                "select count(*), count(distinct t.id) from private.webhook_events w "
                "join queue.tasks t on t.dedupe_key = 'webhook:' || w.id "
                "where w.event_id like %s",
                (f"evt_{mark}%",),
            ).fetchone()
        assert counted == (80, 80)
    finally:
        forget(stack, mark)


def test_flood_of_events__comes_after_what_users_wait_for(db: Database) -> None:
    def priorities(*names: str) -> list[int]:
        rows = record(db, *(event(name, f"evt_{name}") for name in names))
        return [tasks(db, row["webhook_event_id"])[0]["priority"] for row in rows]

    add = (
        "insert into queue.tasks (kind, priority, max_attempts, payload) "
        "select 'webhook', 20, 1, '{}' from generate_series(1, %s - ("
        "select count(*) from queue.tasks where kind = 'webhook' and lease_token is null))"
    )
    db.query(SYSTEM, add, 1000)
    assert priorities("last") == [20]
    assert priorities("a", "b") == [120, 120]
    assert priorities("last") == [20], "it was there before"
    most = "select max(priority) from queue.task_kinds where kind in ('optimization', 'summary')"
    assert db.value(SYSTEM, most) < 120
