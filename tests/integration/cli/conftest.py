"""Checkouts of the project with a stack each, for tests that look and for tests that change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from cli import output
from cli.command_line import app

from .checkout import Answer, Checkout, make_checkout
from .operating import Run, User


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests reaches the commands."""
    for name in list(os.environ):
        if name.startswith(("RESUMEBASE_", "SUPABASE_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def checkout() -> Iterator[Checkout]:
    """A checkout for tests that only look."""
    with make_checkout() as made:
        yield made


@pytest.fixture
def changing(checkout: Checkout) -> Iterator[Checkout]:
    """The same checkout for a test that adds or removes migrations; undone afterwards."""
    files = [checkout.root / "resumebase.toml", *checkout.migrations.iterdir()]
    before = {file: file.read_text() for file in files}
    yield checkout
    shutil.rmtree(checkout.root / "supabase" / "types", ignore_errors=True)
    for file in checkout.migrations.iterdir():
        file.unlink()
    for file, text in before.items():
        file.write_text(text)
    versions = ", ".join(f"'{file.name[:14]}'" for file in checkout.migrations.iterdir())
    checkout.execute(f"""
        drop table if exists public.coupons;
        drop function if exists public.careless();
        delete from supabase_migrations.schema_migrations where version not in ({versions});
    """)


@pytest.fixture
def own_checkout() -> Iterator[Checkout]:
    """A checkout for one test, which may do anything to it."""
    with make_checkout() as made:
        yield made


@pytest.fixture
def run(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in the checkout, in this process: starting one takes as long as a test."""
    monkeypatch.chdir(checkout.root)
    monkeypatch.setattr(output.console, "width", 160)
    for name, value in checkout.variables.items():
        monkeypatch.setenv(name, value)

    def run_here(*words: str) -> Answer:
        done = CliRunner().invoke(app, list(words))
        return Answer(done.exit_code, done.stdout, done.stderr)

    return run_here


@pytest.fixture
def user(checkout: Checkout) -> Iterator[User]:
    """Somebody who signed up, and is gone after the test."""
    made = User(uuid4(), f"ada-{uuid4().hex[:8]}@example.com")
    checkout.execute(f"insert into auth.users (id, email) values ('{made.id}', '{made.email}')")
    yield made
    checkout.execute(f"delete from auth.users where id = '{made.id}'")


@pytest.fixture
def events(checkout: Checkout, user: User) -> Iterator[dict[str, str]]:
    """One event of each status in the inbox, by our id."""
    rows = checkout.query(f"""
        insert into private.webhook_events (
            provider, event_id, body_sha256, type, payload, occurred_at, user_id, status, error,
            closed_at, parked_at, waits_for
        )
        select 'stripe', 'evt_' || s, sha256(s::bytea), 'invoice.paid', '{{"id": "in_1"}}', now(),
            '{user.id}', case s when 'parked' then 'received' else s end,
            case when s in ('parked', 'failed') then 'No such customer.' end,
            case when s in ('processed', 'failed') then now() end,
            case s when 'parked' then now() end,
            case s when 'parked' then array['customer:stripe:cus_1'] end
        from unnest(array['parked', 'processed', 'failed']) s
        returning event_id, id::text
    """)
    yield dict(rows)
    checkout.execute("delete from queue.tasks; delete from private.webhook_events")
