"""Every column of the five source designs has a home here: docs/coverage.csv."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from rlstests.actors import SYSTEM, Database

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "coverage.csv").read_text(encoding="utf-8")
ROWS = list(csv.DictReader(TEXT.splitlines()))
# How many columns each design names; a row that vanished would not be missed otherwise.
COLUMNS = {
    "B-Prepped AI": 142,
    "ATS Resume Platform": 121,
    "ResumePilot": 89,
    "Data Models API": 50,
    "Resume Generator": 34,
}
SOURCE = ROOT.parent / "shared" / "source-designs" / "columns.csv"


def test_every_column__is_listed_once() -> None:
    listed = Counter((row["system"], row["table"], row["column"]) for row in ROWS)
    assert [column for column, times in listed.items() if times > 1] == []
    assert Counter(system for system, _, _ in listed) == COLUMNS
    assert len({(row["system"], row["table"]) for row in ROWS}) == 45


def test_list__is_the_one_of_the_source_designs() -> None:
    if not SOURCE.exists():
        pytest.skip("the source designs are not beside this checkout")
    source = csv.DictReader(SOURCE.read_text(encoding="utf-8").splitlines())
    named = [(row["system"], row["table"], row["column"]) for row in source]
    assert [(row["system"], row["table"], row["column"]) for row in ROWS] == named


def test_every_home__exists(db: Database) -> None:
    found = {
        row["name"]: row["type"]
        for row in db.query(
            SYSTEM,
            """
            select format('%%s.%%s.%%s', n.nspname, c.relname, a.attname) as name,
                a.atttypid::regtype::text as type
            from pg_attribute a join pg_class c on c.oid = a.attrelid
            join pg_namespace n on n.oid = c.relnamespace
            where a.attnum > 0 and not a.attisdropped and n.nspname = any(%s)
            """,
            ["public", "private", "auth", "storage"],
        )
    }
    homeless = []
    for row in ROWS:
        column, _, path = row["home"].partition("->")
        if column != "superseded" and (
            column not in found or (path and found[column] not in ("json", "jsonb"))
        ):
            homeless.append(row)
    assert homeless == []


def test_superseded_column__says_why() -> None:
    superseded = [row for row in ROWS if row["home"] == "superseded"]
    assert superseded, "positive control"
    assert [row for row in superseded if len(row["note"]) < 20] == []
