"""Chance that can be repeated: a generator for each call, drawn from the seed and from what the call says."""

from __future__ import annotations

import hashlib
import math
import random
from collections import OrderedDict

_REMEMBERED = 10_000


class Dice:
    """Gives each call its own generator. The n-th identical call gets the n-th generator, whatever runs beside it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._times: OrderedDict[bytes, int] = OrderedDict()

    def throw(self, *said: bytes) -> random.Random:
        """The generator for a call that says `said`."""
        digest = hashlib.blake2b(b"\x1f".join(said), digest_size=16).digest()
        times = self._times.get(digest, 0) + 1
        self._times[digest] = times
        self._times.move_to_end(digest)
        if len(self._times) > _REMEMBERED:
            self._times.popitem(last=False)
        return random.Random(f"{self._seed}|{digest.hex()}|{times}")


def lognormal(rng: random.Random, median: float, sigma: float) -> float:
    """A lognormal draw by its median; `sigma` 0.8 puts nine of ten draws between a quarter and four times the median."""
    return rng.lognormvariate(math.log(median), sigma)


def token(rng: random.Random, length: int) -> str:
    """`length` hexadecimal digits, for an identifier."""
    return f"{rng.getrandbits(4 * length):0{length}x}"
