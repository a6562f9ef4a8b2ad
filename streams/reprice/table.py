"""What repricing found, as a table for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.money import show_usd
from streams.reprice.differences import Sums, Tally

_HEAD = (
    "team",
    "model",
    "calls",
    "changed",
    "before",
    "after",
    "difference",
    "newly priced",
    "still unpriced",
)
_TEXTS = 2


def render(tally: Tally) -> str:
    """A line for each team and model, the greatest differences first, and one for all. Nothing is left out."""
    groups = sorted(
        tally.groups.items(), key=lambda item: (-abs(item[1].difference_usd), -item[1].changed, item[0])
    )
    rows = [_HEAD, *(_row(team or "-", model or "-", sums) for (team, model), sums in groups)]
    rows.append(_row("all", "", tally.total()))
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]
    lines = [_line(row, widths) for row in rows]
    lines[-1:] = ["-" * len(lines[0]), lines[-1]]
    if lost := tally.total().no_longer_priced:
        lines.append(
            f"{lost:,} of the changed calls had a price and have none any more: they become unpriced, at $0.00"
            " (spendstream prices show says why)"
        )
    if closed := tally.closed.changed:
        lines.append(
            f"{closed:,} of the changed calls are of closed months: {show_usd(tally.closed.difference_usd)} of the difference"
            " will stand as a correction in the month of today"
        )
    return "\n".join(lines)


def _row(team: str, model: str, sums: Sums) -> tuple[str, ...]:
    return (
        team,
        model,
        f"{sums.calls:,}",
        f"{sums.changed:,}",
        show_usd(sums.before_usd),
        show_usd(sums.after_usd),
        ("+" if sums.difference_usd > 0 else "") + show_usd(sums.difference_usd),
        f"{sums.newly_priced:,}",
        f"{sums.still_unpriced:,}",
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.ljust(width) if place < _TEXTS else text.rjust(width)
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells)
