from __future__ import annotations

from typing import Any

import pytest

from gateway_shim.simulation.ledger import KEPT_CALLS, Ledger, ServedCall
from gateway_shim.simulation.settings import SimulationSettings
from gateway_shim.simulation.usage import NOTHING_SERVED, ServedUsage
from ingest.errors import InvalidSetting


def call(model: str = "gpt-4o", **more: Any) -> ServedCall:
    fields: dict[str, Any] = {
        "at": "2026-11-24T00:00:00+00:00",
        "provider": "openai",
        "model": model,
        "asked_model": model,
        "operation": "chat",
        "request_id": "req_1",
        "response_id": "chatcmpl-1",
        "stream": False,
        "outcome": "ok",
        "status": 200,
        "usage": ServedUsage(10, 4, 3, 2, 6, 5),
    }
    return ServedCall(**(fields | more))


def test_calls_add_up_by_model() -> None:
    ledger = Ledger()
    ledger.record(call())
    ledger.record(call(outcome="aborted", usage=ServedUsage(10, output_tokens=1)))
    ledger.record(call(outcome="error", status=500, usage=NOTHING_SERVED))
    ledger.record(call("o3"))
    first, second = ledger.served().totals
    assert (first.model, first.calls, first.ok, first.errors, first.aborted) == ("gpt-4o", 3, 1, 1, 1)
    assert first.usage == ServedUsage(20, 4, 3, 2, 7, 5)
    assert (second.model, second.calls, second.usage) == ("o3", 1, ServedUsage(10, 4, 3, 2, 6, 5))


def test_totals_outlive_the_list() -> None:
    ledger = Ledger()
    for number in range(KEPT_CALLS + 5):
        ledger.record(call(request_id=f"req_{number}"))
    served = ledger.served(with_calls=True)
    assert served.totals[0].calls == KEPT_CALLS + 5
    assert served.calls is not None
    assert (len(served.calls), served.calls[0].request_id) == (KEPT_CALLS, "req_5")


def test_the_list_can_be_read_on_from_where_it_was_read_to() -> None:
    ledger = Ledger()
    for number in range(KEPT_CALLS + 5):
        ledger.record(call(ref=f"{number}"))
    seen = ledger.served(with_calls=True, after=KEPT_CALLS + 3)
    assert [found.ref for found in seen.calls or ()] == [f"{KEPT_CALLS + 3}", f"{KEPT_CALLS + 4}"]
    assert ledger.served(with_calls=True, after=seen.recorded).calls == []
    assert len(ledger.served(with_calls=True, after=2).calls or ()) == KEPT_CALLS


def test_a_reset_forgets_everything() -> None:
    ledger = Ledger()
    ledger.record(call())
    ledger.reset()
    assert (ledger.served(True).totals, ledger.served(True).calls) == ([], [])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"error_rate": 1.5}, "error_rate is 1.5"),
        ({"speed": -1.0}, "speed is -1.0"),
        ({"speed": float("nan")}, "speed is nan"),
        ({"expected_key": ""}, "expected_key is empty"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSetting, match=says):
        SimulationSettings(**wrong)
