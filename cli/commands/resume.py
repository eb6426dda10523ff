"""`resumebase resume`: read résumés with the offline engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cli.output import CliError, JsonOption, console, emit, note
from edge_workers.errors import DocumentRejected

if TYPE_CHECKING:
    from edge_workers.documents import ParsedDocument

app = typer.Typer(no_args_is_help=True, help="Read résumés with the offline engine.")

TITLES = {
    "work": "Work",
    "volunteer": "Volunteering",
    "education": "Education",
    "projects": "Projects",
    "certificates": "Certificates",
    "awards": "Awards",
    "publications": "Publications",
    "skills": "Skills",
    "languages": "Languages",
    "interests": "Interests",
}
"""The sections of a report in their order, and what each is called."""


def register(root: typer.Typer) -> None:
    """Add the command group to the command line."""
    root.add_typer(app, name="resume")


@app.callback()
def group() -> None:
    """Read résumés with the offline engine."""


@app.command()
def parse(
    file: Annotated[Path, typer.Argument(help="A PDF or DOCX file.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Read a résumé: with --json as JSON Resume (jsonresume.org), else as a report.

    Example: resumebase resume parse cv.pdf --json
    """
    parsed = _parse(file)
    emit(parsed.resume, as_json=as_json, render=lambda: _print_report(file, parsed))
    if as_json:
        for warning in parsed.warnings:
            note(f"warning: {warning}")


def _parse(file: Path) -> ParsedDocument:
    """Read a file. Raises CliError if it cannot be read or is rejected."""
    from edge_workers.documents import Limits, parse_document

    limits = Limits()
    try:
        with file.open("rb") as stream:
            # One byte more than allowed is enough to see that it is too large.
            data = stream.read(limits.max_bytes + 1)
    except FileNotFoundError:
        raise CliError("no-such-file", f"There is no file {file}.", "Check the path.") from None
    except IsADirectoryError:
        hint = "Name one PDF or DOCX file in it."
        raise CliError("not-a-file", f"{file} is a folder.", hint) from None
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}."
        raise CliError("unreadable-file", message, "Check who may read it.") from error
    try:
        return parse_document(data, file_name=file.name, limits=limits)
    except DocumentRejected as error:
        problem, _, advice = str(error).partition(". ")
        raise CliError("document-rejected", f"{problem.rstrip('.')}.", advice) from error


def _print_report(file: Path, parsed: ParsedDocument) -> None:
    """Show a résumé to a person."""
    resume = parsed.resume
    _print_basics(resume.get("basics", {}))
    for key, title in TITLES.items():
        items = resume.get(key, [])
        if items:
            console.print(f"\n[bold cyan]{title}[/]")
        for item in items:
            _print_item(key, item)
    pages = "1 page" if parsed.page_count == 1 else f"{parsed.page_count} pages"
    console.print(f"\n[dim]{escape(file.name)}: {pages}, {len(parsed.text):,} characters[/]")
    for warning in parsed.warnings:
        console.print(f"[yellow]![/] {escape(warning)}")


def _print_basics(basics: dict[str, Any]) -> None:
    name = escape(basics.get("name", "(no name found)"))
    label = f" · {escape(basics['label'])}" if "label" in basics else ""
    console.print(f"[bold]{name}[/]{label}")
    location = basics.get("location", {})
    place = ", ".join(
        location[part] for part in ("city", "region", "countryCode") if part in location
    )
    details = [basics.get("email"), basics.get("phone"), place, basics.get("url")]
    details += [profile.get("url") for profile in basics.get("profiles", [])]
    if any(details):
        console.print(escape(" · ".join(detail for detail in details if detail)))
    if "summary" in basics:
        console.print(f"\n{escape(basics['summary'])}")


def _print_item(key: str, item: dict[str, Any]) -> None:
    """Print an entry: a line with what, where and when, then its text."""
    if key == "skills":
        level = f" ({item['level']})" if "level" in item else ""
        line = f"{item.get('name', '')}{level}"
        keywords = ", ".join(item.get("keywords", []))
        console.print(escape(f"  {line}: {keywords}" if keywords else f"  {line}"))
        return
    console.print(f"  [bold]{escape(_headline(item))}[/] [dim]{escape(_period(item))}[/]")
    for field in ("summary", "description"):
        if field in item:
            console.print(escape(f"    {item[field]}"))
    for highlight in item.get("highlights", []) + item.get("courses", []):
        console.print(escape(f"    • {highlight}"))


def _headline(item: dict[str, Any]) -> str:
    """Return what an entry is called and by whom it was given."""
    what = item.get("position") or item.get("title") or item.get("language")
    degree = " ".join(item[part] for part in ("studyType", "area") if part in item)
    by = item.get("organization") or item.get("institution") or item.get("name")
    given = item.get("issuer") or item.get("awarder") or item.get("publisher")
    parts = [what or degree, by, given, item.get("fluency"), item.get("location")]
    return " · ".join(part for part in parts if part)


def _period(item: dict[str, Any]) -> str:
    """Return when an entry was, as it is printed."""
    if "startDate" in item:
        return f"{item['startDate']} – {item.get('endDate', 'present')}"
    return str(item.get("endDate") or item.get("date") or item.get("releaseDate") or "")
