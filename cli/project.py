"""Where the project is: commands work from any of its folders."""

from __future__ import annotations

from pathlib import Path

from cli.output import CliError

MARKER = "resumebase.toml"


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder, from `start` (default: here) upwards, that is a project.

    A project has both `resumebase.toml` and `supabase/`. Raises CliError `no-project`.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / MARKER).is_file() and (folder / "supabase").is_dir():
            return folder
    raise CliError(
        "no-project",
        f"{here} is not inside a resumebase project: no folder from here up has "
        f"{MARKER} and supabase/.",
        "Change into your clone of resumebase, or any folder inside it, and run this again.",
    )
