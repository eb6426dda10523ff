"""Room resumes, exchange: JSON Resume in and out, and copies; nothing gets lost on the way."""

import json
import random
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from rlstests.actors import ANON, NO_GRANT, SERVICE, SYSTEM, Actor, Database, Row, refused
from rlstests.resume_makers import make_content, make_document

EXAMPLES = sorted((Path(__file__).parents[1] / "examples" / "resumes").glob("*.json"))
OURS: dict[str, Any] = {
    "personalInfo": {
        "name": "John Doe",
        "label": "Engineer",
        "email": "john@example.com",
        "phone": "+1234567890",
        "location": "San Francisco, CA",
        "linkedin": "linkedin.com/in/johndoe",
        "github": "github.com/johndoe",
        "website": "https://doe.example",
    },
    "summary": "Experienced software engineer.",
    "experience": [
        {
            "company": "Tech Corp",
            "title": "Senior Developer",
            "location": "SF, CA",
            "startDate": "2020-01",
            "endDate": "2023-06",
            "description": "Payments.",
            "bullets": ["Developed", "Led"],
            "technologies": ["Go"],
        }
    ],
    "education": [{"institution": "MIT", "degree": "BSc", "field": "CS", "gpa": "3.9"}],
    "skills": {"technical": ["Python", "React"], "soft": ["Leadership"], "tools": ["Git"]},
    "projects": [{"name": "p", "bullets": ["b"], "technologies": ["t"], "url": "https://p.test"}],
    "certifications": [{"name": "CKA", "issuer": "CNCF", "date": "2022"}],
    "languages": [{"language": "English", "fluency": "Native"}],
    "awards": [{"title": "Prize"}],
    "publications": [{"name": "Paper"}],
    "volunteer": [{"organization": "Club", "title": "Coach", "bullets": ["b"]}],
    "interests": [{"name": "Chess"}],
    "references": [{"name": "Ann", "reference": "Good."}],
}


@pytest.fixture
def owner(db: Database, owner: Actor) -> Actor:
    """As many résumés as a test needs, as often as it likes."""
    sql = "update public.profiles set subscription_tier = 'unlimited' where id = %s"
    db.query(SYSTEM, sql, owner.user_id)
    db.query(
        SYSTEM,
        "insert into public.global_config (key, value) values ('rate_limits', %s) "
        "on conflict (key) do update set value = excluded.value",
        json.dumps({"import": {"limit": 100000}, "duplicate": {"limit": 100000}}),
    )
    return owner


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


# There and back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example__comes_out_as_it_went_in(db: Database, owner: Actor, path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    row = take_in(db, owner, document)
    assert export(db, owner, row["id"]) == document
    content = row["content"]
    assert content["personalInfo"]["name"] == document["basics"]["name"]
    assert content["summary"] == document["basics"]["summary"]
    assert [e["company"] for e in content["experience"]] == [w["name"] for w in document["work"]]
    assert content["experience"][0]["bullets"] == document["work"][0]["highlights"]
    assert set(document["skills"][0]["keywords"]) <= set(content["skills"]["technical"])
    assert content["skills"]["groups"] == document["skills"]
    assert content["meta"] == {"jsonResume": {"$schema": document["$schema"]}}
    assert row["layout"] == {"hidden": ["meta"]}
    assert len(EXAMPLES) == 3


def test_any_document__comes_out_as_it_went_in(db: Database) -> None:
    sql = "select private.write_json_resume(private.read_json_resume(%s)) as document"
    for seed in range(80):
        document = make_document(random.Random(seed))
        assert db.value(SYSTEM, sql, json.dumps(document)) == document, f"seed {seed}"


def test_any_content__comes_back_as_it_went_out(db: Database) -> None:
    sql = "select private.read_json_resume(private.write_json_resume(%s)) as content"
    for seed in range(80):
        content = make_content(random.Random(seed))
        assert db.value(SYSTEM, sql, json.dumps(content)) == content, f"seed {seed}"


def test_our_shape__is_plain_json_resume(db: Database, owner: Actor) -> None:
    document = export(db, owner, add(db, owner, OURS))
    assert document == {
        "basics": {
            "name": "John Doe",
            "label": "Engineer",
            "email": "john@example.com",
            "phone": "+1234567890",
            "url": "https://doe.example",
            "summary": "Experienced software engineer.",
            "location": {"city": "San Francisco, CA"},
            "profiles": [
                {"network": "LinkedIn", "url": "linkedin.com/in/johndoe"},
                {"network": "GitHub", "url": "github.com/johndoe"},
            ],
        },
        "work": [
            {
                "name": "Tech Corp",
                "position": "Senior Developer",
                "location": "SF, CA",
                "startDate": "2020-01",
                "endDate": "2023-06",
                "summary": "Payments.",
                "highlights": ["Developed", "Led"],
                "technologies": ["Go"],
            }
        ],
        "education": [{"institution": "MIT", "studyType": "BSc", "area": "CS", "score": "3.9"}],
        "skills": [
            {"name": "Technical", "keywords": ["Python", "React"]},
            {"name": "Soft", "keywords": ["Leadership"]},
            {"name": "tools", "keywords": ["Git"]},
        ],
        "projects": [
            {"name": "p", "highlights": ["b"], "keywords": ["t"], "url": "https://p.test"}
        ],
        "certificates": [{"name": "CKA", "issuer": "CNCF", "date": "2022"}],
        "languages": OURS["languages"],
        "awards": OURS["awards"],
        "publications": OURS["publications"],
        "volunteer": [{"organization": "Club", "position": "Coach", "highlights": ["b"]}],
        "interests": OURS["interests"],
        "references": OURS["references"],
    }
    assert take_in(db, owner, document)["content"] == OURS


def test_what_the_standard_lacks__travels_in_meta_resumebase(db: Database, owner: Actor) -> None:
    content = {"summary": "S", "hobbies": ["Chess"], "languages": ["English"], "experience": ["x"]}
    document = export(db, owner, add(db, owner, content))
    assert document["basics"] == {"summary": "S"}
    assert document["languages"] == [{"language": "English"}]
    assert document["work"] == [{"position": "x"}]
    kept = document["meta"]["resumebase"]
    # Without personalInfo there are no basics, so that summary alone needs a note as well.
    assert set(kept) == {"hobbies", "languages", "experience", "personalInfo"}
    assert kept["hobbies"]["value"] == ["Chess"]
    assert "value" not in kept["personalInfo"]
    assert take_in(db, owner, document)["content"] == content


def test_section_that_another_program_changed__wins_over_what_travelled(
    db: Database, owner: Actor
) -> None:
    content = {"languages": ["English"], "interests": ["Chess"]}
    document = export(db, owner, add(db, owner, content))
    document["languages"].append({"language": "Welsh"})
    assert take_in(db, owner, document)["content"] == {
        "languages": [{"language": "English"}, {"language": "Welsh"}],
        "interests": ["Chess"],
    }


def test_edits_after_an_import__are_what_the_export_says(db: Database, owner: Actor) -> None:
    document = json.loads(EXAMPLES[0].read_text(encoding="utf-8"))
    row = take_in(db, owner, document)
    content = row["content"]
    content["personalInfo"] |= {"location": "Berlin", "linkedin": "https://l.test", "github": ""}
    content["skills"]["technical"] = ["Rust"]
    sql = "update public.resumes set content = %s where id = %s"
    db.query(owner, sql, json.dumps(content), row["id"])
    edited = export(db, owner, row["id"])
    assert edited["basics"]["location"] == {"city": "Berlin"}
    assert edited["basics"]["profiles"] == [{"network": "LinkedIn", "url": "https://l.test"}]
    assert edited["skills"] == [{"name": "Technical", "keywords": ["Rust"]}]
    assert take_in(db, owner, edited)["content"] == content


# Importing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (None, "The document must be an object"),
        ([], "The document must be an object"),
        ("text", "The document must be an object"),
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
    copy = db.one(owner, "select * from public.duplicate_resume(%s)", resume)
    assert db.one(owner, sql, copy["id"]) == {
        "change_type": "manual",
        "change_summary": "Copied from CV.",
    }
    plain = db.value(owner, "insert into public.resumes default values returning id")
    assert db.one(owner, sql, plain)["change_summary"] is None


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


# Exporting and copying ---------------------------------------------------------------------------


def test_resume_nobody_edited_yet__is_exported_as_it_was_read(db: Database, owner: Actor) -> None:
    parsed = {"basics": {"name": "Ada"}, "work": [{"name": "X"}]}
    resume = add(db, owner, {}, parsed_data=json.dumps(parsed))
    assert export(db, owner, resume) == parsed
    copy = db.one(owner, "select * from public.duplicate_resume(%s)", resume)
    assert copy["content"] == {"personalInfo": {"name": "Ada"}, "experience": [{"company": "X"}]}
    assert copy["parsed_data"] is None
    db.query(owner, "update public.resumes set content = %s", json.dumps({"summary": "Mine"}))
    assert export(db, owner, resume)["basics"] == {"summary": "Mine"}


def test_empty_resume__is_an_empty_document(db: Database, owner: Actor) -> None:
    resume = add(db, owner, {})
    assert export(db, owner, resume) == {}
    assert db.one(owner, "select * from public.duplicate_resume(%s)", resume)["content"] == {}


def test_export__is_a_reading(db: Database, owner: Actor) -> None:
    resume = add(db, owner, OURS)
    before = db.one(owner, "select updated_at, version from public.resumes")
    export(db, owner, resume)
    sql = "select last_accessed_at = now() from public.resumes"
    assert db.value(owner, sql) is True
    assert db.one(owner, "select updated_at, version from public.resumes") == before


COPIED = {"content", "layout", "template_id", "search"}
OWN = {"id", "title", "parent_resume_id"}
GIVEN = {
    "status": "published",
    "is_public": True,
    "share_slug": "D" * 43,
    "ats_score": 50,
    "optimization_score": 60,
    "thumbnail_path": "x",
    "exported_pdf_path": "x",
    "file_name": "cv.pdf",
    "file_size_bytes": 1,
    "file_sha256": "ab" * 32,
    "extracted_text": "python",
    "parsed_data": "{}",
    "parse_status": "completed",
    "parse_error": "x",
    "parse_warnings": '["x"]',
    "version": 7,
    "layout": '{"hidden": ["summary"]}',
    "optimized_for_job_id": None,
    "last_accessed_at": "2020-01-01",
    "last_edited_at": "2020-01-01",
    "created_at": "2020-01-01",
    "updated_at": "2020-01-01",
}


def test_copy__takes_content_layout_and_template_only(db: Database, owner: Actor) -> None:
    path = f"{owner.user_id}/{uuid4()}.pdf"
    resume = add(db, owner, OURS, title="CV", file_path=path, **GIVEN)
    fresh = db.one(
        owner, "select * from public.resumes where id = %s", add(db, owner, OURS, title="CV")
    )
    original = db.one(owner, "select * from public.resumes where id = %s", resume)
    copy = db.one(owner, "select * from public.duplicate_resume(%s)", resume)
    assert (copy["title"], copy["parent_resume_id"]) == ("CV (copy)", resume)
    assert (copy["content"], copy["layout"]) == (original["content"], original["layout"])
    for column in set(copy) - COPIED - OWN:
        assert copy[column] == fresh[column], column
    assert db.one(owner, "select * from public.resumes where id = %s", resume) == original


def test_copy__has_the_title_that_was_asked_for(db: Database, owner: Actor) -> None:
    resume = add(db, owner, {}, title="x" * 200)
    sql = "select title from public.duplicate_resume(%s, %s)"
    assert db.value(owner, sql, resume, "Mine") == "Mine"
    assert db.value(owner, sql, resume, None) == "x" * 193 + " (copy)"
    for bad in ("", "x" * 201):
        with refused("PT422", match="1 to 200"):
            db.query(owner, sql, resume, bad)
        with refused("PT422", match="1 to 200"):
            take_in(db, owner, {}, bad)


def test_copy__leaves_a_template_that_cannot_be_chosen(
    db: Database, owner: Actor, stranger: Actor
) -> None:
    design = {
        "fonts": {"heading": "Inter", "body": "Inter"},
        "colors": {"primary": "#000000"},
        "sectionOrder": ["summary"],
        "spacing": {"margins": "1in", "lineHeight": 1.2},
    }
    sql = "select template_id from public.duplicate_resume(%s)"
    for maker, is_kept in ((owner, True), (stranger, False)):
        template = db.value(
            SYSTEM,
            "insert into public.resume_templates (owner_id, name, design) values (%s, 'T', %s) "
            "returning id",
            maker.user_id,
            json.dumps(design),
        )
        resume = add(db, owner, {}, template_id=template)
        assert db.value(owner, sql, resume) == (template if is_kept else None)


def test_plan__limits_imports_and_copies(db: Database, stranger: Actor) -> None:
    resume = take_in(db, stranger, {})["id"]
    for _ in range(2):
        db.query(stranger, "select public.duplicate_resume(%s)", resume)
    with refused("PT402"):
        db.query(stranger, "select public.duplicate_resume(%s)", resume)
    with refused("PT402"):
        take_in(db, stranger, {})


@pytest.mark.parametrize("action", ["import", "duplicate"])
def test_call__is_limited(db: Database, owner: Actor, action: str) -> None:
    resume = add(db, owner, {})
    db.query(
        SYSTEM,
        "update public.global_config set value = %s where key = 'rate_limits'",
        json.dumps({action: {"limit": 1}}),
    )
    sql = {
        "import": "select public.import_json_resume('{}')",
        "duplicate": f"select public.duplicate_resume('{resume}')",
    }[action]
    db.query(owner, sql)
    with refused("PT429"):
        db.query(owner, sql)


@pytest.mark.parametrize("name", ["export_json_resume", "duplicate_resume"])
def test_foreign_missing_and_trashed_resume__get_the_same_answer(
    db: Database, owner: Actor, stranger: Actor, admin: Actor, name: str
) -> None:
    resume = add(db, owner, OURS)
    sql = f"select public.{name}(%s)"
    for user in (stranger, admin):
        with refused("PT404", match=f"no résumé {resume}"):
            db.query(user, sql, resume)
    for missing in (uuid4(), None):
        with refused("PT404", match="no résumé"):
            db.query(owner, sql, missing)
    assert db.value(owner, sql, resume)
    db.query(owner, "select public.trash_resume(%s)", resume)
    with refused("PT404", match=f"no résumé {resume}"):
        db.query(owner, sql, resume)


def test_exchange__is_for_active_users_only(db: Database, owner: Actor) -> None:
    resume = add(db, owner, OURS)
    calls = (
        f"select public.export_json_resume('{resume}')",
        f"select public.duplicate_resume('{resume}')",
        "select public.import_json_resume('{}')",
    )
    for sql in calls:
        for actor in (ANON, SERVICE):
            with refused("42501", match=NO_GRANT):
                db.query(actor, sql)
        db.query(owner, sql)
    db.query(SYSTEM, "update public.profiles set is_active = false where id = %s", owner.user_id)
    for sql in calls:
        with refused("PT403"):
            db.query(owner, sql)
