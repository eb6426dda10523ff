"""`resumebase demo`: the main job on a real résumé, each step shown as it happens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer
from rich.markup import escape

from cli.connection import open_stack
from cli.environments import Environment, EnvOption, PortBaseOption, StateDirOption, select
from cli.output import CliError, JsonOption, console, emit, err_console, note
from cli.project import find_root

if TYPE_CHECKING:
    from cli.demo.narrator import Narrator
    from cli.demo.user import DemoUser
    from cli.stack.status import StackStatus

Journey: TypeAlias = Literal["parse", "billing-razorpay", "billing-stripe", "tokens"]
EXAMPLE = Path("examples/resumes/backend-engineer.pdf")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


def demo(
    file: Annotated[
        Path | None, typer.Argument(help="A résumé of yours, PDF or DOCX; default: an example.")
    ] = None,
    journey: Annotated[
        Journey, typer.Option("--journey", help="What to walk: reading a résumé, or paying.")
    ] = "parse",
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the stack and walk the main job: sign up, upload, have it read, hit the limit.

    The other journeys go on from there, with made-up payments: billing-razorpay and billing-stripe
    through a subscription to its end, tokens through a pack that is bought, used and refunded.

    Example: resumebase demo my-resume.pdf
    """
    from cli.demo.narrator import Narrator
    from cli.demo.user import DemoUser

    root = find_root()
    document = _document(file or root / EXAMPLE)
    environment = select(root, env, state_dir=state_dir, port_base=port_base)
    narrator = Narrator(err_console if as_json else console)
    status = open_stack(environment).up(on_step=note)
    narrator.tell("The stack is up", f"API {status.api_url}", f"Postgres {_without_login(status)}")
    with _api_errors_explained(), DemoUser(status.api_url, status.publishable_key) as user:
        if journey == "parse":
            resume = _walk_parse(user, document, narrator)
            data = {"steps": narrator.as_list(), "resume": resume}
            emit(data, as_json=as_json, render=lambda: _show_end(resume, narrator))
        else:
            end = _walk_billing(environment, journey, user, document, narrator)
            data = {"steps": narrator.as_list(), "subscription_status": end}
            emit(data, as_json=as_json, render=lambda: _show_billing_end(user.email, narrator))


def _walk_parse(user: DemoUser, document: Path, narrator: Narrator) -> dict[str, Any]:
    from cli.demo.parse import walk

    return walk(user, document, narrator)


def _walk_billing(
    environment: Environment,
    journey: Journey,
    user: DemoUser,
    document: Path,
    narrator: Narrator,
) -> dict[str, Any]:
    from cli.demo.billing import reach_limit, walk_subscription, walk_tokens
    from cli.demo.provider import DemoProvider
    from cli.operator_database import open_database
    from cli.webhook_sender import find_destination

    destination = find_destination(
        environment, "stripe" if journey == "billing-stripe" else "razorpay", None
    )
    walk = walk_tokens if journey == "tokens" else walk_subscription
    resume_id = reach_limit(user, document, narrator)
    with open_database(environment) as db:
        return walk(user, DemoProvider(db, destination, user), resume_id, narrator)


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
    resumebase = _command_name()
    _show_next(
        narrator,
        (f"{resumebase} demo my-resume.pdf", "the same with a résumé of yours"),
        (f"{resumebase} demo --journey billing-stripe", "what happens when a user pays"),
        ("make quickstart", "the same journey from JavaScript, with supabase-js"),
        (f"{resumebase} status", "addresses and keys for your own client"),
        (f"{resumebase} logs worker", "what the worker did"),
        ("make down", "stop everything; the data stays"),
    )


def _show_billing_end(email: str, narrator: Narrator) -> None:
    resumebase = _command_name()
    _show_next(
        narrator,
        (f"{resumebase} subscription show {email}", "what was subscribed to, and paid"),
        (f"{resumebase} usage show {email}", "what was used, and every move of tokens"),
        (f"{resumebase} webhook list --user {email}", "the events, and what became of each"),
        (f"{resumebase} webhook stats", "how the inbox is doing"),
    )


def _command_name() -> str:
    # What a newcomer can paste: .venv is rarely on the PATH.
    return "resumebase" if shutil.which("resumebase") else ".venv/bin/resumebase"


def _show_next(narrator: Narrator, *commands: tuple[str, str]) -> None:
    total = sum(step.seconds for step in narrator.steps)
    console.print(f"\n[bold green]Done[/] in {total:.1f} s. What to try next:")
    width = max(42, *(len(command) + 2 for command, _ in commands))
    for command, purpose in commands:
        console.print(f"  {escape(command):<{width}} {escape(purpose)}")
