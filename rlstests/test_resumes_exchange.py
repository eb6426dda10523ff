"""Room resumes, exchange: JSON Resume in and out; nothing gets lost on the way."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from rlstests.actors import SYSTEM, Actor, Database
from rlstests.exchange import add, export, take_in, without_limits
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
# What a plain JSON Resume says of OURS.
PLAIN = {
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
    "projects": [{"name": "p", "highlights": ["b"], "keywords": ["t"], "url": "https://p.test"}],
    "certificates": [{"name": "CKA", "issuer": "CNCF", "date": "2022"}],
    "languages": OURS["languages"],
    "awards": OURS["awards"],
    "publications": OURS["publications"],
    "volunteer": [{"organization": "Club", "position": "Coach", "highlights": ["b"]}],
    "interests": OURS["interests"],
    "references": OURS["references"],
}


@pytest.fixture
def owner(db: Database, owner: Actor) -> Actor:
    return without_limits(db, owner)


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
    assert document == PLAIN
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
