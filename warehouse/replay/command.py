"""`replay` of the command line: registers itself on a typer application that brings the ways to the log and the warehouse."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.clock import Clock
from ingest.errors import InvalidInput
from ingest.kafka.admin import cluster_id
from ingest.kafka.spans import KafkaSpanReader, spans
from ingest.log import Positions, PositionSource
from ingest.topics import TopicName
from warehouse import migrations, positions
from warehouse.address import parse_address
from warehouse.client import Client, create_client
from warehouse.help_text import flowing
from warehouse.replay import comparing, target
from warehouse.replay.plan import REPLAYED, Plan, make_plan
from warehouse.replay.run import Replayed, remaining, replay
from warehouse.replay.verify import verify

HELP = """Rebuild an empty warehouse from the log, and compare it with the present one.

Reads llm.costs, budget.states and dead.letters from their beginning to their end as it is now, with the loader's own code,
into another database (--into) of the present server or of another one (--clickhouse). The present warehouse and those who
read the log are left alone. An interrupted replay goes on where it was when the same command is given again.

--verify compares the two row for row afterwards (or at once, where the replay is complete). What the log no longer
holds (it keeps calls for 30 days), and what has changed since the replay began, is named and is no difference.

Exit code 0: done, and equal. 1: a difference, or it could not be done. 130: interrupted.
"""

_LONGEST_STATEMENT_S = 1800.0


@dataclass(frozen=True)
class Settings:
    """Where things are, asked for when a command runs."""

    kafka: Callable[[], str]
    clickhouse: Callable[[], str]
    clock: Clock


def register(app: typer.Typer, settings: Settings) -> None:
    """Add the command to `app`."""

    @app.command("replay", help=flowing(HELP))
    def replay_command(
        into: Annotated[
            str, typer.Option(metavar="DATABASE", help="The database to fill; it is made if it is not there.")
        ] = "",
        clickhouse: Annotated[
            str,
            typer.Option(metavar="URL", help="Another server: http://user:password@host:8123/database."),
        ] = "",
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        do_verify: Annotated[
            bool, typer.Option("--verify", help="Compare with the present warehouse, row for row.")
        ] = False,
    ) -> None:
        present_url = settings.clickhouse()
        target_url = _target_url(present_url, clickhouse, into)
        console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
        with ExitStack() as ending:
            client = _connected(target_url, ending)
            try:
                plan = asyncio.run(_rebuild(settings, client, errors, yes=yes))
            except KeyboardInterrupt:
                errors.print("interrupted; the same command goes on from here")
                raise typer.Exit(130) from None
            console.print(f"{client.address} holds everything up to the end at which the replay began")
            if do_verify:
                present = _connected(present_url, ending)
                migrations.wait_for_schema(present, 0)
                if others := positions.other_logs(present, plan.log):
                    errors.print(
                        f"the present warehouse has also loaded from another log ({', '.join(others)}): rows of it may count"
                        " as not on this one"
                    )
                tallies = verify(present, client, plan)
                print(comparing.render(tallies))  # noqa: T201 - a table: no markup, no wrapping
                raise typer.Exit(1 if any(tally.differences for tally in tallies) else 0)


def _target_url(present_url: str, clickhouse: str, into: str) -> str:
    """The target's URL. Raises InvalidInput where it is not said, or is the present warehouse itself."""
    if not into and not clickhouse:
        raise InvalidInput("say which database to fill: --into DATABASE, or --clickhouse URL")
    url = clickhouse or present_url
    if into:
        url = urlsplit(url)._replace(path=f"/{into}").geturl()
    present, chosen = parse_address(present_url), parse_address(url)
    if (present.host, present.port, present.database) == (chosen.host, chosen.port, chosen.database):
        raise InvalidInput(f"{chosen} is the present warehouse; a replay fills another database")
    return url


def _connected(url: str, ending: ExitStack) -> Client:
    client = create_client(url, timeout_s=_LONGEST_STATEMENT_S)
    ending.callback(client.close)
    return client


async def _rebuild(settings: Settings, client: Client, errors: Console, *, yes: bool) -> Plan:
    """Fill the target from the log, all that is not there yet; the plan that was followed."""
    kafka = settings.kafka()
    now = await make_plan(await cluster_id(kafka), lambda topic: spans(kafka, topic))
    plan = await asyncio.to_thread(target.planned, client)
    if plan is None:
        await asyncio.to_thread(target.check_empty, client)
        _confirm(now, client, yes=yes)
        plan = now
        await asyncio.to_thread(migrations.migrate, client)
        await asyncio.to_thread(target.mark, client, plan)
    else:
        await asyncio.to_thread(target.check_log, client, plan, now)
        left = await asyncio.to_thread(remaining, client, plan)
        if left:
            errors.print(
                f"going on with the replay that was begun in {client.database}: {left:,} records are left"
            )
        await asyncio.to_thread(migrations.migrate, client)
    outcome = await _with_bars(kafka, client, plan, settings.clock, errors)
    if outcome.unreadable:
        errors.print(
            f"{outcome.unreadable:,} records cannot be read; they stand among the dead letters (spendstream letters list)"
        )
    return plan


def _confirm(plan: Plan, client: Client, *, yes: bool) -> None:
    told = f"rebuild {client.address} from {plan.records:,} records of the log"
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidInput(f"this would {told}; say --yes to do it without being asked")
    if not typer.confirm(f"{told}?"):
        raise typer.Exit(1)


async def _with_bars(kafka: str, client: Client, plan: Plan, clock: Clock, errors: Console) -> Replayed:
    def open_reader(topic: TopicName, ends: Positions, positions: PositionSource) -> KafkaSpanReader:
        return KafkaSpanReader(kafka, topic, ends, positions, f"spendstream-replay-{topic}")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as bars:
        totals = {
            topic: sum(span.records for span in plan.spans.get(topic, {}).values()) for topic in REPLAYED
        }
        tasks = {topic: bars.add_task(topic, total=total) for topic, total in totals.items()}
        return await replay(
            client,
            plan,
            open_reader,
            lambda topic, done: bars.update(tasks[topic], completed=done),
            clock,
        )
