"""The admin API's addresses. Each is a line or two: read, change, show."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response

from gateway_shim.admin.access import guard
from gateway_shim.admin.changes import Changes
from gateway_shim.admin.price_changes import PriceChanges
from gateway_shim.admin.price_routes import exchange_rates_router, price_list_router, prices_router
from gateway_shim.admin.shapes import (
    BudgetIn,
    BudgetOut,
    IssuedKey,
    KeyIn,
    KeyOut,
    Problem,
    TeamIn,
    TeamOut,
)
from gateway_shim.admin.views import budget_view, key_view, team_views
from gateway_shim.parts import Parts
from ingest.governance.budgets import Budget

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The admin token is missing or wrong"},
    422: {"model": Problem, "description": "The request makes no sense"},
    503: {"model": Problem, "description": "The log does not answer"},
}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such thing"}
}


def admin_router(parts: Parts, changes: Changes, token: str) -> APIRouter:
    """All of `/admin`."""
    router = APIRouter(prefix="/admin", dependencies=[Depends(guard(token))], responses=_PROBLEMS)
    router.include_router(_teams(parts, changes))
    router.include_router(_keys(parts, changes))
    router.include_router(_budgets(parts, changes))
    price_changes = PriceChanges(changes, parts.prices, parts.settings.upstreams, parts.clock)
    router.include_router(prices_router(parts, price_changes))
    router.include_router(exchange_rates_router(parts, price_changes))
    router.include_router(price_list_router(parts, price_changes))
    return router


def _teams(parts: Parts, changes: Changes) -> APIRouter:
    router = APIRouter(prefix="/teams", tags=["teams"])

    @router.get("", summary="List teams")
    async def list_teams() -> list[TeamOut]:
        return team_views(parts.registry.directory)

    @router.post(
        "",
        status_code=201,
        summary="Make a team",
        responses={200: {"model": TeamIn, "description": "Was there"}},
    )
    async def make_team(team: TeamIn, response: Response) -> TeamIn:
        if not await changes.define_team(team.name):
            response.status_code = 200
        return team

    return router


def _keys(parts: Parts, changes: Changes) -> APIRouter:
    router = APIRouter(prefix="/keys", tags=["keys"])

    @router.get("", summary="List keys (never the keys themselves)")
    async def list_keys() -> list[KeyOut]:
        return [key_view(key) for key in parts.registry.directory.keys.values()]

    @router.post("", status_code=201, summary="Issue a key; it is shown once")
    async def issue_key(wanted: KeyIn) -> IssuedKey:
        key, issued = await changes.issue_key(wanted.team, wanted.name, wanted.project)
        return IssuedKey(
            key=key, key_id=issued.key_id, team=issued.team, name=issued.name, project=issued.project
        )

    @router.delete("/{key_id}", status_code=204, summary="Revoke a key", responses=_NOT_FOUND)
    async def revoke_key(key_id: str) -> None:
        await changes.revoke_key(key_id)

    return router


def _budgets(parts: Parts, changes: Changes) -> APIRouter:
    router = APIRouter(prefix="/budgets", tags=["budgets"])

    def view(budget: Budget) -> BudgetOut:
        return budget_view(budget, parts.registry, parts.states, parts.clock.now())

    @router.get("", summary="List budgets and where they stand")
    async def list_budgets() -> list[BudgetOut]:
        return [view(budget) for budget in parts.registry.directory.budgets.values()]

    @router.post(
        "",
        status_code=201,
        summary="Set a budget; one of that name is changed, and keeps its balance as long as its window is the same",
        responses={200: {"model": BudgetOut, "description": "Changed"}},
    )
    async def set_budget(wanted: BudgetIn, response: Response) -> BudgetOut:
        budget, is_new = await changes.define_budget(wanted)
        if not is_new:
            response.status_code = 200
        return view(budget)

    @router.get("/{name}", summary="Show a budget", responses=_NOT_FOUND)
    async def show_budget(name: str) -> BudgetOut:
        return view(changes.budget(name))

    @router.delete("/{name}", status_code=204, summary="Delete a budget", responses=_NOT_FOUND)
    async def delete_budget(name: str) -> None:
        await changes.delete_budget(name)

    @router.post("/{name}/reset", summary="Begin again with nothing spent", responses=_NOT_FOUND)
    async def reset_budget(name: str) -> BudgetOut:
        return view(await changes.reset_budget(name))

    return router
