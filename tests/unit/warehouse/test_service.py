from __future__ import annotations

import asyncio

import pytest

from ingest.errors import Halted, Unavailable
from warehouse.service import run_together


async def fail_with(error: Exception) -> None:
    raise error


def test_the_others_end_when_one_fails() -> None:
    ended: list[str] = []

    async def endless(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    with pytest.raises(Unavailable, match="away"):
        asyncio.run(run_together([endless("a"), fail_with(Unavailable("away")), endless("b")]))
    assert sorted(ended) == ["a", "b"]


@pytest.mark.parametrize("worse", [Halted("broken"), KeyError("bug")])
def test_what_cannot_be_waited_out_is_what_is_raised(worse: Exception) -> None:
    with pytest.raises(type(worse)):
        asyncio.run(run_together([fail_with(Unavailable("away")), fail_with(worse)]))


def test_cancelling_ends_all() -> None:
    async def play() -> list[str]:
        ended: list[str] = []

        async def endless(name: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)

        together = asyncio.create_task(run_together([endless("a"), endless("b")]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        together.cancel()
        with pytest.raises(asyncio.CancelledError):
            await together
        return sorted(ended)

    assert asyncio.run(play()) == ["a", "b"]
