"""Room metering: every use is counted once, given back once, and never above the limit."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from cli.stack.status import StackStatus
from rlstests.actors import ANON, SYSTEM, Actor, Database, refused
from rlstests.metering_helpers import reserve, state, used


@pytest.fixture
def daily(db: Database) -> str:
    """An operation with two limits: two a day on its own meter, and the five for life."""
    db.query(
        SYSTEM,
        "insert into public.operations (code, meters) values ('scan', '{scans,ai_actions}')",
    )
    db.query(
        SYSTEM,
        "insert into public.plan_limits (plan_code, meter, period, max_uses) "
        "values ('free', 'scans', 'day', 2), ('free', 'scans', 'month', null)",
    )
    return "scan"


def test_free_plan__ends_after_five_uses(db: Database, owner: Actor) -> None:
    for _ in range(5):
        reserve(db, owner)
    with refused("PT402") as caught:
        reserve(db, owner)
    assert json.loads(caught.value.diag.message_detail or "") == {
        "meter": "ai_actions",
        "limit": 5,
        "used": 5,
        "period": "lifetime",
        "token_cost": 5,
        "balance": 0,
    }
    assert used(db, owner) == 5


def test_release__gives_back_once_and_settle_keeps(db: Database, owner: Actor) -> None:
    kept, dropped = (reserve(db, owner)["usage_event_id"] for _ in range(2))
    assert db.value(SYSTEM, "select private.settle_usage(%s)", kept) is True
    assert db.value(SYSTEM, "select private.release_usage(%s)", dropped) is True
    assert used(db, owner) == 1
    for event in (kept, dropped):
        assert db.value(SYSTEM, "select private.release_usage(%s)", event) is False
        assert db.value(SYSTEM, "select private.settle_usage(%s)", event) is False
    assert used(db, owner) == 1
    assert (state(db, kept), state(db, dropped)) == ("settled", "released")


@pytest.mark.parametrize("created", ["- interval '3 months'", "+ interval '1 s'"])
@pytest.mark.parametrize(("how", "closed"), [("settle", "settled"), ("release", "released")])
def test_use_of_another_time__is_closed_too(
    db: Database, owner: Actor, created: str, how: str, closed: str
) -> None:
    # Long ago, or by a transaction that began after this one.
    event = db.value(
        SYSTEM,
        "insert into public.usage_events "
        "(user_id, operation, period_type, period_key, charges, created_at) values "
        f"(%s, 'resume_parse', 'lifetime', 'lifetime', '[]', now() {created}) returning id",
        owner.user_id,
    )
    assert db.value(SYSTEM, f"select private.{how}_usage(%s)", event) is True
    assert state(db, event) == closed


def test_release__touches_no_other_user(db: Database, owner: Actor, stranger: Actor) -> None:
    reserve(db, stranger)
    event = reserve(db, owner)["usage_event_id"]
    db.query(SYSTEM, "select private.release_usage(%s)", event)
    assert (used(db, owner), used(db, stranger)) == (0, 1)


def test_release__survives_a_counter_that_was_set_back(db: Database, owner: Actor) -> None:
    event = reserve(db, owner)["usage_event_id"]
    db.query(SYSTEM, "update public.usage_counters set used = 0 where user_id = %s", owner.user_id)
    assert db.value(SYSTEM, "select private.release_usage(%s)", event) is True
    assert used(db, owner) == 0


def test_every_matching_limit__applies_or_none_counts(
    db: Database, owner: Actor, daily: str
) -> None:
    first = reserve(db, owner, code=daily)["usage_event_id"]
    reserve(db, owner, code=daily)
    with refused("PT402", match="2 scans in this day"):
        reserve(db, owner, code=daily)
    assert (used(db, owner, "scans"), used(db, owner)) == (4, 2)  # scans: by day and by month
    db.query(SYSTEM, "select private.release_usage(%s)", first)
    assert (used(db, owner, "scans"), used(db, owner)) == (2, 1)


def test_limit_of_zero__refuses_the_first_use(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "update public.plan_limits set max_uses = 0 where plan_code = 'free'")
    with refused("PT402", match="allows 0 ai_actions"):
        reserve(db, owner)
    assert used(db, owner) == 0


def test_plan_without_a_matching_limit__does_not_include_the_operation(
    db: Database, owner: Actor
) -> None:
    db.query(SYSTEM, "insert into public.operations (code, meters) values ('extra', '{extra}')")
    for code in ("extra", "unheard_of"):
        with refused("PT402", match=f"does not include {code}") as caught:
            reserve(db, owner, code=code)
        assert json.loads(caught.value.diag.message_detail or "")["limit"] == 0
    db.query(SYSTEM, "update public.operations set is_active = false where code = 'resume_parse'")
    with refused("PT402"):
        reserve(db, owner)


def test_same_key__is_answered_and_not_counted_again(db: Database, owner: Actor) -> None:
    first = reserve(db, owner, "k", {"resume": 1})
    again = reserve(db, owner, "k", {"resume": 1})
    assert (first["is_replay"], again["is_replay"]) == (False, True)
    assert again["usage_event_id"] == first["usage_event_id"]
    assert used(db, owner) == 1
    with refused("PT409", match="another resume_parse request"):
        reserve(db, owner, "k", {"resume": 2})


def test_keys__belong_to_one_user_and_have_a_length(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    reserve(db, owner, "k")
    assert reserve(db, stranger, "k")["is_replay"] is False
    for bad in ("", "x" * 201):
        with refused("PT400"):
            reserve(db, owner, bad)


def test_refused_use__leaves_its_key_free(db: Database, owner: Actor) -> None:
    for _ in range(5):
        reserve(db, owner)
    with refused("PT402"):
        reserve(db, owner, "k")
    db.query(SYSTEM, "update public.plan_limits set max_uses = 6 where meter = 'ai_actions'")
    assert reserve(db, owner, "k")["is_replay"] is False


def test_event__is_history_once_it_is_closed(db: Database, owner: Actor) -> None:
    event = reserve(db, owner)["usage_event_id"]
    columns = db.query(
        SYSTEM,
        "select column_name as name, data_type as type from information_schema.columns "
        "where table_schema = 'public' and table_name = 'usage_events'",
    )
    others = {"jsonb": "'[]'", "text": "'tokens'", "integer": "0", "uuid": "gen_random_uuid()"}
    moving = {"state", "closed_at", "ai_provider", "metadata"}
    for column in columns:
        other = others.get(column["type"], "now() - interval '1 s'")
        if column["name"] not in moving:
            change = f"update public.usage_events set {column['name']} = {other} where id = %s"
            with refused("P0001", match="only its state"):
                db.query(SYSTEM, change, event)
    assert len(columns) > len(moving) + 8
    db.query(SYSTEM, "select private.settle_usage(%s)", event)
    with refused("P0001", match="is settled and cannot change"):
        db.query(
            SYSTEM,
            "update public.usage_events set state = 'reserved', closed_at = null where id = %s",
            event,
        )


def test_catalogue__hides_what_is_no_longer_sold(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "update public.plans set is_active = false where code = 'free'")
    db.query(SYSTEM, "update public.operations set is_active = false where code = 'resume_parse'")
    for actor in (ANON, owner):
        assert db.query(actor, "select * from public.plans where code = 'free'") == []
        sold = {row["code"] for row in db.query(actor, "select code from public.operations")}
        assert "resume_parse" not in sold and "match" in sold
    assert db.query(owner, "select 1 from public.my_usage() where meter = 'ai_actions'")


@pytest.fixture
def committed_user(stack: StackStatus) -> Iterator[tuple[str, UUID]]:
    """A user whom other connections see too; deleted after the test."""
    user_id = uuid4()
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        connection.execute(
            "insert into auth.users (id, email) values (%s, %s)",
            (user_id, f"{user_id}@example.com"),
        )
        yield stack.db_url, user_id
        connection.execute("delete from auth.users where id = %s", (user_id,))


def run_at_once(db_url: str, user_id: UUID, count: int, key: str | None) -> list[str]:
    def attempt(_: int) -> str:
        with psycopg.connect(db_url, row_factory=dict_row) as connection:
            try:
                row = connection.execute(
                    "select * from private.reserve_usage(%s, 'resume_parse', %s, '{}')",
                    (user_id, key),
                ).fetchone()
            except psycopg.Error as error:
                return str(error.sqlstate)
            return "replay" if row and row["is_replay"] else "reserved"

    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(attempt, range(count)))


def test_many_connections_at_once__never_exceed_the_limit(
    committed_user: tuple[str, UUID],
) -> None:
    outcomes = run_at_once(*committed_user, count=24, key=None)
    assert outcomes == ["PT402"] * 19 + ["reserved"] * 5


def test_one_key_on_many_connections__is_one_use(committed_user: tuple[str, UUID]) -> None:
    outcomes = run_at_once(*committed_user, count=16, key="once")
    assert outcomes == ["replay"] * 15 + ["reserved"]
