"""The style of our SQL, checked by sqlfluff with the rules of `.sqlfluff`.

sqlfluff takes a function body between dollar quotes for one literal, so the lines of bodies are
checked here, under the names of the sqlfluff rules that would apply.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.output import CliError

MAX_COLUMNS = 100
BODY = re.compile(r"(\$[a-z_]*\$)(.*?)\1", re.DOTALL)
QUOTED_OR_COMMENT = re.compile(r"'[^']*'|--.*")
UPPER_KEYWORD = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|AND|OR|NOT|NULL|IS|IN|AS|ON|JOIN|BEGIN|END|IF|THEN"
    r"|ELSE|LOOP|RETURN|RETURNS|RAISE|DECLARE|INTO|VALUES|SET|TRUE|FALSE)\b"
)


@dataclass(frozen=True, order=True)
class Violation:
    """One offence: where it is, which rule it breaks, and how."""

    file: str
    line: int
    rule: str
    message: str


def lint_sql(root: Path, files: list[Path]) -> list[Violation]:
    """Check SQL files below `root` against `<root>/.sqlfluff`; returns the offences in order.

    What sqlfluff cannot parse is an offence too (rule PRS). Raises CliError `sqlfluff-failed`.
    """
    if not files:
        return []
    names = [str(file.relative_to(root)) for file in files]
    found = list(_ask_sqlfluff(root, names))
    for file, name in zip(files, names, strict=True):
        found += [Violation(name, *each) for each in body_offences(file.read_text("utf-8"))]
    return sorted(found)


def _ask_sqlfluff(root: Path, names: list[str]) -> Iterator[Violation]:
    # A process of its own: sqlfluff takes half a second to load, and forks workers by itself.
    command = [sys.executable, "-m", "sqlfluff", "lint", "--format", "json", "--processes", "2"]
    done = subprocess.run(
        [*command, "--config", str(root / ".sqlfluff"), "--", *names],
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    try:
        records = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().rpartition("\n")[2]
        raise CliError(
            "sqlfluff-failed", f"sqlfluff ended with {done.returncode}: {said}"
        ) from None
    for record in records:
        for item in record["violations"]:
            place = item["start_line_no"], f"{item['code']} {item['name']}".strip()
            yield Violation(record["filepath"], *place, item["description"])


def body_offences(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line, rule, message) for the lines of function bodies, which sqlfluff skips."""
    for body in BODY.finditer(text):
        first = text.count("\n", 0, body.start(2)) + 1
        # What stands before the closing dollar quote is no line of its own.
        for number, line in enumerate(body.group(2).rstrip(" ").split("\n"), start=first):
            if len(line) > MAX_COLUMNS:
                message = f"Line is too long ({len(line)} > {MAX_COLUMNS})."
                yield number, "LT05 layout.long_lines", message
            if line != line.rstrip():
                yield number, "LT01 layout.spacing", "Unnecessary trailing whitespace."
            if "\t" in line:
                yield number, "LT02 layout.indent", "Use spaces, not tabs."
            if keyword := UPPER_KEYWORD.search(QUOTED_OR_COMMENT.sub("''", line)):
                message = f"Keywords must be lower case: {keyword.group()}"
                yield number, "CP01 capitalisation.keywords", message
