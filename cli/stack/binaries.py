"""The Postgres programs: those of the npm package, or others that the caller names."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cli import runtime
from cli.output import CliError
from cli.stack.account import SHARED_DIR, Account

PROGRAMS = ("initdb", "postgres")


@dataclass(frozen=True)
class PostgresBinaries:
    """A folder with `initdb` and `postgres`, and the version they are."""

    bin_dir: Path
    version: str

    @property
    def major(self) -> int:
        """Return the major version, such as 17."""
        return int(self.version.split(".")[0])

    def program(self, name: str) -> Path:
        """Return the path of a program, such as `initdb`."""
        return self.bin_dir / name

    def has_library(self, name: str) -> bool:
        """Tell whether the server can load the shared library `name`."""
        lib = self.bin_dir.parent / "lib"
        return any(
            (folder / f"{name}{suffix}").exists()
            for folder in (lib / "postgresql", lib)
            for suffix in (".so", ".dylib")
        )

    def initdb_locale(self) -> list[str]:
        """Return initdb's locale options: sorting by code point, the same on every machine."""
        if self.major >= 17:
            return ["--locale-provider=builtin", "--locale=C.UTF-8"]
        return ["--locale=C.UTF-8"]


def embedded(root: Path) -> PostgresBinaries:
    """Return the Postgres of `node_modules`, after mending its library links.

    Raises CliError `node-modules-incomplete` when files are missing, and `platform-unsupported`
    when there is no package for this machine.
    """
    package = runtime.node_module(root, f"@embedded-postgres/{_platform()}").resolve()
    native = package / "native"
    missing = [name for name in PROGRAMS if not os.access(native / "bin" / name, os.X_OK)]
    manifest = native / "pg-symlinks.json"
    try:
        version = str(json.loads((package / "package.json").read_text("utf-8"))["version"])
        links = json.loads(manifest.read_text("utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise _incomplete(package, str(error)) from error
    if missing:
        raise _incomplete(package, f"{', '.join(missing)} cannot be run")
    for link in links:
        _mend_link(package, package / link["source"], package / link["target"])
    return PostgresBinaries(native / "bin", version)


def installed(bin_dir: Path) -> PostgresBinaries:
    """Return the Postgres in `bin_dir`; raises CliError `postgres-missing`."""
    try:
        answer = subprocess.run(
            [bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise CliError(
            "postgres-missing",
            f"There is no usable Postgres in {bin_dir}: {error}",
            "Name the folder that holds initdb and postgres.",
        ) from error
    found = re.search(r"\d+(\.\d+)*", answer)
    return PostgresBinaries(bin_dir, found.group() if found else "0")


def reachable_for(binaries: PostgresBinaries, account: Account | None) -> PostgresBinaries:
    """Return binaries that `account` can run: these, or a copy where that user may go.

    A checkout below a closed directory such as /root is not open to another user. The copy is kept
    by version and used by every stack. Raises OSError.
    """
    if account is None or account.can_enter(binaries.bin_dir):
        return binaries
    copy = SHARED_DIR / f"postgres-{binaries.version}"
    if not copy.exists():
        SHARED_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".postgres-", dir=SHARED_DIR))
        try:
            scratch.chmod(0o755)
            for folder in ("bin", "lib", "share"):
                shutil.copytree(binaries.bin_dir.parent / folder, scratch / folder, symlinks=True)
            # Of two commands copying at once, the second finds the folder taken: just as good.
            with contextlib.suppress(OSError):
                scratch.rename(copy)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return PostgresBinaries(copy / "bin", binaries.version)


def _platform() -> str:
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine().lower()
    )
    if system is None or machine is None:
        raise CliError(
            "platform-unsupported",
            f"There are no Postgres binaries for {sys.platform} on {platform.machine()}.",
            "Use Linux or macOS on x86-64 or arm64, or the docker environment.",
        )
    return f"{system}-{machine}"


def _mend_link(package: Path, source: Path, target: Path) -> None:
    """Make one library link that the package's install script would make, had npm run it."""
    text = os.path.relpath(source, target.parent)
    if target.is_symlink() and str(target.readlink()) == text:
        return
    if not source.exists():
        raise _incomplete(package, f"{source.name} is missing")
    scratch = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        scratch.symlink_to(text)
        scratch.replace(target)
    except OSError as error:
        raise _incomplete(package, f"{target} cannot be made: {error.strerror}") from error


def _incomplete(package: Path, reason: str) -> CliError:
    return CliError(
        "node-modules-incomplete",
        f"The Postgres package {package} is half-installed: {reason}.",
        "Run: make setup",
    )
