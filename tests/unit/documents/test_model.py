"""The JSON Resume model accepts what the schema allows and nothing else."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_workers.documents.model import JsonResume, validated_resume

EXAMPLES = Path(__file__).parents[3] / "examples" / "resumes"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_an_example__passes_and_comes_back_unchanged(path: Path) -> None:
    resume = json.loads(path.read_bytes())
    del resume["$schema"]
    assert validated_resume(resume) == resume


@pytest.mark.parametrize(
    "resume",
    [
        {"basics": {"nmae": "Jane"}},
        {"work": [{"startDate": "March 2019"}]},
        {"work": [{"startDate": "2019-13-01x"}]},
        {"skills": ["Python"]},
        {"basics": {"location": {"countryCode": "Germany"}}},
        "Jane Doe",
        None,
    ],
)
def test_what_is_no_json_resume__is_refused(resume: object) -> None:
    with pytest.raises(ValidationError):
        validated_resume(resume)


def test_the_model__has_the_sections_of_the_schema() -> None:
    assert set(JsonResume.model_fields) == {
        *("basics", "work", "volunteer", "education", "awards", "certificates", "publications"),
        *("skills", "languages", "interests", "references", "projects"),
    }
