"""`make setup`, on machines that are not ready for it: the message says what to do."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli import bootstrap

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "cli" / "bootstrap.py"


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_setup_of_a_ready_checkout__does_nothing() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_old_python__is_told_what_to_install() -> None:
    done = run(
        f"import sys; sys.version_info = (3, 9, 2); sys.path.insert(0, {str(SCRIPT.parent)!r}); "
        "import bootstrap; sys.exit(bootstrap.main())"
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "make setup PYTHON=python3.12" in done.stderr


def test_python_without_venv__names_the_debian_package() -> None:
    done = run(
        f"import sys; sys.modules['ensurepip'] = None; sys.path.insert(0, {str(SCRIPT.parent)!r}); "
        "import bootstrap; sys.exit(bootstrap.main())"
    )
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose lock names a package that no index has."""
    (tmp_path / "cli").mkdir()
    shutil.copy(SCRIPT, tmp_path / "cli")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    lock = f"resumebase-no-such-package==1.0 --hash=sha256:{'0' * 64}\n"
    (tmp_path / "requirements.lock").write_text(lock, encoding="utf-8")
    return tmp_path


def test_failed_download__has_a_hint_and_is_not_taken_for_done(checkout: Path) -> None:
    offline = {"PIP_NO_INDEX": "1", "PIP_RETRIES": "0"}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, checkout / "cli" / "bootstrap.py"],
            env={**os.environ, **offline},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 1
        assert "Installing Python packages failed." in done.stderr
        assert "check the network" in done.stderr
        assert not list(checkout.rglob(".resumebase-installed"))


@pytest.fixture
def node_checkout(tmp_path: Path) -> Path:
    """Packages `one` and `two`, as locked, and a locked one of another platform that is absent."""
    packages: dict[str, object] = {"": {"name": "root"}}
    for path in ("node_modules/one", "node_modules/one/node_modules/two"):
        packages[path] = {"version": "1.0.0"}
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "package.json").write_text('{"version": "1.0.0"}')
        (tmp_path / path / "index.js").touch()
    packages["node_modules/other"] = {"version": "1.0.0", "optional": True, "os": ["plan9"]}
    (tmp_path / "package-lock.json").write_text(json.dumps({"packages": packages}))
    return tmp_path


def test_node_modules__as_locked_are_right(node_checkout: Path) -> None:
    assert bootstrap.wrong_node_packages(node_checkout) == []


def test_node_package_that_was_removed__is_noticed(node_checkout: Path) -> None:
    shutil.rmtree(node_checkout / "node_modules" / "one" / "node_modules" / "two")
    wrong = bootstrap.wrong_node_packages(node_checkout)
    assert wrong == ["one/node_modules/two (missing, not 1.0.0)"]


@pytest.mark.parametrize("lost", ["package.json", "index.js"])
def test_node_package_that_lost_its_files__is_noticed(node_checkout: Path, lost: str) -> None:
    (node_checkout / "node_modules" / "one" / "node_modules" / "two" / lost).unlink()
    wrong = bootstrap.wrong_node_packages(node_checkout)
    assert wrong == ["one/node_modules/two (missing, not 1.0.0)"]


def test_node_package_of_another_version__is_noticed(node_checkout: Path) -> None:
    (node_checkout / "node_modules" / "one" / "package.json").write_text('{"version": "2.0.0"}')
    assert bootstrap.wrong_node_packages(node_checkout) == ["one (2.0.0, not 1.0.0)"]


LOCK = """\
psutil==7.0 \\
    --hash=sha256:00 \\
    --hash=sha256:11
ruamel-yaml==0.18
tzdata==2026.6 ; sys_platform == 'win32' \\
    --hash=sha256:22
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """The site-packages of a virtual environment with what LOCK pins, and the project."""
    (tmp_path / "requirements.lock").write_text(LOCK)
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    for name, module in (("psutil-7.0", "psutil"), ("Ruamel.Yaml-0.18", "ruamel")):
        _install(site, name, module)
    _install(site, "resumebase-0.1.0", "_editable.pth")
    return site


def _install(site: Path, name: str, module: str) -> None:
    (site / module).mkdir(parents=True)
    entry = site / f"{name}.dist-info"
    entry.mkdir()
    (entry / "RECORD").write_text(f"../../../bin/x,,\n{module}/a.py,,\n{entry.name}/RECORD,,\n")


def wrong_of(site: Path) -> list[str]:
    venv = site.parents[2]
    return bootstrap.wrong_python_packages(venv.parent / "requirements.lock", venv)


def test_python_packages__as_locked_are_right_and_those_with_a_marker_do_not_count(
    packages: Path,
) -> None:
    assert wrong_of(packages) == []


@pytest.mark.parametrize("lost", ["psutil", "psutil-7.0.dist-info"])
def test_python_package_that_was_removed__is_noticed(packages: Path, lost: str) -> None:
    shutil.rmtree(packages / lost)
    assert wrong_of(packages) == ["psutil (missing, not 7.0)"]


def test_python_package_of_another_version__is_noticed(packages: Path) -> None:
    (packages / "psutil-7.0.dist-info").rename(packages / "psutil-6.1.dist-info")
    assert wrong_of(packages)[0].startswith("psutil (")


def test_project_that_is_not_installed__is_noticed(packages: Path) -> None:
    shutil.rmtree(packages / "resumebase-0.1.0.dist-info")
    assert wrong_of(packages) == ["resumebase (missing)"]


def test_setup__repairs_both_although_the_stamps_say_that_all_is_there(
    packages: Path, node_checkout: Path
) -> None:
    """Two fake installers stand in for the network: they note that they were called."""
    (node_checkout / "cli").mkdir()
    shutil.copy(SCRIPT, node_checkout / "cli")
    shutil.copy(ROOT / "pyproject.toml", node_checkout)
    (node_checkout / "package.json").write_text("{}")
    wheel = node_checkout / "wheel"
    python, node = node_checkout / ".venv" / "bin" / "python", wheel / "bin" / "node"
    for program in (python, node):
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\necho "$@" >>"{node_checkout}/calls"\necho "{wheel}"\n')
        program.chmod(0o755)

    def setup() -> str:
        calls = node_checkout / "calls"
        calls.write_text("")
        script = node_checkout / "cli" / "bootstrap.py"
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return calls.read_text()

    first = setup()
    assert ("--require-hashes" in first, "ci --no-progress" in first) == (True, True)
    second = setup()
    assert ("--require-hashes" in second, "ci --no-progress" in second) == (False, False)
    shutil.rmtree(packages / "psutil")
    shutil.rmtree(node_checkout / "node_modules" / "one")
    third = setup()
    assert ("--require-hashes" in third, "ci --no-progress" in third) == (True, True)
    assert not (packages / "psutil-7.0.dist-info").exists(), "pip would take it for installed"
