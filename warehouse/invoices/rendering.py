"""A comparison as a table for people and as JSON for machines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from warehouse.invoices.comparing import Comparison, Line, Verdict
from warehouse.invoices.report import Measure

_MOST_LINES = 200
_HUNDRED = Decimal(100)
_ALONE = {
    Verdict.ONLY_THEIRS: "only theirs: usage that bypassed the gateway, or an item that names no model",
    Verdict.ONLY_OURS: "only ours: not in their report, or under another name",
}


def render(comparisons: Sequence[Comparison]) -> str:
    """All reports as text, with a verdict in the last line. Of a long report, only what is not equal is listed."""
    lines = list[str]()
    for comparison in comparisons:
        lines += [*_table(comparison), ""]
    wrong = [line for one in comparisons for line in one.lines if not line.is_fine]
    if not any(one.report.amounts for one in comparisons):
        lines.append("the reports hold no amounts: there is nothing to compare")
    elif not wrong:
        lines.append("our calls agree with the provider's count")
    else:
        counts = {v: sum(line.verdict is v for line in wrong) for v in Verdict}
        told = ", ".join(f"{n:,} {verdict}" for verdict, n in counts.items() if n)
        lines.append(f"{len(wrong):,} lines are not equal: {told}")
    return "\n".join(lines)


def _table(comparison: Comparison) -> list[str]:
    report, periods = comparison.report, comparison.report.merged()
    span = (
        f"{periods[0].start:%Y-%m-%d %H:%M} to {periods[-1].end:%Y-%m-%d %H:%M} UTC" if periods else "no time"
    )
    lines = [f"{report.provider}: {report.title or 'nothing in it'}, {span}"]
    lines += [f"note: {note}" for note in report.notes]
    shown = list(comparison.lines)
    if len(shown) > _MOST_LINES:
        shown = [line for line in shown if not line.is_fine]
        lines.append(f"{len(comparison.lines) - len(shown):,} equal lines are left out")
    width = max([12, *(len(line.model) for line in shown)])
    both = [line for line in shown if line.verdict not in _ALONE]
    lines += [_head(width), *(_row(line, width) for line in both)]
    lines += [_row(line, width) for line in comparison.totals]
    for verdict, told in _ALONE.items():
        if alone := [line for line in shown if line.verdict is verdict]:
            lines += [f"{told}:", *(_row(line, width) for line in alone)]
    return lines


def _head(width: int) -> str:
    return (
        f"{'day':<10}  {'model':<{width}}  {'measure':<27}{'ours':>20}{'theirs':>20}{'difference':>20}{'%':>12}"
        f"{'estimated':>11}{'unpriced':>10}  verdict"
    )


def _row(line: Line, width: int) -> str:
    day = line.day.isoformat() if line.day else ""
    difference = _number(line.difference, line, "+") if line.difference else ""
    percent = f"{line.percent:+,.2f}" if line.percent else ""
    return (
        f"{day:<10}  {line.model:<{width}}  {line.measure:<27}{_number(line.ours.whole, line):>20}"
        f"{_number(line.theirs, line):>20}{difference:>20}{percent:>12}"
        f"{_share(line.ours.estimated, line.ours.whole):>11}{_unpriced(line):>10}  {line.verdict}"
    )


def _number(amount: Decimal, line: Line, sign: str = "") -> str:
    """Dollars with their twelve places, seconds with three, all else whole."""
    if line.measure.is_money:
        return f"{amount:{sign},.12f}"
    return f"{amount:{sign},.3f}" if line.measure is Measure.AUDIO_SECONDS else f"{amount:{sign},.0f}"


def _share(part: Decimal, whole: Decimal) -> str:
    return f"{part * _HUNDRED / whole:.1f} %" if whole and part else ""


def _unpriced(line: Line) -> str:
    """Of a cost, how many calls have none; else the share."""
    if line.measure.is_money:
        return f"{line.ours.unpriced:.0f} calls" if line.ours.unpriced else ""
    return _share(line.ours.unpriced, line.ours.whole)


def as_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """The same for machines: amounts are texts, exact."""
    return {
        "agrees": all(one.agrees for one in comparisons),
        "reports": [
            {
                "provider": one.report.provider,
                "title": one.report.title,
                "periods": [[p.start.isoformat(), p.end.isoformat()] for p in one.report.merged()],
                "notes": one.report.notes,
                "lines": [_line(line) for line in one.lines],
                "totals": [_line(line) for line in one.totals],
            }
            for one in comparisons
        ],
    }


def _line(line: Line) -> dict[str, Any]:
    is_cost = line.measure.is_money
    return {
        "day": line.day.isoformat() if line.day else None,
        "model": line.model,
        "measure": line.measure.value,
        "ours": _text(line.ours.whole),
        "theirs": _text(line.theirs),
        "difference": _text(line.difference),
        "percent": None if line.percent is None else f"{line.percent:.4f}",
        "estimated": _text(line.ours.estimated),
        "unpriced_calls" if is_cost else "unpriced": _text(line.ours.unpriced),
        "verdict": line.verdict.value,
    }


def _text(amount: Decimal) -> str:
    """Without zeros behind the last place that says something."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
