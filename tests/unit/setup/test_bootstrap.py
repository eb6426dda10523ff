"""`make setup`, on machines that are not ready for it: the message says what to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
