"""Which models have no price: told in the log with the way to put it right, once an hour for each. Pure.

The calls themselves stand in the warehouse with `is_priced = false` and the reason; nothing waits for this line.
"""

from __future__ import annotations

from datetime import UTC, date
from typing import NamedTuple

from ingest.events.costs import CallCosted

INTERVAL_S = 3600.0
_MOST_MODELS = 1000
"""Models are named by callers: beyond, they are counted together."""
_OTHERS = ("others", "…")


class _Told(NamedTuple):
    at: float
    untold: int
    """Calls since then."""


class UnpricedCalls:
    """Counts unpriced calls; `now` is monotonic seconds."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._models: dict[tuple[str, str], _Told] = {}

    def note(self, costed: CallCosted, now: float) -> str | None:
        """The line to be logged now: at the first call of a model without a price, and then after each interval, with
        the number of calls since the last line."""
        if costed.cost.is_priced:
            return None
        call = costed.finished.call
        name = (call.provider, call.model)
        if name not in self._models and len(self._models) >= _MOST_MODELS:
            name = _OTHERS
        told = self._models.get(name)
        if told is not None and now < told.at + self._interval_s:
            self._models[name] = told._replace(untold=told.untold + 1)
            return None
        self._models[name] = _Told(now, 0)
        day = call.started_at.astimezone(UTC).date()
        return _line(*name, 1 + (told.untold if told else 0), costed.cost.unpriced_because, day)


def _line(provider: str, model: str, count: int, reason: str, day: date) -> str:
    calls = "1 call is" if count == 1 else f"{count} calls are"
    # Quoted: a caller may have put anything into the name.
    line = f"{calls} unpriced, model {model!r} of {provider}: {reason}"
    if "price" not in reason:
        return line  # what is missing is not a price
    # Without a day the price would hold from now on, and repricing these calls would change nothing.
    what = (
        "prices rate CURRENCY USD"
        if "exchange rate" in reason
        else f"prices set --provider {provider} --model {model!r} --input … --output …"
    )
    return (
        f"{line}; to put it right: spendstream {what} --from {day} && spendstream reprice --model {model!r}"
    )
