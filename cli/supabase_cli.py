"""The one place that drives the official Supabase CLI.

It is called with `--output-format json` and an empty stdin; the database password travels in the
environment, never in the arguments, where every user of the machine could read it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from cli.output import CliError, ExitCode, note
from cli.runtime import node, node_module
from cli.target import Target

LOGIN_REFUSED = ("SQLSTATE 28", "password authentication failed", "Tenant or user not found")


class PushResult(BaseModel):
    """What a push applied or, as a dry run, would apply: file names in order."""

    up_to_date: bool = Field(alias="upToDate")
    migrations: list[str]
    seeds: list[str]


class Migration(BaseModel):
    """One version; `local` and `remote` hold it again, or are empty on the side that lacks it."""

    local: str
    remote: str

    @property
    def version(self) -> str:
        """The 14 digits."""
        return self.local or self.remote

    @property
    def state(self) -> Literal["applied", "pending", "drift"]:
        """`drift`: the database has it, the folder does not."""
        if not self.local:
            return "drift"
        return "applied" if self.remote else "pending"


class SupabaseCli:
    """The official CLI, working on `<workdir>/supabase` (default: the project's own)."""

    def __init__(self, root: Path, workdir: Path | None = None) -> None:
        self._root = root
        self._workdir = workdir or root

    def push(
        self,
        target: Target,
        *,
        dry_run: bool = False,
        seed: bool = True,
        on_line: Callable[[str], None] = note,
    ) -> PushResult:
        """Apply the migrations (and seed) that the database lacks.

        Raises CliError `migration-failed`, `migration-drift`, `database-unreachable` or
        `database-login-failed`. The failing migration is rolled back; those before it stay.
        """
        flags = ["--dry-run"] if dry_run else ["--yes"]
        flags += ["--include-seed"] if seed else []
        return PushResult.model_validate(self._json(["db", "push", *flags], target, on_line))

    def migrations(self, target: Target) -> list[Migration]:
        """List the versions of the folder and of the database, in order."""
        answer = self._json(["migration", "list"], target)
        return [Migration.model_validate(row) for row in answer["migrations"]]

    def lint(self, target: Target, schemas: Iterable[str]) -> list[dict[str, Any]]:
        """Check every function with plpgsql_check; one entry per function with findings."""
        flags = ["--level", "warning", "-s", ",".join(schemas)]
        return list(self._json(["db", "lint", *flags], target)["results"])

    def advisors(self, target: Target) -> list[dict[str, Any]]:
        """List every security and performance finding, from INFO up."""
        return list(self._json(["db", "advisors", "--level", "info"], target)["results"])

    def types(self, target: Target, schemas: Iterable[str]) -> str:
        """Return the TypeScript types of the schemas, as the official CLI writes them."""
        done = self._run(["gen", "types", "-s", ",".join(schemas)], target)
        if done.code != 0:
            raise explain(parse(done), done)
        return done.stdout

    def config_warnings(self) -> list[str]:
        """Return what the CLI has to say about `supabase/config.toml`; touches no database."""
        done = self._run(["services"], None)
        if done.code != 0:
            raise explain(parse(done), done)
        return [line for line in done.stderr.splitlines() if line.startswith("WARN")]

    def _json(
        self, args: list[str], target: Target, on_line: Callable[[str], None] | None = None
    ) -> dict[str, Any]:
        done = self._run(args, target, on_line)
        answer = parse(done)
        if answer.get("_tag") == "Error" or done.code != 0:
            raise explain(answer, done)
        return answer

    def _run(
        self, args: list[str], target: Target | None, on_line: Callable[[str], None] | None = None
    ) -> Finished:
        script = node_module(self._root, "supabase/dist/supabase.js")
        command = [str(node()), str(script), *args, "--output-format", "json"]
        command += ["--workdir", str(self._workdir)]
        command += [f"--remote={target.url}"] if target else []
        return execute(command, child_environment(target), on_line)


@dataclass(frozen=True)
class Finished:
    """How a run of the CLI ended."""

    code: int
    stdout: str
    stderr: str


def child_environment(target: Target | None) -> dict[str, str]:
    """This process's environment without what could redirect the CLI, plus the login."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"SUPABASE_DB_PASSWORD", "SUPABASE_YES"}
        and (name.startswith("PGSSL") or not name.startswith("PG"))
    }
    quiet = {"SUPABASE_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"}
    return {**inherited, **quiet, **(target.libpq() if target else {})}


def execute(
    command: list[str], env: dict[str, str], on_line: Callable[[str], None] | None
) -> Finished:
    """Run the command, handing on each line of its stderr as it comes."""
    lines: list[str] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        with subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as child:
            assert child.stderr is not None
            for line in child.stderr:
                lines.append(line)
                if on_line and line.startswith(("Applying", "Seeding", "Updating", "WARN", "Skip")):
                    on_line(line.rstrip())
        out.seek(0)
        return Finished(child.returncode, out.read(), "".join(lines))


def parse(done: Finished) -> dict[str, Any]:
    """Read the JSON object on the last line of stdout; an empty one when there is none."""
    last = done.stdout.strip().rpartition("\n")[2]
    try:
        answer = json.loads(last)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def explain(answer: dict[str, Any], done: Finished) -> CliError:
    """Turn a failure of the official CLI into one of ours, with the fix."""
    error = answer.get("error") or {}
    code, message = error.get("code", ""), str(error.get("message") or done.stderr.strip())
    if code == "DbConnectError" and any(sign in message for sign in LOGIN_REFUSED):
        return CliError(
            "database-login-failed",
            message,
            "Check the user in db_url and SUPABASE_DB_PASSWORD of this environment.",
            ExitCode.AUTH,
        )
    if code == "DbConnectError":
        hint = "Is the database up? Locally: resumebase up. Hosted: check db_url in resumebase.toml"
        hint += " (db.<ref>.supabase.co speaks IPv6 only; the session pooler also IPv4)."
        return CliError("database-unreachable", message, hint)
    if code == "DbPushMissingLocalError":
        hint = "Pull the latest migrations from git; `resumebase db status` lists the versions."
        return CliError("migration-drift", message, hint, ExitCode.DRIFT)
    if code == "DbPushMissingRemoteError":
        names = str(error.get("suggestion", "")).split(":", 1)[-1].split()
        message = f"Older than the newest applied migration: {', '.join(names)}"
        hint = "Rename each file with a newer timestamp, then push again."
        return CliError("migration-out-of-order", message, hint, ExitCode.DRIFT)
    if code == "DbPushApplyError":
        return failed_migration(message, done)
    if code == "DbConfigLoadError":
        return CliError("supabase-config-invalid", message, "Mend supabase/config.toml.")
    return CliError("supabase-cli-failed", message or f"The Supabase CLI ended with {done.code}.")


def failed_migration(message: str, done: Finished) -> CliError:
    """Name the file that failed: the last one announced."""
    announced = re.findall(
        r"^(?:Applying migration|Seeding data from) (\S+?)\.\.\.", done.stderr, re.M
    )
    return CliError(
        "migration-failed",
        f"{announced[-1] if announced else 'A migration'}: {message}",
        "Nothing of this file was kept, all files before it were. Mend it, then push again.",
    )
