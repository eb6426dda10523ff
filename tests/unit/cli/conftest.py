"""A small project of its own for each test, and the command line as a function."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.command_line import app

PROJECT_FILE = """
[environments.local]
kind = "embedded"

[environments.docker]
kind = "docker"

[environments.staging]
kind = "hosted"
project_ref = "abcdefghijklmnopqrst"
production = false

[environments.production]
kind = "hosted"
api_url = "https://api.example.com"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one environment of each kind; it is the working directory."""
    for name in list(os.environ):
        if name.startswith(("RESUMEBASE_", "SUPABASE_")):
            monkeypatch.delenv(name)
    (tmp_path / "resumebase.toml").write_text(PROJECT_FILE)
    (tmp_path / "supabase" / "migrations").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def invoke(project: Path) -> Callable[..., Result]:
    """Run the command line in that project, without a terminal."""
    assert Path.cwd() == project
    return lambda *words: CliRunner().invoke(app, list(words))
