"""`resumebase db`: the migrations of an environment, and what checks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from cli.connection import database, explaining_login, open_stack
from cli.environments import Environment, EnvOption, PortBaseOption, StateDirOption, select
from cli.migration_files import create_migration
from cli.output import CliError, ExitCode, JsonOption, console, emit, note
from cli.project import find_root
from cli.safety import ConfirmOption, YesOption, announce, approve
from cli.supabase_cli import PushResult, SupabaseCli
from cli.target import Target
from cli.typescript import format_types

if TYPE_CHECKING:
    from cli.plpgsql_check import Outcome
    from cli.sql_lint import Violation

TYPE_SCHEMAS = ("public", "worker")

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the group to the command line."""
    root.add_typer(app, name="db", help="Apply, write and check migrations.")


@app.command()
def push(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be applied.")] = False,
    seed: Annotated[
        bool, typer.Option("--seed/--no-seed", help="Run new and changed seed files too.")
    ] = True,
    env: EnvOption = None,
    confirm: ConfirmOption = None,
    yes: YesOption = False,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Apply the migrations that an environment lacks, after showing them.

    Example: resumebase db push --env production --confirm production
    """
    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    target = database(environment)
    announce(environment)
    with explaining_login(environment):
        plan = done = SupabaseCli(environment.root).push(target, dry_run=True, seed=seed)
    if not plan.up_to_date:
        note("to apply: " + ", ".join([*plan.migrations, *plan.seeds]))
    if not (plan.up_to_date or dry_run):
        what = f"Apply {len(plan.migrations) + len(plan.seeds)} files"
        approve(environment, what, confirm=confirm, yes=yes, as_json=as_json)
        done = _apply(environment, target, plan, seed=seed)
    _show_push(environment, done, dry_run=dry_run, as_json=as_json)


def _apply(environment: Environment, target: Target, plan: PushResult, *, seed: bool) -> PushResult:
    if plan.seeds:
        # Imported here: its Postgres client is slow to load.
        from cli import seed_files

        seed_files.forget(target, plan.seeds)
    done = SupabaseCli(environment.root).push(target, seed=seed)
    if environment.kind == "embedded":
        open_stack(environment).restart_gateway()
    return done


def _show_push(
    environment: Environment, result: PushResult, *, dry_run: bool, as_json: bool
) -> None:
    def render() -> None:
        if result.up_to_date:
            console.print(f"{environment.name} is up to date")
            return
        for name in (*result.migrations, *result.seeds):
            console.print(f"{'would apply' if dry_run else 'applied'} {escape(name)}")

    data = {
        "env": environment.name,
        "dry_run": dry_run,
        "up_to_date": result.up_to_date,
        "migrations": result.migrations,
        "seeds": result.seeds,
    }
    emit(data, as_json=as_json, render=render)


@app.command()
def status(
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which migrations are applied, pending or unknown here; exit 5 unless all are applied.

    Example: resumebase db status --env staging --json
    """
    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    target = database(environment)
    announce(environment)
    with explaining_login(environment):
        listed = SupabaseCli(environment.root).migrations(target)
    names = {
        file.name[:14]: file.name
        for file in (environment.root / "supabase" / "migrations").glob("*.sql")
    }
    rows = [{"version": one.version, "state": one.state} for one in listed]

    def render() -> None:
        table = Table("state", Column("migration", overflow="fold"), box=None, pad_edge=False)
        for row in rows:
            colour = {"applied": "green", "pending": "yellow", "drift": "red"}[row["state"]]
            name = names.get(row["version"], f"{row['version']} (no such file here)")
            table.add_row(f"[{colour}]{row['state']}[/]", name)
        console.print(table)

    counts = {state: sum(row["state"] == state for row in rows) for state in ("pending", "drift")}
    emit({"env": environment.name, **counts, "migrations": rows}, as_json=as_json, render=render)
    if any(counts.values()):
        note("pending: resumebase db push · drift: pull the latest commits from git")
        raise typer.Exit(ExitCode.DRIFT)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="<room> for a new room, else <room>_<verb>_<what>.")],
    as_json: JsonOption = False,
) -> None:
    """Write an empty migration with a fresh version and its header.

    Example: resumebase db new billing_add_coupons
    """
    root = find_root()
    path = create_migration(root, name)
    shown = str(path.relative_to(root))
    emit(
        {"path": shown, "version": path.name[:14]},
        as_json=as_json,
        render=lambda: console.print(shown),
    )


@app.command()
def lint(
    require_plpgsql_check: Annotated[
        bool,
        typer.Option(
            "--require-plpgsql-check",
            envvar="RESUMEBASE_REQUIRE_PLPGSQL_CHECK",
            help="Fail where that check cannot run, as in CI.",
        ),
    ] = False,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the style of all SQL, and every function with plpgsql_check; exit 1 on findings.

    Example: resumebase db lint --require-plpgsql-check
    """
    # Imported here: the stack and its Postgres client are slow to load.
    from cli.plpgsql_check import HOW_TO_GET_IT, check_functions
    from cli.sql_lint import lint_sql

    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    announce(environment)
    files = sorted((environment.root / "supabase").rglob("*.sql"))
    note(f"style: checking {len(files)} files")
    violations = lint_sql(environment.root, files)
    outcome = check_functions(environment)
    if outcome.state == "skipped":
        note(f"warning: plpgsql_check was SKIPPED: {outcome.detail}. {HOW_TO_GET_IT}")
    _show_lint(violations, outcome, as_json=as_json)
    if outcome.state == "skipped" and require_plpgsql_check:
        raise CliError("plpgsql-check-skipped", outcome.detail, HOW_TO_GET_IT)
    if violations or outcome.state == "failed":
        raise typer.Exit(ExitCode.FAILED)


def _show_lint(violations: list[Violation], outcome: Outcome, *, as_json: bool) -> None:
    def render() -> None:
        for one in violations:
            console.print(escape(f"{one.file}:{one.line}: {one.rule}: {one.message}"))
        for finding in outcome.findings:
            for issue in finding["issues"]:
                line = issue.get("statement", {}).get("lineNumber", "?")
                text = f"{finding['function']}, line {line}: {issue['level']}: {issue['message']}"
                console.print(escape(text))
        console.print(f"style: {len(violations) or 'no'} offences")
        console.print(f"plpgsql_check: {outcome.state} ({escape(outcome.detail)})")

    data = {
        "style": [vars(one) for one in violations],
        "plpgsql_check": outcome.state,
        "plpgsql_check_detail": outcome.detail,
        "plpgsql_check_findings": outcome.findings,
    }
    emit(data, as_json=as_json, render=render)


@app.command()
def advise(
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the database advisors for security and performance findings; exit 1 on any.

    Indexes that nothing has used yet are no finding in a local database, which has no traffic.

    Example: resumebase db advise --json
    """
    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    target = database(environment)
    announce(environment)
    advice = SupabaseCli(environment.root).advisors(target)
    expected = [one for one in advice if environment.is_local and one["name"] == "unused_index"]
    findings = [one for one in advice if one not in expected]

    def render() -> None:
        for one in findings:
            console.print(escape(f"{one['level']} {one['name']}: {one['detail']}"))
            console.print(escape(f"    {one['remediation']}"))
        console.print(f"advisors: {len(findings) or 'no'} findings")
        if expected:
            console.print(f"{len(expected)} indexes are unused so far: natural without traffic")

    emit({"findings": findings, "expected": expected}, as_json=as_json, render=render)
    if findings:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def types(
    check: Annotated[
        bool, typer.Option("--check", help="Only compare; exit 5 when the file is out of date.")
    ] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print instead of writing.")] = False,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the TypeScript types of the database to supabase/types/database.ts.

    Example: resumebase db types --check
    """
    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    target = database(environment)
    announce(environment)
    text = format_types(SupabaseCli(environment.root).types(target, TYPE_SCHEMAS))
    path = environment.root / "supabase" / "types" / "database.ts"
    current = path.read_text("utf-8") if path.is_file() else ""
    shown, changed = str(path.relative_to(environment.root)), current != text
    if check and changed:
        raise CliError(
            "types-out-of-date",
            f"{shown} is not what the database of {environment.name} has.",
            "Run: resumebase db types",
            ExitCode.DRIFT,
        )
    if stdout:
        typer.echo(text, nl=False)
        return
    if changed:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    word = "wrote" if changed else "up to date:"
    data: dict[str, Any] = {"path": shown, "changed": changed}
    emit(data, as_json=as_json, render=lambda: console.print(f"{word} {shown}"))
