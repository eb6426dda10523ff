"""Mutants that nobody could tell from the original, each with its reason, in equivalent.toml."""

import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from rlstests.mutation.mutants import Mutant

FILE = Path(__file__).with_name("equivalent.toml")


class UselessEntry(Exception):
    """An entry of equivalent.toml matches no mutant, or gives no reason."""


def load(mutants: Iterable[Mutant], file: Path = FILE) -> dict[str, str]:
    """Return the reason of each equivalent mutant by id; raises UselessEntry.

    `mutants` are all there are, whatever part of them is to be run.
    """
    ids = [mutant.id for mutant in mutants]
    reasons: dict[str, str] = {}
    for entry in tomllib.loads(file.read_text(encoding="utf-8")).get("equivalent", []):
        matched = [id for id in ids if fnmatchcase(id, entry["id"])]
        if not matched:
            raise UselessEntry(f"{file.name}: {entry['id']} matches no mutant: take it out.")
        if not entry.get("reason"):
            raise UselessEntry(f"{file.name}: {entry['id']} needs a reason.")
        reasons |= dict.fromkeys(matched, entry["reason"])
    return reasons
