"""Whether a server runs on a data directory: ours, another program's, or one we may not look at.

Root in a container usually lacks CAP_SYS_PTRACE, and may not see the working directory of another
user's process. What every user may read (owner and command line) decides then.
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from cli.output import CliError


def server_pid(data: Path) -> int | None:
    """Return the pid of the server that runs on `data`, or None if certainly none does.

    Raises CliError `data-in-use` when it cannot be told, OSError.
    """
    pid = pid_in_file(data)
    if pid is None:
        return None
    serving = serves(data, pid)
    if serving is None:
        raise CliError(
            "data-in-use",
            f"The process {pid} may be a Postgres on {data}, and this user may not look at it. "
            "Nothing was changed.",
            f"See what it is: ps -fp {pid}   If it is Postgres, stop it: kill -INT {pid}   "
            f"If it is another program, delete {data / 'postmaster.pid'}",
        )
    return pid if serving else None


def pid_in_file(data: Path) -> int | None:
    """Return the pid that postmaster.pid names, running or not; raises OSError."""
    try:
        text = (data / "postmaster.pid").read_text("utf-8")
        pid = int(text.split("\n", 1)[0])
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return pid if pid > 0 else None


def serves(data: Path, pid: int) -> bool | None:
    """Tell whether this process is the server of `data`: False if gone or another, None if unknown.

    A server is recognised by its working directory, which Postgres makes its data directory.
    """
    try:
        process = psutil.Process(pid)
        try:
            return Path(process.cwd()) == data
        except (psutil.AccessDenied, PermissionError):
            return _looks_like_server(data, process)
    except psutil.ZombieProcess:
        return False
    except psutil.NoSuchProcess:
        # A process may also be hidden from us altogether (hidepid).
        return None if exists(pid) else False
    except (psutil.Error, OSError):
        return None


def _looks_like_server(data: Path, process: psutil.Process) -> bool | None:
    if process.uids().effective != data.stat().st_uid:
        return False  # Postgres runs only on data of its own user
    words = process.cmdline()
    if not words:
        return None
    if Path(words[0]).name != "postgres":
        return False
    if "-D" not in words[:-1]:
        return None
    return Path(words[words.index("-D") + 1]) == data


def exists(pid: int) -> bool:
    """Tell whether there is such a process, also when nothing else may be known of it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
