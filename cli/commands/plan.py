"""`resumebase plan`: what can be subscribed to, what it allows and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from cli.environments import EnvOption, PortBaseOption, StateDirOption
from cli.operator_options import (
    AmountOption,
    CurrencyOption,
    PriceIdOption,
    ProviderOption,
    select_announced,
)
from cli.operator_view import counted, moment, money, show_table
from cli.output import CliError, ExitCode, JsonOption, console, emit
from cli.safety import ConfirmOption, YesOption, approve

if TYPE_CHECKING:
    from cli.operator_database import OperatorDatabase

PLANS = """
    select p.code, p.name, p.tier_rank, p.description, p.max_resumes, p.is_active,
        (select count(*) from public.profiles u where u.subscription_tier = p.code) as accounts,
        (
            select coalesce(jsonb_agg(to_jsonb(r) - 'plan_code'
                order by r.is_active desc, r.provider, r.interval, r.created_at), '[]')
            from public.plan_prices r where r.plan_code = p.code
        ) as prices,
        (
            select coalesce(jsonb_agg(to_jsonb(l) - 'plan_code' order by l.meter, l.period), '[]')
            from public.plan_limits l where l.plan_code = p.code
        ) as limits
    from public.plans p
    order by p.tier_rank
"""

PlanArgument = Annotated[
    str, typer.Argument(metavar="PLAN", help="Code of a plan, such as pro.", show_default=False)
]

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the group to the command line."""
    root.add_typer(app, name="plan", help="See and price what can be subscribed to.")


def _plans(db: OperatorDatabase) -> dict[str, dict[str, Any]]:
    return {row["code"]: row for row in db.rows(PLANS)}


def _active_prices(plan: dict[str, Any]) -> str:
    offers = [one for one in plan["prices"] if one["is_active"]]
    return "\n".join(
        f"{money(one['amount'], one['currency'])} a {one['interval']} ({one['provider']})"
        for one in offers
    )


def _limit(one: dict[str, Any]) -> str:
    allowed = "unlimited" if one["max_uses"] is None else f"{one['max_uses']:,}"
    return f"{escape(one['meter'])} {allowed}" + (
        "" if one["max_uses"] is None else f" a {one['period']}".replace("a lifetime", "in all")
    )


@app.command("list")
def list_(
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the plans with what they allow, what they cost, and how many accounts are on them.

    Example: resumebase plan list
    """
    # Imported here: the Postgres client is slow to load.
    from cli.operator_database import open_database

    with open_database(select_announced(env, state_dir, port_base)) as db:
        plans = list(_plans(db).values())

    def render() -> None:
        rows = (
            (
                f"[bold]{escape(plan['code'])}[/]" + ("" if plan["is_active"] else " [dim]off[/]"),
                str(plan["accounts"]),
                "\n".join(map(_limit, plan["limits"])),
                escape(_active_prices(plan)),
            )
            for plan in plans
        )
        show_table(("plan", "accounts", "allows", "costs"), rows, "There are no plans.")

    emit(plans, as_json=as_json, render=render)


@app.command()
def show(
    plan: PlanArgument,
    env: EnvOption = None,
    state_dir: StateDirOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one plan: its limits, and its prices with those that are sold no more.

    Example: resumebase plan show pro --json
    """
    from cli.operator_database import open_database

    with open_database(select_announced(env, state_dir, port_base)) as db:
        plans = _plans(db)
    if plan not in plans:
        message, hint = f"There is no plan {plan}.", f"Plans: {', '.join(plans)}"
        raise CliError("unknown-plan", message, hint, ExitCode.USAGE)
    data = plans[plan]
    emit(data, as_json=as_json, render=lambda: _show_plan(data))


def _show_plan(plan: dict[str, Any]) -> None:
    resumes = "unlimited" if plan["max_resumes"] is None else plan["max_resumes"]
    console.print(f"[bold]{escape(plan['name'])}[/] · {escape(plan['description'])}")
    console.print(f"{counted(plan['accounts'], 'account')} · résumés at once: {resumes}\n")
    limits = (
        (
            escape(one["meter"]),
            one["period"],
            "unlimited" if one["max_uses"] is None else f"{one['max_uses']:,}",
        )
        for one in plan["limits"]
    )
    show_table(("meter", "period", "uses"), limits, "It includes nothing that is counted.")
    console.print()
    prices = (
        (
            "[green]sold[/]" if one["is_active"] else "[dim]old[/]",
            one["provider"],
            one["interval"],
            money(one["amount"], one["currency"]),
            escape(one["provider_price_id"]),
            moment(one["created_at"]),
        )
        for one in plan["prices"]
    )
    show_table(("", "provider", "every", "price", "price id", "since"), prices, "It has no price.")


@app.command("set-price")
def set_price(
    plan: PlanArgument,
    interval: Annotated[
        Literal["month", "year"], typer.Option("--interval", help="How often it is paid.")
    ],
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
    """Sell a plan at another price from now on; who has the old one keeps it.

    The id is that of Razorpay's plan (plan_…) or of Stripe's price (price_…).

    Example: resumebase plan set-price pro --interval month --provider razorpay --currency INR \
--amount 59900 --price-id plan_Example0001
    """
    from cli.operator_database import open_database

    environment = select_announced(env, state_dir, port_base)
    currency, price = currency.upper(), money(amount, currency.upper())
    what = f"Sell {plan} for {price} a {interval} by {provider}"
    approve(environment, what, confirm=confirm, yes=yes, as_json=as_json)
    with open_database(environment) as db:
        call = "select * from public.admin_set_plan_price(%s, %s, %s, %s, %s, %s)"
        done = db.one(call, plan, interval, provider, currency, amount, price_id)
    said = f"{plan} costs {price} a {interval} by {provider}, as {price_id}"
    emit(done, as_json=as_json, render=lambda: console.print(escape(said)))
