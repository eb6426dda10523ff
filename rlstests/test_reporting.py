"""Room reporting: admins learn how the product is doing, and nobody else does."""

from decimal import Decimal
from typing import Any

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.billing_rows import subscribe
from rlstests.reporting_rows import backdate, every_report, named, report, use

THIS_MONTH = "select to_char(now() at time zone 'UTC', 'YYYY-MM')"


@every_report
def test_report__is_for_admins_only(db: Database, owner: Actor, admin: Actor, call: str) -> None:
    db.query(admin, f"select * from public.{call}")
    for schema in ("public", "private"):
        with refused("PT403", match="for admins"):
            db.query(owner, f"select * from {schema}.{call}")
        for actor in (ANON, SERVICE):
            with refused("42501", match=NO_GRANT):
                db.query(actor, f"select * from {schema}.{call}")
    with refused("PT401"):
        db.query(Actor("ghost", "authenticated"), f"select * from public.{call}")
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", admin.user_id)
    with refused("PT403"):
        db.query(admin, f"select * from public.{call}")


@every_report
def test_report__is_there_for_the_command_line(db: Database, call: str) -> None:
    db.query(SYSTEM, f"select * from private.{call}")


@pytest.mark.parametrize(
    "call",
    [
        "report_active_accounts('2026-13')",
        "report_active_accounts('2026-1')",
        "report_active_accounts('0000-01')",
        "report_active_accounts('')",
        "report_subscription_months(0)",
        "report_subscription_months(61)",
        "report_subscription_months(null)",
        "report_interview_completion(0)",
        "report_feature_use(367)",
        "report_ai_cost(null)",
    ],
)
def test_report__refuses_a_time_that_is_none(db: Database, admin: Actor, call: str) -> None:
    with refused("PT400") as caught:
        report(db, admin, call)
    assert caught.value.diag.message_hint


def test_active_accounts__are_those_who_used_something(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    month = db.value(SYSTEM, THIS_MONTH)
    before = report(db, admin, "report_active_accounts()")[0]
    use(db, owner)
    use(db, owner)
    use(db, stranger, days_ago=40)
    after = report(db, admin, f"report_active_accounts('{month}')")[0]
    assert before["month"] == after["month"] == month
    assert after["active_accounts"] == before["active_accounts"] + 1
    backdate(db, stranger, "2020-02-29 23:59:59.9+00")
    backdate(db, owner, "2020-03-01 00:00:00+00")
    assert report(db, admin, "report_active_accounts()")[0] == {
        **after,
        "new_accounts": after["new_accounts"] - 2,
    }
    assert report(db, admin, "report_active_accounts('2020-02')") == [
        {"month": "2020-02", "active_accounts": 0, "new_accounts": 1, "all_accounts": 1}
    ]


def test_month__begins_and_ends_in_utc(db: Database, owner: Actor, admin: Actor) -> None:
    db.query(SYSTEM, "set local timezone = 'Pacific/Auckland'")
    backdate(db, owner, "2020-02-01 00:00:00+00")
    for month, count in (("2020-01", 0), ("2020-02", 1)):
        row = report(db, admin, f"report_active_accounts('{month}')")[0]
        assert (row["month"], row["new_accounts"]) == (month, count)


def test_plan_popularity__counts_accounts_and_who_pays(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    before = report(db, admin, "report_plan_popularity()")
    subscribe(db, owner, plan_code="career")
    subscribe(db, stranger, provider="manual", provider_subscription_id=None, plan_code="career")
    subscribe(db, admin, "sub_trial", status="trialing", plan_code="career")
    lapsed = db.add_user("lapsed")
    subscribe(db, lapsed, "sub_lapsed", current_period_end="yesterday")
    after = report(db, admin, "report_plan_popularity()")
    assert len(after) == 7
    assert all(row["paying"] <= row["accounts"] for row in after)
    assert named(after, "plan_code", "free")["paying"] == 0
    career = named(after, "plan_code", "career")
    was = named(before, "plan_code", "career")
    assert career["accounts"] == was["accounts"] + 3
    assert career["paying"] == was["paying"] + 1
    total = sum(row["accounts"] for row in after)
    assert float(career["share"]) == pytest.approx(career["accounts"] * 100 / total, abs=0.01)
    assert [r["accounts"] for r in after] == sorted((r["accounts"] for r in after), reverse=True)


def months(db: Database, admin: Actor, count: int = 3) -> list[Row]:
    return report(db, admin, f"report_subscription_months({count})")


def moment(db: Database, months_ago: int, days: int) -> str:
    """Some days into the month that began so many months ago."""
    sql = (
        "select ((date_trunc('month', now() at time zone 'UTC') - make_interval(months => %s) "
        "+ make_interval(days => %s)) at time zone 'UTC')::text"
    )
    return str(db.value(SYSTEM, sql, months_ago, days))


def test_churn__counts_who_had_a_subscription_and_has_none(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    changer = db.add_user("changer")
    before = months(db, admin)
    old, mid = moment(db, 3, 5), moment(db, 1, 10)
    over = {"status": "canceled", "start_date": old, "current_period_start": old}
    subscribe(db, owner, "sub_gone", ended_at=mid, **over)
    # Somebody who changes to another subscription is not lost.
    subscribe(db, changer, "sub_before", ended_at=mid, **over)
    subscribe(db, changer, "sub_after", start_date=mid, current_period_start=mid)
    subscribe(db, stranger, "sub_kept", start_date=old, current_period_start=old)
    # None of these was ever paid for.
    subscribe(db, admin, "sub_begun", status="incomplete", start_date=old, current_period_start=old)
    subscribe(db, admin, "sub_failed", status="expired", start_date=old, ended_at=mid)
    granted: dict[str, Any] = {"provider": "manual", "provider_subscription_id": None}
    subscribe(db, admin, start_date=old, current_period_start=old, **granted)

    def gained(column: str) -> list[int]:
        return [a[column] - b[column] for a, b in zip(months(db, admin), before, strict=True)]

    assert [row["month"] for row in before] == sorted((r["month"] for r in before), reverse=True)
    assert gained("live_at_start") == [2, 3, 3]
    assert gained("lost") == [0, 1, 0]
    assert gained("started") == [0, 1, 0]
    rates = [(r["lost"], r["live_at_start"], r["churn_rate"]) for r in months(db, admin)]
    for lost, live, rate in rates:
        assert float(rate) == pytest.approx(lost * 100 / live, abs=0.01)


def test_subscription_that_gave_way__is_over_for_churn(
    db: Database, owner: Actor, admin: Actor
) -> None:
    before = months(db, admin)
    old, mid = moment(db, 3, 5), moment(db, 1, 10)
    subscribe(db, owner, start_date=old, current_period_start=old, superseded_at=mid)
    after = months(db, admin)
    assert [a["lost"] - b["lost"] for a, b in zip(after, before, strict=True)] == [0, 1, 0]


def test_conversion__counts_signups_that_subscribed_since(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    before = months(db, admin)
    signup = moment(db, 2, 10)
    for user in (owner, stranger):
        backdate(db, user, signup)
    later = moment(db, 1, 3)
    subscribe(db, owner, start_date=later, current_period_start=later)
    after = months(db, admin)
    assert after[2]["signups"] - before[2]["signups"] == 2
    assert after[2]["converted"] - before[2]["converted"] == 1
    assert after[0]["converted"] == before[0]["converted"]
    expected = after[2]["converted"] * 100 / after[2]["signups"]
    assert float(after[2]["conversion_rate"]) == pytest.approx(expected, abs=0.01)
    assert len(months(db, admin, 60)) == 60


def test_interview_completion__is_by_type_and_of_the_last_days(
    db: Database, owner: Actor, admin: Actor
) -> None:
    db.query(SYSTEM, "delete from public.interview_sessions")
    for kind, status, days in (
        ("voice", "completed", 1),
        ("voice", "abandoned", 29),
        ("voice", "active", 0),
        ("voice", "completed", 31),
        ("chat", "completed", 2),
    ):
        db.query(
            SYSTEM,
            "insert into public.interview_sessions "
            "(user_id, session_type, status, completed_at, created_at) values "
            "(%s, %s, %s, case when %s = 'completed' then now() end, "
            "now() - make_interval(days => %s))",
            owner.user_id,
            kind,
            status,
            status,
            days,
        )
    rows = report(db, admin, "report_interview_completion()")
    assert [tuple(row.values()) for row in rows] == [
        ("chat", 1, 1, 100),
        ("voice", 3, 1, Decimal("33.33")),
    ]


def test_feature_use__tells_what_was_used_and_given_back(
    db: Database, owner: Actor, stranger: Actor, admin: Actor
) -> None:
    db.query(SYSTEM, "delete from public.usage_events where operation = 'match'")
    use(db, owner)
    use(db, owner, source="tokens")
    use(db, owner, days_ago=29, state="reserved")
    use(db, stranger, state="released", source="tokens")
    use(db, stranger, days_ago=31)
    assert named(report(db, admin, "report_feature_use()"), "operation", "match") == {
        "operation": "match",
        "uses": 3,
        "accounts": 1,
        "by_tokens": 1,
        "given_back": 1,
    }
    assert named(report(db, admin, "report_feature_use(40)"), "operation", "match")["accounts"] == 2


def test_ai_cost__adds_up_by_day_and_provider(db: Database, owner: Actor, admin: Actor) -> None:
    db.query(SYSTEM, "delete from public.ai_usage")
    for provider, cost, cached, days in (
        ("gemini", 0.25, False, 0),
        ("gemini", None, True, 0),
        ("claude", 0.5, False, 0),
        ("gemini", 1, False, 31),
    ):
        db.query(
            SYSTEM,
            "insert into public.ai_usage (user_id, feature, ai_provider, input_tokens, "
            "output_tokens, estimated_cost, was_cached, created_at) "
            "values (%s, 'match', %s, 60, 40, %s, %s, now() - make_interval(days => %s))",
            owner.user_id,
            provider,
            cost,
            cached,
            days,
        )
    db.query(SYSTEM, "set local timezone = 'Pacific/Auckland'")
    today = db.value(SYSTEM, "select (now() at time zone 'UTC')::date")
    rows = report(db, admin, "report_ai_cost()")
    assert [tuple(row.values()) for row in rows] == [
        (today, "claude", 1, 0, 100, 0.5),
        (today, "gemini", 2, 1, 200, 0.25),
    ]
