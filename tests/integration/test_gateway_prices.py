"""Prices over the admin API and the commands: set, shown, ended, reviewed, and applied to holds."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway_shim.cli import add_commands
from ingest.codec import decode_event, encode_event
from ingest.directory import entity_key
from ingest.errors import InvalidInput
from ingest.events.prices import (
    ExchangeRateSet,
    PriceEnded,
    PriceEvent,
    PriceListAdopted,
    PriceOverridden,
)
from ingest.ids import new_id
from ingest.log import Outgoing
from ingest.pricing.book import list_data, list_version
from ingest.topics import TopicName
from tests.fixtures.gateway import RunningGateway
from tests.integration.test_gateway_admin import raw

pytestmark = pytest.mark.integration

RATES: dict[str, Any] = {
    "scope": {"provider": "openai", "model": "gpt-4o"},
    "rates": {"input": "1.5", "output": "6"},
}


def prices_on(log_of: RunningGateway) -> list[PriceEvent]:
    records = log_of.log.all_records(TopicName.GOVERNANCE)
    events = [decode_event(record.value).data for record in records]
    return [
        e for e in events if isinstance(e, PriceOverridden | PriceEnded | ExchangeRateSet | PriceListAdopted)
    ]


def publish(gateway: RunningGateway, event: PriceEvent) -> None:
    """As the worker does; returns when the gateway has it."""
    own = gateway.gateway.parts.prices.own
    before = own.offset
    value = encode_event(event, id=new_id(), source="test", time=datetime.now(UTC))
    gateway.run(gateway.log.publish([Outgoing(TopicName.GOVERNANCE, entity_key(event), value)]))
    gateway.wait_until(lambda: own.offset > before, "the event is folded")


def effective(gateway: RunningGateway, **query: str) -> Any:
    wanted = {"provider": "openai", "model": "gpt-4o", **query}
    return gateway.admin.get("admin", "prices", "effective", query=wanted)


def test_a_prices_life(gateway: RunningGateway) -> None:
    status, made = raw(gateway, "POST", "/admin/prices", RATES)
    assert status == 201
    assert (made["covers"], made["rates"]) == ("model gpt-4o of openai", {"input": "1.5", "output": "6"})
    assert (made["state"], made["precedence"], made["currency"]) == ("holds", 1, "USD")
    assert made.pop("hint").startswith("web_search, file_search, code_execution cost nothing at this price")
    assert raw(gateway, "GET", "/admin/prices") == (200, [made | {"hint": ""}])
    held = effective(gateway)
    assert held["price_version"] == f"own/{made['price_id']}"
    assert held["rates"] == {"input": "1.5", "output": "6"}
    assert held["listed"]["price_version"] == list_version()
    assert held["listed"]["rates"]["input"] == "2.5"
    assert raw(gateway, "DELETE", f"/admin/prices/{made['price_id']}") == (204, None)
    assert effective(gateway)["price_version"] == list_version()
    (ended,) = gateway.admin.get("admin", "prices")
    assert ended["state"] == "ended"
    status, answer = raw(gateway, "DELETE", f"/admin/prices/{made['price_id']}")
    assert (status, "already" in answer["detail"]) == (422, True)
    assert {type(event) for event in prices_on(gateway)} == {PriceOverridden, PriceEnded}
    assert raw(gateway, "DELETE", "/admin/prices/none") == (404, {"detail": "there is no price 'none'"})


def test_the_same_price_is_set_once_however_often_it_is_sent(gateway: RunningGateway) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: raw(gateway, "POST", "/admin/prices", RATES), range(6)))
    assert sorted(status for status, _ in answers) == [200] * 5 + [201]
    assert len({answer["price_id"] for _, answer in answers}) == 1
    assert raw(gateway, "POST", "/admin/prices", RATES | {"rates": {"input": "1.4", "output": "6"}})[0] == 201
    assert len(prices_on(gateway)) == 2


def test_a_name_is_used_once(gateway: RunningGateway) -> None:
    named = RATES | {"price_id": "deal"}
    assert raw(gateway, "POST", "/admin/prices", named)[0] == 201
    assert raw(gateway, "POST", "/admin/prices", named)[0] == 200
    status, answer = raw(gateway, "POST", "/admin/prices", named | {"rates": {"input": "1"}})
    assert status == 422
    assert "there is another price 'deal', and prices are never edited" in answer["detail"]


def test_the_precedence_is_shown(gateway: RunningGateway) -> None:
    for price in (
        {"price_id": "all", "scope": {"provider": "openai"}, "discount_percent": "10"},
        {"price_id": "team", "scope": {"team": "search"}, "discount_percent": "20"},
        {"price_id": "over", "scope": {"key": "k1"}, "discount_percent": "30", "effective_from": "2026-01-01",
         "effective_to": "2026-02-01"},
        {"price_id": "later", "scope": {"key": "k1"}, "discount_percent": "40", "effective_from": "2999-01-01"},
    ):  # fmt: skip
        assert raw(gateway, "POST", "/admin/prices", price)[0] == 201
    listed = gateway.admin.get("admin", "prices")
    assert [(p["price_id"], p["precedence"], p["state"]) for p in listed] == [
        ("later", 1, "future"),
        ("over", 2, "ended"),
        ("team", 3, "holds"),
        ("all", 4, "holds"),
    ]
    found = effective(gateway, team="search", key="k1")
    assert found["why"] == "own price team (team search): 20 % off the list price"
    assert found["rates"]["input"] == "2"
    assert [(c["price_id"], c["holds"]) for c in found["candidates"]] == [
        ("later", False),
        ("over", False),
        ("team", True),
        ("all", False),
    ]
    assert [c["why"].split("T")[0] for c in found["candidates"]] == [
        "begins 2999-01-01",
        "ended 2026-02-01",
        "the most specific that holds; of equals, the one that began last",
        "team goes before it",
    ]
    past = effective(gateway, key="k1", at="2026-01-15")
    assert past["price_version"].endswith("+own/over")
    assert effective(gateway, team="ads")["price_version"].endswith("+own/all")
    assert effective(gateway, model="nobody-knows")["why"] == (
        "own price all (any model of openai): 10 % off the list price, and the list has no such model: unpriced"
    )


def test_a_price_in_another_currency_needs_a_rate(gateway: RunningGateway) -> None:
    hour = {"scope": {"model": "llama"}, "hourly": "2.40", "slots": 16, "currency": "EUR"}
    status, made = raw(gateway, "POST", "/admin/prices", hour)
    assert status == 201
    assert "no exchange rate of EUR holds" in made["hint"]
    assert "of which no exchange rate holds: unpriced" in effective(gateway, model="llama")["why"]
    rate = {"currency": "EUR", "usd": "1.25", "effective_from": "2026-11-01", "source": "ECB"}
    assert raw(gateway, "POST", "/admin/exchange-rates", rate)[0] == 201
    assert raw(gateway, "POST", "/admin/exchange-rates", rate)[0] == 200
    (listed,) = gateway.admin.get("admin", "exchange-rates")
    assert (listed["usd"], listed["effective_from"][:10], listed["source"]) == ("1.25", "2026-11-01", "ECB")
    found = effective(gateway, model="llama")
    assert (found["hourly_usd"], found["slots"], found["rates"]) == ("3", 16, None)


def test_a_price_that_begins_in_the_past_says_what_it_does_not_do(gateway: RunningGateway) -> None:
    _, made = raw(gateway, "POST", "/admin/prices", RATES | {"effective_from": "2026-11-01"})
    assert "keep their cost: spendstream reprice" in made["hint"]
    _, ended = raw(gateway, "POST", f"/admin/prices/{made['price_id']}/end", {"effective_to": "2026-11-02"})
    assert ended["hint"].startswith(
        "calls since 2026-11-02T00:00:00+00:00 that were costed before keep their cost"
    )


def test_a_provider_that_no_call_can_go_to_is_told_of(gateway: RunningGateway) -> None:
    google = {"scope": {"provider": "google", "model": "gemini-2.5-pro"}, "discount_percent": "10"}
    _, made = raw(gateway, "POST", "/admin/prices", google)
    assert "no provider here is named 'google' (anthropic, " in made["hint"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "exactly one of rates, discount_percent, hourly, not none"),
        ({"hourly": "1", "discount_percent": "1"}, "not discount_percent and hourly"),
        ({"rates": {"inputs": "1"}}, "there is no token class 'inputs'"),
        ({"rates": {"input": 1.5}}, "rates.input"),
        ({"rates": {"input": "-1"}}, "rates.input"),
        ({"discount_percent": "101"}, "at most 100"),
        ({"discount_percent": "a lot"}, "'a lot' is no percentage such as 12.5"),
        ({"hourly": "1", "slots": 0}, "slots"),
        ({"hourly": "1", "currency": "euro"}, "'euro' is not three capital letters"),
        ({"hourly": "1", "effective_from": "2026-02-01", "effective_to": "2026-01-01"}, "is not after"),
        ({"hourly": "1", "effective_from": "soon"}, "effective_from"),
        ({"hourly": "1", "scope": {"planet": "mars"}}, "scope.planet"),
        ({"hourly": "1", "price_id": "a/b"}, "is no name"),
    ],
)
def test_nonsense_is_422_in_one_sentence(gateway: RunningGateway, body: dict[str, Any], says: str) -> None:
    status, answer = raw(gateway, "POST", "/admin/prices", body)
    assert status == 422
    assert says in answer["detail"]
    assert prices_on(gateway) == []


@pytest.mark.parametrize(
    "body", [{"currency": "USD", "usd": "1"}, {"currency": "EUR", "usd": "0"}, {"currency": "EUR"}]
)
def test_exchange_rates_that_are_none_are_422(gateway: RunningGateway, body: dict[str, str]) -> None:
    assert raw(gateway, "POST", "/admin/exchange-rates", body)[0] == 422
    assert prices_on(gateway) == []


def older_list() -> PriceListAdopted:
    """The installed list as it might have been: gpt-4o at a tenth, o3 at half."""
    listed = json.loads(zlib.decompress(list_data()))
    (openai,) = [provider for provider in listed["providers"] if provider["id"] == "openai"]
    for name, factor in (("gpt-4o", "0.25"), ("o3", "1")):
        (model,) = [model for model in openai["models"] if model["id"] == name]
        model["prices"][-1]["rates"]["input"]["base"] = factor
    listed["release"] = "genai-prices/0.0.1"
    data = zlib.compress(json.dumps(listed).encode())
    return PriceListAdopted("genai-prices/0.0.1+test", datetime(2026, 1, 1, tzinfo=UTC), (), data, "ada")


def test_a_newer_list_is_reviewed_and_adopted(gateway: RunningGateway, command: Callable[..., str]) -> None:
    publish(gateway, older_list())
    assert effective(gateway)["rates"]["input"] == "0.25"
    found = gateway.admin.get("admin", "price-list")
    assert (found["in_force"], found["installed"]) == ("genai-prices/0.0.1+test", list_version())
    assert found["waits_for_review"]
    changes = {
        (c["model"], c["rate"]): (c["old"], c["new"], c["factor"], c["held"]) for c in found["changes"]
    }
    assert changes[("openai/gpt-4o", "input")] == ("0.25", "2.5", "10", True)
    assert changes[("openai/o3", "input")] == ("1", "2", "2", False)
    told = command("prices", "review")
    assert "openai/gpt-4o" in told
    assert "2 rates differ; 1 models are held" in told

    assert json.loads(command("prices", "adopt", "--by", "ada"))["held"] == ["openai/gpt-4o"]
    assert effective(gateway)["rates"]["input"] == "0.25"
    assert effective(gateway, model="o3")["rates"]["input"] == "2"
    with pytest.raises(
        InvalidInput, match="holds already; to accept prices that are held, name the models: openai/gpt-4o"
    ):
        command("prices", "adopt")
    with pytest.raises(InvalidInput, match="openai/o3 is not held; held are openai/gpt-4o"):
        command("prices", "adopt", "--accept", "openai/o3")

    assert json.loads(command("prices", "adopt", "--accept", "openai/gpt-4o"))["held"] == []
    assert effective(gateway)["rates"]["input"] == "2.5"
    assert command("prices", "review") == f"price list {list_version()} holds; nothing waits for review\n"
    adopted = [
        event
        for event in prices_on(gateway)
        if isinstance(event, PriceListAdopted) and event.version == list_version()
    ]
    assert {event.adopted_by: (event.held, event.data) for event in adopted} == {
        "ada": (("openai/gpt-4o",), list_data()),
        "admin": ((), list_data()),
    }


@pytest.fixture
def command(gateway: RunningGateway) -> Callable[..., str]:
    """Runs a command and gives its output."""
    app = typer.Typer()
    add_commands(app, lambda: gateway.admin)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_commands_for_prices(command: Callable[..., str]) -> None:
    made = json.loads(
        command("prices", "set", "--model", "llama", "--input", "0.2", "--output", "0.4", "--rate", "cache_read=0.1",
                "--for", "team=search", "--from", "2026-11-01", "--id", "own", "--note", "two servers")
    )  # fmt: skip
    assert made["rates"] == {"input": "0.2", "output": "0.4", "cache_read": "0.1"}
    assert (made["covers"], made["note"]) == ("team search, model llama", "two servers")
    free = json.loads(command("prices", "set", "--model", "tiny", "--free"))
    assert free["rates"] == {"input": "0", "output": "0"}
    off = json.loads(command("prices", "discount", "15", "--provider", "openai"))
    assert off["discount_percent"] == "15"
    hour = json.loads(
        command("prices", "hourly", "2.40", "--slots", "16", "--model", "big", "--currency", "EUR")
    )
    assert (hour["hourly"], hour["slots"]) == ("2.40", 16)
    assert json.loads(command("prices", "rate", "EUR", "1.08", "--from", "2026-11-01"))["usd"] == "1.08"
    assert len(command("prices", "rates").splitlines()) == 1
    assert len(command("prices", "list").splitlines()) == 4
    shown = json.loads(command("prices", "show", "own-server/llama", "--for", "team=search"))
    assert shown["price_version"] == "own/own"
    assert json.loads(command("prices", "end", "own", "--at", "2026-11-15"))["state"] == "ended"
    later = json.loads(command("prices", "show", "own-server/llama", "--for", "team=search"))
    assert later["price_version"] == ""
    for words, says in (
        (("show", "llama"), "is not PROVIDER/MODEL"),
        (
            ("set", "--input", "1", "--for", "user=ada"),
            "is not NAME=VALUE with NAME of org, team, project, key",
        ),
        (("set", "--rate", "input"), "is not NAME=VALUE"),
        (("set", "--free", "--input", "2"), "leave out --input, --output and --rate"),
        (("end", "nothing"), "there is no price 'nothing'"),
    ):
        with pytest.raises(InvalidInput, match=says):
            command("prices", *words)


def test_prices_can_be_declared_and_applying_again_changes_nothing(
    command: Callable[..., str], gateway: RunningGateway, tmp_path: Path
) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(
        "exchange_rates:\n  - {currency: EUR, usd: 1.08, effective_from: 2026-11-01, source: ECB}\n"
        "prices:\n"
        "  - {price_id: deal, scope: {provider: openai}, discount_percent: 12.5, effective_from: 2026-11-01}\n"
        "  - {scope: {model: llama}, hourly: 2.40, slots: 16, currency: EUR}\n"
        "  - {scope: {model: phi, team: ads}, rates: {input: 0.10, output: 0.30}}\n"
    )
    first = command("apply", str(file))
    assert "price deal of any model of openai" in first
    assert len(prices_on(gateway)) == 4
    command("apply", str(file))
    assert len(prices_on(gateway)) == 4
