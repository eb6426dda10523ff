"""Room platform: the catalogue of a new installation, applied again to one that is in use."""

from pathlib import Path

import pytest

from rlstests.actors import SYSTEM, Database, Row

SEED = (Path(__file__).parent.parent / "supabase" / "seed.sql").read_text(encoding="utf-8")
TABLES = (
    "plans",
    "operations",
    "plan_limits",
    "plan_prices",
    "token_packs",
    "token_pack_prices",
    "resume_templates",
    "model_prices",
    "interviewers",
    "global_config",
    "retention_policies",
)


def catalogue(db: Database) -> dict[str, list[Row]]:
    sql = "select to_jsonb(t) as row from public.{} t order by 1"
    return {table: db.query(SYSTEM, sql.format(table)) for table in TABLES}


def seed(db: Database) -> None:
    with db.acting(SYSTEM) as connection:
        connection.execute(SEED.encode())


def test_seed__fills_every_table_it_names(db: Database) -> None:
    named = {line.split()[2] for line in SEED.splitlines() if line.startswith("insert into ")}
    assert named == {f"public.{table}" for table in TABLES}
    assert [table for table, rows in catalogue(db).items() if not rows] == []


@pytest.mark.parametrize(
    "choice",
    [
        "select 1",
        # Sold under another id, in another currency, or not at all.
        "update public.plan_prices set provider_price_id = 'plan_' || id, is_active = false",
        "update public.plan_prices set provider_price_id = 'plan_' || id, currency = 'EUR'",
        "update public.token_pack_prices set provider_price_id = 'p_' || id, is_active = false",
        # Another period, with nothing left of the one that was there.
        "update public.plan_limits set period = 'month' where period = 'lifetime'",
        "update public.plans set is_active = false, max_resumes = 1",
        "update public.global_config set value = '1'",
        "update public.retention_policies set keep = '5 years', is_active = false",
    ],
)
def test_seed_applied_again__changes_nothing_that_is_there(db: Database, choice: str) -> None:
    db.query(SYSTEM, choice)
    before = catalogue(db)
    seed(db)
    assert catalogue(db) == before


def test_seed_applied_again__brings_back_what_is_missing(db: Database) -> None:
    before = catalogue(db)
    db.query(SYSTEM, "delete from public.plan_limits where meter = 'analyses'")
    db.query(SYSTEM, "delete from public.operations where code = 'generation'")
    seed(db)
    assert catalogue(db) == before
