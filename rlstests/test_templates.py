"""Room templates: everybody reads the public ones, owners write their own, operators publish."""

import json
from typing import Any
from uuid import UUID

import pytest

from rlstests.actors import ANON, NO_GRANT, POLICY, SYSTEM, Actor, Database, refused

DESIGN: dict[str, Any] = {
    "fonts": {"heading": "Lato", "body": "Source Sans 3"},
    "colors": {"primary": "#102030", "accent": "#ABCDEF"},
    "sectionOrder": ["personalInfo", "summary", "experience"],
    "spacing": {"margins": "0.75in", "lineHeight": 1.4},
}


def add_template(db: Database, user: Actor, name: str = "Mine", design: object = None) -> UUID:
    template = db.value(
        user,
        "insert into public.resume_templates (name, design) values (%s, %s) returning id",
        name,
        json.dumps(DESIGN if design is None else design),
    )
    assert isinstance(template, UUID)
    return template


def publish(db: Database, template: UUID, **more: object) -> None:
    values = {"owner_id": None, "is_public": True} | more
    assignments = ", ".join(f"{column} = %s" for column in values)
    db.query(
        SYSTEM,
        f"update public.resume_templates set {assignments} where id = %s",
        *values.values(),
        template,
    )


@pytest.fixture
def template(db: Database, owner: Actor) -> UUID:
    return add_template(db, owner)


def test_seed__has_templates_of_every_kind_that_anyone_reads(db: Database, owner: Actor) -> None:
    sql = (
        "select * from public.resume_templates where slug = any(%s) "
        "and type = 'built_in' and owner_id is null order by slug"
    )
    slugs = ["academic", "classic", "compact", "executive", "modern", "tech"]
    for reader in (ANON, owner):
        found = db.query(reader, sql, slugs)
        assert [row["slug"] for row in found] == slugs
        assert {row["layout"] for row in found} == {"single_column", "two_column"}
        assert {row["is_premium"] for row in found} == {True, False}
        for row in found:
            assert row["ats_score"] >= 80
            assert row["sections"] == len(set(row["design"]["sectionOrder"])) >= 6
            assert {"personalInfo", "experience", "skills"} <= set(row["design"]["sectionOrder"])
            assert row["description"]


def test_public_template__is_read_by_anyone_while_it_is_active(
    db: Database, stranger: Actor, template: UUID
) -> None:
    sql = "select 1 from public.resume_templates where id = %s"
    for reader in (ANON, stranger):
        assert db.query(reader, sql, template) == []
    publish(db, template)
    for reader in (ANON, stranger):
        assert len(db.query(reader, sql, template)) == 1
    publish(db, template, is_active=False)
    for reader in (ANON, stranger):
        assert db.query(reader, sql, template) == []


def test_owner__reads_an_own_template_that_is_not_active(
    db: Database, owner: Actor, template: UUID
) -> None:
    db.query(owner, "update public.resume_templates set is_active = false where id = %s", template)
    assert db.value(
        owner, "select count(*) from public.resume_templates where owner_id is not null"
    )


def test_published_template__is_nobodys_to_change(
    db: Database, owner: Actor, template: UUID
) -> None:
    publish(db, template)
    where = "where id = %s"
    assert (
        db.affected(owner, f"update public.resume_templates set name = 'x' {where}", template) == 0
    )
    assert db.affected(owner, f"delete from public.resume_templates {where}", template) == 0
    assert db.query(owner, f"select name from public.resume_templates {where}", template) == [
        {"name": "Mine"}
    ]


def test_custom_template__belongs_to_who_made_it(db: Database, owner: Actor) -> None:
    row = db.one(
        owner,
        "insert into public.resume_templates (name, design) values ('Mine', %s) returning *",
        json.dumps(DESIGN),
    )
    assert (row["owner_id"], row["type"]) == (owner.user_id, "custom")
    assert (row["is_public"], row["is_premium"], row["is_active"]) == (False, False, True)
    assert (row["sections"], row["usage_count"], row["ats_score"]) == (3, 0, None)


def test_custom_template__is_made_for_oneself_only(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    sql = "insert into public.resume_templates (owner_id, name, design) values (%s, 'x', %s)"
    for somebody_else in (stranger.user_id, None):
        with refused("42501", match=POLICY):
            db.query(owner, sql, somebody_else, json.dumps(DESIGN))
    assert db.affected(owner, sql, owner.user_id, json.dumps(DESIGN)) == 1


@pytest.mark.usefixtures("template")
@pytest.mark.parametrize(
    "column",
    [
        "type",
        "is_public",
        "is_premium",
        "ats_score",
        "usage_count",
        "demo_user_id",
        "demo_resume_id",
        "sections",
        "created_at",
        "updated_at",
        "id",
    ],
)
def test_system_columns__are_the_operators(db: Database, owner: Actor, column: str) -> None:
    with refused("42501", match=NO_GRANT):
        db.query(owner, f"update public.resume_templates set {column} = default")
    with refused("42501", match=NO_GRANT):
        db.query(
            owner,
            f"insert into public.resume_templates (name, design, {column}) "
            "values ('x', %s, default)",
            json.dumps(DESIGN),
        )


@pytest.mark.usefixtures("template")
def test_owner_of_a_template__cannot_be_changed(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    with refused("42501", match=NO_GRANT):
        db.query(owner, "update public.resume_templates set owner_id = %s", stranger.user_id)


def test_name_and_slug__are_unique_for_each_owner_and_say_nothing_about_others(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    sql = "insert into public.resume_templates (name, slug, design) values (%s, %s, %s)"
    design = json.dumps(DESIGN)
    # A name of the catalogue and one of a stranger are free; the own are taken.
    for user in (owner, stranger):
        assert db.affected(user, sql, "Classic", "classic", design) == 1
        for name, slug in (("Classic", "another"), ("Another", "classic")):
            with refused("23505"):
                db.query(user, sql, name, slug, design)
    system = (
        "insert into public.resume_templates (owner_id, type, name, slug, design) "
        "values (null, 'built_in', %s, %s, %s)"
    )
    for name, slug in (("Classic", "another"), ("Another", "classic")):
        with refused("23505"):
            db.query(SYSTEM, system, name, slug, design)
    assert db.affected(SYSTEM, system, "Another", "another", design) == 1


def test_blocked_account__writes_no_template(db: Database, owner: Actor, template: UUID) -> None:
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("42501", match=POLICY):
        add_template(db, owner, "Another")
    with refused("42501", match=POLICY):
        db.query(owner, "update public.resume_templates set name = 'x' where id = %s", template)
    assert db.affected(owner, "delete from public.resume_templates where id = %s", template) == 1


def test_demo_resume__is_one_of_the_named_user_and_may_vanish(
    db: Database, owner: Actor, stranger: Actor, template: UUID
) -> None:
    resume = db.value(owner, "insert into public.resumes (title) values ('Demo') returning id")
    sql = "update public.resume_templates set demo_user_id = %s, demo_resume_id = %s where id = %s"
    with refused("23503"):
        db.query(SYSTEM, sql, stranger.user_id, resume, template)
    db.query(SYSTEM, sql, owner.user_id, resume, template)
    db.query(SYSTEM, "delete from public.resumes where id = %s", resume)
    row = db.one(SYSTEM, "select * from public.resume_templates where id = %s", template)
    assert (row["demo_user_id"], row["demo_resume_id"]) == (None, None)


def test_usage_count__is_what_the_job_counted_without_the_trash(
    db: Database, owner: Actor, stranger: Actor, template: UUID
) -> None:
    publish(db, template)
    for user, trashed in ((owner, False), (stranger, False), (stranger, True)):
        db.query(
            SYSTEM,
            "insert into public.resumes (user_id, template_id, deleted_at) "
            "values (%s, %s, case when %s then now() end)",
            user.user_id,
            template,
            trashed,
        )
    count = "select usage_count from public.resume_templates where id = %s"
    assert db.value(owner, count, template) == 0
    assert db.value(SYSTEM, "select private.maintain_template_usage()")["changed"] >= 1
    assert db.value(owner, count, template) == 2
    assert db.value(SYSTEM, "select private.maintain_template_usage()") == {"changed": 0}
    db.query(SYSTEM, "delete from public.resumes where template_id = %s", template)
    db.query(SYSTEM, "select private.maintain_template_usage()")
    assert db.value(owner, count, template) == 0


def test_usage_count__is_due_by_the_clock(db: Database) -> None:
    sql = "select repeat_every from private.maintenance_jobs where name = 'template_usage'"
    assert db.value(SYSTEM, sql).total_seconds() == 3600


def test_updated_at__moves_with_edits_and_not_with_counting(
    db: Database, owner: Actor, template: UUID
) -> None:
    old = "2020-01-01 00:00:00+00"
    db.query(SYSTEM, "alter table public.resume_templates disable trigger _100_set_updated_at")
    db.query(SYSTEM, "update public.resume_templates set updated_at = %s", old)
    db.query(SYSTEM, "alter table public.resume_templates enable trigger _100_set_updated_at")
    sql = "select updated_at::text from public.resume_templates where id = %s"
    db.query(SYSTEM, "update public.resume_templates set usage_count = 5 where id = %s", template)
    assert db.value(owner, sql, template) == old
    db.query(owner, "update public.resume_templates set name = 'New' where id = %s", template)
    assert db.value(owner, sql, template) != old


def test_deleted_template__leaves_the_resumes_that_used_it(
    db: Database, owner: Actor, template: UUID
) -> None:
    db.query(owner, "insert into public.resumes (template_id) values (%s)", template)
    assert db.affected(owner, "delete from public.resume_templates where id = %s", template) == 1
    row = db.one(owner, "select template_id, version from public.resumes")
    assert (row["template_id"], row["version"]) == (None, 1)


def test_deleted_account__takes_its_templates_along(
    db: Database, owner: Actor, template: UUID
) -> None:
    db.query(owner, "insert into public.resumes (template_id) values (%s)", template)
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    assert db.query(SYSTEM, "select 1 from public.resume_templates where id = %s", template) == []


ADD_MANY = (
    "insert into public.resume_templates (name, design) "
    "select 'T' || n || clock_timestamp(), %s from generate_series(1, %s) as n"
)


def test_templates__are_limited_for_each_user(db: Database, owner: Actor, stranger: Actor) -> None:
    db.query(SYSTEM, "delete from public.global_config where key = 'max_templates'")
    assert db.affected(owner, ADD_MANY, json.dumps(DESIGN), 100) == 100
    with refused("PT422", match="More than 100"):
        db.query(owner, ADD_MANY, json.dumps(DESIGN), 1)
    db.query(SYSTEM, "insert into public.global_config (key, value) values ('max_templates', '2')")
    assert db.affected(stranger, ADD_MANY, json.dumps(DESIGN), 2) == 2
    with refused("PT422", match="More than 2"):
        db.query(stranger, ADD_MANY, json.dumps(DESIGN), 1)
    # What a stranger has is none of the caller's business: the policy answers first.
    sql = "insert into public.resume_templates (owner_id, name, design) values (%s, 'x', %s)"
    with refused("42501", match=POLICY):
        db.query(stranger, sql, owner.user_id, json.dumps(DESIGN))
