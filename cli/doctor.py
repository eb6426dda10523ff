"""What `doctor` looks at on this machine; nothing here changes anything."""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cli import bootstrap
from cli.checks import Check, failed, info, passed
from cli.environments import Environment
from cli.output import CliError
from cli.plpgsql_check import HOW_TO_GET_IT, find_postgres
from cli.runtime import REPAIR, node
from cli.stack import binaries, ports, preflight
from cli.stack.layout import Layout
from cli.stack.supervisor import Stack
from cli.supabase_cli import SupabaseCli

OLDEST_NODE = 24


def examine(environment: Environment, stack: Stack | None) -> list[Check]:
    """Run every check; `stack` is that of an embedded environment, else None."""
    root = environment.root
    questions: dict[str, Callable[[], Check]] = {
        "python": check_python,
        "python packages": check_python_packages,
        "node": check_node,
        "node packages": lambda: check_node_packages(root),
        "postgres programs": lambda: check_postgres(root),
        "supabase/config.toml": lambda: check_supabase_config(root),
    }
    if stack is not None:
        questions |= {
            "state directory": lambda: check_state_dir(stack.layout),
            "stack secrets": lambda: check_private("stack secrets", stack.layout.secrets_file),
            "disk space": lambda: check_space(stack.layout),
            "ports": lambda: check_ports(stack),
        }
    env_file = root / f".env.{environment.name}"
    if env_file.exists():
        questions[env_file.name] = lambda: check_private(env_file.name, env_file)
    answers = [_ask(name, question) for name, question in questions.items()]
    return [*answers, look_for_plpgsql_check(), look_for_docker()]


def _ask(name: str, question: Callable[[], Check]) -> Check:
    try:
        return question()
    except CliError as error:
        return failed(name, error.message, error.hint)
    except OSError as error:
        return failed(name, str(error), "Check the rights and the free space there.")


def check_python() -> Check:
    """Check that this Python can run the project."""
    preflight.check_python()
    return passed("python", f"{platform.python_version()} ({sys.executable})")


def check_node() -> Check:
    """Check that Node of the PyPI wheel runs and is new enough."""
    version = _output([str(node()), "--version"])
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        return failed("node", f"{version}; {OLDEST_NODE} or newer is needed", REPAIR)
    return passed("node", version)


def check_node_packages(root: Path) -> Check:
    """Compare node_modules with package-lock.json; names what is missing or of another version."""
    name = "node packages"
    if wrong := bootstrap.wrong_node_packages(root):
        return failed(name, f"half-installed: {_some(wrong)}", REPAIR)
    preflight.check_node_modules(root)
    return passed(name, "all as in package-lock.json")


def check_python_packages() -> Check:
    """Compare the virtual environment of this command with requirements.lock."""
    name = "python packages"
    lock = bootstrap.ROOT / "requirements.lock"
    if sys.prefix == sys.base_prefix or not lock.is_file():
        return info(name, "not checked: this is not the .venv of make setup")
    if wrong := bootstrap.wrong_python_packages(lock, Path(sys.prefix)):
        return failed(name, f"half-installed: {_some(wrong)}", REPAIR)
    return passed(name, "all as in requirements.lock")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def check_postgres(root: Path) -> Check:
    """Check that the Postgres of node_modules runs on this machine."""
    found = binaries.embedded(root)
    return passed("postgres programs", _output([str(found.program("postgres")), "--version"]))


def check_supabase_config(root: Path) -> Check:
    """Check that the official CLI knows every key of supabase/config.toml."""
    name = "supabase/config.toml"
    if warnings := SupabaseCli(root).config_warnings():
        return failed(name, " ".join(warnings), "Mend or remove those keys.")
    return passed(name, "no unknown keys")


def check_state_dir(layout: Layout) -> Check:
    """Check that the state directory is ours alone and can be written, or can be made."""
    name, folder = "state directory", layout.state_dir
    if not folder.exists():
        parent = _nearest(folder)
        if not os.access(parent, os.W_OK | os.X_OK):
            return failed(name, f"{parent} cannot be written", "Choose another --state-dir.")
        return passed(name, f"{folder} will be made by resumebase up")
    about = folder.stat()
    mode = stat.S_IMODE(about.st_mode)
    if about.st_uid != os.geteuid():
        fix = "Run this as that user, or choose another --state-dir."
        return failed(name, f"{folder} belongs to user {about.st_uid}", fix)
    # As root, Postgres runs as another user, who has to pass through.
    if mode & (0o066 if os.geteuid() == 0 else 0o077):
        return failed(name, f"{folder} is open to others ({mode:04o})", f"chmod 700 {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return failed(name, f"{folder} cannot be written", f"chmod 700 {folder}")
    return passed(name, f"{folder} ({mode:04o})")


def check_private(name: str, file: Path) -> Check:
    """Check that only its owner can read a file of secrets."""
    if not file.exists():
        return passed(name, f"{file.name} will be made by resumebase up")
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return failed(name, f"other users can read {file} ({mode:04o})", f"chmod 600 {file}")
    return passed(name, f"{file.name} ({mode:04o})")


def check_space(layout: Layout) -> Check:
    """Check that the disk of the state directory has room for a stack."""
    place = _nearest(layout.state_dir)
    # An absent directory has no data yet; its place on the disk is that of the nearest one above.
    preflight.check_space(layout if layout.state_dir.exists() else Layout(place))
    return passed("disk space", f"{shutil.disk_usage(place).free // 2**20} MB free at {place}")


def check_ports(stack: Stack) -> Check:
    """Check that the ports of the stack are free, or held by the stack itself."""
    status = stack.status()
    base = status.services["gateway"].port
    assert base is not None, "the gateway always has a port"
    said = []
    for number, service in enumerate(("gateway", "postgres", "http")):
        one = status.services.get(service)
        is_ours = one is not None and one.state == "running"
        if not is_ours:
            ports.require_free(base + number, service)
        said.append(f"{base + number} {'ours' if is_ours else 'free'}")
    return passed("ports", ", ".join(said))


def look_for_plpgsql_check() -> Check:
    """Say whether `db lint` can check functions here."""
    found = find_postgres()
    if found is None:
        return info("plpgsql_check", "not found: db lint skips one check", HOW_TO_GET_IT)
    return info("plpgsql_check", f"db lint uses it from {found}")


def look_for_docker() -> Check:
    """Say whether Docker is there, which only the docker environment needs."""
    found = shutil.which("docker")
    return info("docker", found or "not found; only the docker environment needs it")


def _nearest(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _output(command: list[str]) -> str:
    """Return what a program prints; raises OSError when it cannot run."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        said = re.sub(r"\s+", " ", done.stderr).strip()
        raise CliError("broken-program", f"{command[0]} does not run: {said}", REPAIR)
    return done.stdout.strip()
