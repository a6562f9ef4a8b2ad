"""How a chaos run goes: one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GATEWAYS = ("gateway", "gateway-2")
WORKERS = ("worker", "worker-2")
PROCESSES = ("kafka", "warehouse", *GATEWAYS, *WORKERS, "providers")

SHORT_S = 60.0
"""Up to this many seconds a run is a short one: the broker's long stop lasts 8 seconds in it, and 20 in a longer one."""


@dataclass(frozen=True)
class ChaosSettings:
    """`seconds` of load and kills; `rate` calls a second, roughly, before retries. The same `seed` gives the same calls, the
    same kills in the same order and the same mischief; what they meet depends on the machine's pace."""

    home: Path
    seconds: float = 600.0
    seed: int = 1
    rate: float = 20.0
    clients: int = 24
    settle_s: float = 240.0
    """How long the pipeline may take to come to rest once the load has ended."""
    leaves_calls_open: bool = False
    """Whether calls of killed gateways may stay open: for a look at what nobody would end."""

    @property
    def broker_stop_s(self) -> float:
        return 8.0 if self.seconds <= SHORT_S else 20.0

    @property
    def kill_every_s(self) -> float:
        """Seconds between two kills, on average. A worker needs some to come back: without them nothing is ever done."""
        return 5.0 if self.seconds <= SHORT_S else 8.0
