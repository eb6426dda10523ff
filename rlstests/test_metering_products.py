"""Room metering, products: server code meters work of its own, and counts what is over."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.interview_helpers import answered
from rlstests.metering_helpers import (
    balance,
    counters,
    detail,
    event_row,
    ledger,
    move,
    put_on_plan,
    set_limit,
    state,
    use,
    used,
)

THIS_MONTH = datetime.now(UTC).strftime("%Y-%m")


def meter(db: Database, user: Actor, code: str = "resume_parse", **more: Any) -> Row:
    """Reserve as an edge function does."""
    given = "".join(f", p_{name} => %s" for name in more)
    sql = f"select * from worker.reserve_usage(%s, %s{given})"
    return db.one(SERVICE, sql, user.user_id, code, *more.values())


def close(db: Database, how: str, event: object, actor: Actor = SERVICE) -> bool:
    return bool(db.value(actor, f"select worker.{how}_usage(%s)", event))


def increment(db: Database, user_id: object, action: object, *month: object) -> None:
    places = ", ".join(["%s"] * (2 + len(month)))
    db.query(SERVICE, f"select public.increment_usage({places})", user_id, action, *month)


# Reserve, settle, release ------------------------------------------------------------------------


def test_product__reserves_and_settles_or_releases(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    kept, dropped = meter(db, owner), meter(db, owner)
    assert kept | {"usage_event_id": None} == {
        "usage_event_id": None,
        "is_replay": False,
        "state": "reserved",
        "source": "plan",
        "credits_used": 1,
    }
    assert [close(db, "settle", kept["usage_event_id"]) for _ in range(2)] == [True, False]
    assert [close(db, "release", dropped["usage_event_id"]) for _ in range(2)] == [True, False]
    assert close(db, "release", kept["usage_event_id"]) is False
    assert (used(db, owner), used(db, stranger)) == (1, 0)
    assert state(db, kept["usage_event_id"]) == "settled"


def test_product__is_told_what_tokens_paid(db: Database, owner: Actor) -> None:
    move(db, owner, 30)
    made = meter(db, owner, "interview")
    assert (made["source"], made["credits_used"]) == ("tokens", 25)
    assert close(db, "release", made["usage_event_id"]) is True
    assert balance(db, owner) == (30, 0)


def test_product__is_refused_as_everybody_is(db: Database, owner: Actor) -> None:
    with refused("PT402", match="allows 0 interviews") as caught:
        meter(db, owner, "interview")
    assert detail(caught)["token_cost"] == 25
    with refused("PT402", match="does not include unheard_of"):
        meter(db, owner, "unheard_of")


def test_same_key__tells_what_became_of_the_first(db: Database, owner: Actor) -> None:
    key = {"idempotency_key": "k", "payload": '{"page": 1}'}
    first = meter(db, owner, **key)
    assert meter(db, owner, **key) == first | {"is_replay": True}
    close(db, "release", first["usage_event_id"])
    assert meter(db, owner, **key) == first | {"is_replay": True, "state": "released"}
    with refused("PT409", match="another resume_parse request"):
        meter(db, owner, idempotency_key="k", payload='{"page": 2}')
    assert used(db, owner) == 0
    # No payload is an empty one.
    second = meter(db, owner, idempotency_key="l", payload=None)
    again = meter(db, owner, idempotency_key="l")
    assert (again["usage_event_id"], again["is_replay"]) == (second["usage_event_id"], True)


@pytest.mark.parametrize(("identity", "answer"), [("blocked", "PT403"), ("leaving", "PT403")])
def test_account_that_is_not_active__uses_nothing(
    db: Database, owner: Actor, identity: str, answer: str
) -> None:
    event = meter(db, owner)["usage_event_id"]
    db.make_inactive(identity, owner)
    with refused(answer, match="is not active"):
        meter(db, owner)
    with refused(answer, match="is not active"):
        increment(db, owner.user_id, "cover_letter")
    assert used(db, owner) == 1
    # What was begun before may still be closed.
    assert close(db, "settle", event) is True


@pytest.mark.parametrize("user_id", [None, uuid4()])
def test_user_that_is_not_there__is_told_apart(db: Database, user_id: UUID | None) -> None:
    with refused("PT404", match="There is no user"):
        db.query(SERVICE, "select worker.reserve_usage(%s, 'resume_parse')", user_id)
    with refused("PT404", match="There is no user"):
        increment(db, user_id, "interview")


@pytest.mark.parametrize("how", ["settle", "release"])
def test_use_that_is_not_there__cannot_be_closed(db: Database, how: str) -> None:
    for missing in (None, uuid4()):
        with refused("PT404", match="There is no use"):
            close(db, how, missing)


@pytest.mark.parametrize("how", ["settle", "release"])
def test_use_of_a_task_or_an_interview__is_closed_by_it_alone(
    db: Database, owner: Actor, stranger: Actor, how: str
) -> None:
    put_on_plan(db, owner, "pro")
    session = answered(db, owner)
    sql = "select usage_event_id from public.interview_sessions where id = %s"
    held = db.value(SYSTEM, sql, session)
    # The task of somebody else that names it holds nothing.
    mine = use(db, owner)
    task = "select private.enqueue_task('resume_parse', '{}', %s, %s)"
    db.query(SYSTEM, task, stranger.user_id, mine)
    assert close(db, how, mine) is True
    queued = use(db, owner)
    db.query(SYSTEM, task, owner.user_id, queued)
    for event in (held, queued):
        with refused("PT409", match="belongs to a task or an interview"):
            close(db, how, event)
        assert state(db, event) == "reserved"
    db.query(SYSTEM, "delete from queue.tasks")
    assert close(db, how, queued) is True
    db.query(owner, "select public.cancel_interview(%s)", session)
    # It is over and closed: nothing is left to do, and nobody is in the way.
    assert close(db, how, held) is False


@pytest.mark.parametrize(
    "call",
    [
        "worker.reserve_usage(%(user)s, 'resume_parse')",
        "worker.settle_usage(%(user)s)",
        "worker.release_usage(%(user)s)",
        "worker.increment_usage(%(user)s, 'interview', '2026-01')",
        "worker.get_user_subscription_status(%(user)s)",
        "public.increment_usage(%(user)s, 'interview')",
        "public.get_user_subscription_status(%(user)s)",
    ],
)
def test_clients__may_call_none_of_it(db: Database, owner: Actor, admin: Actor, call: str) -> None:
    for actor in (owner, admin, ANON):
        with refused("42501", match=NO_GRANT), db.acting(actor) as connection:
            connection.execute(f"select {call}", {"user": owner.user_id})


# increment_usage ---------------------------------------------------------------------------------


def tracked(db: Database, user: Actor) -> dict[str, tuple[int, int]]:
    sql = "select * from public.usage_tracking where user_id = %s"
    rows = db.query(SERVICE, sql, user.user_id)
    return {r["month"]: (r["interviews_used"], r["cover_letters_used"]) for r in rows}


def test_increment__counts_one_settled_use(db: Database, owner: Actor, stranger: Actor) -> None:
    put_on_plan(db, owner, "career")
    increment(db, owner.user_id, "interview")
    increment(db, owner.user_id, "cover_letter")
    increment(db, owner.user_id, "cover_letter", THIS_MONTH)
    assert tracked(db, owner) == {THIS_MONTH: (1, 2)}
    assert tracked(db, stranger) == {}
    rows = db.query(owner, "select * from public.usage_events order by operation")
    assert [r["operation"] for r in rows] == ["cover_letter", "cover_letter", "interview"]
    for row in rows:
        assert (row["state"], row["source"]) == ("settled", "plan")
        assert row["closed_at"] == row["created_at"]


@pytest.mark.parametrize("plan", ["free", "premium", "coach"])
def test_increment__is_seen_in_usage_tracking_on_every_plan(
    db: Database, owner: Actor, plan: str
) -> None:
    put_on_plan(db, owner, plan)
    increment(db, owner.user_id, "cover_letter")
    assert tracked(db, owner) == {THIS_MONTH: (0, 1)}


def test_increment__stops_at_the_limit(db: Database, owner: Actor) -> None:
    put_on_plan(db, owner, "starter")
    increment(db, owner.user_id, "interview")
    with refused("PT402", match="allows 1 interviews in this month and 1 are used") as caught:
        increment(db, owner.user_id, "interview")
    assert detail(caught)["token_cost"] == 25
    assert tracked(db, owner) == {THIS_MONTH: (1, 0)}
    move(db, owner, 25)
    increment(db, owner.user_id, "interview")
    assert ledger(db, owner) == [("grant", 25, 0), ("usage", -25, 0)]
    assert tracked(db, owner) == {THIS_MONTH: (1, 0)}


def test_increment__never_stops_an_admin(db: Database, admin: Actor) -> None:
    for _ in range(3):
        increment(db, admin.user_id, "interview")
    assert tracked(db, admin) == {THIS_MONTH: (3, 0)}


def test_month_that_is_over__counts_on_its_last_day(db: Database, owner: Actor) -> None:
    put_on_plan(db, owner, "starter")
    for period in ("day", "lifetime"):
        sql = "insert into public.plan_limits values ('starter', 'interviews', %s, 9)"
        db.query(SYSTEM, sql, period)
    db.query(SYSTEM, "set local timezone = 'Pacific/Kiritimati'")
    increment(db, owner.user_id, "interview", "2024-02")
    # The limit of that month, not of this one.
    with refused("PT402", match="in this month and 1 are used"):
        increment(db, owner.user_id, "interview", "2024-02")
    increment(db, owner.user_id, "interview", "2023-12")
    increment(db, owner.user_id, "interview")
    assert tracked(db, owner) == {"2024-02": (1, 0), "2023-12": (1, 0), THIS_MONTH: (1, 0)}
    assert counters(db, owner)[("interviews", "lifetime")] == 3
    sql = "select period_key from public.usage_counters where period_type = 'day' and user_id = %s"
    days = {row["period_key"] for row in db.query(SYSTEM, sql, owner.user_id)}
    assert {"2024-02-29", "2023-12-31"} < days and len(days) == 3


@pytest.mark.parametrize(
    "month",
    [None, "", "2026-13", "2026-00", "2026-1", "2026-01-01", "26-01", "1999-12", "2099-01", "now"]
    + [" 2026-01", "2026-01\n", "２０２６-01"],
)
def test_what_is_no_month_or_one_to_come__is_refused(
    db: Database, owner: Actor, month: str | None
) -> None:
    with refused("PT400", match="p_month is") as caught:
        increment(db, owner.user_id, "cover_letter", month)
    assert THIS_MONTH in (caught.value.diag.message_hint or "")
    assert counters(db, owner) == {}


@pytest.mark.parametrize("action", [None, "", "Interview", "resume_parse", "interviews"])
def test_other_action__is_refused(db: Database, owner: Actor, action: str | None) -> None:
    with refused("PT400", match="p_action is"):
        increment(db, owner.user_id, action)
    assert counters(db, owner) == {}


def test_event_of_a_product__lists_what_it_raised(db: Database, owner: Actor) -> None:
    set_limit(db, "ai_actions", "month", 9)
    event = event_row(db, meter(db, owner, payload=json.dumps({"a": 1}))["usage_event_id"])
    assert [(c["meter"], c["period_type"], c["period_key"]) for c in event["charges"]] == [
        ("ai_actions", "lifetime", "lifetime"),
        ("ai_actions", "month", THIS_MONTH),
    ]
    assert (event["period_type"], event["period_key"]) == ("lifetime", "lifetime")
