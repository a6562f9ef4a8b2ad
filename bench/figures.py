"""What is measured, and the arithmetic of it: medians and percentiles, no averages of averages."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Round:
    """One round of load, seen from the client until the last call stood in the warehouse."""

    concurrency: int
    answered: int
    failed: int
    sending_s: float
    """From the first request until the last answer."""
    whole_s: float
    """From the first request until every call was in the view `calls`."""
    latencies_ms: Sequence[float] = field(repr=False)

    @property
    def answered_per_s(self) -> float:
        return self.answered / self.sending_s

    @property
    def sustained_per_s(self) -> float:
        """Through the whole pipeline."""
        return self.answered / self.whole_s

    @property
    def drain_s(self) -> float:
        """How long after the last answer the last call was visible."""
        return self.whole_s - self.sending_s


@dataclass(frozen=True)
class Block:
    """One budget: from the answer that exhausted it until the first refusal was received."""

    latency_ms: float
    let_through: int
    """Calls that were answered meanwhile."""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values were measured")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median_of(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By name, over rounds that name the same things."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def level(rounds: Sequence[Round]) -> dict[str, float]:
    """Medians over the rounds of one concurrency."""
    return median_of(
        [
            {
                "concurrency": each.concurrency,
                "answered/s": each.answered_per_s,
                "sustained/s": each.sustained_per_s,
                "drain s": each.drain_s,
                "p50 ms": percentile(each.latencies_ms, 0.5),
                "p99 ms": percentile(each.latencies_ms, 0.99),
                "calls": each.answered,
                "failed": each.failed,
            }
            for each in rounds
        ]
    )


def blocking(blocks: Sequence[Block]) -> dict[str, float]:
    """Percentiles over budgets."""
    latencies = [each.latency_ms for each in blocks]
    return {
        "budgets": len(blocks),
        "p50 ms": percentile(latencies, 0.5),
        "p99 ms": percentile(latencies, 0.99),
        "max ms": max(latencies),
        "let through p50": percentile([each.let_through for each in blocks], 0.5),
        "let through max": max(each.let_through for each in blocks),
    }


def table(rows: Sequence[Mapping[str, float]]) -> str:
    """Rows of the same names as a table of plain text."""
    names = list(rows[0])
    cells = [names, *[[_shown(row[name]) for name in names] for row in rows]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells
    )


def _shown(value: float) -> str:
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
