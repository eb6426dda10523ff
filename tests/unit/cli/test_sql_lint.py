"""`.sqlfluff` accepts good SQL, rejects bad SQL, and sees into function bodies."""

from __future__ import annotations

import configparser
import re
import shutil
from pathlib import Path

import pytest
from sqlfluff.core import Linter

from cli.migration_files import create_migration
from cli.output import CliError
from cli.sql_lint import lint_sql

REPOSITORY = Path(__file__).parents[3]
SQL = Path(__file__).parent / "sql"


def test_good_sql__passes() -> None:
    assert lint_sql(REPOSITORY, [SQL / "good.sql"]) == []


def test_bad_sql__each_offence_is_found_where_it_is() -> None:
    expected = [
        (number, found.group(1))
        for number, line in enumerate((SQL / "bad.sql").read_text().splitlines(), start=1)
        if (found := re.search(r"-- '?([a-z]+\.[a-z_]+)", line)) and number > 1
    ]
    found = {(one.line, one.rule.split()[1]) for one in lint_sql(REPOSITORY, [SQL / "bad.sql"])}
    assert len(expected) == 15
    assert set(expected) - found == set()


def test_what_does_not_parse__is_an_offence(project: Path) -> None:
    shutil.copy(REPOSITORY / ".sqlfluff", project)
    file = project / "supabase" / "migrations" / "20260101000000_broken.sql"
    file.write_text("creat tabl x (;\n")
    assert [one.rule for one in lint_sql(project, [file])] == ["PRS"]


def test_fresh_migration__passes(project: Path) -> None:
    shutil.copy(REPOSITORY / ".sqlfluff", project)
    files = [create_migration(project, name) for name in ("billing", "billing_add_coupons")]
    assert lint_sql(project, files) == []


def test_nothing_to_check__is_no_error(project: Path) -> None:
    assert lint_sql(project, []) == []


def test_broken_configuration__is_an_error_and_not_a_pass(project: Path) -> None:
    (project / ".sqlfluff").write_text("[sqlfluff]\ndialect = klingon\n")
    file = project / "a.sql"
    file.write_text("select 1;\n")
    with pytest.raises(CliError) as caught:
        lint_sql(project, [file])
    assert caught.value.code == "sqlfluff-failed"
    assert "klingon" in caught.value.message or "dialect" in caught.value.message


def test_excluded_rules__exist_and_have_a_reason() -> None:
    text = (REPOSITORY / ".sqlfluff").read_text()
    parser = configparser.ConfigParser()
    parser.read_string(text)
    excluded = re.findall(r"[a-z_]+\.[a-z_]+", parser["sqlfluff"]["exclude_rules"])
    known = {rule.name for rule in Linter(dialect="postgres").rule_tuples()}
    assert len(excluded) > 10
    assert set(excluded) <= known
    block = text.split("exclude_rules =\n")[1].split("\n\n")[0].splitlines()
    assert block[0].strip().startswith("#"), "a reason stands before the rules it is about"
