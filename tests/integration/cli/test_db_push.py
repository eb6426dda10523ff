"""`db push` and `db status`: the life of a migration, and the gate in front of remote ones."""

from __future__ import annotations

import httpx
import pytest

from .checkout import Checkout

TABLE = """\
create table public.coupons (id integer primary key);
alter table public.coupons enable row level security;
create policy coupons_select_all on public.coupons for select to anon using (true);
grant select on public.coupons to anon;
insert into public.coupons values (1);
"""


def has_coupons(checkout: Checkout) -> bool:
    return checkout.query("select to_regclass('public.coupons') is not null") == [(True,)]


def test_fresh_stack__has_every_migration(checkout: Checkout) -> None:
    answer = checkout.run("db", "status", "--json")
    assert answer.code == 0
    versions = [file.name[:14] for file in sorted(checkout.migrations.glob("*.sql"))]
    assert len(versions) > 5
    assert answer.data["migrations"] == [{"version": v, "state": "applied"} for v in versions]
    push = checkout.run("db", "push", "--json")
    assert push.code == 0
    assert push.data["up_to_date"]


def test_migration__is_pending_then_shown_then_applied_and_served_at_once(
    changing: Checkout,
) -> None:
    path = changing.add_migration("coupons", TABLE)
    status = changing.run("db", "status", "--json")
    assert (status.code, status.data["pending"], status.data["drift"]) == (5, 1, 0)

    preview = changing.run("db", "push", "--dry-run", "--json")
    assert (preview.code, preview.data["migrations"]) == (0, [path.name])
    assert not has_coupons(changing)

    push = changing.run("db", "push", "--json")
    assert (push.code, push.data["migrations"]) == (0, [path.name])
    now = changing.status
    served = httpx.get(
        f"{now.api_url}/rest/v1/coupons?select=id", headers={"apikey": now.publishable_key}
    )
    assert served.json() == [{"id": 1}]
    assert changing.run("db", "status").code == 0


def test_migration_that_is_gone_from_the_folder__is_drift(changing: Checkout) -> None:
    newest = max(changing.migrations.glob("*.sql"))
    newest.unlink()
    status = changing.run("db", "status", "--json")
    assert (status.code, status.data["drift"]) == (5, 1)
    assert changing.run("env", "check").code == 5
    push = changing.run("db", "push", "--json")
    assert (push.code, push.stdout) == (5, "")
    assert push.error["code"] == "migration-drift"


def test_migration_older_than_the_newest_applied__is_refused_with_the_fix(
    changing: Checkout,
) -> None:
    (changing.migrations / "20200101000000_old.sql").write_text("select 1;\n")
    push = changing.run("db", "push", "--json")
    assert push.code == 5
    assert push.error["code"] == "migration-out-of-order"
    assert "20200101000000_old.sql" in push.error["message"]
    assert "Rename" in push.error["hint"]


def test_migration_that_fails__is_named_and_leaves_nothing(changing: Checkout) -> None:
    path = changing.add_migration("coupons", TABLE + "select 1 / 0;\n")
    push = changing.run("db", "push", "--json")
    assert push.code == 1
    assert push.error["code"] == "migration-failed"
    assert path.name in push.error["message"]
    assert "division by zero" in push.error["message"]
    assert not has_coupons(changing)
    path.write_text(TABLE)
    assert changing.run("db", "push").code == 0
    assert has_coupons(changing)


def test_changed_seed__is_run_again_unless_told_not_to(own_checkout: Checkout) -> None:
    seed = own_checkout.root / "supabase" / "seed.sql"
    seed.write_text(seed.read_text() + "create table public.coupons ();\n")
    assert own_checkout.run("db", "push", "--no-seed", "--json").data["up_to_date"]
    preview = own_checkout.run("db", "push", "--dry-run", "--json").data
    assert (preview["migrations"], preview["seeds"]) == ([], ["supabase/seed.sql"])
    assert not has_coupons(own_checkout)
    assert own_checkout.run("db", "push", "--env", "staging", "--yes").code == 0
    assert has_coupons(own_checkout)
    assert own_checkout.run("db", "push", "--json").data["up_to_date"]


@pytest.mark.parametrize(
    "words",
    [
        ("--env", "production"),
        ("--env", "production", "--yes"),
        ("--env", "production", "--confirm", "staging"),
        ("--env", "production", "--json"),
        ("--env", "staging"),
        ("--env", "staging", "--json"),
    ],
)
def test_remote_push_without_confirmation__changes_nothing(
    changing: Checkout, words: tuple[str, ...]
) -> None:
    path = changing.add_migration("coupons", TABLE)
    push = changing.run("db", "push", *words)
    assert push.code == 3
    assert push.stdout == ""
    first, plan = push.stderr.splitlines()[:2]
    assert first.startswith(f"target: {words[1]} (hosted")
    assert path.name in plan, "the plan is shown before anything is asked"
    assert not has_coupons(changing)
    if "--json" in words:
        assert push.error["code"] == "not-confirmed"


@pytest.mark.parametrize(
    "words",
    [("--env", "production", "--confirm", "production"), ("--env", "staging", "--yes")],
)
def test_remote_push_with_confirmation__is_made(changing: Checkout, words: tuple[str, ...]) -> None:
    changing.add_migration("coupons", TABLE)
    assert changing.run("db", "push", *words).code == 0
    assert has_coupons(changing)


@pytest.mark.parametrize(
    ("name", "typed", "code"),
    [
        ("production", "yes\n", 3),
        ("production", "\n", 3),
        ("production", "\x03", 3),
        ("production", "production\n", 0),
        ("staging", "\n", 3),
        ("staging", "y\n", 0),
    ],
)
def test_remote_push_on_a_terminal__asks(
    changing: Checkout, name: str, typed: str, code: int
) -> None:
    changing.add_migration("coupons", TABLE)
    ended, shown = changing.run_on_terminal("db", "push", "--env", name, typed=typed)
    assert ended == code, shown
    assert ("Type production" if name == "production" else "[y/N]") in shown
    assert has_coupons(changing) == (code == 0)


def test_nothing_to_push__asks_nothing(checkout: Checkout) -> None:
    answer = checkout.run("db", "push", "--env", "production", "--json")
    assert answer.code == 0
    assert answer.data["up_to_date"]


def test_wrong_password__exits_4_and_is_not_shown(checkout: Checkout) -> None:
    answer = checkout.run(
        "db", "status", "--env", "staging", "--json", RESUMEBASE_STAGING_DB_PASSWORD="hunter2"
    )
    assert answer.code == 4
    assert answer.error["code"] == "database-login-failed"
    assert "hunter2" not in answer.stderr


def test_stack_that_is_down__says_how_to_start_it(checkout: Checkout) -> None:
    elsewhere = str(checkout.root / "nowhere")
    answer = checkout.run("db", "status", "--json", RESUMEBASE_STATE_DIR=elsewhere)
    assert answer.code == 1
    assert answer.error["code"] == "stack-not-running"
