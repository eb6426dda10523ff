"""The `resumebase` command line: wiring, and what a failure looks like."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

from cli.commands import (
    db,
    demo,
    doctor,
    env,
    logs,
    plan,
    resume,
    stack,
    subscription,
    tokens,
    usage,
    webhook,
    worker,
)
from cli.output import CliError, ExitCode, print_error
from cli.runtime import interrupted, missing_package
from edge_workers.errors import ResumebaseError

TYPER_INTERRUPTED = 130
"""What Typer makes of Ctrl-C; no command of ours ends with it."""


class ResumebaseGroup(TyperGroup):
    """A command group that ends every failure with a code, a message and a fix, never a traceback.

    `--debug` may stand anywhere on the command line and shows the traceback as well.
    """

    def main(self, *_: Any, args: Any = None, **extra: Any) -> Any:
        """Run the command line and leave with its exit code."""
        words = list(sys.argv[1:] if args is None else args)
        options = words[: words.index("--")] if "--" in words else words
        as_json, debug = "--json" in options, "--debug" in options
        if debug:
            words.remove("--debug")
        try:
            code = super().main(args=words, **{**extra, "standalone_mode": False})
            if code == TYPER_INTERRUPTED:
                raise KeyboardInterrupt
        except (Exception, KeyboardInterrupt) as error:
            if debug:
                traceback.print_exc()
            code = self._report(error, as_json=as_json)
            _drop_unwritable_output()
        sys.exit(code if isinstance(code, int) else ExitCode.OK)

    def _report(self, error: BaseException, *, as_json: bool) -> int:
        if isinstance(error, TyperException):
            # A word of the library that Typer checks values with, for programmers.
            error.message = error.message.replace("Value error, ", "")
        if isinstance(error, TyperException) and hasattr(error, "show") and not as_json:
            # Typer's own rendering of a usage error: it shows the option and where help is.
            error.show()
            return error.exit_code
        explained = explain(error)
        print_error(explained, as_json=as_json)
        return explained.exit_code


def _drop_unwritable_output() -> None:
    """Forget what stdout cannot take: Python would fail again on it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def explain(error: BaseException) -> CliError:
    """Give any failure a code, a message, a hint and an exit code."""
    if isinstance(error, CliError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return interrupted()
    if isinstance(error, ImportError):
        return missing_package(error)
    if isinstance(error, OSError) and error.errno is not None:
        return _explain_os_error(error)
    if isinstance(error, TyperException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "resumebase"
        return CliError("usage", error.format_message(), f"See: {path} --help", error.exit_code)
    if isinstance(error, Abort):
        hint = "Nothing was changed by the question itself."
        return CliError("cancelled", "Cancelled at the prompt.", hint, ExitCode.CANCELLED)
    if isinstance(error, ResumebaseError):
        name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
        return CliError(name, str(error))
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return CliError("unexpected", message, "Run it again with --debug to see the traceback.")


def _explain_os_error(error: OSError) -> CliError:
    """Say which file the system refused, and what usually helps."""
    where = f"{error.filename}: " if error.filename else ""
    message = f"{where}{error.strerror}."
    if error.errno in {errno.EACCES, errno.EPERM}:
        hint = "Check who owns it and who may write there (ls -l); run this as that user."
        return CliError("no-permission", message, hint)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return CliError("no-disk-space", message, "Free some space there, and run it again.")
    if error.errno == errno.EROFS:
        hint = "Work in a folder that can be written; a stack can use --state-dir."
        return CliError("read-only-file-system", message, hint)
    hint = "Run it again with --debug to see where it happened."
    if error.filename:
        hint = f"Check that path and its rights. {hint}"
    return CliError("system-error", message, hint)


app = typer.Typer(
    name="resumebase",
    cls=ResumebaseGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help: rich would take "[default: …]" for markup and swallow it.
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("resumebase"))
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; goes anywhere.")] = False,
) -> None:
    """Run the backend of a résumé product: local stack, environments, migrations and workers."""


for command in (
    *(demo, stack, logs, doctor, resume, db, env, worker),
    *(webhook, plan, subscription, tokens, usage),
):
    command.register(app)
