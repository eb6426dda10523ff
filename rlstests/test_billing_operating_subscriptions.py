"""Room billing, operating: plans that admins give, change and end."""

from typing import Any
from uuid import uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, refused
from rlstests.billing_rows import subscribe
from rlstests.operating_helpers import LIMITS, cancel, grant, limit, plan_of, report, rows_of


@pytest.mark.parametrize(
    "call",
    [
        "admin_grant_subscription(auth.uid(), 'pro', null, '{}')",
        "admin_cancel_subscription(auth.uid(), true, null)",
        "admin_set_custom_limits(auth.uid(), '{}')",
        "report_subscription(auth.uid())",
    ],
)
def test_plans__are_given_by_admins_only(
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


def test_account_that_is_none__is_not_found(db: Database, admin: Actor) -> None:
    for user in (uuid4(), None):
        for call in (grant, cancel, report):
            with refused("PT404", match="no account"):
                call(db, admin, user)
        with refused("PT404", match="no account"):
            limit(db, admin, user, {})


# Granting ----------------------------------------------------------------------------------------


def test_grant__gives_the_plan_at_once(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    row = grant(db, admin, owner.user_id, limits=LIMITS)
    assert (row["provider"], row["plan_code"], row["status"]) == ("manual", "pro", "active")
    assert (row["current_period_end"], row["superseded_at"]) == (None, None)
    assert row["custom_limits"] == LIMITS
    assert plan_of(db, owner) == ("pro", "active")
    assert plan_of(db, stranger) == ("free", "none")
    entry = db.one(
        SYSTEM,
        "select user_id from public.audit_logs "
        "where entity_id = %s and action = 'subscriptions.insert'",
        str(row["id"]),
    )
    assert entry["user_id"] == admin.user_id


def test_grant_until_a_day__ends_by_the_clock(db: Database, owner: Actor, admin: Actor) -> None:
    row = grant(db, admin, owner.user_id, until="tomorrow")
    assert plan_of(db, owner) == ("pro", "active")
    maintain = "select private.maintain_granted_subscriptions() -> 'ended'"
    assert db.value(SYSTEM, maintain) == 0
    db.query(
        SYSTEM,
        "update public.subscriptions set current_period_start = now() - interval '2 days', "
        "current_period_end = now() where id = %s",
        row["id"],
    )
    assert db.value(SYSTEM, maintain) == 1
    [ended] = rows_of(db, owner)
    assert (ended["status"], ended["ended_at"]) == ("expired", ended["current_period_end"])
    assert plan_of(db, owner) == ("free", "none")
    assert db.value(SYSTEM, maintain) == 0


def test_grant_that_ends__lets_a_paid_one_count_again(
    db: Database, owner: Actor, admin: Actor
) -> None:
    paid = subscribe(db, owner, plan_code="starter")
    grant(db, admin, owner.user_id, "coach", "tomorrow")
    assert plan_of(db, owner) == ("coach", "active")
    cancel(db, admin, owner.user_id)
    db.query(
        SYSTEM,
        "update public.subscriptions set current_period_start = now() - interval '2 days', "
        "current_period_end = now() where provider = 'manual' and user_id = %s",
        owner.user_id,
    )
    db.query(SYSTEM, "update private.maintenance_jobs set next_run_at = now()")
    assert "granted_subscriptions" in db.value(SYSTEM, "select worker.run_maintenance() -> 'jobs'")
    assert plan_of(db, owner) == ("starter", "active")
    granted, left = rows_of(db, owner)
    assert (granted["status"], left["id"]) == ("canceled", paid["id"])


def test_grant_that_gave_way__ends_as_well_and_what_is_paid_does_not(
    db: Database, owner: Actor
) -> None:
    subscribe(db, owner, current_period_end="yesterday")
    manual: dict[str, Any] = {"provider": "manual", "provider_subscription_id": None}
    subscribe(db, owner, **manual, current_period_end="yesterday", superseded_at="now")
    assert db.value(SYSTEM, "select private.maintain_granted_subscriptions() -> 'ended'") == 1
    granted, paid = rows_of(db, owner)
    assert (granted["status"], paid["status"]) == ("expired", "active")


def test_same_grant__again_changes_nothing(db: Database, owner: Actor, admin: Actor) -> None:
    first = grant(db, admin, owner.user_id, until="2100-01-01", limits=LIMITS)
    again = grant(db, admin, owner.user_id, until="2100-01-01")
    assert again == first
    assert len(rows_of(db, owner)) == 1


def test_another_grant__changes_the_one_there_is(db: Database, owner: Actor, admin: Actor) -> None:
    first = grant(db, admin, owner.user_id, limits=LIMITS, until="tomorrow")
    cancel(db, admin, owner.user_id)
    second = grant(db, admin, owner.user_id, "coach")
    assert second["id"] == first["id"]
    assert (second["plan_code"], second["current_period_end"]) == ("coach", None)
    assert (second["cancel_at_period_end"], second["canceled_at"]) == (False, None)
    # Limits stay until others are sent.
    assert second["custom_limits"] == LIMITS
    assert grant(db, admin, owner.user_id, "coach", limits={})["custom_limits"] == {}
    assert plan_of(db, owner) == ("coach", "active")


def test_grant_after_one_that_ended__is_a_new_one(db: Database, owner: Actor, admin: Actor) -> None:
    first = grant(db, admin, owner.user_id)
    cancel(db, admin, owner.user_id, False)
    assert grant(db, admin, owner.user_id)["id"] != first["id"]
    assert plan_of(db, owner) == ("pro", "active")


@pytest.mark.parametrize(("granted", "counts"), [("coach", "coach"), ("starter", "pro")])
def test_grant_beside_a_paid_one__counts_when_it_includes_more(
    db: Database, owner: Actor, admin: Actor, granted: str, counts: str
) -> None:
    subscribe(db, owner)
    row = grant(db, admin, owner.user_id, granted)
    assert plan_of(db, owner) == (counts, "active")
    assert (row["superseded_at"] is None) == (counts == granted)
    assert [one["status"] for one in rows_of(db, owner)] == ["active", "active"]


def test_plan_free__may_be_granted_for_its_own_limits(
    db: Database, owner: Actor, admin: Actor
) -> None:
    grant(db, admin, owner.user_id, "free", limits=LIMITS)
    assert plan_of(db, owner) == ("free", "active")


@pytest.mark.parametrize("plan", ["gold", None])
def test_plan_that_is_none__is_not_granted(
    db: Database, owner: Actor, admin: Actor, plan: str | None
) -> None:
    with refused("PT404", match="no plan") as caught:
        grant(db, admin, owner.user_id, plan)
    assert "coach" in str(caught.value.diag.message_hint)


@pytest.mark.parametrize("until", ["yesterday", "now"])
def test_grant_until_a_day_that_is_over__is_refused(
    db: Database, owner: Actor, admin: Actor, until: str
) -> None:
    with refused("PT400", match="is over"):
        grant(db, admin, owner.user_id, until=until)


@pytest.mark.parametrize(
    "limits",
    [[], {"interviews": 20}, {"interviews": {"month": -1}}, {"a b": {"month": 1}}],
    ids=str,
)
def test_limits_of_the_wrong_shape__are_refused(
    db: Database, owner: Actor, admin: Actor, limits: object
) -> None:
    with refused("PT400", match="no custom limits"):
        grant(db, admin, owner.user_id, limits=limits)
    grant(db, admin, owner.user_id)
    with refused("PT400", match="no custom limits"):
        limit(db, admin, owner.user_id, limits)


def test_limits_that_are_too_long__are_refused(db: Database, owner: Actor, admin: Actor) -> None:
    limits = {f"meter_{n}_{'x' * 25}": {"month": 1} for n in range(400)}
    with refused("PT400", match="no custom limits"):
        grant(db, admin, owner.user_id, limits=limits)


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"interviews": {"month": 2}, "interview": {"month": 2}}, "interview:month"),
        ({"resumes": {"month": 2}}, "resumes:month"),
        ({"resumes": {"lifetime": 2, "day": 2}}, "resumes:day"),
    ],
)
def test_limits_that_limit_nothing__are_refused(
    db: Database, owner: Actor, admin: Actor, limits: Any, what: str
) -> None:
    with refused("PT400", match=f"Nothing is limited by {what}") as error:
        grant(db, admin, owner.user_id, limits=limits)
    assert "interviews" in str(error.value.diag.message_hint)
    grant(db, admin, owner.user_id)
    with refused("PT400", match=what):
        limit(db, admin, owner.user_id, limits)
    # Of a meter that counts, whatever plan has it, any period; and how many résumés there may be.
    sound = {"interviews": {"day": 2, "month": None}, "resumes": {"lifetime": 2}}
    assert limit(db, admin, owner.user_id, sound)["custom_limits"] == sound


# Own limits --------------------------------------------------------------------------------------


def test_limits__belong_to_the_subscription_in_effect(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    with refused("PT409", match="no subscription"):
        limit(db, admin, owner.user_id, LIMITS)
    paid = subscribe(db, owner)
    subscribe(db, stranger, "sub_2")
    assert limit(db, admin, owner.user_id, LIMITS)["id"] == paid["id"]
    assert rows_of(db, owner)[0]["custom_limits"] == LIMITS
    assert rows_of(db, stranger)[0]["custom_limits"] == {}
    assert limit(db, admin, owner.user_id, {})["custom_limits"] == {}
