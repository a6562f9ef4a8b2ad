"""`budget.charges` -> balances in tables and states on `budget.states`."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from ingest.clock import Clock
from ingest.codec import decode_event
from ingest.errors import DecodeError, InvalidInput
from ingest.events.charges import BudgetCharge
from ingest.events.states import BudgetStateChanged
from ingest.letters import dead_letter, letter_record
from ingest.log import Outgoing, Record
from streams.agents.tables import Table, encode
from streams.budgets.balance import Balance
from streams.budgets.ledger import BalanceKey, Ledger
from streams.budgets.pacing import Pacer
from streams.budgets.standing import Standing
from streams.outgoing import LEDGER, state_record
from streams.step import Work

_LOG = logging.getLogger(__name__)

TURN_S = 1.0
"""Seconds between looks at the clock for windows that have ended."""
_FORGET_EVERY = 3600

_BALANCE = msgspec.json.Decoder(Balance)
_STANDING = msgspec.json.Decoder(Standing)


class LedgerStep:
    """One ledger for each partition; a balance and its marks are one entry of the table `balances`."""

    def __init__(self, balances: Table, budgets: Table, clock: Clock) -> None:
        self._balances = balances
        self._budgets = budgets
        self._clock = clock
        self._ledgers: dict[int, Ledger] = {}
        self._pacer = Pacer()
        self._letters: list[Outgoing] = []
        self._turn_due = clock.monotonic()
        self._turns = 0

    def accept(self, record: Record) -> None:
        try:
            event = decode_event(record.value).data
            if not isinstance(event, BudgetCharge):
                raise DecodeError(f"{type(event).__name__} does not belong on {record.topic}")
            self._ledgers[record.partition].apply(event)
        except InvalidInput as reason:
            _LOG.warning(
                "%s/%d/%d goes to dead.letters: %s", record.topic, record.partition, record.offset, reason
            )
            self._letters.append(letter_record(dead_letter(record, str(reason), self._clock.now()), LEDGER))

    def take(self) -> Work:
        if self._clock.monotonic() >= self._turn_due:
            self._turn()
        records = [*self._letters, *(state_record(state) for state in self._states())]
        self._letters = []
        for number, ledger in self._ledgers.items():
            self._store(number, ledger)
        return Work(records, [self._balances.flush(), self._budgets.flush()])

    def next_due(self) -> float | None:
        waiting = self._pacer.next_due()
        return self._turn_due if waiting is None else min(waiting, self._turn_due)

    def restore(self, partitions: Sequence[int], /) -> None:
        self._ledgers = {number: self._restored(number) for number in partitions}
        self._pacer = Pacer()
        self._letters = []

    def _restored(self, number: int) -> Ledger:
        balances = [
            (BalanceKey(*msgspec.json.decode(key)), _BALANCE.decode(value))
            for key, value in self._balances.items(number)
        ]
        standings = [(key.decode(), _STANDING.decode(value)) for key, value in self._budgets.items(number)]
        return Ledger(balances, standings)

    def _states(self) -> list[BudgetStateChanged]:
        now, moment = self._clock.monotonic(), self._clock.now()
        offered = [
            self._pacer.offer(state, now)
            for ledger in self._ledgers.values()
            for state in ledger.take_states(moment)
        ]
        return [state for state in offered if state is not None] + self._pacer.due(now)

    def _store(self, number: int, ledger: Ledger) -> None:
        changes = ledger.take_changes()
        for name, standing in changes.standings.items():
            self._budgets.put(number, name.encode(), encode(standing))
        for key, balance in changes.balances.items():
            self._balances.put(number, encode(key), None if balance is None else encode(balance))

    def _turn(self) -> None:
        now = self._clock.now()
        for ledger in self._ledgers.values():
            ledger.turn(now)
            if self._turns % _FORGET_EVERY == 0:
                ledger.forget(now)
        self._turns += 1
        self._turn_due = self._clock.monotonic() + TURN_S
