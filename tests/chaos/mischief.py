"""Mischief on the log while the load runs: repeats, strangers' calls and garbage, now and then a budget's reset.

The broker is killed meanwhile too: what could not be sent is let go, what may have been sent is found on the log later.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from decimal import Decimal

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from ingest.clock import Clock
from ingest.topics import PARTITIONS, TopicName
from tests.chaos.correcting import Priced, correction, correction_record
from tests.chaos.garbage import garbage, is_garbage
from tests.chaos.inventing import (
    Invented,
    ahead,
    around_months_end,
    given_up,
    late,
    retirement,
    very_late,
)
from tests.chaos.other_books import Asking
from tests.chaos.people import TEAMS, Admin, People

_LONGEST_RANGE = 200
_PATIENCE_S = 10.0


class Mischief:
    """`every_s` seconds, on average, something is done. `done` counts it; `invented` holds calls that were made up."""

    def __init__(
        self,
        kafka: str,
        admin: Admin,
        asking: Asking,
        gateways: tuple[str, ...],
        people: People,
        seed: int,
        clock: Clock,
    ) -> None:
        self._kafka = kafka
        self._admin = admin
        self._asking = asking
        self._gateways = gateways
        self._people = people
        self._rng = random.Random(f"{seed}/mischief")
        self._name = str(seed)
        self._clock = clock
        self._count = 0
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.invented: dict[str, Invented] = {}
        self._given_up: list[Invented] = []

    async def run(self, every_s: float, stop: asyncio.Event) -> None:
        """Each kind in turn, in an order drawn anew each time, until `stop` is set."""
        kinds: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("range sent again", self._send_a_range_again),
            ("sample sent again", self._send_a_sample_again),
            ("late calls", self._send_late),
            ("calls ahead of time", self._send_ahead),
            ("months changing in a batch", self._change_months),
            ("garbage on llm.calls", lambda: self._send_garbage(TopicName.CALLS)),
            ("garbage on llm.costs", lambda: self._send_garbage(TopicName.COSTS)),
            ("costs corrected", self._correct),
            ("gateway given up", self._give_a_gateway_up),
            ("calls of it end after all", self._end_after_all),
            ("budget reset", self._reset),
        ]
        while not stop.is_set():
            self._rng.shuffle(kinds)
            for name, do in kinds:
                try:
                    async with asyncio.timeout(every_s * self._rng.uniform(0.3, 1.7)):
                        await stop.wait()
                    return
                except TimeoutError:
                    await self._do(name, do)

    async def _do(self, name: str, do: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await do()
        except (KafkaError, OSError, TimeoutError, aiohttp.ClientError):
            self.failed[name] += 1
        else:
            self.done[name] += 1

    async def _send_a_range_again(self) -> None:
        records = await self._some_range()
        await self._publish([(r.topic, r.partition, r.key, r.value) for r in records])

    async def _send_a_sample_again(self) -> None:
        records = await self._some_range()
        some = [record for record in records if self._rng.random() < 0.2]
        self._rng.shuffle(some)
        await self._publish([(r.topic, r.partition, r.key, r.value) for r in some])

    async def _some_range(self) -> list[ConsumerRecord]:
        """Records of `llm.calls` as they stand, of one partition, from its very beginning or from anywhere."""
        place = TopicPartition(TopicName.CALLS.value, self._rng.randrange(PARTITIONS))
        consumer = AIOKafkaConsumer(bootstrap_servers=self._kafka, enable_auto_commit=False)
        try:
            await consumer.start()
            consumer.assign([place])
            end = (await consumer.end_offsets([place]))[place]
            start = self._rng.choice((0, self._rng.randrange(max(1, end))))
            consumer.seek(place, start)
            wanted = min(_LONGEST_RANGE, end - start)
            found: list[ConsumerRecord] = []
            while len(found) < wanted:
                for records in (await consumer.getmany(timeout_ms=500, max_records=wanted)).values():
                    found += records
            return [record for record in found[:wanted] if not is_garbage(record.key)]
        finally:
            await consumer.stop()

    async def _send_late(self) -> None:
        now = self._clock.now()
        made = [late(self._rng, self._next(), self._rng.choice(TEAMS), now) for _ in range(6)]
        made += [very_late(self._rng, self._next(), self._rng.choice(TEAMS), now) for _ in range(3)]
        await self._send_invented(made)

    async def _send_ahead(self) -> None:
        now = self._clock.now()
        await self._send_invented(
            [ahead(self._rng, self._next(), self._rng.choice(TEAMS), now) for _ in range(4)]
        )

    async def _change_months(self) -> None:
        await self._send_invented(around_months_end(self._rng, self._next(), TEAMS, self._clock.now(), 24))

    async def _send_invented(self, made: Sequence[Invented]) -> None:
        self.invented |= {one.finished.call.call_id: one for one in made}
        records = [
            record for one in made for record in one.records(with_start=self._rng.choice((True, False)))
        ]
        await self._publish([(r.topic, None, r.key.encode(), r.value) for r in records])

    async def _give_a_gateway_up(self) -> None:
        """Its calls have been started, and it is said to be gone; some of its calls will end later all the same."""
        now = self._clock.now()
        made = given_up(self._rng, self._next(), TEAMS, now, 4)
        starts = [record for one in made for record in one.records(with_start=True, with_end=False)]
        self.invented |= {one.finished.call.call_id: one for one in made}
        await self._publish([(r.topic, None, r.key.encode(), r.value) for r in starts])
        await self._retire(made[0].source)
        self._given_up += made[: self._rng.randint(1, 3)]

    async def retire_all(self) -> None:
        """Once the broker is there to stay: what could not be said in time is said now."""
        for source in sorted({one.source for one in self.invented.values() if one.kind == "given up"}):
            await self._retire(source)

    async def _retire(self, source: str) -> None:
        gone = retirement(source, PARTITIONS, self._clock.now())
        await self._publish([(r.topic, r.partition, r.key.encode(), r.value) for r in gone])

    async def _end_after_all(self) -> None:
        ending, self._given_up = self._given_up, []
        ends = [record for one in ending for record in one.records(with_start=False)]
        await self._publish([(r.topic, None, r.key.encode(), r.value) for r in ends])

    async def _send_garbage(self, topic: TopicName) -> None:
        now = self._clock.now()
        good = late(self._rng, "spoiled", "nobody", now - timedelta(hours=1)).finished
        made = [garbage(self._rng, self._count + n, topic, good, now) for n in range(4)]
        self._count += len(made)
        await self._publish([(topic, self._rng.randrange(PARTITIONS), key, value) for key, value in made])

    async def _correct(self) -> None:
        """Of some made-up calls that are in the warehouse: once, and now and then the same correction again."""
        known_ends = sorted(name for name, made in self.invented.items() if made.kind != "given up")
        some = self._rng.sample(known_ends, min(8, len(known_ends)))
        names = ", ".join(f"'{call_id}'" for call_id in some)
        known = await self._asking.rows(
            f"SELECT call_id, cost_usd, version, time_flag FROM calls WHERE call_id IN ({names or repr('')})"
        )
        now = self._clock.now()
        made = [
            correction(
                self._rng,
                self.invented[row["call_id"]].finished,
                Priced(Decimal(row["cost_usd"]), int(row["version"]), row["time_flag"]),
                now,
            )
            for row in known
        ]
        records = [(TopicName.COSTS, None, r.key.encode(), r.value) for r in map(correction_record, made)]
        await self._publish([*records, *self._rng.sample(records, len(records) // 2)])

    async def _reset(self) -> None:
        budget = self._rng.choice(self._people.resettable)
        await self._admin.ask(self._rng.choice(self._gateways), "POST", f"budgets/{budget}/reset")

    async def _publish(self, records: Sequence[tuple[str, int | None, bytes | None, bytes | None]]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka, acks="all", request_timeout_ms=5000)
        try:
            await producer.start()
            sent = [
                await producer.send(topic, value=value, key=key, partition=partition)
                for topic, partition, key, value in records
            ]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    def _next(self) -> str:
        self._count += 1
        return f"{self._name}-{self._count}"
