"""What the commands of an operator have in common: the account they are about, and the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from cli.environments import Environment, select
from cli.project import find_root
from cli.safety import announce

UserArgument = Annotated[
    str, typer.Argument(metavar="USER", help="An e-mail address, or a user id.", show_default=False)
]

ProviderName: TypeAlias = Literal["razorpay", "stripe"]
ProviderOption = Annotated[ProviderName, typer.Option("--provider", help="Who takes the money.")]
CurrencyOption = Annotated[
    str, typer.Option("--currency", metavar="CODE", help="Three letters, such as USD or INR.")
]
AmountOption = Annotated[
    int,
    typer.Option(
        "--amount", metavar="N", min=1, max=2_147_483_647, help="In minor units: cents, paise."
    ),
]
PriceIdOption = Annotated[
    str,
    typer.Option("--price-id", metavar="ID", help="What the provider calls the price."),
]


def select_announced(env: str | None, state_dir: Path | None, port_base: int | None) -> Environment:
    """Return the environment of a command, having said on stderr when it is a remote one."""
    environment = select(find_root(), env, state_dir=state_dir, port_base=port_base)
    announce(environment)
    return environment
