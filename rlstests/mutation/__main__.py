"""Weaken the security model in every small way, and see whether the tests notice.

    python -m rlstests.mutation [--budget 25] [--sample 40] [--only 'trigger-drop:*'] [--list]

Exit code 0 when at least 95 % were noticed, 1 when fewer, or when the unchanged database fails.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rlstests.mutation import equivalent, report
from rlstests.mutation.database import Original, original
from rlstests.mutation.mutants import Mutant, enumerate_mutants, matching, shuffled
from rlstests.mutation.runner import ControlFailed, Result, Runner
from rlstests.mutation.suite import CollectionFailed, Suite

SIGNS = {"killed": "green", "survived": "red", "timeout": "yellow", "error": "magenta"}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m rlstests.mutation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--budget", type=float, default=25, metavar="MINUTES", help="begin no mutant after that")
    add("--sample", type=int, metavar="N", help="run N of them, spread over the kinds")
    add("--seed", type=int, default=1, metavar="S", help="of the order they run in")
    add("--only", default="*", metavar="PATTERN", help="those whose id matches, such as '*:plans*'")
    add("--jobs", type=int, default=os.cpu_count() or 2, metavar="N", help="how many at once")
    add("--list", action="store_true", help="print ids and SQL, and run nothing")
    add("--json", type=Path, metavar="FILE", help="write every result there")
    add("--markdown", type=Path, metavar="FILE", help="write the table and the survivors there")
    return parser.parse_args(given)


def chosen(
    mutants: Sequence[Mutant], reasons: dict[str, str], args: argparse.Namespace
) -> list[Mutant]:
    """Return what is to be run, in the order to run it."""
    useful = [mutant for mutant in mutants if mutant.id not in reasons]
    return shuffled(matching(useful, args.only), args.seed)[: args.sample]


def measure(
    suite: Suite,
    source: Original,
    todo: Sequence[Mutant],
    args: argparse.Namespace,
    console: Console,
) -> tuple[float, list[Result]]:
    """Run the control and then the mutants, telling what happens; raises ControlFailed."""
    runner = Runner(suite, source, args.jobs)
    tests = suite.all_for(todo)
    console.print(f"Control: {len(tests)} of {len(suite.tests)} tests on the unchanged database.")
    control_seconds = runner.control(tests)
    console.print(f"Control passed in {control_seconds:.0f} s. {len(todo)} mutants follow.")
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=len(todo))

        def on_result(result: Result) -> None:
            progress.update(bar, advance=1, description=result.mutant)
            if result.outcome != "killed":
                style = SIGNS[result.outcome]
                progress.console.print(
                    f"{result.outcome}: {result.mutant}", style=style, markup=False
                )

        return control_seconds, runner.run(todo, args.budget * 60, on_result)


def main(given: Sequence[str] | None = None) -> int:
    """Run it; return the exit code."""
    args, console, done = arguments(given), Console(stderr=True), list[report.Report]()
    with original() as source:
        with source.connect() as connection:
            mutants = enumerate_mutants(connection)
        reasons = equivalent.load(mutants)
        todo = chosen(mutants, reasons, args)
        if args.list:
            sys.stdout.writelines(f"{mutant.id}\n    {mutant.sql}\n" for mutant in todo)
            return 0

        def use(suite: Suite) -> None:
            seconds, results = measure(suite, source, todo, args, console)
            left, tests = len(todo) - len(results), len(suite.tests)
            done.append(report.Report(results, reasons, left, tests, seconds))

        try:
            Suite.collect(use)
        except (ControlFailed, CollectionFailed) as error:
            console.print(str(error), style="red", markup=False)
            return 1
    found = done[0]
    report.show(found, Console())
    if args.json:
        report.write_json(found, args.json)
    if args.markdown:
        report.write_markdown(found, args.markdown)
    return 0 if found.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
