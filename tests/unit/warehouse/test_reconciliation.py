from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from warehouse.reconciliation import DoubledCall, PartitionPosition, Reconciliation, Total, render
from warehouse.rollup import Difference

HOUR = datetime(2026, 11, 24, 12, tzinfo=UTC)
DIFFERENCE = Difference("search", HOUR, 3, 2, Decimal("0.3"), Decimal("0.2"), HOUR)


def found(
    differences: tuple[Difference, ...] = (),
    moving: tuple[Difference, ...] = (),
    doubled: tuple[DoubledCall, ...] = (),
) -> Reconciliation:
    position = PartitionPosition("L", "llm.costs", 0, 1200, 1, 1250)
    unknown = PartitionPosition("L", "llm.costs", 1, 7, 0, None)
    total = Total(3, Decimal("1234.5"))
    return Reconciliation(total, total, differences, moving, doubled, (position, unknown))


def test_when_everything_agrees_it_says_so() -> None:
    lines = render(found()).splitlines()
    assert found().agrees
    assert lines[1].split() == ["calls", "3", "1,234.500000000000"]
    assert lines[5].split() == ["llm.costs/0", "1,200", "1,250", "50", "1"]
    assert lines[6].split() == ["llm.costs/1", "7", "?", "?", "0"]
    assert lines[-1] == "everything agrees"


def test_an_hour_that_still_changes_is_no_difference() -> None:
    moving = found(moving=(DIFFERENCE,))
    assert moving.agrees
    assert render(moving).splitlines()[-2:] == [
        "1 hours still change; their rollup follows within seconds",
        "everything agrees",
    ]


def test_each_difference_is_named_with_both_sides() -> None:
    wrong = found(differences=(DIFFERENCE,), doubled=(DoubledCall("c", ("a, 12", "b, 12")),))
    assert not wrong.agrees
    assert render(wrong).splitlines()[-3:] == [
        "DIFFERS  search, 2026-11-24 12:00: 3 calls for $0.300000000000, rollup 2 for $0.200000000000",
        "DOUBLED  call c stands in a, 12 and in b, 12",
        "2 findings",
    ]
