"""Entry point of the `resumebase` command: loads as little as can be before Ctrl-C is handled."""

from __future__ import annotations

import sys


def run() -> None:
    """Run the command line; loading it is part of what may fail or be interrupted."""
    try:
        from cli.command_line import app

        app()
    except (KeyboardInterrupt, ImportError) as error:
        _leave(error)


def _leave(error: BaseException) -> None:
    try:
        from cli.output import print_error
        from cli.runtime import interrupted, missing_package
    except ImportError:
        # Not even the packages that show an error are there.
        sys.exit(f"error: {error}\nfix: make setup")
    is_missing = isinstance(error, ImportError)
    explained = missing_package(error) if is_missing else interrupted()
    print_error(explained, as_json="--json" in sys.argv)
    sys.exit(explained.exit_code)


if __name__ == "__main__":
    run()
