"""Does everything agree? The calls with themselves, with the rollup and with the budgets; and how far has the log been read?

The calls are the reference. A call belongs in one place, so that an id that stands in two teams or hours was counted
twice, and every sum of the rollup must be the sum of its calls. `warehouse.audit` compares the calls with the log itself.
Hours that change right now are looked at apart: the rollup follows within seconds, which is no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from warehouse.balances.asking import check_balances
from warehouse.balances.checking import (
    Balances,
    Standing,
    as_json as balances_as_json,
    render as render_balances,
)
from warehouse.client import Client
from warehouse.rollup import Difference, Rollup

SETTLED_S = 15.0
"""An hour whose newest call was stored this many seconds ago must agree with the rollup."""

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2106, 1, 1, tzinfo=UTC)
# All that ClickHouse's DateTime holds, although the loader takes no call so early or late: what somebody else wrote into
# the tables is to be found, too.


@dataclass(frozen=True)
class Total:
    """Calls and USD as one side has them."""

    calls: int
    cost_usd: Decimal


@dataclass(frozen=True)
class DoubledCall:
    """A call id that stands in more than one place."""

    call_id: str
    places: tuple[str, ...]
    """`team, hour`."""


@dataclass(frozen=True)
class PartitionPosition:
    """How far one partition was read and stored. `position` is the next offset to be stored, as recorded; `log_end` is
    where the log ended when that was last reported, None where it never was. `dead_letters` are those still open."""

    log: str
    topic: str
    partition: int
    position: int
    dead_letters: int
    log_end: int | None

    @property
    def waiting(self) -> int | None:
        """Records that were on the log and not yet stored."""
        return None if self.log_end is None else max(0, self.log_end - self.position)


@dataclass(frozen=True)
class Reconciliation:
    """What was found. `moving` are hours that differ while calls still arrive."""

    calls: Total
    rollup: Total
    differences: Sequence[Difference]
    moving: Sequence[Difference]
    doubled: Sequence[DoubledCall]
    positions: Sequence[PartitionPosition]
    balances: Balances = field(default_factory=Balances)
    open_letters: int = 0
    """Dead letters, of all topics, that nobody has resolved."""

    @property
    def agrees(self) -> bool:
        return not (self.differences or self.doubled) and self.balances.agrees


def reconcile(client: Client, now: datetime | None = None) -> Reconciliation:
    """Compare everything in the warehouse; `now` (the server's, unless given) tells which hours are settled.

    Blocks; reads every call once.
    """
    settled = settled_before(client, now)
    found = Rollup(client).verify(_EARLIEST, _LATEST)
    moving = [difference for difference in found if difference.newest > settled]
    return Reconciliation(
        calls=_total(client, "SELECT count(), sum(cost_usd) FROM calls"),
        rollup=_total(client, "SELECT sum(calls), sum(cost_usd) FROM spend_hourly"),
        differences=[difference for difference in found if difference not in moving],
        moving=moving,
        doubled=_doubled(client),
        positions=_positions(client),
        balances=check_balances(client, settled),
        open_letters=_open_letters(client),
    )


def settled_before(client: Client, now: datetime | None = None) -> datetime:
    """What was stored before this has been dealt with everywhere. Blocks."""
    return (now or _server_time(client)) - timedelta(seconds=SETTLED_S)


def _server_time(client: Client) -> datetime:
    """The clock by which rows are stamped, which need not be this machine's."""
    ((now,),) = client.rows("SELECT now64(3, 'UTC')")
    instant: datetime = now
    return instant


def _total(client: Client, sql: str) -> Total:
    ((calls, cost_usd),) = client.rows(sql)
    return Total(calls, cost_usd)


def _doubled(client: Client) -> list[DoubledCall]:
    # Hashes first: they need a fraction of the memory that the ids would.
    rows = client.rows(
        """SELECT call_id, groupArray(concat(team, ', ', toString(toStartOfHour(started_at)))) AS places FROM calls
WHERE cityHash64(call_id) IN
  (SELECT cityHash64(call_id) AS hash FROM calls GROUP BY hash HAVING count() > 1 LIMIT 100)
GROUP BY call_id HAVING count() > 1 ORDER BY call_id"""
    )
    return [DoubledCall(call_id, tuple(places)) for call_id, places in rows]


def _open_letters(client: Client) -> int:
    ((letters,),) = client.rows("SELECT count() FROM dead_letters_current WHERE state = 'open'")
    return int(letters)


def _positions(client: Client) -> list[PartitionPosition]:
    rows = client.rows(
        """SELECT p.log, p.topic, p.kafka_partition, p.position, l.letters, e.log_end, e.stage != ''
FROM (SELECT log, topic, kafka_partition, max(position) AS position FROM stored_positions
      GROUP BY log, topic, kafka_partition) AS p
LEFT JOIN (SELECT topic, kafka_partition, uniqExact(kafka_offset) AS letters
           FROM dead_letters_current WHERE state = 'open' GROUP BY topic, kafka_partition) AS l
  ON l.topic = p.topic AND l.kafka_partition = p.kafka_partition
LEFT JOIN (SELECT stage, partition, log_end FROM pipeline_progress FINAL) AS e
  ON e.stage = concat('load ', p.topic) AND e.partition = p.kafka_partition
ORDER BY p.log, p.topic, p.kafka_partition"""
    )
    return [
        PartitionPosition(log, topic, partition, position, letters, end if is_reported else None)
        for log, topic, partition, position, letters, end, is_reported in rows
    ]


def render(found: Reconciliation) -> str:
    """The findings as a table of text, with a verdict in the last line."""
    lines = [
        f"{'':<10}{'calls':>14}{'cost (USD)':>30}",
        f"{'calls':<10}{found.calls.calls:>14,}{found.calls.cost_usd:>30,.12f}",
        f"{'rollup':<10}{found.rollup.calls:>14,}{found.rollup.cost_usd:>30,.12f}",
        "",
        f"{'partition':<24}{'stored to':>14}{'log end':>14}{'waiting':>10}{'dead letters':>14}",
    ]
    lines += [
        f"{f'{p.topic}/{p.partition}':<24}{p.position:>14,}{_number(p.log_end):>14}{_number(p.waiting):>10}"
        f"{p.dead_letters:>14,}"
        for p in found.positions
    ]
    lines += ["", *render_balances(found.balances), "", *_faults(found)]
    return "\n".join(lines)


def _faults(found: Reconciliation) -> list[str]:
    lines = [
        f"DIFFERS  {d.team}, {d.hour:%Y-%m-%d %H:%M}: {d.calls} calls for ${d.cost_usd:.12f},"
        f" rollup {d.rolled_calls} for ${d.rolled_cost_usd:.12f}"
        for d in found.differences
    ]
    lines += [f"DOUBLED  call {d.call_id} stands in {' and in '.join(d.places)}" for d in found.doubled]
    findings = len(lines) + len(found.balances.of(Standing.DIFFERS))
    if found.moving:
        lines.append(f"{len(found.moving)} hours still change; their rollup follows within seconds")
    if found.open_letters:
        lines.append(f"{found.open_letters:,} dead letters are open; `spendstream letters list` shows them")
    told = "1 finding" if findings == 1 else f"{findings:,} findings"
    lines.append("everything agrees" if found.agrees else told)
    return lines


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def as_json(found: Reconciliation) -> dict[str, Any]:
    """The findings for machines: amounts are texts with 12 places, instants RFC 3339."""
    return {
        "agrees": found.agrees,
        "calls": {"calls": found.calls.calls, "cost_usd": f"{found.calls.cost_usd:.12f}"},
        "rollup": {"calls": found.rollup.calls, "cost_usd": f"{found.rollup.cost_usd:.12f}"},
        "rollup_differences": [_difference(one) for one in found.differences],
        "rollup_moving": [_difference(one) for one in found.moving],
        "doubled": [{"call_id": one.call_id, "places": list(one.places)} for one in found.doubled],
        "balances": balances_as_json(found.balances),
        "open_dead_letters": found.open_letters,
        "positions": [
            {
                "log": p.log,
                "topic": p.topic,
                "partition": p.partition,
                "position": p.position,
                "log_end": p.log_end,
                "waiting": p.waiting,
                "open_dead_letters": p.dead_letters,
            }
            for p in found.positions
        ],
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "team": one.team,
        "hour": one.hour.isoformat(),
        "calls": one.calls,
        "rolled_calls": one.rolled_calls,
        "cost_usd": f"{one.cost_usd:.12f}",
        "rolled_cost_usd": f"{one.rolled_cost_usd:.12f}",
    }
