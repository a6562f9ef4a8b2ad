"""Changes to teams, keys and budgets: written to `governance`, and done once they have come back through the fold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import msgspec

from gateway_shim.admin.shapes import BudgetIn
from gateway_shim.following import come_back
from gateway_shim.keys import new_key
from gateway_shim.parts import Parts
from ingest.attribution import BudgetScope
from ingest.codec import encode_event
from ingest.directory import entity_key, hash_key
from ingest.errors import InvalidInput, Unavailable
from ingest.events.governance import (
    BudgetDefined,
    BudgetDeleted,
    GovernanceEvent,
    KeyIssued,
    KeyRevoked,
    TeamDefined,
)
from ingest.governance.budgets import Budget, BudgetMode, check_budget
from ingest.governance.windows import window_at
from ingest.ids import new_id
from ingest.log import EventPublisher, Outgoing
from ingest.money import usd
from ingest.topics import TopicName

_COME_BACK_S = 5.0


class NotFound(InvalidInput):
    """There is no such thing; the sentence names it."""


class Changes:
    """`publisher` answers None as long as the log has not been reached."""

    def __init__(self, parts: Parts, source: str, publisher: Callable[[], EventPublisher | None]) -> None:
        self._parts = parts
        self._source = source
        self._publisher = publisher
        # A budget's change is derived from the budget in force: two at once (a reset and a new limit) would undo each other.
        self._one_at_a_time = asyncio.Lock()

    async def define_team(self, name: str) -> bool:
        """Make a team; False when it was there."""
        if name in self._parts.registry.directory.teams:
            return False
        await self.write(TeamDefined(name, self._parts.clock.now()))
        return True

    async def issue_key(self, team: str, name: str, project: str) -> tuple[str, KeyIssued]:
        """A new key and what is kept of it."""
        await self.define_team(team)
        key = new_key()
        issued = KeyIssued(
            key_id=f"key_{new_id()}",
            key_hash=hash_key(key),
            team=team,
            issued_at=self._parts.clock.now(),
            name=name,
            project=project,
        )
        await self.write(issued)
        return key, issued

    async def revoke_key(self, key_id: str) -> None:
        """Raises NotFound for a key that is not there (or no longer)."""
        if key_id not in self._parts.registry.directory.keys:
            raise NotFound(f"there is no key {key_id}")
        await self.write(KeyRevoked(key_id, self._parts.clock.now()))

    async def define_budget(self, wanted: BudgetIn) -> tuple[Budget, bool]:
        """The budget as it is now, and whether it is new. Raises InvalidInput for one that makes no sense."""
        if wanted.mode is not BudgetMode.SOFT:
            raise InvalidInput(
                "mode 'hard' is not offered yet: a budget blocks as soon as its spend is known, mode 'soft'"
            )
        async with self._one_at_a_time:
            directory = self._parts.registry.directory
            old = directory.budgets.get(wanted.name)
            now = self._parts.clock.now()
            budget = _budget_of(wanted, old, directory.retired_budgets.get(wanted.name), now)
            window_at(check_budget(budget), now)
            await self.write(BudgetDefined(budget, now))
        return budget, old is None

    async def delete_budget(self, name: str) -> None:
        """Raises NotFound."""
        async with self._one_at_a_time:
            await self.write(BudgetDeleted(self.budget(name), self._parts.clock.now()))

    async def reset_budget(self, name: str) -> Budget:
        """Begin a new balance of nothing spent, within the same window. Raises NotFound."""
        async with self._one_at_a_time:
            old = self.budget(name)
            budget = msgspec.structs.replace(old, epoch=old.epoch + 1)
            await self.write(BudgetDefined(budget, self._parts.clock.now()))
        return budget

    def budget(self, name: str) -> Budget:
        """Raises NotFound."""
        budget = self._parts.registry.directory.budgets.get(name)
        if budget is None:
            raise NotFound(f"there is no budget named '{name}'")
        return budget

    async def write(self, event: GovernanceEvent) -> None:
        """Returns once the event is on the log and in force here. Raises Unavailable."""
        publisher, fold = self._publisher(), self._parts.governance_fold
        if publisher is None or not fold.is_current:
            raise Unavailable("keys and budgets are still being read from the log; try again in a moment")
        event_id, key = new_id(), entity_key(event)
        value = encode_event(
            event, id=event_id, source=self._source, time=self._parts.clock.now(), subject=key
        )
        applied = fold.expect(event_id)
        try:
            await publisher.publish([Outgoing(TopicName.GOVERNANCE, key, value)])
            await come_back(applied, _COME_BACK_S)
        finally:
            applied.cancel()


def _budget_of(wanted: BudgetIn, old: Budget | None, retired: Budget | None, now: datetime) -> Budget:
    return Budget(
        name=wanted.name,
        scope=BudgetScope(**wanted.scope.model_dump(exclude_none=True)),
        limit_usd=usd(wanted.limit_usd),
        window=wanted.window,
        created_at=old.created_at if old else now,
        timezone=wanted.timezone,
        mode=wanted.mode,
        warn_at=tuple(sorted({Decimal(str(share)) for share in wanted.warn_at})),
        epoch=_epoch(wanted, old, retired),
    )


def _epoch(wanted: BudgetIn, old: Budget | None, retired: Budget | None) -> int:
    """A new one, and so a new balance, where the spend counted so far is not that of the wanted window.

    A month that was a day until now would else go on from that day, if it was the first, and a window that comes back
    would find what it had counted before it was left. A name that is used again is not the deleted budget.
    """
    if old is None:
        return 0 if retired is None else retired.epoch + 1
    is_same = (old.window, old.timezone) == (wanted.window, wanted.timezone)
    return old.epoch if is_same else old.epoch + 1
