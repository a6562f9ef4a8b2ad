"""Waiting for what other processes do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

_EVERY_S = 0.05


async def until(condition: Callable[[], Awaitable[bool]], deadline_s: float) -> None:
    """Returns once `condition` holds; raises TimeoutError after `deadline_s` seconds."""
    async with asyncio.timeout(deadline_s):
        # Nobody tells us, so we have to look.
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(_EVERY_S)
