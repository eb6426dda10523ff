"""Room resumes, exchange: what an import takes, what it refuses, and what it makes of it."""

import pytest

from rlstests.actors import SYSTEM, Actor, Database, refused
from rlstests.exchange import take_in, without_limits


@pytest.fixture
def owner(db: Database, owner: Actor) -> Actor:
    return without_limits(db, owner)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (None, "The document must be an object"),
        ([], "The document must be an object"),
        ("text", "The document must be an object"),
        ({"work": [{"x": 10**100}]}, "A number must have at most 100 characters"),
        ({"$schema": 1}, r"\$schema must be a text"),
        ({"meta": []}, "meta must be an object"),
        ({"basics": []}, "basics must be an object"),
        ({"basics": {"name": 1}}, "basics.name must be a text"),
        ({"basics": {"summary": ["x"]}}, "basics.summary must be a text"),
        ({"basics": {"location": "Berlin"}}, "basics.location must be an object"),
        ({"basics": {"location": {"city": 1}}}, "basics.location.city must be a text"),
        ({"basics": {"profiles": {}}}, "basics.profiles must be a list"),
        ({"basics": {"profiles": [{}, 1]}}, r"basics.profiles\[1\] must be an object"),
        ({"basics": {"profiles": [{"url": 1}]}}, r"basics.profiles\[0\].url must be a text"),
        ({"work": {}}, "work must be a list"),
        ({"work": [{}, None]}, r"work\[1\] must be an object"),
        ({"work": [{"name": {}}]}, r"work\[0\].name must be a text"),
        ({"work": [{"highlights": "x"}]}, r"work\[0\].highlights must be a list"),
        ({"work": [{}, {"highlights": ["a", 1]}]}, r"work\[1\].highlights\[1\] must be a text"),
        ({"education": [{"courses": [[]]}]}, r"education\[0\].courses\[0\] must be a text"),
        ({"volunteer": [{"position": 1}]}, r"volunteer\[0\].position must be a text"),
        ({"projects": [{"roles": [1]}]}, r"projects\[0\].roles\[0\] must be a text"),
        ({"certificates": [{"issuer": 1}]}, r"certificates\[0\].issuer must be a text"),
        ({"awards": [{"awarder": 1}]}, r"awards\[0\].awarder must be a text"),
        ({"publications": [{"publisher": 1}]}, r"publications\[0\].publisher must be a text"),
        ({"languages": ["English"]}, r"languages\[0\] must be an object"),
        ({"interests": [{"keywords": "x"}]}, r"interests\[0\].keywords must be a list"),
        ({"references": [{"reference": 1}]}, r"references\[0\].reference must be a text"),
        ({"skills": [{"level": 5}]}, r"skills\[0\].level must be a text"),
        ({"skills": [{"keywords": ["a", None]}]}, r"skills\[0\].keywords\[1\] must be a text"),
        ({"meta": {"resumebase": []}}, "meta.resumebase must be an object"),
        ({"meta": {"resumebase": {"x": 1}}}, "meta.resumebase.x must be"),
        ({"meta": {"resumebase": {"x": {"value": 1}}}}, "meta.resumebase.x must be"),
    ],
)
def test_wrong_type__is_refused_with_its_path(
    db: Database, owner: Actor, document: object, problem: str
) -> None:
    with refused("PT422", match=problem):
        take_in(db, owner, document)
    with refused("PT422"):
        db.query(owner, "select public.import_json_resume(null)")
    assert db.query(owner, "select 1 from public.resumes") == []


def test_what_travelled__cannot_make_content_of_a_wrong_shape(db: Database, owner: Actor) -> None:
    fingerprint = db.value(SYSTEM, "select private.content_fingerprint(null)")
    kept = {"experience": {"of": fingerprint, "value": "no list"}}
    with refused("PT422", match="meta.resumebase"):
        take_in(db, owner, {"meta": {"resumebase": kept}})


def test_document__has_a_largest_size(db: Database, owner: Actor) -> None:
    for document in ({"x": "y" * 262144}, {"basics": {"summary": "é" * 131072}}):
        with refused("PT413", match="262144"):
            take_in(db, owner, document)
    # Fits as a document, and not with the lists that are made from it.
    groups = [{"name": "n", "level": "l", "keywords": ["k" * 150000]}]
    with refused("PT413"):
        take_in(db, owner, {"skills": groups})
    fingerprint = db.value(SYSTEM, "select private.content_fingerprint(null)")
    kept = {"hobbies": {"of": fingerprint, "value": "x" * 262144}}
    with refused("PT413"):
        take_in(db, owner, {"meta": {"resumebase": kept}})
    assert take_in(db, owner, {"basics": {"summary": "x" * 262000}})["content"]["summary"]


@pytest.mark.parametrize(
    ("basics", "title"),
    [
        ({"name": "Ada", "label": "Engineer"}, "Ada, Engineer"),
        ({"name": "Ada\n\tLovelace"}, "Ada Lovelace"),
        ({"label": "x" * 300}, "x" * 200),
        ({"name": "  ", "label": ""}, "Imported résumé"),
        (None, "Imported résumé"),
    ],
)
def test_import_without_a_title__is_named_after_the_person(
    db: Database, owner: Actor, basics: object, title: str
) -> None:
    row = take_in(db, owner, {"basics": basics})
    assert (row["title"], row["status"], row["user_id"]) == (title, "draft", owner.user_id)
    assert take_in(db, owner, {"basics": basics}, "Mine")["title"] == "Mine"


def test_import_and_copy__are_versions_that_say_so(db: Database, owner: Actor) -> None:
    resume = take_in(db, owner, {}, "CV")["id"]
    sql = (
        "select v.change_type, v.change_summary from public.resume_versions v "
        "where v.resume_id = %s and v.version_number = 1"
    )
    assert db.one(owner, sql, resume)["change_type"] == "import"
    plain = "insert into public.resumes default values returning id"
    assert db.one(owner, sql, db.value(owner, plain))["change_type"] == "manual"
    copy = db.one(owner, "select * from public.duplicate_resume(%s)", resume)
    assert db.one(owner, sql, copy["id"]) == {
        "change_type": "manual",
        "change_summary": "Copied from CV.",
    }
    assert db.one(owner, sql, db.value(owner, plain))["change_summary"] is None


@pytest.mark.parametrize(
    ("groups", "skills"),
    [
        ([], {}),
        (
            [{"name": "Soft skills", "keywords": ["Calm"]}, {"name": "Go", "level": "Expert"}],
            {"technical": ["Go"], "soft": ["Calm"]},
        ),
        (
            [{"name": "A", "keywords": ["x", "y"]}, {"name": "B", "keywords": ["y", "z"]}],
            {"technical": ["x", "y", "z"]},
        ),
        ([{"name": "Software", "keywords": ["Git"]}], {"technical": ["Git"]}),
        ([{"name": None, "keywords": None}, {"name": ""}], {"technical": []}),
    ],
)
def test_skills__become_lists_to_search_and_edit(
    db: Database, owner: Actor, groups: list[object], skills: dict[str, object]
) -> None:
    row = take_in(db, owner, {"skills": groups})
    assert row["content"]["skills"] == (skills | {"groups": groups} if groups else skills)


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ({"city": "Portland", "region": "OR", "countryCode": "US"}, "Portland, OR, US"),
        ({"city": "Paris"}, "Paris"),
        ({"address": "12 Square", "postalCode": "N1"}, "12 Square"),
        ({"city": "", "region": "OR"}, "OR"),
        ({"postalCode": "N1"}, None),
        (None, None),
    ],
)
def test_location__is_one_line(
    db: Database, owner: Actor, location: object, line: str | None
) -> None:
    info = take_in(db, owner, {"basics": {"location": location}})["content"]["personalInfo"]
    assert info.get("location") == line
