"""Entry point of the `resumebase` command: wiring only."""


def run() -> None:
    """Run the command line."""
