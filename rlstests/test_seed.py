"""The catalogue of supabase/seed.sql: it can be applied at any time, and what it names fits."""

import re
from pathlib import Path

import pytest

from rlstests.actors import SYSTEM, Database

TEXT = (Path(__file__).parent.parent / "supabase" / "seed.sql").read_text(encoding="utf-8")
TABLES = sorted(set(re.findall(r"^insert into ([a-z_.]+)", TEXT, re.MULTILINE)))
# What an operator might change, and must find again after the next deployment.
CHANGES = [
    "update public.plans set name = 'Gratis', max_resumes = 1 where code = 'free'",
    "update public.plan_limits set max_uses = 7 where plan_code = 'free' and meter = 'ai_actions'",
    "update public.operations set token_cost = 99 where code = 'match'",
    "update public.plan_prices set provider_price_id = 'plan_ours' "
    "where plan_code = 'pro' and interval = 'month' and provider = 'razorpay'",
    "update public.token_pack_prices set amount = 1 where pack_code = 'small'",
    "update public.resume_templates set is_active = false where slug = 'modern'",
    "update public.interviewers set is_active = false where name = 'Maya Okafor'",
    "update public.global_config set value = '1' where key = 'billing_grace_days'",
    "update public.model_prices set input_price = 8 where provider = 'gemini'",
    "update public.retention_policies set keep = '2 days' where relation = 'public.jobs'",
]


def seed(db: Database) -> None:
    with db.acting(SYSTEM) as connection:
        connection.execute(TEXT)


def contents(db: Database) -> dict[str, list[str]]:
    """All rows of the tables that the seed writes to."""
    return {
        table: [
            row["row"]
            for row in db.query(SYSTEM, f"select t::text as row from {table} t order by 1")
        ]
        for table in TABLES
    }


def test_seed__fills_what_a_new_installation_needs(db: Database) -> None:
    found = contents(db)
    assert len(found) >= 11
    assert [table for table, rows in found.items() if not rows] == []
    interviewers = db.query(SYSTEM, "select * from public.interviewers where is_active")
    assert len(interviewers) >= 6
    assert all(row["title"] and row["specialty"] and row["description"] for row in interviewers)
    assert len({row["specialty"] for row in interviewers}) == len(interviewers)


def test_seed_applied_again__changes_nothing(db: Database) -> None:
    before = contents(db)
    seed(db)
    assert contents(db) == before


@pytest.mark.parametrize("change", CHANGES)
def test_seed_applied_again__keeps_what_an_operator_changed(db: Database, change: str) -> None:
    untouched = contents(db)
    assert db.affected(SYSTEM, change) >= 1
    changed = contents(db)
    assert changed != untouched, "positive control"
    seed(db)
    assert contents(db) == changed


def test_models_that_are_asked__have_a_price(db: Database) -> None:
    models = db.value(SYSTEM, "select value from public.global_config where key = 'ai_models'")
    order = db.value(
        SYSTEM, "select value from public.global_config where key = 'ai_provider_order'"
    )
    assert sorted(models) == sorted(order)
    sql = "select private.estimate_cost(%s, %s, now(), 1000000, 0, 0)"
    costs = {provider: db.value(SYSTEM, sql, provider, model) for provider, model in models.items()}
    assert [provider for provider, cost in costs.items() if cost is None] == []
    assert [provider for provider, cost in costs.items() if cost == 0] == ["offline"]


def test_operations__are_met_by_limits_of_some_plan(db: Database) -> None:
    sql = (
        "select o.code from public.operations o where not exists ("
        "select 1 from public.plan_limits l where l.meter = any(o.meters))"
    )
    assert db.query(SYSTEM, sql) == []
    # A meter that no operation counts is a limit that never bites.
    unused = (
        "select l.meter from public.plan_limits l where not exists ("
        "select 1 from public.operations o where l.meter = any(o.meters))"
    )
    assert db.query(SYSTEM, unused) == []


def test_every_paid_plan__has_a_price_by_month_and_year_of_both_providers(db: Database) -> None:
    rows = db.query(
        SYSTEM,
        "select p.code, array_agg(x.provider || ' ' || x.interval order by 1) as sold "
        "from public.plans p left join public.plan_prices x on x.plan_code = p.code "
        "where p.code <> 'free' group by p.code",
    )
    assert len(rows) >= 6
    every = {"razorpay month", "razorpay year", "stripe month", "stripe year"}
    assert {row["code"] for row in rows if set(row["sold"]) != every} == set()


def test_built_in_designs__say_all_that_a_renderer_asks(db: Database) -> None:
    rows = db.query(
        SYSTEM, "select slug, layout, design from public.resume_templates where type = 'built_in'"
    )
    assert len(rows) >= 6
    for row in rows:
        design, slug = row["design"], row["slug"]
        assert set(design["fonts"]) == {"heading", "body", "baseSize"}, slug
        assert set(design["colors"]) == {"primary", "secondary", "text", "background"}, slug
        assert set(design["spacing"]) == {"margins", "lineHeight", "sectionGap"}, slug
        assert design["headings"]["style"] in {"rule", "bar", "plain"}, slug
        assert design["headings"]["transform"] in {"none", "uppercase", "small-caps"}, slug
        assert design["bullets"] in {"disc", "dash"}, slug
        assert design["sectionOrder"][0] == "personalInfo", slug
        assert ("columns" in design) == (row["layout"] == "two_column"), slug
        if "columns" in design:
            main = [key for key in design["sectionOrder"] if key not in design["columns"]["side"]]
            assert set(design["columns"]["side"]) < set(design["sectionOrder"]), slug
            assert len(main) >= 3, slug
            assert len(design["columns"]["ratio"]) == 2, slug
