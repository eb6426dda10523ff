"""How tests of résumés take documents in and out."""

import json
from typing import Any
from uuid import UUID

from rlstests.actors import SYSTEM, Actor, Database, Row


def without_limits(db: Database, user: Actor) -> Actor:
    """The user, with as many résumés as a test needs, as often as it likes."""
    sql = "update public.profiles set subscription_tier = 'unlimited' where id = %s"
    db.query(SYSTEM, sql, user.user_id)
    db.query(
        SYSTEM,
        "insert into public.global_config (key, value) values ('rate_limits', %s) "
        "on conflict (key) do update set value = excluded.value",
        json.dumps({"import": {"limit": 100000}, "duplicate": {"limit": 100000}}),
    )
    return user


def take_in(db: Database, user: Actor, document: object, title: str | None = None) -> Row:
    sql = "select * from public.import_json_resume(%s, %s)"
    return db.one(user, sql, json.dumps(document), title)


def export(db: Database, user: Actor, resume: UUID | None) -> Any:
    return db.value(user, "select public.export_json_resume(%s)", resume)


def add(db: Database, user: Actor, content: object, **more: object) -> UUID:
    columns = "".join(f", {column}" for column in more)
    made = db.value(
        SYSTEM,
        f"insert into public.resumes (user_id, content{columns}) "
        f"values (%s, %s{', %s' * len(more)}) returning id",
        user.user_id,
        json.dumps(content),
        *more.values(),
    )
    assert isinstance(made, UUID)
    return made
