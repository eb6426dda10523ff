"""New migrations: their names, their versions, their headers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import Result

from cli.migration_files import create_migration
from cli.output import CliError

NOW = datetime(2026, 11, 20, 9, 30, 15, 999999, tzinfo=UTC)


def test_new__is_named_by_time_and_opens_with_its_room(project: Path) -> None:
    path = create_migration(project, "billing_add_coupons", NOW)
    assert path == project / "supabase" / "migrations" / "20261120093015_billing_add_coupons.sql"
    lines = path.read_text().splitlines()
    assert lines[0] == "-- Room: billing"
    assert "-- Tests: rlstests/test_billing.py" in lines


def test_new_room__has_its_sections_in_order(project: Path) -> None:
    text = create_migration(project, "billing", NOW).read_text()
    titles = ["Types", "Tables", "Indexes", "Row level security", "Grants", "Triggers", "RPC"]
    places = [text.index(f"\n-- {title} -") for title in titles]
    assert places == sorted(places)
    assert max(len(line) for line in text.splitlines()) == 100


def test_new__comes_after_the_newest_file_even_when_that_is_from_the_future(project: Path) -> None:
    create_migration(project, "first", datetime(2030, 1, 1, 0, 0, 59, tzinfo=UTC))
    assert create_migration(project, "second", NOW).name.startswith("20300101000100_")
    assert create_migration(project, "third", NOW).name.startswith("20300101000101_")


def test_new__passes_by_files_whose_version_is_no_time(project: Path) -> None:
    (project / "supabase" / "migrations" / "99999999999999_odd.sql").touch()
    assert create_migration(project, "billing", NOW).name == "20261120093016_billing.sql"


@pytest.mark.parametrize(
    "name", ["", "Billing", "1st", "a b", "a-b", "a__b", "_a", "a_", "é", "../x", "a.sql", "a" * 61]
)
def test_bad_name__is_refused_and_writes_nothing(project: Path, name: str) -> None:
    with pytest.raises(CliError) as caught:
        create_migration(project, name, NOW)
    assert (caught.value.code, caught.value.exit_code) == ("bad-migration-name", 2)
    assert list((project / "supabase" / "migrations").iterdir()) == []


def test_name_that_exists__is_refused(project: Path) -> None:
    create_migration(project, "billing", NOW)
    with pytest.raises(CliError) as caught:
        create_migration(project, "billing", NOW)
    assert caught.value.code == "migration-exists"
    assert len(list((project / "supabase" / "migrations").iterdir())) == 1


def test_db_new__prints_a_path_from_the_root_wherever_it_runs(
    invoke: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "supabase")
    data = json.loads(invoke("db", "new", "billing", "--json").stdout)
    assert (project / data["path"]).is_file()
    assert Path(data["path"]).name == f"{data['version']}_billing.sql"
