"""The score: how many mutants the suite noticed, and which it did not."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rlstests.mutation.mutants import KINDS
from rlstests.mutation.runner import Outcome, Result

THRESHOLD = 0.95
BEGIN, END = "<!-- mutants: begin -->", "<!-- mutants: end -->"


@dataclass(frozen=True)
class Report:
    """What was found. `reasons` are those of the equivalent mutants, which are not run."""

    results: Sequence[Result]
    reasons: dict[str, str]
    not_run: int
    tests: int
    control_seconds: float

    def of(self, outcome: Outcome, kind: str | None = None) -> list[Result]:
        """Return the results with this outcome, of one kind or of all."""
        return [
            result
            for result in self.results
            if result.outcome == outcome and kind in (None, result.mutant.partition(":")[0])
        ]

    def score(self, kind: str | None = None) -> float | None:
        """Killed of those that could be made; None when none was run."""
        killed = len(self.of("killed", kind))
        counted = killed + len(self.of("survived", kind)) + len(self.of("timeout", kind))
        return killed / counted if counted else None

    @property
    def is_good(self) -> bool:
        """True when enough of what was run was noticed, and everything could be made."""
        score = self.score()
        return score is not None and score >= THRESHOLD and not self.of("error")

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table: kind, run, killed, survived, timeout, error, equivalent, score."""
        equivalent = Counter(id.partition(":")[0] for id in self.reasons)
        rows = []
        for kind in (*KINDS, None):
            counts = {o: len(self.of(o, kind)) for o in ("killed", "survived", "timeout", "error")}
            same = equivalent[kind] if kind else len(self.reasons)
            if not sum(counts.values()) + same:
                continue
            score = self.score(kind)
            rows.append(
                (
                    kind or "all",
                    str(sum(counts.values())),
                    *map(str, counts.values()),
                    str(same),
                    "–" if score is None else f"{score:.1%}",
                )
            )
        return rows


HEADINGS = ("kind", "run", "killed", "survived", "timeout", "error", "equivalent", "score")


def show(report: Report, console: Console) -> None:
    """Print the table, and every mutant that was not killed."""
    table = Table(*HEADINGS, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in report.rows():
        table.add_row(*row, style="bold" if row[0] == "all" else None)
    console.print(table)
    for result in [*report.of("survived"), *report.of("timeout"), *report.of("error")]:
        said = f"\n    {result.said}" if result.said else ""
        console.print(f"{result.outcome}: {result.mutant}{said}", markup=False, soft_wrap=True)
    if report.not_run:
        console.print(f"{report.not_run} mutants were not run: the time was up.", style="yellow")
    score = report.score()
    verdict = "nothing was run" if score is None else f"{score:.1%} of what was run was noticed"
    console.print(f"{verdict}; {THRESHOLD:.0%} is the least.", style="bold")


def write_json(report: Report, file: Path) -> None:
    """Write every result, for programs."""
    data = {
        "score": report.score(),
        "not_run": report.not_run,
        "tests": report.tests,
        "control_seconds": round(report.control_seconds, 2),
        "equivalent": report.reasons,
        "results": [asdict(result) for result in report.results],
    }
    file.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_markdown(report: Report, file: Path) -> None:
    """Put the table and the survivors between the two marks of a page, or make the page."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" + "|--:" * (len(HEADINGS) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in report.rows()]
    unnoticed = [*report.of("survived"), *report.of("timeout")]
    lines += ["", f"{report.tests} tests; {report.not_run} mutants not run. Survivors:"]
    lines += [f"- `{result.mutant}`" for result in unnoticed] or ["none."]
    section = "\n".join([BEGIN, *lines, END])
    page = file.read_text(encoding="utf-8") if file.exists() else f"# Mutants\n\n{BEGIN}{END}\n"
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    file.write_text(f"{before}{section}{after}", encoding="utf-8")
