"""Write docs/access.md from access.yml: `python -m rlstests.access_page`.

The page is for people; the file behind it is what the tests hold the database to.
"""

from pathlib import Path
from typing import Any

from rlstests.intent import COMMANDS, IDENTITIES, STATED, intended, outcome

PAGE = Path(__file__).parent.parent / "docs" / "access.md"
HEAD = """# Who may do what

Generated from `rlstests/access.yml` by `make access`; every cell is executed by the tests, those
of schema public over HTTP as well.

*yes*: it works on the owner's row. *nothing*: it runs and touches no row: a policy hides it.
*policy*: the policy refuses the new row. A dash: no grant, "permission denied".

An owner whose account is **leaving** (its deletion was requested) or **blocked** reads and deletes
as before; a policy refuses what would be written. A **deleted** account whose token is still valid
is a stranger. An **expired** token is refused everywhere. Exceptions are listed below the table.
"""


def render(intent: dict[str, Any]) -> str:
    """Return the page, Markdown, for the content of access.yml."""
    sections = [HEAD, "## Tables and views\n", _relations(intent["relations"])]
    sections += ["\n## Columns that clients write\n", _columns(intent["relations"])]
    sections += ["\n## Functions\n", _functions(intent["functions"])]
    sections += ["\n## Functions for accounts that are not active\n", _open_functions(intent)]
    return "\n".join(sections) + "\n"


def _relations(relations: dict[str, Any]) -> str:
    lines = [f"| relation | command | {' | '.join(STATED)} |", "|---|---" + "|---" * 5 + "|"]
    for relation, intent in relations.items():
        for command in COMMANDS:
            cells = [_cell(outcome(intent, identity, command)) for identity in STATED]
            if set(cells) != {"–"}:
                lines.append(f"| {relation} | {command} | {' | '.join(cells)} |")
    closed = [f"`{name}`" for name, intent in relations.items() if not intent]
    lines += ["", *_exceptions(relations), f"Closed to everyone: {', '.join(closed)}."]
    return "\n".join(lines)


def _cell(result: str) -> str:
    return "–" if result == "refused" else result


def _exceptions(relations: dict[str, Any]) -> list[str]:
    said = [
        f"- `{relation}`, {identity}: {command} {_cell(outcome(intent, identity, command))}"
        for relation, intent in relations.items()
        for identity in IDENTITIES
        if identity not in STATED
        for command in intent.get(identity, {})
    ]
    return [*said, ""] if said else []


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


def _open_functions(intent: dict[str, Any]) -> str:
    listed = intent["inactive_may_call"].items()
    lines = [f"- `{name}`: {', '.join(identities)}" for name, identities in listed]
    return "\n".join(
        ["Those that write answer PT403, but for these:", "", *(lines or ["- none so far"])]
    )


if __name__ == "__main__":
    PAGE.write_text(render(intended()), encoding="utf-8")
