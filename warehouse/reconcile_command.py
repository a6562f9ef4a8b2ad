"""`reconcile` of the command line: registers itself on a typer application that brings the ways to the log and the warehouse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest.errors import InvalidInput
from ingest.kafka.admin import cluster_id
from ingest.kafka.follower import KafkaFollower
from ingest.kafka.spans import everything, spans
from ingest.pricing.book import GenaiPriceBook
from ingest.topics import TopicName
from warehouse import audit, migrations, positions, reconciliation
from warehouse.balances import charges
from warehouse.client import Client, create_client
from warehouse.gathering import Mark
from warehouse.help_text import flowing
from warehouse.invoices import rendering
from warehouse.invoices.comparing import Comparison, compare
from warehouse.invoices.ours import ask
from warehouse.invoices.reading import read_reports
from warehouse.invoices.report import Report, together
from warehouse.invoices.table import parse_columns

HELP = """Compare what should be equal, to the last place, and say where it is not.

Without options: the calls with themselves (is one stored twice?), with the rollup, and with what every budget says it has
spent in every window. --log reads llm.costs and budget.charges again, as far back as the log goes (30 days), and compares
every call with its cost and its charges there. What is still on the way is told apart.

--usage compares the calls with what a provider says, by day (UTC) and model, instead: pages of OpenAI's organization usage
or costs API, of Anthropic's usage or cost report (JSON: one page, a list of pages, or a page a line), or a CSV with a date
and any of requests, input_tokens, cache_read_tokens, output_tokens, cost_usd.

Exit code 0: everything agrees. 1: a difference (with --usage: above --tolerance), or it could not be done.
"""
_LONGEST_STATEMENT_S = 1800.0


@dataclass(frozen=True)
class Settings:
    """Where things are, asked for when the command runs."""

    kafka: Callable[[], str]
    clickhouse: Callable[[], str]


def register(app: typer.Typer, settings: Settings) -> None:
    """Add the command to `app`."""

    @app.command("reconcile", help=flowing(HELP))
    def reconcile(
        log: Annotated[
            bool, typer.Option("--log", help="Also read the log again and compare every call with it.")
        ] = False,
        usage: Annotated[
            list[Path] | None,
            typer.Option(
                metavar="FILE", help="A provider's usage, costs or invoice; repeatable.", exists=True
            ),
        ] = None,
        provider: Annotated[
            str, typer.Option(help="Whose usage it is, as the gateway names it, where the file does not say.")
        ] = "",
        column: Annotated[
            list[str] | None,
            typer.Option(metavar="FIELD=HEADER", help="Which column of a CSV holds a field; repeatable."),
        ] = None,
        tolerance: Annotated[
            str, typer.Option(metavar="PERCENT", help="How far a line may differ, in percent of theirs.")
        ] = "0",
        format: Annotated[str, typer.Option("--format", help="table or json")] = "table",
    ) -> None:
        if format not in ("table", "json"):
            raise InvalidInput(f"--format is table or json, not {format!r}")
        if log and usage:
            raise InvalidInput("--log and --usage are two comparisons: say one of them")
        with _client(settings.clickhouse()) as client:
            migrations.wait_for_schema(client, 0)
            if usage:
                reports = _read(usage, provider.strip().lower(), parse_columns(column or ()))
                agrees = _compare_usage(client, reports, _percent(tolerance), format)
            else:
                agrees = _compare_all(client, settings.kafka() if log else None, format)
        raise typer.Exit(0 if agrees else 1)


def _compare_all(client: Client, kafka: str | None, format: str) -> bool:
    """Print how the warehouse agrees with itself and (given `kafka`) with the log."""
    found = reconciliation.reconcile(client)
    agrees, told = found.agrees, reconciliation.as_json(found)
    if format == "table":
        typer.echo(reconciliation.render(found))
    if kafka is not None:
        agrees &= asyncio.run(_compare_log(kafka, client, told, format))
    if format == "json":
        typer.echo(json.dumps(told | {"agrees": agrees}, indent=2))
    return agrees


async def _compare_log(kafka: str, client: Client, told: dict[str, Any], format: str) -> bool:
    """Read the log again and print how the calls and their charges compare with it; whether they are the same."""
    settled = await asyncio.to_thread(reconciliation.settled_before, client)
    log = await cluster_id(kafka)
    stored = await asyncio.to_thread(positions.StoredPositions(client, log, TopicName.COSTS).stored)
    follower = KafkaFollower(kafka, TopicName.COSTS, "spendstream-audit")
    totals = await audit.read_log(follower, {partition: mark.position for partition, mark in stored.items()})
    wrong = await asyncio.to_thread(lambda: list(audit.compare(client, totals)))
    spent = await asyncio.to_thread(charges.published_states, client)
    charged = await charges.read_charges(everything(kafka, TopicName.CHARGES, "spendstream-audit"))
    if await asyncio.to_thread(positions.other_logs, client, log):
        charged.follows_another_log(settled)
    is_loading = await _is_loading(kafka, stored)
    compared = await asyncio.to_thread(
        lambda: charges.compare_charges(client, charged, spent, settled, is_loading=is_loading)
    )
    if format == "table":
        typer.echo("\n".join(["", audit.render(totals, wrong), "", *charges.render(compared)]))
    told["log"] = {
        "calls": totals.calls,
        "cost_usd": f"{totals.cost_usd:.12f}",
        "wrong": [one.describe() for one in wrong],
    }
    told["charges"] = {
        "balances": compared.balances,
        "states": compared.states,
        "findings": compared.findings,
        "on_the_way": compared.moving,
        "beyond_the_log": compared.beyond,
    }
    return not wrong and compared.agrees


async def _is_loading(kafka: str, stored: dict[int, Mark]) -> bool:
    """Whether costs wait to be stored."""
    held = await spans(kafka, TopicName.COSTS)
    return any(
        number not in stored or stored[number].position < span.end
        for number, span in held.items()
        if span.records
    )


def _read(paths: Sequence[Path], provider: str, columns: dict[str, str]) -> list[Report]:
    """All reports of all files. Raises InvalidInput, which names the file."""
    found: list[Report] = []
    for path in paths:
        try:
            found += read_reports(path.read_bytes(), provider, columns)
        except (InvalidInput, OSError) as reason:
            raise InvalidInput(f"{path}: {reason}") from None
    return together(found)


def _compare_usage(client: Client, reports: Sequence[Report], tolerance: Decimal, format: str) -> bool:
    book = GenaiPriceBook()

    def compared(report: Report) -> Comparison:
        return compare(
            report, ask(client, report), lambda model: book.name_of(report.provider, model), tolerance
        )

    comparisons = [compared(report) for report in reports]
    if format == "json":
        typer.echo(json.dumps(rendering.as_json(comparisons), indent=2))
    else:
        typer.echo(rendering.render(comparisons))
    return all(one.agrees for one in comparisons)


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text.strip().removesuffix("%"))
    except InvalidOperation:
        percent = Decimal("NaN")
    if not percent.is_finite() or percent < 0:
        raise InvalidInput(f"--tolerance is {text!r}; a number of percent, 0 or more, is needed")
    return percent


@contextmanager
def _client(url: str) -> Iterator[Client]:
    client = create_client(url, timeout_s=_LONGEST_STATEMENT_S)
    try:
        yield client
    finally:
        client.close()
