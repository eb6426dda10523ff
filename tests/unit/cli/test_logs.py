"""Following log files without losing, repeating or tearing lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import Result

from cli.commands.logs import follow_files


@pytest.fixture
def logs(project: Path) -> Path:
    folder = project / ".resumebase" / "local" / "logs"
    folder.mkdir(parents=True)
    return folder


def test_logs__shows_the_last_lines_of_each_service(
    invoke: Callable[..., Result], logs: Path
) -> None:
    (logs / "postgres.log").write_text("one\ntwo [x]\nthree")
    (logs / "gateway.log").write_text("four\n")
    assert invoke("logs", "postgres", "-n", "2").stdout == "two [x]\nthree\n"
    assert invoke("logs", "-n", "1").stdout == "postgres | three\ngateway | four\n"
    rows = json.loads(invoke("logs", "--json", "--lines", "1").stdout)
    assert rows == [
        {"service": "postgres", "line": "three"},
        {"service": "gateway", "line": "four"},
    ]


def test_logs__before_the_first_up_is_empty_and_no_error(invoke: Callable[..., Result]) -> None:
    result = invoke("logs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing was logged yet." in result.stderr
    assert json.loads(invoke("logs", "--json").stdout) == []


def test_logs__of_an_unknown_service_names_the_known_ones(invoke: Callable[..., Result]) -> None:
    result = invoke("logs", "postgress", "--json")
    assert result.exit_code == 2
    error = json.loads(result.stderr)
    assert error["code"] == "unknown-service"
    assert "postgres, gateway, worker, http" in error["hint"]


def test_logs__of_a_hosted_project_says_where_they_are(invoke: Callable[..., Result]) -> None:
    result = invoke("logs", "--env", "staging", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stderr)["code"] == "no-logs-here"


def test_huge_log__is_read_from_its_end(invoke: Callable[..., Result], logs: Path) -> None:
    (logs / "postgres.log").write_text("x" * 3_000_000 + "\nlast\n")
    assert invoke("logs", "postgres", "-n", "1").stdout == "last\n"


def test_follow__yields_whole_lines_once_and_survives_truncation(tmp_path: Path) -> None:
    file, other = tmp_path / "a.log", tmp_path / "b.log"
    file.write_text("before\n")
    lines = follow_files({"a": file, "b": other}, {"a": file.stat().st_size, "b": 0})
    with file.open("a") as stream:
        stream.write("one\ntwo\nhal")
    assert list(islice(lines, 2)) == [("a", "one"), ("a", "two")]
    with file.open("a") as stream:
        stream.write("f\n")
    other.write_text("new file\n")
    assert set(islice(lines, 2)) == {("a", "half"), ("b", "new file")}
    file.write_text("cut\n")
    assert next(lines) == ("a", "cut")
