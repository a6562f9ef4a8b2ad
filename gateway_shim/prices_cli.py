"""The command `prices`: what is paid instead of the list price, and which list holds."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gateway_shim.admin_client import MakeClient
from gateway_shim.saying import say, say_each
from ingest.errors import InvalidInput

Provider = Annotated[str, typer.Option(help="Calls of this provider; else of any")]
Model = Annotated[str, typer.Option(help="Calls of this model and its dated versions; else of any")]
Who = Annotated[
    list[str] | None,
    typer.Option(
        "--for", help="For whom, as NAME=VALUE with NAME of org, team, project, key; else for everybody"
    ),
]
Currency = Annotated[str, typer.Option(help="ISO 4217; another one than USD needs `prices rate`")]
From = Annotated[
    str, typer.Option("--from", help="Calls that start from then on, as 2026-11-01; else from now on")
]
To = Annotated[str, typer.Option("--to", help="Exclusive")]
Id = Annotated[str, typer.Option("--id", help="What to call the price; made if left out")]
Note = Annotated[str, typer.Option(help="For people")]
_WHO = ("org", "team", "project", "key")


def prices_commands(client: MakeClient) -> typer.Typer:
    """All of `prices`."""
    prices = typer.Typer(no_args_is_help=True)
    _add_rates(prices, client)
    _add_discounts_and_servers(prices, client)
    _add_ends_and_exchange_rates(prices, client)
    _add_looking(prices, client)
    _add_lists(prices, client)
    return prices


def _add_rates(prices: typer.Typer, client: MakeClient) -> None:
    @prices.command("set")
    def set_rates(  # noqa: PLR0913 - one parameter for each flag of the command line
        input_rate: Annotated[str, typer.Option("--input", help="Price for 1,000,000 tokens")] = "",
        output_rate: Annotated[str, typer.Option("--output", help="Price for 1,000,000 tokens")] = "",
        rate: Annotated[
            list[str] | None, typer.Option(help="CLASS=PRICE for another class, such as cache_read=0.3")
        ] = None,
        free: Annotated[bool, typer.Option("--free", help="Costs nothing")] = False,
        provider: Provider = "",
        model: Model = "",
        who: Who = None,
        currency: Currency = "USD",
        begins: From = "",
        ends: To = "",
        price_id: Id = "",
        note: Note = "",
    ) -> None:
        """Set negotiated rates, or those of a server of one's own."""
        if free and (input_rate or output_rate or rate):
            raise InvalidInput("--free is a price of its own: leave out --input, --output and --rate")
        rates = {"input": "0", "output": "0"} if free else {}
        rates |= {n: r for n, r in (("input", input_rate), ("output", output_rate)) if r}
        rates |= dict(_pair("--rate", pair) for pair in rate or ())
        ways = {"rates": rates, "scope": _scope(provider, model, who)}
        _post(
            client,
            ways,
            currency=currency,
            effective_from=begins,
            effective_to=ends,
            price_id=price_id,
            note=note,
        )


def _add_discounts_and_servers(prices: typer.Typer, client: MakeClient) -> None:
    @prices.command("discount")
    def discount(  # noqa: PLR0913 - one parameter for each flag of the command line
        percent: Annotated[
            str,
            typer.Argument(
                help="Off the list price, such as 12.5. A surcharge is below 0 and stands last: -- -10"
            ),
        ],
        provider: Provider = "",
        model: Model = "",
        who: Who = None,
        begins: From = "",
        ends: To = "",
        price_id: Id = "",
        note: Note = "",
    ) -> None:
        """Set a discount off the list price."""
        ways = {"discount_percent": percent, "scope": _scope(provider, model, who)}
        _post(client, ways, effective_from=begins, effective_to=ends, price_id=price_id, note=note)

    @prices.command("hourly")
    def hourly(  # noqa: PLR0913 - one parameter for each flag of the command line
        price: Annotated[str, typer.Argument(help="Of an hour of the server")],
        slots: Annotated[int, typer.Option(help="Calls that it works on at a time")] = 1,
        provider: Provider = "",
        model: Model = "",
        who: Who = None,
        currency: Currency = "USD",
        begins: From = "",
        ends: To = "",
        price_id: Id = "",
        note: Note = "",
    ) -> None:
        """Set the price of a server of one's own by the hour: a call pays for the time it took."""
        ways = {"hourly": price, "slots": slots, "scope": _scope(provider, model, who)}
        _post(
            client,
            ways,
            currency=currency,
            effective_from=begins,
            effective_to=ends,
            price_id=price_id,
            note=note,
        )


def _add_ends_and_exchange_rates(prices: typer.Typer, client: MakeClient) -> None:
    @prices.command("end")
    def end(
        price_id: str,
        at: Annotated[str, typer.Option(help="Exclusive; else now")] = "",
    ) -> None:
        """End a price; what held before it holds again."""
        _tell(client().post("admin", "prices", price_id, "end", body={"effective_to": at} if at else {}))

    @prices.command("rate")
    def rate(
        currency: str,
        usd: Annotated[str, typer.Argument(help="What one unit of it is worth, such as 1.08")],
        begins: From = "",
        source: Annotated[str, typer.Option(help="Whose rate it is")] = "",
    ) -> None:
        """Set an exchange rate from a day on."""
        body = {"currency": currency, "usd": usd, "effective_from": begins, "source": source}
        say(client().post("admin", "exchange-rates", body={n: v for n, v in body.items() if v}))


def _add_looking(prices: typer.Typer, client: MakeClient) -> None:
    @prices.command("list")
    def list_prices() -> None:
        """List prices of one's own, one JSON object a line; the one that wins over the others first."""
        say_each(client().get("admin", "prices"))

    @prices.command("rates")
    def list_rates() -> None:
        """List exchange rates, one JSON object a line."""
        say_each(client().get("admin", "exchange-rates"))

    @prices.command("show")
    def show(
        model: Annotated[str, typer.Argument(help="As PROVIDER/MODEL")],
        who: Who = None,
        at: Annotated[str, typer.Option(help="When the call starts; else now")] = "",
        tier: Annotated[str, typer.Option(help="Service tier, such as batch")] = "",
    ) -> None:
        """Show which price a call has, and why."""
        provider, slash, name = model.partition("/")
        if not slash or not name:
            raise InvalidInput(f"{model!r} is not PROVIDER/MODEL, such as openai/gpt-4o")
        query = {"provider": provider, "model": name, "at": at, "service_tier": tier, **_scope("", "", who)}
        say(client().get("admin", "prices", "effective", query={n: v for n, v in query.items() if v}))


def _add_lists(prices: typer.Typer, client: MakeClient) -> None:
    @prices.command("review")
    def review() -> None:
        """Show what the installed price list would change."""
        found = client().get("admin", "price-list")
        if not found["waits_for_review"]:
            say(f"price list {found['in_force']} holds; nothing waits for review")
            return
        say(f"price list {found['in_force'] or '(none)'} holds; {found['installed']} is installed")
        if found["changes"]:
            Console(soft_wrap=True).print(_table(found["changes"]))
        held = sorted({change["model"] for change in found["changes"] if change["held"]})
        say(f"{len(found['changes'])} rates differ; {len(held)} models are held")
        say("to adopt it: spendstream prices adopt" + "".join(f" [--accept {model}]" for model in held[:3]))

    @prices.command("adopt")
    def adopt(
        accept: Annotated[
            list[str] | None, typer.Option(help="PROVIDER/MODEL of held prices that are right")
        ] = None,
        by: Annotated[str, typer.Option(help="Who looked at it")] = "",
    ) -> None:
        """Adopt the installed price list. Held models keep the prices of the list before, unless they are accepted."""
        found = client().post("admin", "price-list", "adopt", body={"accept": accept or [], "by": by})
        say({"adopted": found["in_force"], "held": found["held"]})


def _post(client: MakeClient, ways: dict[str, Any], **more: str) -> None:
    body = {name: value for name, value in (more | ways).items() if value not in ("", None)}
    _tell(client().post("admin", "prices", body=body))


def _tell(made: dict[str, Any]) -> None:
    hint = made.pop("hint")
    say(made)
    if hint:
        typer.echo(f"note: {hint}", err=True)


def _table(changes: list[dict[str, Any]]) -> Table:
    table = Table("model", "rate", "old", "new", "factor", "")
    for change in changes:
        amounts = [change[name] if change[name] is not None else "–" for name in ("old", "new", "factor")]
        table.add_row(change["model"], change["rate"], *amounts, "held" if change["held"] else "")
    return table


def _scope(provider: str, model: str, who: list[str] | None) -> dict[str, str]:
    scope = {name: value for name, value in (("provider", provider), ("model", model)) if value}
    for pair in who or ():
        name, value = _pair("--for", pair)
        if name not in _WHO:
            raise InvalidInput(f"--for {pair!r} is not NAME=VALUE with NAME of {', '.join(_WHO)}")
        scope[name] = value
    return scope


def _pair(option: str, pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals or not name or not value:
        raise InvalidInput(f"{option} {pair!r} is not NAME=VALUE")
    return name, value
