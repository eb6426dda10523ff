"""How every command speaks: data on stdout, all else on stderr, errors with a code and a hint."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import IntEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

console = Console(highlight=False, soft_wrap=True, emoji=False)
err_console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print JSON on stdout; notes and errors stay on stderr."),
]


class ExitCode(IntEnum):
    """What the shell sees; scripts may rely on these numbers."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    AUTH = 4
    DRIFT = 5


class CliError(Exception):
    """A failure that the person at the keyboard can act on.

    `code` is a stable kebab-case name for scripts, `message` says what happened, `hint` what to
    do about it, and `exit_code` is what the process ends with.
    """

    def __init__(
        self, code: str, message: str, hint: str = "", exit_code: int = ExitCode.FAILED
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code = int(exit_code)


def emit(data: Any, *, as_json: bool, render: Callable[[], None] | None = None) -> None:
    """Put the result of a command on stdout: as JSON, or as `render` shows it to a person."""
    if as_json:
        typer.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))
    elif render is not None:
        render()


def note(message: str) -> None:
    """Tell a person, on stderr, what is going on; never part of the result."""
    err_console.print(escape(message))


def print_error(error: CliError, *, as_json: bool) -> None:
    """Report a failure on stderr: one JSON object, or the message with its hint below."""
    if as_json:
        body = {"code": error.code, "message": error.message, "hint": error.hint}
        typer.echo(json.dumps(body, ensure_ascii=False), err=True)
        return
    err_console.print(f"[bold red]error[/]: {escape(error.message)}")
    if error.hint:
        err_console.print(f"[bold]fix[/]: {escape(error.hint)}")
