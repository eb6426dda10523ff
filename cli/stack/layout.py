"""Where a stack keeps its things, and how it recognises a directory as its own.

<state_dir>/
  stack.json     layout version, ports, Postgres version, services that were asked for
  secrets.json   keys and passwords, mode 0600
  lock           held by the command that is changing the stack
  run/           one record per process
  logs/          one file per service
  gateway/       working directory of the gateway: its configuration and the uploaded files
  postgres/      Postgres data; a symlink when Postgres runs as another user (see account.py)
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cli.output import CliError
from cli.stack.ports import HIGHEST, LOWEST

LAYOUT_VERSION = 1
DEFAULT_PORT_BASE = 54321
SERVICES = ("postgres", "gateway", "worker", "http")
"""In the order in which they are started."""
REQUIRED = ("postgres", "gateway")
"""Those that no stack can do without."""

_DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)

OnStep = Callable[[str], None]
"""Is told, in a few words, what is being done."""


def silent(_step: str) -> None:
    """Tell nobody what is being done."""


@dataclass(frozen=True)
class Layout:
    """The paths of one state directory; nothing is created by asking for them."""

    state_dir: Path

    @property
    def config_file(self) -> Path:
        """Return where ports and wanted services are remembered."""
        return self.state_dir / "stack.json"

    @property
    def secrets_file(self) -> Path:
        """Return where keys and passwords are kept, mode 0600."""
        return self.state_dir / "secrets.json"

    @property
    def lock_file(self) -> Path:
        """Return the file that a command locks while it changes the stack."""
        return self.state_dir / "lock"

    @property
    def run_dir(self) -> Path:
        """Return where the records of processes are."""
        return self.state_dir / "run"

    @property
    def logs_dir(self) -> Path:
        """Return where the log of each service is."""
        return self.state_dir / "logs"

    @property
    def gateway_dir(self) -> Path:
        """Return the working directory of the gateway."""
        return self.state_dir / "gateway"

    @property
    def storage_dir(self) -> Path:
        """Return where the gateway puts uploaded files (it decides so itself)."""
        return self.gateway_dir / "supabase" / ".temp" / "storage"

    @property
    def postgres_home(self) -> Path:
        """Return what holds the data directory: a directory, or a link to one."""
        return self.state_dir / "postgres"

    @property
    def postgres_data(self) -> Path:
        """Return the data directory where it really is, for a user who cannot follow the link."""
        return self.postgres_home.resolve() / "data"

    def log_file(self, service: str) -> Path:
        """Return the log of `service`, whether or not it exists yet."""
        return self.logs_dir / f"{service}.log"


@dataclass(frozen=True)
class StackConfig:
    """What a state directory remembers between commands."""

    port_base: int = DEFAULT_PORT_BASE
    services: tuple[str, ...] = ()
    layout: int = LAYOUT_VERSION

    @property
    def api_port(self) -> int:
        """Return the port of the API: the base itself."""
        return self.port_base

    @property
    def postgres_port(self) -> int:
        """Return the port of Postgres: the next one."""
        return self.port_base + 1

    @property
    def webhooks_port(self) -> int:
        """Return the port of the HTTP service: the one after that."""
        return self.port_base + 2


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, at once or not at all.

    The mode is 0600 from the first byte on. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_config(layout: Layout) -> StackConfig | None:
    """Return what the state directory remembers, or None if no stack was made there yet.

    Raises CliError as `is_made` does, `state-dir-version` when another version of resumebase made
    it, and `state-dir-damaged` when the file does not hold what it should.
    """
    if not is_made(layout):
        return None
    try:
        raw = json.loads(layout.config_file.read_text(encoding="utf-8"))
        if (version := _whole(raw["layout"])) != LAYOUT_VERSION:
            raise _other_version(layout.state_dir, version)
        return _checked(raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CliError(
            "state-dir-damaged",
            f"{layout.config_file} cannot be used: {error!r}",
            "Restore the file. Or stop the stack: resumebase down   and move the file away; the "
            "next resumebase up keeps the data, and forgets only the ports.",
        ) from error


def _checked(raw: dict[str, Any]) -> StackConfig:
    base, services = _whole(raw["port_base"]), raw["services"]
    if not LOWEST <= base <= HIGHEST:
        raise ValueError(f"port_base {base}")
    if not isinstance(services, list) or not all(name in SERVICES for name in services):
        raise ValueError(f"services {services}")
    return StackConfig(base, tuple(services))


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value


def save_config(layout: Layout, config: StackConfig) -> None:
    """Remember `config`; raises OSError."""
    write_private(layout.config_file, json.dumps(asdict(config), indent=2) + "\n")


def is_made(layout: Layout) -> bool:
    """Tell whether a stack was made in the state directory; changes nothing.

    Raises CliError `state-dir-foreign` for a file or a directory with other contents,
    `state-dir-owner` when another user made it, and `state-dir-not-readable`.
    """
    state_dir = layout.state_dir
    try:
        found = state_dir.stat()
        if not stat.S_ISDIR(found.st_mode):
            raise _foreign(state_dir)
        if found.st_uid != os.geteuid():
            raise _other_owner(state_dir, found.st_uid)
        names = {entry.name for entry in state_dir.iterdir()}
    except FileNotFoundError:
        return False
    except NotADirectoryError as error:
        raise _foreign(state_dir) from error
    except OSError as error:
        raise _not_readable(state_dir, error) from error
    if names & {layout.config_file.name, layout.secrets_file.name}:
        return True
    if not all(map(_is_beginning, names)):
        raise _foreign(state_dir)
    return False


def claim(layout: Layout) -> None:
    """Make the state directory, or check that it is one of ours; idempotent.

    Raises CliError as `is_made` does, `state-dir-not-writable` and `no-disk-space`.
    """
    state_dir = layout.state_dir
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_made(layout)
        # As root, Postgres runs as another user, which has to pass through this directory.
        state_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except (FileExistsError, NotADirectoryError) as error:
        raise _foreign(state_dir) from error
    except OSError as error:
        raise not_writable(state_dir, error) from error


def make_folders(layout: Layout) -> None:
    """Make the folders inside a claimed state directory; idempotent, raises OSError."""
    for folder in (layout.run_dir, layout.logs_dir, layout.gateway_dir):
        folder.mkdir(mode=0o700, exist_ok=True)


def not_writable(path: Path, error: OSError) -> CliError:
    """Return the error to show when something in `path` cannot be written, by its cause."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CliError(
            "no-disk-space",
            f"There is no space left for {path}. Your data is kept.",
            "Free some space and run the command again, or use --state-dir on another disk.",
        )
    return CliError(
        "state-dir-not-writable",
        f"{error.filename or path} cannot be written: {error.strerror or error}",
        "Choose a directory of your own with --state-dir.",
    )


def _not_readable(path: Path, error: OSError) -> CliError:
    return CliError(
        "state-dir-not-readable",
        f"{error.filename or path} cannot be read: {error.strerror or error}",
        "Choose a directory of your own with --state-dir.",
    )


@contextmanager
def disk_trouble_explained(path: Path) -> Iterator[None]:
    """Turn a full, read-only or forbidden disk below `path` into a CliError; the rest passes."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_TROUBLE:
            raise not_writable(path, error) from error
        raise


def _is_beginning(name: str) -> bool:
    """Tell what another command, busy with its first `up` here, may have put there so far."""
    return name == "lock" or name.startswith(".stack.json.")


def _foreign(state_dir: Path) -> CliError:
    return CliError(
        "state-dir-foreign",
        f"{state_dir} exists and was not made by resumebase. Nothing was changed.",
        "Choose an empty or a new directory with --state-dir.",
    )


def _other_version(state_dir: Path, version: object) -> CliError:
    return CliError(
        "state-dir-version",
        f"{state_dir} was made by another version of resumebase (layout {version}, this one uses "
        f"{LAYOUT_VERSION}). Nothing was changed.",
        "Stop what runs: resumebase down   Then use the matching version to export your data, or "
        "start afresh with another --state-dir.",
    )


def _other_owner(state_dir: Path, owner: int) -> CliError:
    return CliError(
        "state-dir-owner",
        f"{state_dir} belongs to another user (uid {owner}).",
        "Run this as that user, or choose a directory of your own with --state-dir.",
    )
