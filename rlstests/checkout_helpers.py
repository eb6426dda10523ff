"""What the tests of checkouts have in common: beginning one, opening it, and its rows."""

import json
from typing import Any

import psycopg
import pytest

from rlstests.actors import SERVICE, SYSTEM, Actor, Database, Row

PLAN: dict[str, Any] = {"kind": "subscription", "code": "pro", "interval": "month"}
TOKENS: dict[str, Any] = {"kind": "tokens", "code": "small", "interval": None}


def begin(db: Database, user: Actor, key: str = "k1", **terms: Any) -> Row:
    """Begin the checkout of a month of pro at Stripe, unless terms say otherwise."""
    wanted = {"provider": "stripe", "currency": None, **PLAN, **terms}
    answer = db.value(
        terms.get("actor", SERVICE),
        "select worker.begin_checkout(%s, %s, %s, %s, %s, %s, %s)",
        user.user_id,
        *(wanted[name] for name in ("provider", "kind", "code", "interval", "currency")),
        key,
    )
    assert isinstance(answer, dict)
    return answer


def open_(
    db: Database, checkout: Row, name: str, customer: str | None = None, url: str | None = None
) -> Row:
    sql = "select worker.open_checkout(%s, %s, %s, %s)"
    answer = db.value(SERVICE, sql, checkout["id"], name, customer, url)
    assert isinstance(answer, dict)
    return answer


def rows(db: Database, user: Actor) -> list[Row]:
    return db.query(SYSTEM, "select * from private.checkouts where user_id = %s", user.user_id)


def detail(caught: pytest.ExceptionInfo[psycopg.Error]) -> dict[str, Any]:
    return dict(json.loads(caught.value.diag.message_detail or "{}"))
