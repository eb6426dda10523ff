"""What rlstests/access.yml says, with what follows from it."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "access.yml"
COMMANDS = ("select", "insert", "update", "delete")
API_ROLES = ("anon", "authenticated", "service_role")
STATED = ("anon", "owner", "stranger", "admin", "service")
# The owner of the row, whose account may write no more.
INACTIVE = ("leaving", "blocked")
IDENTITIES = (*STATED, *INACTIVE, "deleted")
OUTCOMES = ("yes", "nothing", "refused", "policy")
ROLES = {"anon": "anon", "service": "service_role"}


@cache
def intended() -> dict[str, Any]:
    """Return the content of access.yml, the same for everybody: nobody changes it."""
    content: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content


def role_of(identity: str) -> str:
    """Return the database role that an identity acts with."""
    return ROLES.get(identity, "authenticated")


def outcome(intent: dict[str, Any], identity: str, command: str) -> str:
    """Return what a command of an identity comes to, from the entry of one relation.

    What the entry says comes first. What it does not say follows by the rules that the head of
    access.yml states: an inactive owner is the owner without new rows, a deleted account is a
    stranger, and everything else is refused.
    """
    said = (intent.get(identity) or {}).get(command)
    if said is not None:
        # YAML reads a bare yes as true.
        return "yes" if said is True else str(said)
    if identity == "deleted":
        return outcome(intent, "stranger", command)
    if identity in INACTIVE:
        owners = outcome(intent, "owner", command)
        return "policy" if owners == "yes" and command in ("insert", "update") else owners
    return "refused"


def cells(relations: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield relation, identity, command and outcome of each cell of the matrix."""
    for relation, intent in relations.items():
        for identity in IDENTITIES:
            for command in COMMANDS:
                yield relation, identity, command, outcome(intent, identity, command)


def reads_all(intent: dict[str, Any], role: str) -> bool:
    """Tell whether a role may read every column, so that select=* works."""
    return bool(intent.get("select", {}).get(role) == "all")
