"""Our side of an invoice from a real ClickHouse: every measure, every kind of call, to the last place."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from ingest.events.calls import Outcome
from ingest.events.costs import CallCosted
from tests.builders import AT, a_call_costed
from warehouse.client import Client
from warehouse.invoices.ours import Amount, Ours, ask
from warehouse.invoices.report import Key, Kind, Measure, Report, whole_days
from warehouse.rows import CALLS, call_row

pytestmark = pytest.mark.integration

DAY = AT.date()


def store(warehouse: Client, *calls: CallCosted) -> None:
    rows = [call_row(call, 0, n) for n, call in enumerate(calls)]
    warehouse.insert(CALLS, list(zip(*rows, strict=True)))


def asked(warehouse: Client, kind: Kind = Kind.ANY, *measures: Measure, days: int = 1) -> Ours:
    report = Report("openai", "test", kind, periods=[whole_days(DAY, days)])
    for measure in measures or Measure:
        report.add(Key(DAY), measure, 1)
    return ask(warehouse, report)


def test_every_measure_of_a_call(warehouse: Client) -> None:
    counts = {
        "input_tokens": 10_000,
        "cache_read_tokens": 4000,
        "cache_write_tokens": 3000,
        "cache_write_1h_tokens": 1000,
        "audio_input_tokens": 500,
        "audio_cache_read_tokens": 200,
        "output_tokens": 900,
        "audio_output_tokens": 70,
        "web_searches": 2,
        "file_searches": 3,
        "images": 4,
        "characters": 45,
        "audio_ms": 20_500,
    }
    costs = {
        "cost_usd": "0.000000000006",
        "input_cost_usd": "0.000000000001",
        "cache_cost_usd": "0.000000000002",
    }
    store(warehouse, a_call_costed(**counts, **costs, output_cost_usd="0.000000000003", model="m"))
    found = {measure: amount.whole for (_, _, measure), amount in asked(warehouse).items()}
    assert found == {
        Measure.REQUESTS: 1,
        Measure.INPUT: 10_000,
        Measure.UNCACHED: 3000,
        Measure.CACHE_READ: 4000,
        Measure.CACHE_WRITE: 3000,
        Measure.CACHE_WRITE_5M: 2000,
        Measure.CACHE_WRITE_1H: 1000,
        Measure.OUTPUT: 900,
        Measure.AUDIO_INPUT: 300,
        Measure.AUDIO_OUTPUT: 70,
        Measure.WEB_SEARCHES: 2,
        Measure.FILE_SEARCHES: 3,
        Measure.IMAGES: 4,
        Measure.CHARACTERS: 45,
        Measure.AUDIO_SECONDS: Decimal("20.5"),
        Measure.COST: Decimal("0.000000000006"),
        Measure.COST_INPUT: Decimal("0.000000000001"),
        Measure.COST_CACHE: Decimal("0.000000000002"),
        Measure.COST_OUTPUT: Decimal("0.000000000003"),
    }


def test_only_what_the_provider_answered_in_that_time_counts(warehouse: Client) -> None:
    store(
        warehouse,
        a_call_costed(cost_usd="1"),
        a_call_costed(cost_usd="2", outcome=Outcome.ABORTED, is_estimated=True),
        a_call_costed(cost_usd="0", is_priced=False),
        a_call_costed(outcome=Outcome.REFUSED),
        a_call_costed(outcome=Outcome.ERROR),
        a_call_costed(provider="anthropic"),
        a_call_costed(started_at=AT + timedelta(days=1)),
    )
    found = asked(warehouse, Kind.ANY, Measure.REQUESTS, Measure.COST)
    assert found == {
        (DAY, "gpt-4o", Measure.REQUESTS): Amount(Decimal(3), Decimal(1), Decimal(1)),
        # Of a cost: how many calls have none.
        (DAY, "gpt-4o", Measure.COST): Amount(Decimal(3), Decimal(2), Decimal(1)),
    }
    assert len(asked(warehouse, Kind.ANY, Measure.REQUESTS, days=2)) == 2


@pytest.mark.parametrize(
    ("kind", "models"),
    [
        (Kind.ANY, {"chat", "responses", "embeddings", "images", "speech", "transcription", "moderation"}),
        (Kind.TEXT, {"chat", "responses"}),
        (Kind.EMBEDDINGS, {"embeddings"}),
        (Kind.IMAGES, {"images"}),
        (Kind.SPEECH, {"speech"}),
        (Kind.TRANSCRIPTION, {"transcription"}),
        (Kind.MODERATIONS, {"moderation"}),
    ],
)
def test_a_list_is_about_its_own_kind_of_calls(warehouse: Client, kind: Kind, models: set[str]) -> None:
    everything = ("chat", "responses", "embeddings", "images", "speech", "transcription", "moderation")
    store(warehouse, *(a_call_costed(operation=name, model=name) for name in everything))
    assert {model for _, model, _ in asked(warehouse, kind, Measure.REQUESTS)} == models
