"""`resumebase webhook`: receive, send and look at the events of payment providers."""

from __future__ import annotations

import typer

from cli.commands import webhook_inbox, webhook_send, webhook_serve

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the group to the command line."""
    root.add_typer(app, name="webhook", help="Receive, send and look at provider events.")


app.command()(webhook_serve.serve)
app.command()(webhook_send.send)
app.command("list")(webhook_inbox.list_)
app.command()(webhook_inbox.show)
app.command()(webhook_inbox.replay)
app.command()(webhook_inbox.stats)
