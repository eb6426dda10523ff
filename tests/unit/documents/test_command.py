"""`resumebase resume parse`."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.commands import resume
from cli.output import CliError
from edge_workers.documents.model import validated_resume

from . import made

EXAMPLE = Path(__file__).parents[3] / "examples" / "resumes" / "backend-engineer.pdf"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    resume.register(app)
    app.callback()(lambda: None)
    return app


def run(app: typer.Typer, *arguments: str) -> tuple[str, BaseException | None]:
    result = CliRunner().invoke(app, ["resume", *arguments])
    return result.stdout, result.exception


def test_json__is_the_json_resume_itself_on_stdout(app: typer.Typer) -> None:
    output, error = run(app, "parse", str(EXAMPLE), "--json")
    assert error is None
    parsed = json.loads(output)
    assert parsed["basics"]["name"] == "Marcus Adeyemi"
    assert validated_resume(parsed) == parsed


def test_the_report__shows_who_where_and_what(app: typer.Typer) -> None:
    output, error = run(app, "parse", str(EXAMPLE))
    assert error is None
    for text in (
        "Marcus Adeyemi",
        "marcus.adeyemi@example.com",
        "Larkfield Payments",
        "2021-04 – present",
        "Languages: Go, Java, Python, SQL, Ruby",
        "backend-engineer.pdf: 1 page",
    ):
        assert text in output


def test_the_report__does_not_take_brackets_for_markup(app: typer.Typer, tmp_path: Path) -> None:
    file = tmp_path / "cv.pdf"
    lines = ["Jane Doe", "jane@example.com", "SUMMARY", "[bold]Engineer[/bold] of [red]things."]
    file.write_bytes(made.pdf_of_lines(lines))
    output, error = run(app, "parse", str(file))
    assert error is None
    assert "[bold]Engineer[/bold] of [red]things." in output


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "no-such-file"),
        ("folder", "not-a-file"),
        (b"", "document-rejected"),
        (made.scanned_pdf(), "document-rejected"),
    ],
    ids=["no file", "a folder", "an empty file", "a scan"],
)
def test_a_file_that_cannot_be_read__is_an_error_with_a_hint(
    app: typer.Typer, tmp_path: Path, content: bytes | str | None, code: str
) -> None:
    file = tmp_path / "cv.pdf"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content == "folder":
        file.mkdir()
    output, error = run(app, "parse", str(file), "--json")
    assert isinstance(error, CliError)
    assert (error.code, error.exit_code) == (code, 1)
    assert error.message and error.hint
    assert output == ""


def test_a_resume_with_gaps__has_its_warnings_on_stderr(app: typer.Typer, tmp_path: Path) -> None:
    file = tmp_path / "cv.pdf"
    file.write_bytes(made.pdf_of_lines(["Jane Doe", "jane@example.com"]))
    result = CliRunner().invoke(app, ["resume", "parse", str(file), "--json"])
    assert json.loads(result.stdout) == {
        "basics": {"name": "Jane Doe", "email": "jane@example.com"}
    }
