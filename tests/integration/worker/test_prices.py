"""Prices that change while calls are priced and the worker is killed: each call has one cost, now and when it comes again."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingest.events.calls import CallFinished
from ingest.events.costs import CallCosted
from ingest.events.prices import PriceListAdopted, PriceOverridden, PriceScope
from ingest.pricing.lists import FIRST_START, shipped_list
from tests.fixtures.worker import (
    RunningWorker,
    call_record,
    events,
    eventually,
    governance_record,
    read_topic,
    write,
)
from tests.integration.worker.asking import SETTLE_S, a_call, budgets, defined, settled

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def a_price(model: str, dollars: int) -> PriceOverridden:
    """So many dollars for a million tokens of input, output free: a call costs a thousandth."""
    now = datetime.now(UTC)
    rates = {"input": Decimal(dollars), "output": Decimal(0)}
    return PriceOverridden(f"{model}-{dollars}", PriceScope(model=model), LONG_AGO, now, rates=rates)


async def costs(kafka: str, calls: list[CallFinished]) -> dict[str, set[tuple[Decimal, str]]]:
    """What each call was said to cost, and by which prices, in all events about it."""
    found: dict[str, set[tuple[Decimal, str]]] = defaultdict(set)
    ids = {call.call.call_id for call in calls}
    for event in events(await read_topic(kafka, "llm.costs"), CallCosted):
        if event.finished.call.call_id in ids:
            found[event.finished.call.call_id].add((event.cost.cost_usd, event.cost.price_version))
    return found


async def all_costed(kafka: str, calls: list[CallFinished]) -> dict[str, set[tuple[Decimal, str]]]:
    found: dict[str, set[tuple[Decimal, str]]] = {}

    async def ask() -> bool:
        found.update(await costs(kafka, calls))
        return len(found) == len(calls)

    await eventually(ask, SETTLE_S, lambda: len(found))
    return found


def test_the_installed_list_is_adopted_and_a_price_holds_for_the_calls_after_it(
    kafka: str, worker: RunningWorker
) -> None:
    model = f"model-{uuid.uuid4()}"

    async def scenario() -> None:
        lists = events(await read_topic(kafka, "governance"), PriceListAdopted)
        assert [(e.version, e.adopted_by) for e in lists] == [(shipped_list().version, FIRST_START)]
        before = a_call(model=model)
        await write(kafka, [call_record(before)])
        (unpriced,) = (await all_costed(kafka, [before])).values()
        assert unpriced == {(Decimal(0), "")}
        await write(kafka, [governance_record(a_price(model, 3))])

        async def is_priced() -> bool:
            call = a_call(model=model)
            await write(kafka, [call_record(call)])
            (found,) = (await all_costed(kafka, [call])).values()
            return found == {(Decimal("0.003"), f"own/{model}-3")}

        await eventually(is_priced, SETTLE_S)
        # What was costed stays as it was.
        assert await costs(kafka, [before]) == {before.call.call_id: {(Decimal(0), "")}}

    asyncio.run(scenario())
    assert f"1 call is unpriced, model '{model}' of openai" in worker.log


def test_kill_9_while_prices_change_never_gives_a_call_two_costs(kafka: str, worker: RunningWorker) -> None:
    model, (budget,) = f"model-{uuid.uuid4()}", budgets("1000")
    calls = [a_call(budget, model=model, team=f"team-{n % 7}") for n in range(900)]

    async def scenario() -> None:
        await write(kafka, [*defined(budget), governance_record(a_price(model, 1))])
        for number, start in enumerate(range(0, len(calls), 60), 2):
            await write(kafka, map(call_record, calls[start : start + 60]))
            await write(kafka, [governance_record(a_price(model, number))])
            if number % 4 == 0:
                worker.kill_child()
            if number % 7 == 0:
                # Else all calls might be read at once, after the last price.
                await all_costed(kafka, calls[:60])
        found = await all_costed(kafka, calls)
        twice = {call: some for call, some in found.items() if len(some) != 1}
        assert not twice
        total = sum((cost for some in found.values() for cost, _ in some), Decimal(0))
        await settled(kafka, [budget], [total])
        versions = {version for some in found.values() for _, version in some}
        assert len(versions) > 1, "no price ever changed between calls"
        assert await costs(kafka, calls) == found

    asyncio.run(scenario())
