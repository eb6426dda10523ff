"""`resumebase logs`: what the services of a local stack wrote."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.connection import open_stack
from cli.environments import Environment, EnvOption, PortBaseOption, StateDirOption, select
from cli.output import CliError, ExitCode, JsonOption, console, emit, note
from cli.project import find_root

POLL_SECONDS = 0.2
TAIL_BYTES = 1024 * 1024


def register(root: typer.Typer) -> None:
    """Add the command to the command line."""
    root.command()(logs)


def logs(
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="SERVICE", help="postgres, gateway, worker, … [default: all]."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many of the last lines to show.")
    ] = 50,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last lines that the services of the local stack logged.

    Example: resumebase logs worker --follow
    """
    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    files = _wanted_files(environment, services or [])
    # Both halves go by the same sizes, so that no line falls between them.
    sizes = {name: file.stat().st_size if file.is_file() else 0 for name, file in files.items()}
    last = [
        (name, line) for name, file in files.items() for line in _tail(file, sizes[name], lines)
    ]
    if as_json and not follow:
        emit([{"service": name, "line": line} for name, line in last], as_json=True)
        return
    if not (last or follow):
        note("Nothing was logged yet.")
    for name, line in last:
        _print_line(name, line, labelled=len(files) > 1, as_json=as_json)
    if follow:
        try:
            for name, line in follow_files(files, sizes):
                _print_line(name, line, labelled=len(files) > 1, as_json=as_json)
        except KeyboardInterrupt:
            return


def _wanted_files(environment: Environment, services: list[str]) -> dict[str, Path]:
    if environment.kind != "embedded":
        raise CliError(
            "no-logs-here",
            f"{environment.name} is {environment.kind}: its logs are not on this machine's disk.",
            "Hosted: the project's dashboard, Logs. Docker: docker logs supabase_db_resumebase.",
            ExitCode.USAGE,
        )
    files = open_stack(environment).log_files()
    if unknown := [name for name in services if name not in files]:
        raise CliError(
            "unknown-service",
            f"There is no service {', '.join(unknown)}.",
            f"There are: {', '.join(files)}.",
            ExitCode.USAGE,
        )
    return {name: files[name] for name in services or files}


def _tail(file: Path, size: int, count: int) -> list[str]:
    """Return the last lines of the first `size` bytes, looking at one megabyte at most."""
    if not (size and count):
        return []
    start = max(0, size - TAIL_BYTES)
    with file.open("rb") as stream:
        stream.seek(start)
        return stream.read(size - start).decode("utf-8", "replace").splitlines()[-count:]


def follow_files(files: dict[str, Path], sizes: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Yield (service, line) for ever, for what each file gets beyond its size.

    A file that is not there yet, or was cut short, is read from its beginning once it has lines.
    """
    places = dict(sizes)
    while True:
        for name, file in files.items():
            if not file.is_file():
                continue
            if file.stat().st_size < places[name]:
                places[name] = 0
            with file.open("rb") as stream:
                stream.seek(places[name])
                # A line that is still being written waits for its end.
                whole, newline, _ = stream.read().rpartition(b"\n")
            places[name] += len(whole) + len(newline)
            for line in whole.decode("utf-8", "replace").splitlines():
                yield name, line
        time.sleep(POLL_SECONDS)


def _print_line(name: str, line: str, *, labelled: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"service": name, "line": line}, ensure_ascii=False))
    else:
        console.print(f"[bold]{name}[/] | {escape(line)}" if labelled else escape(line))
