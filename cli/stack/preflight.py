"""What must hold before a stack is touched: each check fails with its fix."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from cli import runtime
from cli.output import CliError
from cli.stack.layout import Layout

MINIMUM_PYTHON = (3, 11)
NEW_STACK_BYTES = 400 * 1024 * 1024
"""A new database with its write-ahead log takes about 80 MB; leave room to work in."""
RUNNING_BYTES = 64 * 1024 * 1024
NODE_FILES = (
    "@supabase/lite/dist/cli/index.js",
    "@supabase/lite/dist/db/postgres/PostgresConnection.js",
    "postgres/src/index.js",
    "supabase/dist/supabase.js",
)


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> None:
    """Raise CliError `python-too-old` unless this Python can run the project."""
    if version[:2] < MINIMUM_PYTHON:
        found, wanted = (".".join(map(str, numbers)) for numbers in (version, MINIMUM_PYTHON))
        raise CliError(
            "python-too-old",
            f"This is Python {found}; resumebase needs {wanted} or later.",
            "Make the virtual environment with a newer Python: make setup PYTHON=python3.12",
        )


def check_node_modules(root: Path) -> None:
    """Raise CliError `node-missing` or `node-modules-incomplete` unless Node parts are there."""
    runtime.node()
    for relative in NODE_FILES:
        runtime.node_module(root, relative)


def check_space(layout: Layout) -> None:
    """Raise CliError `no-disk-space` when the disk of the state directory is nearly full."""
    new = not layout.postgres_data.exists()
    needed = NEW_STACK_BYTES if new else RUNNING_BYTES
    place = layout.postgres_data if not new else layout.state_dir
    free = shutil.disk_usage(place).free
    if free < needed:
        raise CliError(
            "no-disk-space",
            f"Only {free // 2**20} MB are free for {layout.state_dir}; "
            f"{needed // 2**20} MB are needed. Your data is kept.",
            "Free some space and run the command again, or use --state-dir on another disk.",
        )
