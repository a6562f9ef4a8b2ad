"""Embedding vectors that mean nothing: of unit length, the same for the same text."""

from __future__ import annotations

import array
import base64
import hashlib
import math
import random
import sys


def vector(model: str, text: str, dimensions: int) -> list[float]:
    """`dimensions` numbers whose squares add up to 1."""
    digest = hashlib.blake2b(f"{model}|{text}".encode(errors="surrogatepass"), digest_size=16).digest()
    rng = random.Random(digest)
    raw = [rng.random() - 0.5 for _ in range(dimensions)]
    length = math.sqrt(sum(number * number for number in raw)) or 1.0
    return [round(number / length, 8) for number in raw]


def packed(numbers: list[float]) -> str:
    """32-bit little-endian floats in base64, as OpenAI's SDK asks for by default."""
    floats = array.array("f", numbers)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()
