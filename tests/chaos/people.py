"""The teams of a run, their keys and their budgets, made through the gateways' admin API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos.waiting import until
from tests.fixtures.stack import Stack

TEAMS = ("amber", "birch", "cobalt", "dune", "ember", "fjord")
ENDLESS = "1000000"
_READY_S = 60.0


@dataclass(frozen=True)
class Key:
    """A key of a team, as a client holds it."""

    team: str
    key: str
    key_id: str


@dataclass
class People:
    """Everything that was set up. `month_budgets` covers each team by itself, for the calendar month."""

    keys: list[Key] = field(default_factory=list)
    budgets: list[str] = field(default_factory=list)
    month_budgets: dict[str, str] = field(default_factory=dict)
    resettable: list[str] = field(default_factory=list)
    """Budgets that are reset now and then while the run goes on."""


class Admin:
    """The admin API of one of the gateways. An answer that does not come is an error of the caller's to deal with."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._session = session

    async def ask(self, gateway: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON that comes back; raises aiohttp.ClientError for anything but a success."""
        headers = {"authorization": f"Bearer {self._stack.admin_token}"}
        async with self._session.request(
            method, f"{self._stack.url(gateway)}/admin/{path}", json=body, headers=headers
        ) as answer:
            answer.raise_for_status()
            return await answer.json() if answer.status != 204 else None


async def set_up(admin: Admin, gateways: tuple[str, ...]) -> People:
    """Teams with two keys each, a month budget for each team, and budgets that turn, block and overlap."""
    people = People()
    for team in TEAMS:
        for name in ("service", "laptop"):
            made = await admin.ask(gateways[0], "POST", "keys", {"team": team, "name": name})
            people.keys.append(Key(team, made["key"], made["key_id"]))
    for team in TEAMS:
        people.month_budgets[team] = f"{team}-month"
    wanted: list[tuple[str, dict[str, str], str, str]] = [
        *((f"{team}-month", {"team": team}, ENDLESS, "month") for team in TEAMS),
        ("everything", {"org": "default"}, ENDLESS, "total"),
        # Windows that turn many times in a run; the second one blocks, and its next window opens again.
        ("amber-20s", {"team": "amber"}, ENDLESS, "PT20S"),
        ("birch-15s", {"team": "birch"}, "0.02", "PT15S"),
        ("everything-30s", {"org": "default"}, ENDLESS, "PT30S"),
        ("mini", {"model": "gpt-4o-mini"}, ENDLESS, "day"),
        ("cobalt-key", {"key": people.keys[2 * TEAMS.index("cobalt")].key_id}, ENDLESS, "week"),
        ("anna", {"user": "anna"}, ENDLESS, "PT1M"),
        ("dune-reset", {"team": "dune"}, ENDLESS, "month"),
        ("ember-sonnet", {"team": "ember", "provider": "anthropic"}, ENDLESS, "PT10S"),
    ]
    for number, (name, scope, limit, window) in enumerate(wanted):
        body = {"name": name, "scope": scope, "limit_usd": limit, "window": window, "mode": "soft"}
        await admin.ask(gateways[number % len(gateways)], "POST", "budgets", body)
        people.budgets.append(name)
    people.resettable.append("dune-reset")
    await _known_everywhere(admin, gateways, people)
    return people


async def _known_everywhere(admin: Admin, gateways: tuple[str, ...], people: People) -> None:
    """A gateway that has not heard of a budget yet would admit calls without it."""
    for gateway in gateways:

        async def is_known(name: str = gateway) -> bool:
            budgets = {budget["name"] for budget in await admin.ask(name, "GET", "budgets")}
            return budgets >= set(people.budgets) and len(await admin.ask(name, "GET", "keys")) >= len(
                people.keys
            )

        await until(is_known, _READY_S)
