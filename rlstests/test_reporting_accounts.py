"""Room reporting, accounts: admins find and open an account, and opening it leaves a trace."""

from uuid import uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.billing_rows import pay, subscribe

FEEDBACK = "insert into public.feedback (content) values ('It reads my résumé very well.')"


def find(db: Database, actor: Actor, query: str | None) -> list[Row]:
    return db.query(actor, "select * from public.report_find_accounts(%s)", query)


def open_account(db: Database, actor: Actor, account: object) -> Row:
    row = db.value(actor, "select public.report_account(%s)", account)
    assert isinstance(row, dict)
    return row


@pytest.mark.parametrize(
    "call",
    [
        "report_find_accounts('owner')",
        "report_account(auth.uid())",
        "report_account(gen_random_uuid())",
        "report_feedback(1)",
    ],
)
def test_accounts__are_for_admins_only(db: Database, owner: Actor, admin: Actor, call: str) -> None:
    for schema in ("public", "private"):
        with refused("PT403", match="for admins"):
            db.query(owner, f"select {schema}.{call}")
        for actor in (ANON, SERVICE):
            with refused("42501", match=NO_GRANT):
                db.query(actor, f"select {schema}.{call}")
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", admin.user_id)
    with refused("PT403"):
        db.query(admin, f"select public.{call}")


def test_account__is_found_by_id_and_by_the_beginning_of_its_address(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    email = str(db.value(SYSTEM, "select email from auth.users where id = %s", owner.user_id))
    for query in (str(owner.user_id), f" {owner.user_id} ", email, email.upper()[:-4]):
        assert [row["account_id"] for row in find(db, admin, query)] == [owner.user_id], query
    found = {row["account_id"] for row in find(db, admin, "stranger-")}
    assert stranger.user_id in found
    assert owner.user_id not in found
    # What means anything in a pattern means itself here.
    for query in ("own%", "owne_-", "%%%", "\\\\\\", str(uuid4())):
        assert find(db, admin, query) == [], query


def test_search_for_accounts__takes_a_few_letters_and_gives_twenty(
    db: Database, admin: Actor
) -> None:
    for position in range(21):
        db.add_user(f"many-{position}")
    assert len(find(db, admin, "many-")) == 20
    for query in (None, "", "ab", " ab ", "x" * 201):
        with refused("PT400"):
            find(db, admin, query)


def test_open_account__shows_one_account_and_leaves_an_event(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    for user, name in ((owner, "1"), (stranger, "2")):
        subscribe(db, user, f"sub_{name}")
        pay(db, user, f"pi_{name}")
        db.query(user, "insert into public.resumes (title) values ('Secret plans')")
    seen = open_account(db, admin, owner.user_id)
    assert seen["profile"]["id"] == str(owner.user_id)
    assert seen["profile"]["subscription_tier"] == "pro"
    assert [s["status"] for s in seen["subscriptions"]] == ["active"]
    assert [p["kind"] for p in seen["payments"]] == ["tokens"]
    assert {c["meter"] for c in seen["counters"]} == {"ai_actions"}
    assert seen["tokens"]["current_balance"] == 0
    assert (seen["resumes"], seen["live_tasks"]) == (1, [])
    assert "Secret plans" not in str(seen)
    assert str(stranger.user_id) not in str(seen)
    assert db.query(
        SYSTEM,
        "select user_id, event_data from public.system_events where event_type = 'account.opened'",
    ) == [{"user_id": admin.user_id, "event_data": {"opened": str(owner.user_id)}}]


def test_open_account__that_is_none_is_not_found(db: Database, admin: Actor) -> None:
    for account in (uuid4(), None):
        with refused("PT404"):
            open_account(db, admin, account)


def test_open_account__shows_its_live_tasks(db: Database, owner: Actor, admin: Actor) -> None:
    db.query(
        SYSTEM,
        "select private.enqueue_task('resume_parse', '{\"a\": \"b\"}', %s, null)",
        owner.user_id,
    )
    tasks = open_account(db, admin, owner.user_id)["live_tasks"]
    assert [(t["kind"], t["attempt"]) for t in tasks] == [("resume_parse", 0)]
    assert "payload" not in tasks[0]


@pytest.mark.parametrize(("limit", "count"), [(2, 2), (0, 1), (None, 1), (1000, 3)])
def test_feedback__comes_latest_first(
    db: Database, owner: Actor, admin: Actor, limit: int | None, count: int
) -> None:
    db.query(SYSTEM, "delete from public.feedback")
    for days in (3, 1, 2):
        db.query(owner, FEEDBACK)
        db.query(
            SYSTEM,
            "update public.feedback set created_at = now() - make_interval(days => %s) "
            "where created_at = now()",
            days,
        )
    rows = db.query(admin, "select * from public.report_feedback(%s)", limit)
    assert len(rows) == count
    moments = [row["created_at"] for row in rows]
    assert moments == sorted(moments, reverse=True)
    assert moments[0] == db.value(SYSTEM, "select now() - interval '1 day'")
