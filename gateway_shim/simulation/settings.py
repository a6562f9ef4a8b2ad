"""How the simulated providers behave: one frozen value, checked when it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ingest.errors import InvalidSetting


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """Settings of one server of simulated providers. Raises InvalidSetting for a value outside its range."""

    seed: int = 1
    """The same seed and the same calls in the same order give the same answers."""
    speed: float = 1.0
    """Factor on every drawn delay: 1 answers like a provider, 0.1 ten times faster, 0 at once."""
    error_rate: float = 0.0
    """Share of calls (0 to 1) that fail: half of them 429, the rest 500 or overloaded (529 or 503)."""
    expected_key: str | None = None
    """The only key that is let in; None lets any non-empty key in."""
    compress: bool = True
    """Whether whole answers are gzipped for clients that accept it, as the providers' front ends do."""

    def __post_init__(self) -> None:
        if not 0 <= self.error_rate <= 1:
            raise InvalidSetting(f"error_rate is {self.error_rate}; it is a share from 0 to 1")
        if not (math.isfinite(self.speed) and self.speed >= 0):
            raise InvalidSetting(f"speed is {self.speed}; it is a factor of 0 or more")
        if self.expected_key == "":
            raise InvalidSetting("expected_key is empty; leave it None to let any key in")
