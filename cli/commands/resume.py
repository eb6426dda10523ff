"""`resumebase resume`: read résumés with the offline engine."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli.output import CliError, JsonOption, console, emit, note
from cli.resume_view import show_resume
from edge_workers.errors import DocumentRejected

if TYPE_CHECKING:
    from edge_workers.documents import ParsedDocument

app = typer.Typer(no_args_is_help=True, help="Read résumés with the offline engine.")


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
        # Before it is opened: opening a named pipe waits for somebody to write into it.
        if not stat.S_ISREG(mode := file.stat().st_mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            hint = "Name one PDF or DOCX file" + (" in it." if stat.S_ISDIR(mode) else ".")
            raise CliError("not-a-file", f"{file} is {what}.", hint)
        with file.open("rb") as stream:
            # One byte more than allowed is enough to see that it is too large.
            data = stream.read(limits.max_bytes + 1)
    except FileNotFoundError:
        raise CliError("no-such-file", f"There is no file {file}.", "Check the path.") from None
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}."
        raise CliError("unreadable-file", message, "Check who may read it.") from error
    try:
        return parse_document(data, limits=limits)
    except DocumentRejected as error:
        problem, _, advice = str(error).partition(". ")
        raise CliError("document-rejected", f"{problem.rstrip('.')}.", advice) from error


def _print_report(file: Path, parsed: ParsedDocument) -> None:
    """Show a résumé to a person, and what to check about it."""
    show_resume(parsed.resume)
    pages = "1 page" if parsed.page_count == 1 else f"{parsed.page_count} pages"
    console.print(f"\n[dim]{escape(file.name)}: {pages}, {len(parsed.text):,} characters[/]")
    for warning in parsed.warnings:
        console.print(f"[yellow]![/] {escape(warning)}")
