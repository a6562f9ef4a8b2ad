"""How fast a team calls: the day's wave, and slowing down when the gateway refuses. Pure, but for the clock's readings."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway_shim.simulation.habits import Team

SLOWED = 0.1
"""A team that was refused goes on at a tenth of its rate, until a call is answered again."""
_WAVE_DEPTH = 0.6
_BUDGET_STATUSES = frozenset({402, 403, 429})
_LONGEST_MESSAGE = 240


def wave(team: Team, elapsed_s: float, period_s: float) -> float:
    """The factor on a team's rate: 1 on average, up and down by 0.6 in each period, which stands for a day."""
    return 1 + _WAVE_DEPTH * math.sin(2 * math.pi * (elapsed_s / period_s + team.phase))


def budget_refusal(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """The gateway's sentence when it refused for a budget, else None.

    A provider's own 429 may be tried again; a budget's says `x-should-retry: false`.
    """
    if status not in _BUDGET_STATUSES or headers.get("x-should-retry", "").lower() != "false":
        return None
    return error_message(body) or f"status {status}"


def error_message(body: bytes) -> str:
    """The message in any provider's error shape, on one line; empty when there is none."""
    try:
        shape = json.loads(body)
    except ValueError:
        return ""
    if isinstance(shape, list) and shape:
        shape = shape[0]
    while isinstance(shape, dict):
        shape = shape.get("error") or shape.get("message") or shape.get("detail") or ""
    return " ".join(str(shape).split())[:_LONGEST_MESSAGE]


@dataclass(slots=True)
class Pace:
    """A team's pace. Says in one line when it begins and ends to be refused."""

    team: Team
    say: Callable[[str], None]
    slow: bool = False

    @property
    def factor(self) -> float:
        """The factor on the team's rate."""
        return SLOWED if self.slow else 1.0

    def refused(self, message: str) -> None:
        """A budget refused a call."""
        if not self.slow:
            self.say(f"{self.team.name}: refused by a budget and slowing down ({message})")
        self.slow = True

    def locked_out(self, message: str) -> None:
        """The gateway does not know the team's key."""
        if not self.slow:
            self.say(f"{self.team.name}: its key is not taken ({message})")
        self.slow = True

    def answered(self, was_slow: bool) -> None:
        """A call came through. Only one that was sent while slow (`was_slow`) ends it: others were admitted before."""
        if self.slow and was_slow:
            self.say(f"{self.team.name}: served again")
            self.slow = False
