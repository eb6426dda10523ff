"""`resumebase webhook`: receive the events of payment providers."""

from __future__ import annotations

import typer

from cli.commands import webhook_serve

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the group to the command line."""
    root.add_typer(app, name="webhook", help="Receive the events of payment providers.")


@app.callback()
def _group() -> None:
    # With a callback, Typer keeps `serve` a subcommand although it is the only one.
    return


app.command()(webhook_serve.serve)
