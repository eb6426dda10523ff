"""Checkouts of the project with a stack each, for tests that look and for tests that change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from .checkout import Checkout, make_checkout


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
