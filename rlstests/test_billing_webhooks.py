"""Room billing, inbox: an event is stored once, and stays as it came."""

import pytest

from rlstests.actors import SYSTEM, Actor, Database, Row, refused


def receive(db: Database, event_id: str | None, body: str, provider: str = "stripe") -> Row:
    return db.one(
        SYSTEM,
        "insert into private.webhook_events "
        "(provider, event_id, body_sha256, type, payload, occurred_at) "
        "values (%s, %s, sha256(convert_to(%s, 'UTF8')), 'invoice.paid', '{\"name\": \"Ada\"}', "
        "now()) returning *",
        provider,
        event_id,
        body,
    )


def change(db: Database, event: Row, assignment: str) -> int:
    return db.affected(
        SYSTEM, f"update private.webhook_events set {assignment} where id = %s", event["id"]
    )


def test_event__is_stored_once_by_id_and_by_body(db: Database) -> None:
    receive(db, "evt_1", "a")
    with refused("23505", match="webhook_events_event_id_key"):
        receive(db, "evt_1", "b")
    with refused("23505", match="webhook_events_body_sha256_key"):
        receive(db, "evt_2", "a")
    receive(db, "evt_1", "a", "razorpay")
    receive(db, None, "c")
    receive(db, None, "d")
    with refused("23505", match="webhook_events_body_sha256_key"):
        receive(db, None, "d")


@pytest.mark.parametrize(
    "assignment",
    [
        "provider = 'razorpay'",
        "event_id = 'evt_2'",
        "body_sha256 = sha256('b')",
        "type = 'x'",
        "payload = '{\"a\": 1}'",
        "occurred_at = now() + interval '1 second'",
        "received_at = now() + interval '1 second'",
        "id = gen_random_uuid()",
    ],
)
def test_event__stays_as_it_came(db: Database, assignment: str) -> None:
    event = receive(db, "evt_1", "a")
    with refused("P0001", match="stays as it came"):
        change(db, event, assignment)
    assert change(db, event, "attempts = 1, error = 'No such user.', next_attempt_at = now()") == 1
    assert change(db, event, "status = 'failed', closed_at = now()") == 1
    assert change(db, event, "status = 'received', closed_at = null") == 1


@pytest.mark.parametrize(
    "assignment",
    [
        "status = 'done', closed_at = now()",
        "status = 'processed'",
        "closed_at = now()",
        "attempts = -1",
        "error = repeat('x', 2001)",
    ],
)
def test_event__has_a_possible_state(db: Database, assignment: str) -> None:
    event = receive(db, "evt_1", "a")
    with refused("23514"):
        change(db, event, assignment)


@pytest.mark.parametrize(
    "values",
    [
        "'paypal', 'e', sha256('a'), 't', '{}'",
        "'stripe', '', sha256('a'), 't', '{}'",
        "'stripe', repeat('x', 256), sha256('a'), 't', '{}'",
        "'stripe', 'e', 'short', 't', '{}'",
        "'stripe', 'e', sha256('a'), '', '{}'",
        "'stripe', 'e', sha256('a'), repeat('x', 101), '{}'",
        "'stripe', 'e', sha256('a'), 't', '[]'",
        "'stripe', 'e', sha256('a'), 't', jsonb_build_object('a', repeat('x', 1048576))",
    ],
)
def test_event__must_be_one(db: Database, values: str) -> None:
    add = (
        "insert into private.webhook_events "
        "(provider, event_id, body_sha256, type, payload, occurred_at) values ({}, now())"
    )
    with refused("23514"):
        db.query(SYSTEM, add.format(values))
    db.query(SYSTEM, add.format("'stripe', 'e', sha256('a'), 't', '{}'"))


def test_account_that_goes__leaves_the_event_without_a_name_and_what_it_said(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    waiting, done, other = (receive(db, f"evt_{body}", body) for body in "abc")
    for event, actor in ((waiting, owner), (done, owner), (other, stranger)):
        sql = "update private.webhook_events set user_id = %s where id = %s"
        db.query(SYSTEM, sql, actor.user_id, event["id"])
    change(db, done, "status = 'processed', closed_at = '2026-01-01'")
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    sql = "select * from private.webhook_events where id = %s"
    for event, status in ((waiting, "ignored"), (done, "processed")):
        row = db.one(SYSTEM, sql, event["id"])
        assert (row["user_id"], row["payload"], row["status"]) == (None, {}, status)
        assert (row["event_id"], row["body_sha256"]) == (event["event_id"], event["body_sha256"])
    assert db.one(SYSTEM, sql, done["id"])["closed_at"].year == 2026
    kept = db.one(SYSTEM, sql, other["id"])
    assert (kept["payload"], kept["status"]) == (other["payload"], "received")
    assert kept["payload"], "positive control: it said something"
