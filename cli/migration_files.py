"""Names and headers of new migrations: `<14-digit-utc>_<room>.sql`, one history per room."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli.output import CliError, ExitCode

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_NAME = 60
STAMP = "%Y%m%d%H%M%S"

HEADER = """\
-- Room: {room}
--
-- What {verb}:
-- Who may touch it:
-- Tests: rlstests/test_{room}.py
"""
# The order of a new room; a section without content goes.
SECTIONS = (
    "Types",
    "Tables",
    "Indexes",
    "Functions used by policies",
    "Row level security",
    "Grants",
    "Triggers",
    "RPC",
)


def create_migration(root: Path, name: str, now: datetime | None = None) -> Path:
    """Write an empty migration with its header and return its path.

    Its version is the time in UTC, or one second after the newest file when that is later: the
    official CLI refuses a file that is older than the last one applied. Raises CliError
    `bad-migration-name` (usage) or `migration-exists`.
    """
    folder = root / "supabase" / "migrations"
    _check_name(name)
    others = sorted(folder.glob("*.sql"))
    if twin := next((file for file in others if file.stem.partition("_")[2] == name), None):
        raise CliError(
            "migration-exists",
            f"{twin.name} has this name already.",
            "Say what changes: <room>_<verb>_<what>, such as billing_add_coupons.",
        )
    moment = (now or datetime.now(UTC)).replace(microsecond=0)
    newest = max((stamp for file in others if (stamp := _stamp(file))), default=moment)
    version = max(moment, newest + timedelta(seconds=1)) if others else moment
    path = folder / f"{version.strftime(STAMP)}_{name}.sql"
    folder.mkdir(exist_ok=True)
    path.write_text(_header(name), "utf-8")
    return path


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise CliError(
            "bad-migration-name",
            f"{name!r} is not a good name: lower case, digits and single underscores, starting "
            f"with a letter, at most {LONGEST_NAME} characters.",
            "A new room: billing. A change: <room>_<verb>_<what>, such as billing_add_coupons.",
            ExitCode.USAGE,
        )


def _stamp(file: Path) -> datetime | None:
    """Return the time of a migration, or None for a version that is no time."""
    try:
        return datetime.strptime(file.name[:14], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _header(name: str) -> str:
    room = name.partition("_")[0]
    if name != room:
        return HEADER.format(room=room, verb="this changes")
    banners = "".join(f"\n-- {title} {'-' * (96 - len(title))}\n" for title in SECTIONS)
    return HEADER.format(room=room, verb="lives here") + banners
