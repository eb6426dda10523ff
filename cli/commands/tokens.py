"""`resumebase tokens`: what token packs cost, and giving tokens to a user."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from cli.environments import EnvOption, PortBaseOption, StateDirOption
from cli.operator_options import (
    AmountOption,
    CurrencyOption,
    PriceIdOption,
    ProviderOption,
    UserArgument,
    select_announced,
)
from cli.operator_view import money, show_table
from cli.output import JsonOption, console, emit
from cli.safety import ConfirmOption, YesOption, approve

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the group to the command line."""
    root.add_typer(app, name="tokens", help="Give tokens, and set what they cost.")


@app.command()
def grant(
    user: UserArgument,
    amount: Annotated[
        int, typer.Argument(metavar="N", min=1, max=1_000_000, help="Tokens to give.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why: it stays in the user's ledger.")],
    key: Annotated[
        str | None,
        typer.Option("--key", help="Of your choice: the same one again gives nothing more."),
    ] = None,
    env: EnvOption = None,
    confirm: ConfirmOption = None,
    yes: YesOption = False,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a user tokens; they pay what the user owes first.

    Example: resumebase tokens grant ada@example.com 100 --reason "Sorry for the outage"
    """
    # Imported here: the Postgres client is slow to load.
    from cli.operator_database import open_database

    environment = select_announced(env, state_dir, port_base)
    with open_database(environment) as db:
        account = db.find_account(user)
        what = f"Give {amount} tokens to {account.email}"
        approve(environment, what, confirm=confirm, yes=yes, as_json=as_json)
        call = "select * from public.admin_grant_tokens(%s, %s, %s, %s)"
        done = db.one(call, account.id, amount, reason, key)

    def render() -> None:
        if done["is_replay"]:
            console.print(f"given before, under the key {escape(key or '')}")
        else:
            paid = f" ({done['debt_paid']} of them paid a debt)" if done["debt_paid"] else ""
            console.print(f"gave {amount} tokens to {escape(account.email)}{paid}")
        owed = f", {done['debt']} owed" if done["debt"] else ""
        console.print(f"balance: {done['balance']}{owed}")

    emit({"user_id": account.id, **done}, as_json=as_json, render=render)


@app.command()
def packs(
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the token packs that are sold, and what they cost at each provider.

    Example: resumebase tokens packs
    """
    from cli.operator_database import open_database

    environment = select_announced(env, state_dir, port_base)
    with open_database(environment) as db:
        rows = db.rows(
            "select k.code, k.name, k.tokens, r.provider, r.amount, r.currency, "
            "r.provider_price_id from public.token_packs k "
            "left join public.token_pack_prices r on r.pack_code = k.code and r.is_active "
            "where k.is_active order by k.tokens, k.code, r.provider, r.currency"
        )

    def render() -> None:
        shown = (
            (
                escape(row["code"]),
                str(row["tokens"]),
                row["provider"] or "[yellow]no price[/]",
                money(row["amount"], row["currency"]) if row["provider"] else "",
                escape(row["provider_price_id"] or ""),
            )
            for row in rows
        )
        show_table(("pack", "tokens", "provider", "price", "price id"), shown, "None are sold.")

    emit(rows, as_json=as_json, render=render)


@app.command("set-price")
def set_price(
    pack: Annotated[str, typer.Argument(metavar="PACK", help="Code of a token pack.")],
    provider: ProviderOption,
    currency: CurrencyOption,
    amount: AmountOption,
    price_id: PriceIdOption,
    env: EnvOption = None,
    confirm: ConfirmOption = None,
    yes: YesOption = False,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sell a token pack at another price from now on.

    Example: resumebase tokens set-price small --provider stripe --currency USD --amount 300 \
--price-id price_1Example
    """
    from cli.operator_database import open_database

    environment = select_announced(env, state_dir, port_base)
    currency, price = currency.upper(), money(amount, currency.upper())
    what = f"Sell {pack} for {price} by {provider}"
    approve(environment, what, confirm=confirm, yes=yes, as_json=as_json)
    with open_database(environment) as db:
        call = "select * from public.admin_set_token_pack_price(%s, %s, %s, %s, %s)"
        done = db.one(call, pack, provider, currency, amount, price_id)
    said = f"{pack} costs {price} by {provider}, as {price_id}"
    emit(done, as_json=as_json, render=lambda: console.print(escape(said)))
