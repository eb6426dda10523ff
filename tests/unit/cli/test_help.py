"""Every command explains itself, and the first `--help` is not kept waiting."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import Result

from cli.command_line import app

HEAVY = {"supabase", "sqlfluff", "docx", "psycopg", "google.genai", "pypdfium2", "httpx"}


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, child in getattr(command, "commands", {}).items():
        if hasattr(child, "commands"):
            yield from leaves(child, (*path, name))
        else:
            yield (*path, name), child


COMMANDS = dict(leaves(get_command(app)))


def example_of(command: Any) -> list[str]:
    found = re.findall(r"^Example: (.+)$", command.help or "", re.MULTILINE)
    return shlex.split(found[0]) if len(found) == 1 else []


def test_command_tree__has_the_commands_that_the_design_names() -> None:
    assert set(COMMANDS) >= {
        *((name,) for name in ("up", "down", "status", "reset", "logs", "doctor", "demo")),
        *(("env", name) for name in ("list", "show", "use", "check", "exec")),
        *(("db", name) for name in ("push", "status", "new", "lint", "advise", "types")),
        ("worker", "run"),
        *(("webhook", name) for name in ("serve", "send", "list", "show", "replay", "stats")),
        *(("plan", name) for name in ("list", "show", "set-price")),
        *(("subscription", name) for name in ("show", "grant", "cancel")),
        *(("tokens", name) for name in ("grant", "packs", "set-price")),
        ("usage", "show"),
        ("resume", "parse"),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help__opens_with_a_sentence(path: tuple[str, ...]) -> None:
    first = (COMMANDS[path].help or "").split("\n\n")[0]
    assert re.fullmatch(r"[A-Z].{10,}\.", first, re.DOTALL), first


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help__has_one_example_that_the_command_accepts(path: tuple[str, ...]) -> None:
    example = example_of(COMMANDS[path])
    assert example[: len(path) + 1] == ["resumebase", *path], COMMANDS[path].help
    # Parses the words without running the command; unknown options raise.
    COMMANDS[path].make_context(path[-1], example[len(path) + 1 :])


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help__explains_each_parameter(path: tuple[str, ...]) -> None:
    assert [one.name for one in COMMANDS[path].params if not getattr(one, "help", "")] == []


# The output of `env exec` belongs to the command that it becomes.
@pytest.mark.parametrize("path", sorted(COMMANDS.keys() - {("env", "exec")}), ids=" ".join)
def test_command__takes_json(path: tuple[str, ...]) -> None:
    assert any("--json" in one.opts for one in COMMANDS[path].params)


def test_import_of_the_command_line__loads_nothing_heavy() -> None:
    code = f"import sys, cli.command_line; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help__swallows_no_brackets(invoke: Callable[..., Result]) -> None:
    assert "[default: the chosen\n" in invoke("logs", "--help").stdout


def test_no_command__shows_the_help(invoke: Callable[..., Result]) -> None:
    result = invoke()
    assert result.exit_code == 2
    assert "doctor" in result.stderr
