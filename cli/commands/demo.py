"""`resumebase demo`: the main job on a real résumé, each step shown as it happens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cli.connection import open_stack
from cli.environments import EnvOption, PortBaseOption, StateDirOption, select
from cli.output import CliError, JsonOption, console, emit, err_console, note
from cli.project import find_root

if TYPE_CHECKING:
    from cli.demo.narrator import Narrator
    from cli.stack.status import StackStatus

EXAMPLE = Path("examples/resumes/backend-engineer.pdf")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


def demo(
    file: Annotated[
        Path | None, typer.Argument(help="A résumé of yours, PDF or DOCX; default: an example.")
    ] = None,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the stack and walk the main job: sign up, upload, have it read, hit the limit.

    Example: resumebase demo my-resume.pdf
    """
    from cli.demo.narrator import Narrator
    from cli.demo.parse import walk
    from cli.demo.user import DemoUser

    root = find_root()
    document = _document(file or root / EXAMPLE)
    stack = open_stack(select(root, env, state_dir=state_dir, port_base=port_base))
    narrator = Narrator(err_console if as_json else console)
    status = stack.up(without=frozenset({"http"}), on_step=note)
    narrator.tell("The stack is up", f"API {status.api_url}", f"Postgres {_without_login(status)}")
    with _api_errors_explained(), DemoUser(status.api_url, status.publishable_key) as user:
        resume = walk(user, document, narrator)
    emit(
        {"steps": narrator.as_list(), "resume": resume},
        as_json=as_json,
        render=lambda: _show_end(resume, narrator),
    )


@contextmanager
def _api_errors_explained() -> Iterator[None]:
    import httpx
    from postgrest import APIError
    from storage3.exceptions import StorageApiError
    from supabase_auth.errors import AuthError

    try:
        yield
    except (httpx.HTTPError, APIError, AuthError, StorageApiError) as error:
        raise CliError(
            "api-failed",
            f"The API did not do what the demo asked of it: {error}",
            "See what it logged: resumebase logs gateway. To start afresh: resumebase reset --yes",
        ) from error


def _document(file: Path) -> Path:
    from cli.demo.user import MEDIA_TYPES

    if file.suffix.lower() in MEDIA_TYPES and file.is_file():
        return file
    raise CliError(
        "no-document",
        f"{file} is not a PDF or DOCX file that can be read.",
        "Name a file that ends in .pdf or .docx, or none to use the example.",
        exit_code=2,
    )


def _without_login(status: StackStatus) -> str:
    return status.db_url.rpartition("@")[2]


def _show_end(resume: dict[str, Any], narrator: Narrator) -> None:
    from cli.resume_view import show_resume

    console.print()
    show_resume(resume)
    total = sum(step.seconds for step in narrator.steps)
    console.print(f"\n[bold green]Done[/] in {total:.1f} s. What to try next:")
    # What a newcomer can paste: .venv is rarely on the PATH.
    resumebase = "resumebase" if shutil.which("resumebase") else ".venv/bin/resumebase"
    for command, purpose in (
        (f"{resumebase} demo my-resume.pdf", "the same with a résumé of yours"),
        ("make quickstart", "the same journey from JavaScript, with supabase-js"),
        (f"{resumebase} status", "addresses and keys for your own client"),
        (f"{resumebase} logs worker", "what the worker did"),
        ("make down", "stop everything; the data stays"),
    ):
        console.print(f"  {escape(command):<42} {escape(purpose)}")
