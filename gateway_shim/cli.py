"""The commands `keys`, `teams`, `budgets`, `prices` and `apply`, over the admin API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gateway_shim.admin_client import MakeClient
from gateway_shim.declaration import apply_declaration, read_declaration
from gateway_shim.prices_cli import prices_commands
from gateway_shim.saying import say, say_each
from ingest.errors import InvalidInput

_DIMENSIONS = ("org", "team", "project", "key", "user", "provider", "model", "tag")


def add_commands(app: typer.Typer, client: MakeClient) -> None:
    """Add them to `app`; `client` is asked for when a command runs."""
    app.add_typer(_keys(client), name="keys", help="Issue, list and revoke virtual keys.")
    app.add_typer(_teams(client), name="teams", help="Create and list teams.")
    app.add_typer(_budgets(client), name="budgets", help="Set, show, list, reset and delete budgets.")

    app.add_typer(prices_commands(client), name="prices", help="Set, show, list, end and review prices.")

    @app.command("apply")
    def apply(
        file: Annotated[Path, typer.Argument(help="YAML with teams, keys, budgets and prices")],
    ) -> None:
        """Declare teams, keys, budgets and prices from a YAML file; what is there already is left or changed."""
        for line in apply_declaration(read_declaration(file), client()):
            say(line)


def _keys(client: MakeClient) -> typer.Typer:
    keys = typer.Typer(no_args_is_help=True)

    @keys.command("issue")
    def issue(
        team: Annotated[str, typer.Option(help="Whose key it is; the team is made if need be")],
        name: Annotated[str, typer.Option(help="What you call the key")] = "",
        project: Annotated[str, typer.Option(help="The project that all its calls belong to")] = "",
    ) -> None:
        """Issue a key. It is shown once."""
        made = client().post("admin", "keys", body={"team": team, "name": name, "project": project})
        say({"key": made["key"], "key_id": made["key_id"]})

    @keys.command("list")
    def list_keys() -> None:
        """List keys, one JSON object a line."""
        say_each(client().get("admin", "keys"))

    @keys.command("revoke")
    def revoke(key_id: str) -> None:
        """Revoke a key; calls with it are refused from now on."""
        client().delete("admin", "keys", key_id)
        say({"revoked": key_id})

    return keys


def _teams(client: MakeClient) -> typer.Typer:
    teams = typer.Typer(no_args_is_help=True)

    @teams.command("create")
    def create(name: str) -> None:
        """Create a team."""
        say(client().post("admin", "teams", body={"name": name}))

    @teams.command("list")
    def list_teams() -> None:
        """List teams, one JSON object a line."""
        say_each(client().get("admin", "teams"))

    return teams


def _budgets(client: MakeClient) -> typer.Typer:
    budgets = typer.Typer(no_args_is_help=True)

    @budgets.command("set")
    def set_budget(
        name: str,
        limit: Annotated[str, typer.Option(help="US dollars, such as 10.00")],
        scope: Annotated[
            list[str],
            typer.Option(help=f"What it covers, as NAME=VALUE with NAME of {', '.join(_DIMENSIONS)}"),
        ],
        window: Annotated[str, typer.Option(help="day, week, month, total, or a duration as P7D")] = "month",
        timezone: str = "UTC",
        mode: str = "soft",
        warn_at: Annotated[list[float] | None, typer.Option(help="Shares of the limit, such as 0.8")] = None,
    ) -> None:
        """Set a budget; one of that name is changed, and keeps its balance as long as its window is the same."""
        body: dict[str, Any] = {
            "name": name,
            "scope": _scope(scope),
            "limit_usd": limit,
            "window": window,
            "timezone": timezone,
            "mode": mode,
        }
        if warn_at:
            body["warn_at"] = warn_at
        say(client().post("admin", "budgets", body=body))

    @budgets.command("show")
    def show(name: str) -> None:
        """Show a budget and where it stands."""
        say(client().get("admin", "budgets", name))

    @budgets.command("list")
    def list_budgets() -> None:
        """List budgets, one JSON object a line."""
        say_each(client().get("admin", "budgets"))

    @budgets.command("delete")
    def delete(name: str) -> None:
        """Delete a budget; it holds nobody any longer."""
        client().delete("admin", "budgets", name)
        say({"deleted": name})

    @budgets.command("reset")
    def reset(name: str) -> None:
        """Begin again with nothing spent, within the same window."""
        say(client().post("admin", "budgets", name, "reset"))

    return budgets


def _scope(pairs: list[str]) -> dict[str, str]:
    scope: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in _DIMENSIONS:
            raise InvalidInput(f"--scope {pair!r} is not NAME=VALUE with NAME of {', '.join(_DIMENSIONS)}")
        scope[name] = value
    return scope
