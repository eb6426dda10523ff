"""Room metering, granting: tokens out of nothing, once and on the record, and use as it is seen."""

from uuid import uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused

GRANT = "select * from public.admin_grant_tokens(%s, %s, %s, %s)"


def grant(
    db: Database,
    actor: Actor,
    user: object,
    amount: int | None = 100,
    reason: str | None = "Sorry for the outage",
    key: str | None = None,
) -> Row:
    return db.one(actor, GRANT, user, amount, reason, key)


def held(db: Database, user: Actor) -> tuple[int, int]:
    row = db.one(SYSTEM, "select * from public.token_balances where user_id = %s", user.user_id)
    return row["current_balance"], row["debt"]


def owe(db: Database, user: Actor, debt: int) -> None:
    db.query(
        SYSTEM,
        "insert into public.token_transactions "
        "(user_id, amount, debt_change, balance_after, transaction_type) "
        "values (%s, 0, %s, 0, 'refund')",
        user.user_id,
        debt,
    )


def usage(db: Database, actor: Actor, user: object) -> Row:
    found = db.value(actor, "select public.report_usage(%s)", user)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "call",
    [
        "admin_grant_tokens(auth.uid(), 100, 'For me', null)",
        "report_usage(auth.uid())",
        "report_usage(gen_random_uuid())",
    ],
)
def test_granting_and_looking__are_for_admins_only(
    db: Database, owner: Actor, admin: Actor, call: str
) -> None:
    for schema in ("public", "private"):
        with refused("PT403", match="for admins"):
            db.query(owner, f"select * from {schema}.{call}")
        for actor in (ANON, SERVICE):
            with refused("42501", match=NO_GRANT):
                db.query(actor, f"select * from {schema}.{call}")
    db.make_inactive("blocked", admin)
    with refused("PT403"):
        db.query(admin, f"select * from public.{call}")


def test_grant__is_in_balance_ledger_and_audit_log(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    done = grant(db, admin, owner.user_id, 100, "  Sorry for the outage ")
    assert (done["amount"], done["debt_paid"], done["balance"], done["debt"]) == (100, 0, 100, 0)
    assert not done["is_replay"]
    assert (held(db, owner), held(db, stranger)) == ((100, 0), (0, 0))
    row = db.one(owner, "select * from public.token_transactions")
    assert (row["id"], row["transaction_type"]) == (done["transaction_id"], "grant")
    assert row["description"] == "Sorry for the outage"
    entry = db.one(
        SYSTEM, "select * from public.audit_logs where entity_id = %s", str(done["transaction_id"])
    )
    assert (entry["user_id"], entry["owner_id"]) == (admin.user_id, owner.user_id)
    assert (
        db.value(
            SYSTEM,
            "select total_purchased from public.token_balances where user_id = %s",
            owner.user_id,
        )
        == 0
    )


@pytest.mark.parametrize(
    ("debt", "paid", "balance", "left"), [(30, 30, 70, 0), (100, 100, 0, 0), (250, 100, 0, 150)]
)
def test_grant__pays_the_debt_first(
    db: Database, owner: Actor, admin: Actor, debt: int, paid: int, balance: int, left: int
) -> None:
    owe(db, owner, debt)
    done = grant(db, admin, owner.user_id, 100)
    assert (done["debt_paid"], done["balance"], done["debt"]) == (paid, balance, left)
    assert held(db, owner) == (balance, left)
    unbalanced = db.query(SYSTEM, "select * from private.unbalanced_ledgers()")
    assert str(owner.user_id) not in str(unbalanced)


def test_grant_with_a_key__is_given_once(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    first = grant(db, admin, owner.user_id, key="march")
    again = grant(db, SYSTEM, owner.user_id, key="march")
    assert (again["is_replay"], again["balance"], again["debt_paid"]) == (True, 100, 0)
    assert again["transaction_id"] == first["transaction_id"]
    assert held(db, owner) == (100, 0)
    # The key is one of this user's.
    assert not grant(db, admin, stranger.user_id, key="march")["is_replay"]
    assert not grant(db, admin, owner.user_id, key="april")["is_replay"]
    assert not grant(db, admin, owner.user_id)["is_replay"]
    assert not grant(db, admin, owner.user_id)["is_replay"]
    assert held(db, owner) == (400, 0)


def test_key_of_another_grant__is_refused(db: Database, owner: Actor, admin: Actor) -> None:
    grant(db, admin, owner.user_id, key="march")
    with refused("PT409", match="march"):
        grant(db, admin, owner.user_id, 101, key="march")
    with refused("PT409", match="march"):
        grant(db, admin, owner.user_id, reason="Another reason", key="march")
    assert held(db, owner) == (100, 0)


@pytest.mark.parametrize("amount", [0, -5, 1_000_001, None])
def test_grant_of_no_amount__is_refused(
    db: Database, owner: Actor, admin: Actor, amount: int | None
) -> None:
    with refused("PT400", match="1 to 1000000"):
        grant(db, admin, owner.user_id, amount)
    assert grant(db, admin, owner.user_id, 1_000_000)["balance"] == 1_000_000


@pytest.mark.parametrize("reason", ["", "  x ", "x" * 501, None])
def test_grant_without_a_reason__is_refused(
    db: Database, owner: Actor, admin: Actor, reason: str | None
) -> None:
    with refused("PT400", match="reason"):
        grant(db, admin, owner.user_id, reason=reason)


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_grant_with_a_bad_key__is_refused(
    db: Database, owner: Actor, admin: Actor, key: str
) -> None:
    with refused("PT400", match="key"):
        grant(db, admin, owner.user_id, key=key)
    assert grant(db, admin, owner.user_id, reason="x" * 500, key="x" * 200)["balance"] == 100


def test_account_that_is_none__is_not_found(db: Database, admin: Actor) -> None:
    for user in (uuid4(), None):
        with refused("PT404", match="no account"):
            grant(db, admin, user)
        with refused("PT404", match="no account"):
            usage(db, admin, user)


def test_use__shows_limits_tokens_and_what_happened(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    grant(db, admin, owner.user_id, 40)
    owe(db, owner, 7)
    reserve = "select private.reserve_usage(%s, 'resume_parse', %s, '{}')"
    db.query(SYSTEM, reserve, owner.user_id, "one")
    db.query(SYSTEM, reserve, stranger.user_id, "two")
    seen = usage(db, admin, owner.user_id)
    assert seen["account"]["subscription_tier"] == "free"
    assert seen["account"]["id"] == str(owner.user_id)
    [limit] = [one for one in seen["limits"] if one["meter"] == "ai_actions"]
    assert (limit["used"], limit["max_uses"], limit["remaining"]) == (1, 5, 4)
    assert (limit["period"], limit["period_key"]) == ("lifetime", "lifetime")
    assert (seen["tokens"]["balance"], seen["tokens"]["debt"]) == (40, 7)
    assert [one["operation"] for one in seen["events"]] == ["resume_parse"]
    assert {one["transaction_type"] for one in seen["transactions"]} == {"grant", "refund"}
    assert str(stranger.user_id) not in str(seen)
    mine = {(one["meter"], one["period"]): one for one in seen["limits"]}
    for one in db.query(owner, "select * from public.my_usage()"):
        shown = mine[one["meter"], one["period"]]
        assert {name: shown[name] for name in one} == one


def test_use_without_limits__says_null(db: Database, owner: Actor, admin: Actor) -> None:
    db.query(
        SYSTEM,
        "update public.profiles set subscription_tier = 'unlimited' where id = %s",
        owner.user_id,
    )
    for one in usage(db, admin, owner.user_id)["limits"]:
        assert (one["max_uses"], one["remaining"]) == (None, None)


def test_looking_at_use__leaves_an_event(db: Database, owner: Actor, admin: Actor) -> None:
    usage(db, admin, owner.user_id)
    assert db.query(
        SYSTEM,
        "select user_id, event_data from public.system_events where event_type = 'account.opened'",
    ) == [{"user_id": admin.user_id, "event_data": {"opened": str(owner.user_id)}}]
