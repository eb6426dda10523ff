"""The real example files are read as the people who they are about wrote them."""

import hashlib
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from edge_workers.documents import ParsedDocument, parse_document
from edge_workers.documents.media_type import DOCX, PDF

EXAMPLES = Path(__file__).parents[3] / "examples" / "resumes"
FILES = sorted(path for path in EXAMPLES.iterdir() if path.suffix in (".pdf", ".docx"))
INVISIBLE = ("Cc", "Cf", "Cs", "Cn", "Co")


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.name)
def example(request: pytest.FixtureRequest) -> tuple[Path, ParsedDocument, dict[str, Any]]:
    path: Path = request.param
    truth = json.loads(path.with_suffix(".json").read_bytes())
    return path, parse_document(path.read_bytes()), truth


Example = tuple[Path, ParsedDocument, dict[str, Any]]


def test_the_examples__are_two_pdfs_and_a_docx() -> None:
    assert sorted(path.suffix for path in FILES) == [".docx", ".pdf", ".pdf"]


def test_an_example__says_what_file_it_was(example: Example) -> None:
    path, parsed, _ = example
    data = path.read_bytes()
    assert parsed.sha256 == hashlib.sha256(data).hexdigest()
    assert parsed.size_bytes == len(data)
    assert parsed.media_type == (PDF if path.suffix == ".pdf" else DOCX)
    assert parsed.page_count == 1
    assert parsed.warnings == []


def test_an_example__has_the_persons_details(example: Example) -> None:
    _, parsed, truth = example
    basics = parsed.resume["basics"]
    for field in ("name", "label", "email", "phone", "summary"):
        assert basics[field] == truth["basics"][field]
    assert basics["location"]["city"] == truth["basics"]["location"]["city"]
    names = {profile["username"] for profile in truth["basics"]["profiles"]}
    assert {profile["username"] for profile in basics["profiles"]} == names


def test_an_example__has_every_job_with_dates_place_and_highlights(example: Example) -> None:
    _, parsed, truth = example
    wanted = ("name", "position", "location", "startDate", "endDate", "highlights")
    found = [{key: job.get(key) for key in wanted} for job in parsed.resume["work"]]
    assert found == [{key: job.get(key) for key in wanted} for job in truth["work"]]


def test_an_example__has_every_study(example: Example) -> None:
    _, parsed, truth = example
    wanted = ("institution", "studyType", "area", "startDate", "endDate")
    found = [{key: study.get(key) for key in wanted} for study in parsed.resume["education"]]
    assert found == [{key: study.get(key) for key in wanted} for study in truth["education"]]


def test_an_example__has_its_groups_of_skills_and_languages(example: Example) -> None:
    _, parsed, truth = example
    groups = [(group["name"], group["keywords"]) for group in parsed.resume["skills"]]
    assert groups == [(group["name"], group["keywords"]) for group in truth["skills"]]
    if "languages" in parsed.resume:
        assert parsed.resume["languages"] == truth["languages"]


def test_the_text_of_an_example__is_in_reading_order_and_all_visible(example: Example) -> None:
    _, parsed, truth = example
    bullets = [parsed.text.find(job["highlights"][0][:40]) for job in truth["work"]]
    assert -1 not in bullets
    assert bullets == sorted(bullets)
    hidden = [c for c in parsed.text if unicodedata.category(c) in INVISIBLE and c != "\n"]
    assert hidden == []


def test_reading_twice__gives_the_same() -> None:
    data = FILES[0].read_bytes()
    assert parse_document(data) == parse_document(data)
