"""What has no price is told of, and not too often."""

from __future__ import annotations

from typing import Any

from ingest.events.costs import CallCosted
from streams.unpriced import UnpricedCalls
from tests.builders import a_call_costed

REASON = "no price is known for model 'new' of openai"


def unpriced(model: str = "new", reason: str = REASON, **changes: Any) -> CallCosted:
    return a_call_costed(model=model, cost_usd="0", is_priced=False, unpriced_because=reason, **changes)


def test_the_first_call_is_told_at_once_and_then_all_of_an_hour_together() -> None:
    calls = UnpricedCalls()
    first = calls.note(unpriced(), 0.0)
    assert first is not None
    assert first.startswith("1 call is unpriced, model 'new' of openai: no price is known")
    assert "spendstream prices set --provider openai --model 'new'" in first
    # A price that begins now would not hold for the call.
    day = unpriced().finished.call.started_at.date()
    assert f"--output … --from {day} && spendstream reprice --model 'new'" in first
    assert [calls.note(unpriced(), at) for at in (1.0, 3599.9)] == [None, None]
    later = calls.note(unpriced(), 3600.0)
    assert later is not None
    assert later.startswith("3 calls are unpriced")
    assert calls.note(unpriced(), 3601.0) is None


def test_each_model_has_its_own_line_and_priced_calls_have_none() -> None:
    calls = UnpricedCalls()
    lines = [calls.note(unpriced(name), 0.0) for name in ("a", "b", "a")]
    assert [line is None for line in lines] == [False, False, True]
    assert calls.note(a_call_costed(), 0.0) is None


def test_where_an_exchange_rate_is_missing_it_is_asked_for() -> None:
    line = UnpricedCalls().note(
        unpriced(reason="price own/x is in EUR, and no exchange rate of EUR holds"), 0.0
    )
    assert line is not None
    assert "spendstream prices rate CURRENCY USD --from " in line
    assert "prices set" not in line


def test_where_no_price_is_missing_none_is_asked_for() -> None:
    line = UnpricedCalls().note(unpriced(reason="the provider reported no usage"), 0.0)
    assert line is not None
    assert line.endswith("the provider reported no usage")


def test_a_name_with_a_line_break_makes_no_line_of_its_own() -> None:
    line = UnpricedCalls().note(unpriced("x\nERROR all is lost"), 0.0)
    assert line is not None
    assert "\n" not in line


def test_callers_that_invent_names_fill_no_memory() -> None:
    calls = UnpricedCalls()
    lines = [calls.note(unpriced(f"m{n}"), 0.0) for n in range(1500)]
    assert sum(line is not None for line in lines) == 1001
