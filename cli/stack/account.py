"""Postgres refuses to run as root: as root, it runs as an unprivileged user instead."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.output import CliError

USER_NAME = "resumebase"
SHARED_DIR = Path("/var/lib/resumebase")
"""Root-owned and open to passage: what that user must reach when our own place is closed to it."""


@dataclass(frozen=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    def popen_options(self) -> dict[str, Any]:
        """Return the `subprocess` options that run a program as this user, in no other group."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Tell whether this user can reach `folder`, by trying it.

        Raises CliError `cannot-change-user` where root may not become another user.
        """
        try:
            tried = subprocess.run(
                ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **self.popen_options(),
            )
        except (PermissionError, subprocess.SubprocessError) as error:
            raise CliError(
                "cannot-change-user",
                f"Postgres does not run as root, and this root may not become {self.name}: {error}",
                "Run this as an ordinary user.",
            ) from error
        return tried.returncode == 0


def postgres_account(data: Path | None = None) -> Account | None:
    """Return the user to run Postgres as, or None when we are not root and can run it ourselves.

    As root: the owner of `data`, if it exists already; else the system user `resumebase`, made on
    first use, or `nobody` where none can be made.
    """
    if os.geteuid() != 0:
        return None
    if data is not None and data.exists():
        owner = data.stat()
        return Account(str(owner.st_uid), owner.st_uid, owner.st_gid)
    return _find(USER_NAME) or _create(USER_NAME) or _find("nobody")


def _find(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create(name: str) -> Account | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    command = [useradd, "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", "--comment", "resumebase local Postgres", name]
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    # When another command is making the user at this moment, ours fails while theirs succeeds.
    deadline = time.monotonic() + (2.0 if made.returncode else 0.0)
    while (account := _find(name)) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return account
