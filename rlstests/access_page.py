"""Write docs/access.md from access.yml: `python -m rlstests.access_page`.

The page is for people; the file behind it is what the tests hold the database to.
"""

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "access.md"
IDENTITIES = ("anon", "owner", "stranger", "admin", "service")
COMMANDS = ("select", "insert", "update", "delete")
HEAD = """# Who may do what

Generated from `rlstests/access.yml` by `make access`; every cell is executed by the tests.

*yes*: it works on the owner's row. *nothing*: it runs and touches no row: a policy hides it.
*policy*: the policy refuses the new row. A dash: no grant, "permission denied".
"""


def render(intent: dict[str, Any]) -> str:
    """Return the page, Markdown, for the content of access.yml."""
    sections = [HEAD, "## Tables and views\n", _relations(intent["relations"])]
    sections += ["\n## Columns that clients write\n", _columns(intent["relations"])]
    sections += ["\n## Functions\n", _functions(intent["functions"])]
    return "\n".join(sections) + "\n"


def _relations(relations: dict[str, Any]) -> str:
    lines = [f"| relation | command | {' | '.join(IDENTITIES)} |", "|---|---" + "|---" * 5 + "|"]
    for relation, intent in relations.items():
        for command in COMMANDS:
            cells = [_cell(intent.get(identity, {}).get(command)) for identity in IDENTITIES]
            if set(cells) != {"–"}:
                lines.append(f"| {relation} | {command} | {' | '.join(cells)} |")
    closed = [f"`{name}`" for name, intent in relations.items() if not intent]
    return "\n".join(lines) + f"\n\nClosed to everyone: {', '.join(closed)}."


def _cell(outcome: object) -> str:
    # YAML reads a bare yes as true.
    return "yes" if outcome is True else str(outcome or "–")


def _columns(relations: dict[str, Any]) -> str:
    lines = ["| relation | command | columns |", "|---|---|---|"]
    for relation, intent in relations.items():
        for command in ("insert", "update"):
            if columns := intent.get(command):
                lines.append(f"| {relation} | {command} | {', '.join(columns)} |")
    return "\n".join(lines)


def _functions(functions: dict[str, list[str]]) -> str:
    lines = ["| function | who may call it |", "|---|---|"]
    lines += [f"| `{name}` | {', '.join(roles)} |" for name, roles in functions.items() if roles]
    count = sum(not roles for roles in functions.values())
    return "\n".join(lines) + f"\n\n{count} more are called by other functions only."


def intended() -> dict[str, Any]:
    """Return the content of access.yml."""
    content: dict[str, Any] = yaml.safe_load((HERE / "access.yml").read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    PAGE.write_text(render(intended()), encoding="utf-8")
