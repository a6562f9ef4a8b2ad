"""The report of a run, as Markdown for people and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.prices import TOKENS
from tests.chaos.result import Result
from tests.chaos.serving import EXACT

_COLUMNS = ("provider", "log", "calls", "rollup", "charges", "ledger")


def markdown(result: Result) -> str:
    """All of it, in the order in which one wants to know it."""
    verdict = (
        f"everything agreed {result.settled_s:.1f} s after the load had ended"
        if result.is_exact
        else f"**{len(result.faults)} differences remain**"
    )
    parts = [
        f"# Chaos: seed {result.seed}, {result.seconds:g} seconds of load\n\nAt the end {verdict}.",
        "## Books compared\n\n" + _comparison(result.comparison),
        "## Calls that were cut\n\n" + _groups(result.groups),
        "## Kills\n\n" + _pairs("process", "times", result.kills),
    ]
    if result.ended_by_themselves:
        parts.append(
            "Ended by themselves, and started again:\n\n"
            + _pairs("process", "times", result.ended_by_themselves)
        )
    parts += [
        "## Calls\n\n" + _pairs("the client saw", "tries", result.tries),
        _pairs("outcome in the warehouse", "calls", result.outcomes),
        "## Mischief\n\n"
        + _pairs("done to the log and the budgets", "done, and failed with the broker away", result.mischief),
        "## Counts\n\n" + _pairs("what", "number", result.counts),
        "## Gaps\n\n"
        + _pairs("longest", "seconds", {name: f"{gap:.1f}" for name, gap in result.gaps.items()}),
    ]
    if result.faults:
        parts.append("## Differences\n\n```\n" + "\n\n".join(result.faults[:50]) + "\n```")
    return "\n\n".join(parts) + "\n"


def write(result: Result, folder: Path) -> Path:
    """`report.md` and `report.json` in `folder`; returns the first."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = asdict(result) | {"is_exact": result.is_exact}
    (folder / "report.json").write_text(json.dumps(facts, indent=2) + "\n")
    path = folder / "report.md"
    path.write_text(markdown(result))
    return path


def _comparison(lines: list[dict[str, str]]) -> str:
    head = ("what", *_COLUMNS, "equal")
    return _table(head, [[line.get(column, "") for column in head] for line in lines])


def _groups(groups: Mapping[str, dict[str, Any]]) -> str:
    """The provider's bill beside our estimate, for what nobody could count exactly."""
    rows = []
    for name, group in groups.items():
        theirs, ours = group["provider"], group["ours"]
        bill, estimate = Decimal(theirs["cost_usd"]), Decimal(ours["cost_usd"])
        share = f"{100 * (estimate - bill) / bill:+.1f} %" if bill and name != EXACT else ""
        tokens = [f"{theirs[count]} / {ours[count]}" for count in (TOKENS[0], TOKENS[1])]
        rows.append([name, f"{group['calls']}", *tokens, f"{bill:.6f}", f"{estimate:.6f}", share])
    head = (
        "calls",
        "number",
        "input: provider / ours",
        "output: provider / ours",
        "provider's bill, USD",
        "ours, USD",
        "off by",
    )
    return _table(head, rows)


def _pairs(left: str, right: str, pairs: Mapping[str, object]) -> str:
    return _table((left, right), [[name, f"{value}"] for name, value in pairs.items()])


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (list(head), ["---"] * len(head), *rows))
