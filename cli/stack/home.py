"""Where the Postgres data of a stack lies, and moving it aside while `reset` rebuilds it.

Normally `<state_dir>/postgres`. As root, Postgres runs as another user; when that user cannot pass
through to the state directory (it lies below /root, or in a mktemp directory), `postgres` becomes a
symlink to a place of its own below /var/lib/resumebase.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from pathlib import Path

from cli.output import CliError
from cli.stack.account import SHARED_DIR, Account
from cli.stack.layout import Layout


def prepare(layout: Layout, account: Account | None) -> None:
    """Make the folder that holds the data directory, for `account` to use; idempotent.

    Raises CliError `data-missing`, OSError.
    """
    home = layout.postgres_home
    if home.exists():
        return
    if home.is_symlink():
        raise CliError(
            "data-missing",
            f"The database of this stack is gone: there is no {home.readlink()}.",
            "Bring that directory back, or make a new database: resumebase reset --yes",
        )
    if account is None:
        home.mkdir(mode=0o700)
        return
    if account.can_enter(layout.state_dir):
        _make_for(account, home)
        return
    place = outside_place(layout)
    SHARED_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
    _make_for(account, place)
    # For whoever wonders what this directory is, or finds it left over.
    (place / "belongs-to").write_text(f"{layout.state_dir}\n", encoding="utf-8")
    home.symlink_to(place)


def outside_place(layout: Layout) -> Path:
    """Return where the data goes when it cannot lie in the state directory: a free place.

    Data of a state directory that was moved or deleted may lie there still. It is left alone: its
    `belongs-to` file says whose it was.
    """
    digest = hashlib.sha256(str(layout.state_dir).encode()).hexdigest()[:16]
    names = itertools.chain([digest], (f"{digest}-{number}" for number in itertools.count(2)))
    return next(place for name in names if not (place := SHARED_DIR / name).exists())


def delete(layout: Layout) -> None:
    """Delete the Postgres data, wherever it lies; Postgres must be stopped. Raises OSError."""
    place = layout.postgres_home.resolve()
    if place.exists():
        shutil.rmtree(place)
    layout.postgres_home.unlink(missing_ok=True)


# ---- reset: the old database is kept until the new one is complete ------------------------------


# data.old decides: while it exists, the reset is not complete and is undone. It is therefore moved
# first of all, put back last, and renamed first when the new data is to be kept.


def set_aside(layout: Layout) -> None:
    """Move data and uploaded files aside; Postgres must be stopped. Raises OSError."""
    if layout.postgres_home.is_symlink() and not layout.postgres_home.exists():
        layout.postgres_home.unlink()  # the data was lost; there is nothing to keep
    for current in (layout.postgres_data, layout.storage_dir):
        if current.exists():
            current.rename(_aside(current))


def is_aside(layout: Layout) -> bool:
    """Tell whether a `reset` is under way, or was cut off before it was complete."""
    return _aside(layout.postgres_data).exists()


def put_back(layout: Layout) -> None:
    """Undo `set_aside`: what was made since is deleted. Raises OSError."""
    for current in (layout.storage_dir, layout.postgres_data):
        if _aside(current).exists():
            shutil.rmtree(current, ignore_errors=True)
            _aside(current).rename(current)


def discard_aside(layout: Layout) -> None:
    """Keep the new data and delete what `set_aside` kept; deletes leftovers of that, too."""
    for current in (layout.postgres_data, layout.storage_dir):
        trash = current.with_name(f"{current.name}.trash")
        if _aside(current).exists():
            _aside(current).rename(trash)
        if trash.exists():
            shutil.rmtree(trash)


def _aside(current: Path) -> Path:
    return current.with_name(f"{current.name}.old")


def _make_for(account: Account, place: Path) -> None:
    place.mkdir(mode=0o700, exist_ok=True)
    os.chown(place, account.uid, account.gid)
