"""Room resumes: the shape of content and layout, the choice of a template, the audit log."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import POLICY, SYSTEM, Actor, Database, Row, refused
from rlstests.test_templates import add_template, publish

FULL: dict[str, Any] = {
    "personalInfo": {"fullName": "Ada Lovelace"},
    "summary": "Mathematician.",
    "experience": [{"company": "Analytical Engines"}],
    "education": [],
    "skills": {"technical": ["Notes"], "soft": []},
    "projects": [],
    "certifications": [],
    "languages": [],
    "awards": [],
    "publications": [],
    "volunteer": [],
    "interests": [],
    "references": [],
}
LISTS = [key for key, value in FULL.items() if isinstance(value, list)]


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    resume = db.value(owner, "insert into public.resumes (title) values ('Mine') returning id")
    assert isinstance(resume, UUID)
    return resume


def write(db: Database, user: Actor, column: str, value: object) -> int:
    return db.affected(user, f"update public.resumes set {column} = %s", json.dumps(value))


@pytest.mark.usefixtures("resume")
def test_content__takes_every_known_section_and_free_ones(db: Database, owner: Actor) -> None:
    content = FULL | {"hobbies": "Flight", "custom": None, "n": 1}
    assert write(db, owner, "content", content) == 1
    assert db.value(owner, "select content from public.resumes") == content
    assert write(db, owner, "content", {}) == 1


@pytest.mark.usefixtures("resume")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("personalInfo", []),
        ("personalInfo", "Ada"),
        ("summary", {}),
        ("summary", 5),
        ("skills", ["Notes"]),
        *[(key, None) for key in FULL],
        *[(key, {}) for key in LISTS],
        *[(key, "text") for key in LISTS],
    ],
)
def test_content__has_the_type_that_readers_expect(
    db: Database, owner: Actor, key: str, value: object
) -> None:
    with refused("23514", match="content"):
        write(db, owner, "content", FULL | {key: value})


@pytest.mark.usefixtures("resume")
@pytest.mark.parametrize("value", [["summary"], "summary", 5, None, True])
def test_content__is_an_object(db: Database, owner: Actor, value: object) -> None:
    with refused("23514", match="content"):
        write(db, owner, "content", value)


@pytest.mark.usefixtures("resume")
def test_layout__names_sections_in_lists(db: Database, owner: Actor) -> None:
    good = {"sectionOrder": ["summary"], "hidden": [], "pageSize": "A4"}
    assert write(db, owner, "layout", good) == 1
    for key in ("sectionOrder", "hidden"):
        for bad in ("summary", {"summary": 1}, [1], [None], [["summary"]], None):
            with refused("23514", match="layout"):
                write(db, owner, "layout", good | {key: bad})
    with refused("23514", match="layout"):
        write(db, owner, "layout", {"x": "x" * 65536})


@pytest.mark.usefixtures("resume")
def test_sections__are_at_most_a_hundred(db: Database, owner: Actor) -> None:
    # Each section is compared with each name in the layout, also for whoever opens a shared link.
    names = [f"own{number}" for number in range(101)]
    assert write(db, owner, "content", dict.fromkeys(names[:100], "x")) == 1
    with refused("23514", match="content"):
        write(db, owner, "content", dict.fromkeys(names, "x"))
    for key in ("sectionOrder", "hidden"):
        assert write(db, owner, "layout", {key: names[:100]}) == 1
        with refused("23514", match="layout"):
            write(db, owner, "layout", {key: names})


# Templates ---------------------------------------------------------------------------------------


def choose(db: Database, user: Actor, template: UUID, resume: UUID) -> Row:
    sql = "update public.resumes set template_id = %s where id = %s returning *"
    return db.one(user, sql, template, resume)


def create_with(db: Database, user: Actor, template: UUID) -> Row:
    sql = "insert into public.resumes (template_id) values (%s) returning *"
    return db.one(user, sql, template)


def test_template__may_be_an_own_or_a_public_one(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    own = add_template(db, owner)
    public = add_template(db, stranger)
    publish(db, public)
    for template in (own, public):
        assert create_with(db, owner, template)["template_id"] == template
        assert choose(db, owner, template, resume)["template_id"] == template
    sql = "update public.resumes set template_id = null where id = %s"
    assert db.affected(owner, sql, resume) == 1


def test_template__that_cannot_be_chosen_answers_like_a_missing_one(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    theirs = add_template(db, stranger)
    inactive = add_template(db, stranger, "Inactive")
    publish(db, inactive, is_active=False)
    premium = add_template(db, stranger, "Premium")
    publish(db, premium, is_premium=True)
    for template in (theirs, inactive, premium, uuid4()):
        with refused("42501", match=POLICY):
            create_with(db, owner, template)
        with refused("42501", match=POLICY):
            choose(db, owner, template, resume)
    own = add_template(db, owner)
    db.query(owner, "update public.resume_templates set is_active = false where id = %s", own)
    with refused("42501", match=POLICY):
        create_with(db, owner, own)
    with refused("42501", match=POLICY):
        choose(db, owner, own, resume)
    assert db.value(owner, "select template_id from public.resumes") is None


def test_premium_template__comes_with_a_paid_plan_and_stays_after_it(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    premium = add_template(db, stranger)
    publish(db, premium, is_premium=True)
    plan = "update public.profiles set subscription_tier = %s where id = %s"
    db.query(SYSTEM, plan, "starter", owner.user_id)
    assert create_with(db, owner, premium)["template_id"] == premium
    choose(db, owner, premium, resume)
    db.query(SYSTEM, plan, "free", owner.user_id)
    # What uses it goes on, also when the template is sent along; nothing new may begin to.
    sql = "update public.resumes set title = 'Edited', template_id = %s where id = %s"
    assert db.affected(owner, sql, premium, resume) == 1
    with refused("42501", match=POLICY):
        create_with(db, owner, premium)


def test_template__is_the_systems_to_choose_without_a_question(
    db: Database, stranger: Actor, resume: UUID
) -> None:
    template = add_template(db, stranger)
    sql = "update public.resumes set template_id = %s where id = %s"
    assert db.affected(SYSTEM, sql, template, resume) == 1


# Audit -------------------------------------------------------------------------------------------


def entries(db: Database, resume: UUID) -> list[Row]:
    return db.query(
        SYSTEM,
        "select action, changes, user_id from public.audit_logs "
        "where entity_type = 'resumes' and entity_id = %s order by created_at, action",
        str(resume),
    )


def test_audit__has_the_life_of_a_resume_and_not_its_words(
    db: Database, owner: Actor, resume: UUID
) -> None:
    (made,) = entries(db, resume)
    assert (made["action"], made["user_id"]) == ("resumes.insert", owner.user_id)
    assert not {"title", "content", "layout", "search"} & set(made["changes"]["after"])
    write(db, owner, "content", FULL)
    db.query(owner, "update public.resumes set title = 'New', layout = '{\"a\": 1}'")
    db.query(
        SYSTEM,
        "update public.resumes set extracted_text = 'x', parsed_data = '{}', ats_score = 5, "
        "parse_status = 'completed', parse_error = 'x', parse_warnings = '[1]', file_sha256 = %s, "
        "file_size_bytes = 1, optimization_score = 1, thumbnail_path = 'x', last_accessed_at = "
        "now(), last_edited_at = now() - interval '1 day', exported_pdf_path = 'x' where id = %s",
        "ab" * 32,
        resume,
    )
    assert len(entries(db, resume)) == 1, "nothing of that is news"
    db.query(owner, "update public.resumes set status = 'published'")
    changes = entries(db, resume)[-1]["changes"]
    assert changes == {"before": {"status": "draft"}, "after": {"status": "published"}}


def test_audit__keeps_no_link_to_a_shared_resume(db: Database, resume: UUID) -> None:
    slug = "s" * 22
    sql = "update public.resumes set share_slug = %s, is_public = true where id = %s"
    db.query(SYSTEM, sql, slug, resume)
    changes = entries(db, resume)[-1]["changes"]
    assert changes["after"] == {"is_public": True, "share_slug": "[masked]"}
