"""Two sides of an invoice, line by line: ours, theirs, what lies between them, and a verdict. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from warehouse.invoices.ours import Amount, Ours
from warehouse.invoices.report import Measure, Report

ALL_MODELS = "(all models)"
_HUNDRED = Decimal(100)

NameOf = Callable[[str], str | None]
"""The price book's name of a model: that of `gpt-4o-2024-08-06` is `gpt-4o`. None for a model that it does not know."""


class Verdict(StrEnum):
    """What a line is."""

    EQUAL = "equal"
    TOLERATED = "within tolerance"
    DIFFERS = "differs"
    ONLY_THEIRS = "only theirs"
    """The provider counted what we have not seen: usage that bypassed the gateway, or an item that names no model."""
    ONLY_OURS = "only ours"


@dataclass(frozen=True)
class Line:
    """One measure of one model on one day; `day` None: of all days."""

    day: date | None
    model: str
    measure: Measure
    ours: Amount
    theirs: Decimal
    verdict: Verdict

    @property
    def difference(self) -> Decimal:
        """Ours less theirs."""
        return self.ours.whole - self.theirs

    @property
    def percent(self) -> Decimal | None:
        """The difference in percent of theirs; None where they have nothing."""
        return None if self.theirs == 0 else self.difference * _HUNDRED / self.theirs

    @property
    def is_fine(self) -> bool:
        return self.verdict in (Verdict.EQUAL, Verdict.TOLERATED)


@dataclass(frozen=True)
class Comparison:
    """A report with all of its lines, and the sums over all models and days."""

    report: Report
    lines: Sequence[Line]
    totals: Sequence[Line]

    @property
    def agrees(self) -> bool:
        return all(line.is_fine for line in (*self.lines, *self.totals))


def compare(report: Report, ours: Ours, name_of: NameOf, tolerance_percent: Decimal) -> Comparison:
    """Every line of either side. `tolerance_percent` is of theirs."""
    theirs: defaultdict[tuple[date, str, Measure], Decimal] = defaultdict(Decimal)
    tells_models = any(key.model for key, _ in report.amounts)
    for (key, measure), amount in report.amounts.items():
        model = key.model or key.item or ALL_MODELS
        theirs[key.day, model, measure] += amount
    has_items = any(key.item for key, _ in report.amounts)
    names = {model for _, model, _ in theirs}
    matched = _matched(ours, names, name_of) if tells_models or has_items else _one_model(ours)
    said = {key for key, amount in matched.items() if amount.whole} | {key for key in theirs if theirs[key]}
    keys = sorted(said, key=_order)
    lines = [
        _line(*key, matched.get(key, Amount()), theirs.get(key, Decimal(0)), tolerance_percent)
        for key in keys
    ]
    return Comparison(report, lines, _totals(lines, tolerance_percent))


def match_models(ours: Collection[str], theirs: Collection[str], name_of: NameOf) -> dict[str, str]:
    """Our name of a model -> theirs. The same name first, then the same model by the price book's word (a dated version
    and the name without a date, other spellings), where they have just one such name that we do not use ourselves."""
    found = {name: name for name in ours if name in theirs}
    free: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(theirs):
        if name not in found and (known := name_of(name)) is not None:
            free[known].append(name)
    for name in ours:
        known = name_of(name)
        if name not in found and known is not None and len(free.get(known, ())) == 1:
            found[name] = free[known][0]
    return found


def _matched(ours: Ours, theirs: Collection[str], name_of: NameOf) -> Ours:
    names = match_models({model for _, model, _ in ours}, theirs, name_of)
    found: Ours = {}
    for (day, model, measure), amount in ours.items():
        key = (day, names.get(model, model), measure)
        found[key] = found.get(key, Amount()) + amount
    return found


def _one_model(ours: Ours) -> Ours:
    found: Ours = {}
    for (day, _, measure), amount in ours.items():
        key = (day, ALL_MODELS, measure)
        found[key] = found.get(key, Amount()) + amount
    return found


def _line(
    day: date | None, model: str, measure: Measure, ours: Amount, theirs: Decimal, tolerance: Decimal
) -> Line:
    return Line(day, model, measure, ours, theirs, _verdict(ours.whole, theirs, tolerance))


def _verdict(ours: Decimal, theirs: Decimal, tolerance: Decimal) -> Verdict:
    if ours == theirs:
        return Verdict.EQUAL
    if abs(ours - theirs) * _HUNDRED <= tolerance * abs(theirs):
        return Verdict.TOLERATED
    if theirs == 0:
        return Verdict.ONLY_OURS
    return Verdict.ONLY_THEIRS if ours == 0 else Verdict.DIFFERS


def _totals(lines: Iterable[Line], tolerance: Decimal) -> list[Line]:
    ours: defaultdict[Measure, Amount] = defaultdict(Amount)
    theirs: defaultdict[Measure, Decimal] = defaultdict(Decimal)
    for line in lines:
        ours[line.measure] += line.ours
        theirs[line.measure] += line.theirs
    return [_line(None, "total", m, ours[m], theirs[m], tolerance) for m in Measure if m in ours]


def _order(key: tuple[date, str, Measure]) -> tuple[date, str, int]:
    return key[0], key[1], list(Measure).index(key[2])
