"""Room resumes, drafts: publishing one writes the résumé, or makes it."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.test_resumes_drafts import publish_draft, save
from rlstests.test_resumes_quota import add_resumes, trash
from rlstests.test_templates import add_template


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    (resume,) = add_resumes(db, owner)
    return resume


def test_publishing__writes_the_resume_and_ends_the_draft(
    db: Database, owner: Actor, resume: UUID
) -> None:
    template = add_template(db, owner)
    more = {"layout": {"hidden": ["a"]}, "title": "New title", "template": template}
    draft = save(db, owner, resume=resume, base=1, **more)
    other = save(db, owner)["id"]
    row = publish_draft(db, owner, draft["id"])
    assert (row["id"], row["content"], row["title"]) == (
        resume,
        {"summary": "draft"},
        "New title",
    )
    assert (row["layout"], row["template_id"], row["version"]) == (
        {"hidden": ["a"]},
        template,
        2,
    )
    assert db.query(owner, "select id from public.resume_drafts") == [{"id": other}]
    with refused("PT404"):
        publish_draft(db, owner, draft["id"])


def test_what_a_draft_leaves_out__stays_as_it_is(db: Database, owner: Actor, resume: UUID) -> None:
    template = add_template(db, owner)
    db.query(
        owner,
        "update public.resumes set title = 'Kept', layout = '{\"hidden\": []}', template_id = %s",
        template,
    )
    row = publish_draft(db, owner, save(db, owner, resume=resume, base=2)["id"])
    assert (row["title"], row["layout"], row["template_id"]) == ("Kept", {"hidden": []}, template)
    assert row["content"] == {"summary": "draft"}


def test_publishing_over_a_newer_version__is_a_conflict_and_keeps_the_draft(
    db: Database, owner: Actor, resume: UUID
) -> None:
    draft = save(db, owner, resume=resume, base=1)["id"]
    db.query(owner, 'update public.resumes set content = \'{"summary": "elsewhere"}\'')
    with refused("PT409") as caught:
        publish_draft(db, owner, draft)
    assert json.loads(caught.value.diag.message_detail or "")["current_version"] == 2
    assert db.value(owner, "select content from public.resumes") == {"summary": "elsewhere"}
    assert db.value(owner, "select id from public.resume_drafts") == draft


def test_publishing_a_new_resume__makes_it_and_needs_room(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "update public.plans set max_resumes = 3 where code = 'free'")
    template = add_template(db, owner)
    draft = save(db, owner, layout={"hidden": ["a"]}, title="New", template=template)["id"]
    row = publish_draft(db, owner, draft)
    assert (row["user_id"], row["title"], row["template_id"]) == (owner.user_id, "New", template)
    assert (row["content"], row["layout"]) == ({"summary": "draft"}, {"hidden": ["a"]})
    plain = publish_draft(db, owner, save(db, owner)["id"])
    assert (plain["title"], plain["layout"]) == ("Untitled résumé", {})
    add_resumes(db, owner)
    draft = save(db, owner)["id"]
    with refused("PT402"):
        publish_draft(db, owner, draft)
    assert db.value(owner, "select id from public.resume_drafts") == draft


def test_publishing__is_refused_alike_for_what_is_missing_foreign_or_trashed(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    draft = save(db, owner, resume=resume, base=1)["id"]
    with refused("PT404", match=str(draft)):
        publish_draft(db, stranger, draft)
    for unknown in (uuid4(), None):
        with refused("PT404"):
            publish_draft(db, owner, unknown)
    trash(db, owner, resume)
    with refused("PT404"):
        publish_draft(db, owner, draft)
    assert db.query(owner, "select 1 from public.resume_drafts") == []
    db.query(owner, "select public.restore_resume(%s)", resume)
    assert publish_draft(db, owner, draft)["content"] == {"summary": "draft"}
