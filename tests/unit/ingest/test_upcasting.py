from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from ingest import upcasting
from ingest.codec import decode_event
from ingest.errors import DecodeError
from ingest.events.costs import CallCosted
from ingest.upcasting import Json, current_version, upcast

GOLDEN = Path(__file__).parents[2] / "golden" / "events"


def golden(version: int, name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((GOLDEN / f"v{version}" / f"{name}.json").read_text())
    return read


def component(token_class: str) -> Json:
    return {
        "token_class": token_class,
        "quantity": 3,
        "unit_price_usd": "10.10",
        "cost_usd": "0.030300000000",
    }


def test_fees_by_the_piece_were_for_a_thousand_and_tokens_for_a_million() -> None:
    costed = golden(1, "CallCosted")
    costed["data"]["cost"]["components"] = [
        component(name) for name in ("input", "web_search", "request", "output")
    ]
    read = decode_event(json.dumps(costed).encode()).data
    assert isinstance(read, CallCosted)
    assert [(c.token_class, c.per) for c in read.cost.components] == [
        ("input", 1_000_000),
        ("web_search", 1000),
        ("request", 1000),
        ("output", 1_000_000),
    ]
    assert read.cost.components[1].unit_price_usd == Decimal("10.10")


def test_what_a_present_event_says_is_left_alone() -> None:
    costed = golden(2, "CallCosted")
    costed["data"]["cost"]["components"] = [component("web_search") | {"per": 1}]
    read = decode_event(json.dumps(costed).encode()).data
    assert isinstance(read, CallCosted)
    assert read.cost.components[0].per == 1


@pytest.mark.parametrize("cost", [{}, {"components": []}, {"is_priced": False}])
def test_a_call_without_components_has_none_afterwards(cost: Json) -> None:
    data = json.dumps({"finished": {}, "cost": cost}).encode()
    assert json.loads(upcast("CallCosted", 1, data))["cost"].get("components", []) == []


def test_steps_are_taken_one_after_another_from_where_an_event_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def step(number: int) -> upcasting.Step:
        return lambda data: data | {"way": [*data.get("way", []), number]}

    monkeypatch.setitem(upcasting._STEPS, "TeamDefined", (step(1), step(2), step(3)))
    assert current_version("TeamDefined") == 4
    for version, way in ((1, [1, 2, 3]), (2, [2, 3]), (3, [3]), (4, None)):
        told = json.loads(upcast("TeamDefined", version, b'{"team": "t"}'))
        assert (told["team"], told.get("way")) == ("t", way)


def test_a_version_in_between_is_read_by_the_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three versions: `name` became `label`, and `label` became `team`."""
    steps = (
        lambda data: {"label": data["name"], "defined_at": data["defined_at"]},
        lambda data: {"team": data["label"], "defined_at": data["defined_at"]},
    )
    monkeypatch.setitem(upcasting._STEPS, "TeamDefined", steps)
    at = golden(1, "TeamDefined")["data"]["defined_at"]
    for version, field in ((1, "name"), (2, "label"), (3, "team")):
        event = golden(1, "TeamDefined") | {
            "dataschema": f"urn:spendstream:event:TeamDefined:{version}",
            "data": {field: "search", "defined_at": at},
        }
        assert decode_event(json.dumps(event).encode()).data.team == "search"  # type: ignore[union-attr]


@pytest.mark.parametrize("version", ["0", "00", "3", "99"])
def test_a_version_that_never_was_or_is_not_yet_is_refused_in_a_sentence(version: str) -> None:
    event = golden(2, "CallCosted") | {"dataschema": f"urn:spendstream:event:CallCosted:{version}"}
    with pytest.raises(DecodeError, match=f"has version {version}; this process reads up to 2"):
        decode_event(json.dumps(event).encode())


def test_old_data_of_another_shape_is_a_dead_letter_and_no_crash() -> None:
    for data in ("text", [1], 5, None):
        event = golden(1, "CallCosted") | {"data": data}
        with pytest.raises(DecodeError, match=r"spendstream\.CallCosted: "):
            decode_event(json.dumps(event).encode())
    costs: tuple[Any, ...] = ([], "x", None, {"components": 5}, {"components": [5]})
    for cost in costs:
        event = golden(1, "CallCosted")
        event["data"]["cost"] = cost
        with pytest.raises(DecodeError, match=r"spendstream\.CallCosted: "):
            decode_event(json.dumps(event).encode())


@given(st.decimals(min_value=0, max_value=10**20, places=12), st.integers(0, 2**63 - 1))
def test_money_travels_through_a_step_as_the_text_that_it_was(amount: Decimal, tokens: int) -> None:
    costed = golden(1, "CallCosted")
    costed["data"]["cost"]["components"] = [
        component("web_search") | {"cost_usd": str(amount), "quantity": tokens}
    ]
    data = msgspec.json.encode(costed["data"])
    (told,) = json.loads(upcast("CallCosted", 1, data))["cost"]["components"]
    assert told["cost_usd"] == str(amount)
    assert told["quantity"] == tokens
