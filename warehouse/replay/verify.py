"""The present warehouse against one that was rebuilt from the log: every table, row for row.

Cells (one hour of one team) are compared by hash, and only those that differ are looked into. All columns count, except
for when a row was inserted or computed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.topics import TopicName
from warehouse.cells import Cell, slices
from warehouse.client import Client
from warehouse.positions import StoredPositions
from warehouse.reconciliation import settled_before
from warehouse.replay.bounds import Bounds
from warehouse.replay.comparing import WRONG, Tally, Verdict, Wrong, differing_columns, judge
from warehouse.replay.digests import (
    RowDigest,
    call_cells,
    call_columns,
    call_places,
    call_rows,
    hourly_cells,
)
from warehouse.replay.keyed import ACTIONS, CALL_VERSIONS, LETTERS, Keyed, judge_keyed
from warehouse.replay.plan import Plan
from warehouse.state_rows import BUDGET_STATES

_SHOWN = 20
_STATE_HASH = f"cityHash64(({', '.join(BUDGET_STATES.names)}))"


@dataclass(frozen=True)
class Sides:
    """The two warehouses, and what of the log lies in both."""

    present: Client
    replayed: Client
    plan: Plan

    def bounds(self, topic: TopicName) -> Bounds:
        """What can be compared of a topic's rows. Blocks."""
        stored = StoredPositions(self.present, self.plan.log, topic).stored()
        loaded = {partition: mark.position for partition, mark in stored.items()}
        return Bounds(self.plan.spans.get(topic, {}), loaded)


def verify(present: Client, replayed: Client, plan: Plan) -> list[Tally]:
    """Compare every table. Blocks; reads every row of both warehouses at least once, where it stands."""
    sides = Sides(present, replayed, plan)
    calls, equal = _calls(sides)
    return [
        calls,
        _hourly(sides, equal),
        _keyed(sides, TopicName.COSTS, CALL_VERSIONS),
        _states(sides),
        _keyed(sides, TopicName.DEAD_LETTERS, LETTERS),
        _keyed(sides, TopicName.DEAD_LETTERS, ACTIONS),
    ]


def _calls(sides: Sides) -> tuple[Tally, set[Cell]]:
    """The calls, and the cells that are equal on both sides, with nothing that is gone or newer in them."""
    bounds = sides.bounds(TopicName.COSTS)
    tally = Tally("calls")
    places = call_places(sides.present, bounds)
    ours, theirs = call_cells(sides.present, bounds), call_cells(sides.replayed)
    tally.present, tally.replayed = places.rows, sum(cell.calls for cell in theirs.values())
    tally.add(Verdict.GONE, places.gone)
    tally.add(Verdict.NEWER, places.newer)
    differing = {cell for cell in ours.keys() | theirs.keys() if ours.get(cell) != theirs.get(cell)}
    tally.add(Verdict.EQUAL, sum(digest.calls for cell, digest in ours.items() if cell not in differing))
    for part in slices(differing):
        _compare_cells(sides, bounds, part, tally)
    whole = call_cells(sides.present)
    return tally, {cell for cell in theirs.keys() - differing if whole.get(cell) == theirs[cell]}


def _compare_cells(sides: Sides, bounds: Bounds, part: list[Cell], tally: Tally) -> None:
    ours, theirs = call_rows(sides.present, part), call_rows(sides.replayed, part)
    for key in sorted(ours.keys() | theirs.keys()):
        verdict = judge(ours.get(key), theirs.get(key), bounds)
        if verdict in (Verdict.GONE, Verdict.NEWER):
            continue  # counted as a whole
        tally.add(verdict)
        if verdict in WRONG and len(tally.wrong) < _SHOWN:
            team, call_id = key
            columns = differing_columns(
                call_columns(sides.present, team, call_id), call_columns(sides.replayed, team, call_id)
            )
            name = f"call {call_id} of {team}"
            tally.wrong.append(Wrong("calls", name, verdict, columns if verdict is Verdict.DIFFERENT else {}))


def _hourly(sides: Sides, equal: set[Cell]) -> Tally:
    """The rollup, of the cells whose calls are equal; the others cannot be."""
    tally = Tally("spend_hourly (hours)")
    ours, theirs = hourly_cells(sides.present), hourly_cells(sides.replayed)
    tally.present, tally.replayed = len(ours), len(theirs)
    moving = _moving(sides.present)
    for cell in sorted(ours.keys() | theirs.keys()):
        if cell not in equal:
            tally.add(Verdict.GONE if cell not in theirs else Verdict.NEWER)
        elif ours.get(cell) == theirs.get(cell):
            tally.add(Verdict.EQUAL)
        elif cell in moving:
            tally.add(Verdict.NEWER)
        else:
            tally.add(Verdict.DIFFERENT)
            if len(tally.wrong) < _SHOWN:
                team, hour = cell
                tally.wrong.append(Wrong("spend_hourly", f"{team}, hour {hour}", Verdict.DIFFERENT))
    return tally


def _moving(client: Client) -> set[Cell]:
    """Cells whose newest call was stored just now: their rollup follows."""
    since = settled_before(client).strftime("%Y-%m-%d %H:%M:%S")
    rows = client.rows(
        "SELECT DISTINCT team, intDiv(toUnixTimestamp(toStartOfHour(started_at)), 3600) FROM calls_raw"
        " WHERE inserted_at > {since:DateTime64(3, 'UTC')}",
        {"since": since},
    )
    return {(team, hour) for team, hour in rows}


def _states(sides: Sides) -> Tally:
    """The history of budgets. Its topic is compacted: what the log still has must stand here, not the other way round;
    but each budget's newest state is on the log."""
    tally, bounds = Tally("budget_states"), sides.bounds(TopicName.STATES)
    ours, theirs = _budgets(sides.present), _budgets(sides.replayed)
    tally.present, tally.replayed = (sum(rows for rows, _ in side.values()) for side in (ours, theirs))
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) == theirs.get(name):
            tally.add(Verdict.EQUAL, ours[name][0])
        else:
            _compare_budget(sides, bounds, name, tally)
    return tally


def _compare_budget(sides: Sides, bounds: Bounds, name: str, tally: Tally) -> None:
    ours, theirs = _state_rows(sides.present, name), _state_rows(sides.replayed, name)
    newest = max(ours, default=None)
    for key in sorted(ours.keys() | theirs.keys()):
        verdict = judge(ours.get(key), theirs.get(key), bounds)
        if verdict is Verdict.FOREIGN and key != newest:
            verdict = Verdict.GONE
        tally.add(verdict)
        if verdict in WRONG and len(tally.wrong) < _SHOWN:
            tally.wrong.append(Wrong("budget_states", f"{name}, {key[1]} at {key[0]}", verdict))


def _budgets(client: Client) -> dict[str, tuple[int, int]]:
    rows = client.rows(f"SELECT name, count(), sum({_STATE_HASH}) FROM budget_states FINAL GROUP BY name")
    return {name: (count, total) for name, count, total in rows}


def _state_rows(client: Client, name: str) -> dict[tuple[str, str], RowDigest]:
    rows = client.rows(
        f"SELECT toString(changed_at), window, {_STATE_HASH}, kafka_partition, kafka_offset"
        " FROM budget_states FINAL WHERE name = {name:String}",
        {"name": name},
    )
    return {(at, window): RowDigest(h, h, p, o) for at, window, h, p, o in rows}


def _keyed(sides: Sides, topic: TopicName, table: Keyed) -> Tally:
    """A table whose rows do not say where their record stood."""
    tally = Tally(table.name)
    ours, theirs = table.rows(sides.present), table.rows(sides.replayed)
    tally.present, tally.replayed = len(ours), len(theirs)
    spans, bounds = sides.plan.spans.get(topic, {}), sides.bounds(topic)
    has_lost = any(span.begin > 0 for span in spans.values())
    is_behind = any(bounds.is_waiting(number, span.end - 1) for number, span in spans.items() if span.end)
    newest = max((row.at for row in theirs.values()), default=None)
    for name in sorted(ours.keys() | theirs.keys()):
        verdict = judge_keyed(
            ours.get(name), theirs.get(name), newest, has_lost=has_lost, is_behind=is_behind
        )
        tally.add(verdict)
        if verdict in WRONG and len(tally.wrong) < _SHOWN:
            tally.wrong.append(Wrong(table.name, name, verdict))
    return tally
