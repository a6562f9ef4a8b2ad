"""The admin API's addresses for prices. Each is a line or two: read, change, show."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from gateway_shim.admin.price_changes import PriceChanges
from gateway_shim.admin.price_shapes import (
    AdoptIn,
    EffectivePriceOut,
    EffectiveQuery,
    ExchangeRateIn,
    ExchangeRateOut,
    PriceEndIn,
    PriceIn,
    PriceListOut,
    PriceOut,
)
from gateway_shim.admin.price_views import (
    effective_view,
    exchange_rate_view,
    list_view,
    price_view,
    price_views,
)
from gateway_shim.admin.shapes import Problem
from gateway_shim.parts import Parts
from ingest.attribution import Attribution
from ingest.pricing.price import Question

_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such price"}
}


def prices_router(parts: Parts, changes: PriceChanges) -> APIRouter:
    """`/prices`: own prices, and which price holds."""
    router = APIRouter(prefix="/prices", tags=["prices"])
    own, clock = parts.prices.own, parts.clock

    @router.get("", summary="List own prices, the one that wins over the others first")
    async def list_prices() -> list[PriceOut]:
        return price_views(own, clock.now())

    @router.post(
        "",
        status_code=201,
        summary="Set a price of one's own; it is never edited, a newer one takes its place",
        responses={200: {"model": PriceOut, "description": "Was set already"}},
    )
    async def set_price(wanted: PriceIn, response: Response) -> PriceOut:
        price, is_new = await changes.set(wanted)
        if not is_new:
            response.status_code = 200
        return price_view(own, price.price_id, clock.now(), changes.hint(price))

    @router.get("/effective", summary="Which price a call has, and why")
    async def show_effective(asked: Annotated[EffectiveQuery, Query()]) -> EffectivePriceOut:
        who = Attribution(org=asked.org, team=asked.team, project=asked.project, key_id=asked.key)
        at = asked.at or clock.now()
        return effective_view(
            parts.prices, Question(asked.provider, asked.model, at, asked.service_tier, who)
        )

    @router.delete("/{price_id}", status_code=204, summary="End a price now", responses=_NOT_FOUND)
    async def delete_price(price_id: str) -> None:
        await changes.end(price_id, None)

    @router.post("/{price_id}/end", summary="End a price", responses=_NOT_FOUND)
    async def end_price(price_id: str, end: PriceEndIn) -> PriceOut:
        hint = await changes.end(price_id, end.effective_to)
        return price_view(own, price_id, clock.now(), hint)

    return router


def exchange_rates_router(parts: Parts, changes: PriceChanges) -> APIRouter:
    """`/exchange-rates`."""
    router = APIRouter(prefix="/exchange-rates", tags=["prices"])

    @router.get("", summary="List exchange rates, by currency and date")
    async def list_rates() -> list[ExchangeRateOut]:
        return [exchange_rate_view(rate) for rate in parts.prices.own.exchange_rates]

    @router.post(
        "",
        status_code=201,
        summary="Set what a unit of a currency is worth from a moment on",
        responses={200: {"model": ExchangeRateOut, "description": "Was set already"}},
    )
    async def set_rate(wanted: ExchangeRateIn, response: Response) -> ExchangeRateOut:
        rate, is_new = await changes.set_exchange_rate(wanted)
        if not is_new:
            response.status_code = 200
        return exchange_rate_view(rate)

    return router


def price_list_router(parts: Parts, changes: PriceChanges) -> APIRouter:
    """`/price-list`: the public one."""
    router = APIRouter(prefix="/price-list", tags=["prices"])

    @router.get("", summary="Which public price list holds, and what the installed one would change")
    async def review_list() -> PriceListOut:
        return list_view(await changes.review_list(), parts.prices.own.adopted)

    @router.post("/adopt", summary="Adopt the installed price list, but for what is held and not accepted")
    async def adopt_list(wanted: AdoptIn) -> PriceListOut:
        await changes.adopt_list(wanted.accept, wanted.by)
        return list_view(await changes.review_list(), parts.prices.own.adopted)

    return router
