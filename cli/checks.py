"""What `doctor` and `env check` find: one line per check, and the fix beside each failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import typer
from rich.markup import escape

from cli.output import ExitCode, console, emit

State = Literal["ok", "failed", "info"]
MARKS: dict[State, str] = {"ok": "[green]✓[/]", "failed": "[red]✗[/]", "info": "[blue]·[/]"}
# The worst first: a refused login explains more than a pending migration.
GRAVITY = (ExitCode.AUTH, ExitCode.DRIFT, ExitCode.FAILED)


@dataclass(frozen=True)
class Check:
    """One finding. `info` never fails; `exit_code` counts only when `state` is `failed`."""

    name: str
    state: State
    detail: str
    fix: str = ""
    exit_code: ExitCode = ExitCode.FAILED


def passed(name: str, detail: str) -> Check:
    """Return a check that found all well."""
    return Check(name, "ok", detail)


def failed(name: str, detail: str, fix: str, exit_code: ExitCode = ExitCode.FAILED) -> Check:
    """Return a check that found something to mend, with how."""
    return Check(name, "failed", detail, fix, exit_code)


def info(name: str, detail: str, fix: str = "") -> Check:
    """Return something good to know that is nobody's fault."""
    return Check(name, "info", detail, fix)


def report(checks: Sequence[Check], subject: str, *, as_json: bool) -> None:
    """Print the checks and leave with the gravest exit code among the failed ones."""
    failures = [check for check in checks if check.state == "failed"]
    codes = {check.exit_code for check in failures}
    code = next((code for code in GRAVITY if code in codes), ExitCode.OK)

    def render() -> None:
        for check in checks:
            console.print(f"{MARKS[check.state]} [bold]{check.name}[/]: {escape(check.detail)}")
            if check.fix:
                console.print(f"    fix: {escape(check.fix)}")
        verdict = f"{len(failures)} of {len(checks)} checks failed" if failures else "all is well"
        console.print(f"{subject}: {verdict}")

    rows = [
        {"name": check.name, "state": check.state, "detail": check.detail, "fix": check.fix}
        for check in checks
    ]
    emit({"subject": subject, "ok": not failures, "checks": rows}, as_json=as_json, render=render)
    if code:
        raise typer.Exit(code)
