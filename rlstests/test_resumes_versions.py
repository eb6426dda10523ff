"""Room resumes, history: each state that mattered is kept, and there is a way back to it."""

import json
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SYSTEM, Actor, Database, Row, refused
from rlstests.test_resumes_quota import set_config
from rlstests.test_templates import add_template, publish


@pytest.fixture
def resume(db: Database, owner: Actor) -> UUID:
    sql = 'insert into public.resumes (content) values (\'{"summary": "one"}\') returning id'
    resume = db.value(owner, sql)
    assert isinstance(resume, UUID)
    return resume


def edit(db: Database, user: Actor, summary: str) -> None:
    sql = "update public.resumes set content = %s"
    db.query(user, sql, json.dumps({"summary": summary}))


def let_a_minute_pass(db: Database) -> None:
    sql = "update public.resume_versions set created_at = created_at - interval '1 minute'"
    db.query(SYSTEM, sql)


def note(db: Database, change_type: str | None, summary: str | None = None) -> None:
    db.connection.execute("select private.note_resume_change(%s, %s)", (change_type, summary))


def versions(db: Database, user: Actor) -> list[Row]:
    return db.query(user, "select * from public.resume_versions order by version_number")


def history(db: Database, user: Actor) -> list[tuple[int, str | None]]:
    return [(row["version_number"], row["content"].get("summary")) for row in versions(db, user)]


def restore(db: Database, user: Actor, resume: UUID | None, version: int | None) -> Row:
    sql = "select * from public.restore_resume_version(%s, %s)"
    return db.one(user, sql, resume, version)


def test_new_resume__begins_its_history(db: Database, owner: Actor, resume: UUID) -> None:
    (first,) = versions(db, owner)
    assert (first["resume_id"], first["user_id"]) == (resume, owner.user_id)
    assert (first["version_number"], first["content"]) == (1, {"summary": "one"})
    assert (first["change_type"], first["changed_by"]) == ("manual", owner.user_id)
    assert (first["layout"], first["template_id"], first["change_summary"]) == ({}, None, None)


@pytest.mark.usefixtures("resume")
def test_edits_by_hand__are_a_version_each_when_time_has_passed(db: Database, owner: Actor) -> None:
    edit(db, owner, "two")
    let_a_minute_pass(db)
    edit(db, owner, "three")
    assert history(db, owner) == [(1, "one"), (2, "two"), (3, "three")]
    assert db.value(owner, "select version from public.resumes") == 3


@pytest.mark.usefixtures("resume")
def test_quick_edits_by_hand__are_merged_and_still_counted(db: Database, owner: Actor) -> None:
    for summary in ("two", "three", "four"):
        edit(db, owner, summary)
    # The first is never merged into: it is what there was before the burst.
    assert history(db, owner) == [(1, "one"), (4, "four")]
    assert db.value(owner, "select version from public.resumes") == 4
    let_a_minute_pass(db)
    edit(db, owner, "five")
    assert history(db, owner) == [(1, "one"), (4, "four"), (5, "five")]


@pytest.mark.usefixtures("resume")
def test_layout__is_part_of_the_history_and_of_a_merge(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    template = add_template(db, stranger)
    publish(db, template)
    db.query(owner, 'update public.resumes set layout = \'{"hidden": ["a"]}\'')
    db.query(SYSTEM, "update public.resume_versions set template_id = null")
    assert versions(db, owner)[-1]["layout"] == {"hidden": ["a"]}
    db.query(owner, 'update public.resumes set layout = \'{"hidden": ["b"]}\'')
    assert [row["layout"] for row in versions(db, owner)] == [{}, {"hidden": ["b"]}]


@pytest.mark.usefixtures("resume")
def test_what_is_not_content__makes_no_version(db: Database, owner: Actor) -> None:
    db.query(owner, "update public.resumes set title = 'New', status = 'published'")
    db.query(owner, "update public.resumes set content = content, layout = layout")
    db.query(SYSTEM, "update public.resumes set ats_score = 5")
    assert history(db, owner) == [(1, "one")]
    assert db.value(owner, "select version from public.resumes") == 1


@pytest.mark.usefixtures("resume")
def test_newest_version__is_always_the_resume_as_it_stands(db: Database, owner: Actor) -> None:
    template = add_template(db, owner)
    for change in (
        'content = \'{"summary": "x"}\'',
        'content = \'{"summary": "y"}\', layout = \'{"hidden": []}\'',
        f"template_id = '{template}'",
        "template_id = null, content = '{}'",
    ):
        db.query(owner, f"update public.resumes set {change}")
        assert db.value(
            owner,
            "select (r.version, r.content, r.layout, r.template_id) is not distinct from "
            "(v.version_number, v.content, v.layout, v.template_id) from public.resumes r "
            "join public.resume_versions v on v.resume_id = r.id "
            "order by v.version_number desc limit 1",
        ), change


@pytest.mark.usefixtures("resume")
def test_change_of_template__is_kept_as_one(db: Database, owner: Actor) -> None:
    edit(db, owner, "two")
    template = add_template(db, owner)
    db.query(owner, "update public.resumes set template_id = %s", template)
    edit(db, owner, "four")
    assert [(v["version_number"], v["change_type"]) for v in versions(db, owner)] == [
        (1, "manual"),
        (2, "manual"),
        (3, "template_change"),
        (4, "manual"),
    ]
    # A template that is deleted under it is no edit.
    db.query(owner, "delete from public.resume_templates")
    assert len(versions(db, owner)) == 4
    assert db.value(owner, "select version from public.resumes") == 4


@pytest.mark.usefixtures("resume")
def test_template_that_is_taken_off__is_an_edit_also_when_it_is_hidden_by_then(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    template = add_template(db, stranger)
    publish(db, template)
    db.query(owner, "update public.resumes set template_id = %s", template)
    publish(db, template, is_active=False)
    db.query(owner, "update public.resumes set template_id = null")
    assert db.value(owner, "select version from public.resumes") == 3
    assert versions(db, owner)[-1]["template_id"] is None


@pytest.mark.usefixtures("resume")
def test_noted_change__is_named_and_never_merged(db: Database, owner: Actor) -> None:
    edit(db, owner, "two")
    for change_type in ("ai_optimized", "import", "manual"):
        note(db, change_type, f"By {change_type}.")
        edit(db, owner, change_type)
    note(db, None)
    edit(db, owner, "last")
    assert [
        (v["version_number"], v["change_type"], v["change_summary"]) for v in versions(db, owner)
    ] == [
        (1, "manual", None),
        (2, "manual", None),
        (3, "ai_optimized", "By ai_optimized."),
        (4, "import", "By import."),
        (5, "manual", "By manual."),
        (6, "manual", None),
    ]


@pytest.mark.usefixtures("resume")
def test_note__must_be_a_known_change_and_is_cut(db: Database, owner: Actor) -> None:
    note(db, "nonsense")
    with refused("23514", match="change_type"):
        edit(db, owner, "two")
    note(db, "import", "x" * 600)
    edit(db, owner, "two")
    assert len(versions(db, owner)[-1]["change_summary"]) == 500


@pytest.mark.usefixtures("resume")
def test_edit_by_the_system__is_not_merged_with_one_by_hand(db: Database, owner: Actor) -> None:
    edit(db, owner, "two")
    edit(db, SYSTEM, "three")
    edit(db, SYSTEM, "four")
    edit(db, owner, "five")
    assert history(db, owner) == [
        (1, "one"),
        (2, "two"),
        (3, "three"),
        (4, "four"),
        (5, "five"),
    ]
    assert [v["changed_by"] for v in versions(db, owner)] == [
        owner.user_id,
        owner.user_id,
        None,
        None,
        owner.user_id,
    ]


def test_version__counts_what_the_database_saw_and_not_what_somebody_writes(
    db: Database, owner: Actor, resume: UUID
) -> None:
    sql = "update public.resumes set content = '{}', version = 9 where id = %s"
    db.query(SYSTEM, sql, resume)
    assert db.value(owner, "select version from public.resumes") == 2
    with refused("42501", match=NO_GRANT):
        db.query(owner, "update public.resumes set version = 1 where id = %s", resume)


@pytest.mark.usefixtures("resume")
def test_history__keeps_the_newest(db: Database, owner: Actor, stranger: Actor) -> None:
    db.query(stranger, "insert into public.resumes (title) values ('Untouched')")
    db.query(owner, "insert into public.resumes (title) values ('Another')")
    set_config(db, "resume_versions_kept", 3)
    for n in range(2, 7):
        note(db, "import")
        sql = "update public.resumes set content = %s where title <> 'Another'"
        db.query(owner, sql, json.dumps({"summary": str(n)}))
    assert history(db, owner) == [(1, None), (4, "4"), (5, "5"), (6, "6")]
    assert len(versions(db, stranger)) == 1
    set_config(db, "resume_versions_kept", 0)
    sql = "update public.resumes set content = '{}' where title <> 'Another'"
    db.query(owner, sql)
    assert history(db, owner) == [(1, None), (7, None)], "the newest always stays"


@pytest.mark.usefixtures("resume")
def test_history__keeps_fifty_by_default(db: Database, owner: Actor) -> None:
    db.query(SYSTEM, "delete from public.global_config where key = 'resume_versions_kept'")
    note(db, "import")
    for n in range(2, 55):
        edit(db, owner, str(n))
    assert [number for number, _ in history(db, owner)] == list(range(5, 55))


def test_versions__are_the_owners_to_read_while_the_resume_is_not_in_the_trash(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, resume: UUID
) -> None:
    for user in (stranger, admin):
        assert versions(db, user) == []
    assert len(versions(db, owner)) == 1
    db.query(owner, "select public.trash_resume(%s)", resume)
    assert versions(db, owner) == []
    assert len(versions(db, SYSTEM)) >= 1
    db.query(owner, "select public.restore_resume(%s)", resume)
    assert len(versions(db, owner)) == 1


def test_restore__makes_an_old_state_the_newest(db: Database, owner: Actor, resume: UUID) -> None:
    db.query(owner, 'update public.resumes set layout = \'{"hidden": ["a"]}\'')
    let_a_minute_pass(db)
    edit(db, owner, "three")
    row = restore(db, owner, resume, 2)
    assert (row["content"], row["layout"]) == ({"summary": "one"}, {"hidden": ["a"]})
    assert row["version"] == 4
    last = versions(db, owner)[-1]
    assert (last["version_number"], last["change_type"]) == (4, "restore")
    assert (last["change_summary"], last["changed_by"]) == ("Version 2", owner.user_id)
    # What follows in the same transaction is an edit by hand again.
    edit(db, owner, "five")
    assert versions(db, owner)[-1]["change_type"] == "manual"


def test_restore_of_what_is_there__changes_nothing(
    db: Database, owner: Actor, resume: UUID
) -> None:
    assert restore(db, owner, resume, 1)["version"] == 1
    assert len(versions(db, owner)) == 1


def test_restore__brings_the_template_back_if_it_can_still_be_chosen(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    public = add_template(db, stranger)
    publish(db, public)
    own = add_template(db, owner)
    for template in (public, own):
        db.query(owner, "update public.resumes set template_id = %s", template)
    assert restore(db, owner, resume, 2)["template_id"] == public
    assert restore(db, owner, resume, 3)["template_id"] == own
    publish(db, public, is_premium=True)
    assert restore(db, owner, resume, 2)["template_id"] == own, "it needs a paid plan now"
    assert restore(db, owner, resume, 1)["template_id"] is None
    db.query(owner, "delete from public.resume_templates where id = %s", own)
    assert restore(db, owner, resume, 3)["template_id"] is None


def test_restore__is_refused_alike_for_what_is_missing_foreign_or_trashed(
    db: Database, owner: Actor, stranger: Actor, resume: UUID
) -> None:
    theirs = db.value(stranger, "insert into public.resumes default values returning id")
    for unknown in (theirs, uuid4(), None):
        with refused("PT404"):
            restore(db, owner, unknown, 1)
    for number in (2, 0, None):
        with refused("PT404", match="version"):
            restore(db, owner, resume, number)
    with refused("42501", match=NO_GRANT):
        restore(db, ANON, resume, 1)
    db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404", match=str(resume)):
        restore(db, owner, resume, 1)


def test_blocked_account__restores_nothing(db: Database, owner: Actor, resume: UUID) -> None:
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    with refused("PT403"):
        restore(db, owner, resume, 1)


def test_version__belongs_to_the_owner_of_its_resume(
    db: Database, stranger: Actor, resume: UUID
) -> None:
    sql = (
        "insert into public.resume_versions "
        "(user_id, resume_id, version_number, content, layout, change_type) "
        "values (%s, %s, 2, '{}', '{}', 'manual')"
    )
    with refused("23503"):
        db.query(SYSTEM, sql, stranger.user_id, resume)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("version_number = 0", "version_number"),
        ("content = '[]'", "content"),
        ("layout = '[]'", "layout"),
        ("change_type = 'other'", "change_type"),
        ("change_summary = ''", "change_summary"),
        ("changed_by = gen_random_uuid()", "changed_by"),
    ],
)
def test_version__keeps_to_its_domain(db: Database, resume: UUID, change: str, match: str) -> None:
    sql = f"update public.resume_versions set {change} where resume_id = %s"
    with refused("23514", match=match):
        db.query(SYSTEM, sql, resume)


def test_version_number__is_unique_for_a_resume(db: Database, owner: Actor, resume: UUID) -> None:
    edit(db, owner, "two")
    sql = "update public.resume_versions set version_number = 2 where resume_id = %s"
    with refused("23505"):
        db.query(SYSTEM, sql, resume)


@pytest.mark.usefixtures("resume")
def test_history__goes_with_the_resume_and_with_the_account(
    db: Database, owner: Actor, resume: UUID
) -> None:
    db.query(owner, "insert into public.resumes (template_id) values (%s)", add_template(db, owner))
    db.query(SYSTEM, "delete from public.resumes where id = %s", resume)
    assert len(versions(db, owner)) == 1
    db.query(SYSTEM, "delete from auth.users where id = %s", owner.user_id)
    sql = "select 1 from public.resume_versions where user_id = %s"
    assert db.query(SYSTEM, sql, owner.user_id) == []
