"""Migrations applied one by one, as over years, with people signing up in between."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from uuid import uuid4

import pytest

from cli.supabase_cli import SupabaseCli
from cli.target import Target

from .checkout import REPOSITORY, Checkout, make_checkout

FILES = sorted((REPOSITORY / "supabase" / "migrations").glob("*.sql"))
# What every account has, whenever it was made: relation and the column with the user's id.
OF_EVERY_ACCOUNT = {
    "public.profiles": "id",
    "public.user_preferences": "user_id",
    "public.token_balances": "user_id",
    "public.user_credits": "user_id",
}


@pytest.fixture(scope="module")
def grown() -> Iterator[Checkout]:
    """A database that got one migration at a time, and a user after each of them."""
    with make_checkout(with_migrations=False) as checkout:
        # The official CLI by itself: our own command around it shows a dry run first, each time.
        official, target = SupabaseCli(checkout.root), Target.from_url(checkout.status.db_url)
        sign_up(checkout)
        for file in FILES:
            shutil.copy(file, checkout.migrations)
            assert official.push(target, seed=False).migrations == [file.name]
            sign_up(checkout)
        shutil.copy(REPOSITORY / "supabase" / "seed.sql", checkout.root / "supabase")
        push = checkout.run("db", "push", "--json")
        assert push.code == 0, push.stderr
        yield checkout


def sign_up(checkout: Checkout) -> None:
    user_id = uuid4()
    checkout.execute(
        f"insert into auth.users (id, email) values ('{user_id}', '{user_id}@example.com')"
    )


def test_people_of_every_age__have_all_that_an_account_has(grown: Checkout) -> None:
    assert grown.query("select count(*) from auth.users") == [(len(FILES) + 1,)]
    for relation, column in OF_EVERY_ACCOUNT.items():
        missing = grown.query(
            f"select count(*) from auth.users u "
            f"where not exists (select 1 from {relation} r where r.{column} = u.id)"
        )
        assert missing == [(0,)], relation


def test_database_grown_step_by_step__has_nothing_pending(grown: Checkout) -> None:
    assert grown.run("db", "status", "--json").code == 0
