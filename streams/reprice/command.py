"""`reprice` of the command line: registers itself on a typer application that brings the ways to the log and the warehouse."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.clock import Clock
from ingest.errors import InvalidInput, SpendstreamError
from ingest.kafka.admin import cluster_id
from ingest.kafka.follower import KafkaFollower
from ingest.kafka.publisher import KafkaPublisher
from ingest.kafka.spans import spans
from ingest.money import show_usd
from ingest.prices import known_prices
from ingest.pricing.lists import PriceLists, shipped_list
from ingest.topics import TopicName
from streams.reprice.run import Applied, Repricing
from streams.reprice.selection import Portion, Selection, selection
from streams.reprice.table import render
from warehouse import positions
from warehouse.client import Client, create_client
from warehouse.help_text import flowing

HELP = """Cost past calls again at the prices of today, and correct those whose cost differs.

Prices that were set later but hold from an earlier day on, a public price list that was adopted since, and models that had no
price then all take effect. Without --apply, nothing is changed: the difference is shown by team and model.

--apply publishes a correction for each call whose cost differs. Calls, rollups and budgets follow within seconds; in a month
that is closed (from the 5th of the next one on) the difference stands as a correction in the month of today. Running it again
changes nothing more.

Exit code 0: done. 1: it could not be done, or there was nothing to do it with. 2: wrong arguments. 130: interrupted.
"""

_LONGEST_STATEMENT_S = 600.0


@dataclass(frozen=True)
class Settings:
    """Where things are, asked for when a command runs."""

    kafka: Callable[[], str]
    clickhouse: Callable[[], str]
    clock: Clock


def register(app: typer.Typer, settings: Settings) -> None:
    """Add the command to `app`."""

    @app.command("reprice", help=flowing(HELP))
    def reprice(  # noqa: PLR0913 - one parameter for each flag of the command line
        first: Annotated[
            str, typer.Option("--from", metavar="DATE", help="First day (UTC), 2026-11-01.")
        ] = "",
        last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day (UTC), included.")] = "",
        model: Annotated[str, typer.Option(help="Calls that asked for this model, or got it.")] = "",
        team: Annotated[str, typer.Option(help="Calls of this team.")] = "",
        provider: Annotated[str, typer.Option(help="Calls of this provider.")] = "",
        apply: Annotated[bool, typer.Option("--apply", help="Publish the corrections.")] = False,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        reason: Annotated[str, typer.Option(help="Why, as it will stand with each call.")] = "repriced",
    ) -> None:
        console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
        try:
            chosen = selection(first, last, model=model, team=team, provider=provider)
        except InvalidInput as fault:
            errors.print(f"spendstream reprice: {fault}", markup=False, soft_wrap=True)
            raise typer.Exit(2) from None
        run = _Run(settings, chosen, console, errors)
        try:
            asyncio.run(run.run(reason if apply else None, yes=yes))
        except KeyboardInterrupt:
            errors.print("interrupted; run it again to go on: no call is corrected twice")
            raise typer.Exit(130) from None
        except SpendstreamError as fault:
            errors.print(f"spendstream reprice: {fault}", markup=False, soft_wrap=True)
            raise typer.Exit(1) from None


@dataclass(frozen=True)
class _Run:
    settings: Settings
    chosen: Selection
    console: Console
    errors: Console

    async def run(self, reason: str | None, *, yes: bool) -> None:
        """`reason` is None for a dry run."""
        kafka = self.settings.kafka()
        client = await asyncio.to_thread(
            create_client, self.settings.clickhouse(), timeout_s=_LONGEST_STATEMENT_S
        )
        try:
            await self._warn_of_lag(kafka, client)
            follower = KafkaFollower(kafka, TopicName.GOVERNANCE, "spendstream-reprice")
            prices = await known_prices(follower, PriceLists(shipped_list()))
            repricing = Repricing(client, self.chosen, prices.newest_book(), self.settings.clock.now())
            plan = await self._look(repricing)
            if plan and reason is not None and self._is_agreed(yes=yes):
                await self._apply(kafka, repricing, plan, reason)
            elif plan and reason is None:
                self._say("dry run: nothing was changed; --apply publishes the corrections")
        finally:
            client.close()

    async def _warn_of_lag(self, kafka: str, client: Client) -> None:
        """What is not in the warehouse is not seen, and keeps its cost."""
        log = await cluster_id(kafka)
        stored = await asyncio.to_thread(positions.StoredPositions(client, log, TopicName.COSTS).stored)
        held = await spans(kafka, TopicName.COSTS)
        behind = sum(
            span.end - max(span.begin, stored[number].position if number in stored else 0)
            for number, span in held.items()
        )
        if behind > 0:
            self.errors.print(
                f"the warehouse is {behind:,} records behind the log; calls among them are not looked at:"
                " run this again when it has caught up (spendstream reconcile)",
                markup=False,
                soft_wrap=True,
            )

    async def _look(self, repricing: Repricing) -> Sequence[Portion]:
        """Show what would change; the portions to be read, or none where nothing changes. Raises InvalidInput where there
        is no call at all."""
        plan = await repricing.plan()
        if not plan:
            raise InvalidInput(f"there is no call to be priced again ({self.chosen.describe()})")
        with self._bar("costing again", plan) as progress:
            tally = await repricing.look(plan, progress)
        print(render(tally))  # noqa: T201 - a table: no markup, no wrapping
        total = tally.total()
        if total.changed:
            return plan
        self._say(f"nothing differs: {total.calls:,} calls cost what today's prices make them cost")
        return ()

    def _is_agreed(self, *, yes: bool) -> bool:
        if yes:
            return True
        if not sys.stdin.isatty():
            raise InvalidInput("nothing was changed; say --yes to apply it without being asked")
        if typer.confirm("publish these corrections?"):
            return True
        self._say("nothing was changed")
        return False

    async def _apply(self, kafka: str, repricing: Repricing, plan: Sequence[Portion], reason: str) -> None:
        async with KafkaPublisher(kafka, "spendstream-reprice") as publisher:
            with self._bar("correcting", plan) as progress:
                applied = await repricing.apply(plan, publisher, reason, progress)
        self._tell(applied)

    def _tell(self, applied: Applied) -> None:
        self._say(
            f"corrected {applied.corrected:,} calls by {show_usd(applied.tally.total().difference_usd)};"
            " calls, rollups and budgets follow within seconds. To see it:"
        )
        self._say(
            "  SELECT team, model, count(), sum(delta_usd) FROM cost_corrections"
            f" WHERE version = {applied.version} GROUP BY ALL"
        )
        if applied.overtaken:
            self._say(
                f"{applied.overtaken:,} calls were corrected by somebody else meanwhile and left alone: run this again"
            )

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def _bar(self, what: str, plan: Sequence[Portion]) -> Iterator[Callable[[int], None]]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.errors) as bars:
            task = bars.add_task(what, total=sum(portion.calls for portion in plan))
            yield lambda done: bars.advance(task, done)
