"""`import FILE` of the command line: registers itself on a typer application that brings the way to the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from ingest.clock import Clock
from ingest.errors import InvalidInput, SpendstreamError
from ingest.imports.columns import parse_choices
from ingest.imports.files import Row
from ingest.imports.rows import Given
from ingest.imports.run import ImportPlan, Survey, publish_calls, survey
from ingest.log import EventPublisher

OpenPublisher = Callable[[], AbstractAsyncContextManager[EventPublisher]]

HELP = """Load past calls from a CSV or JSONL file (also .gz) onto the log, as often as you like.

Columns are found by their names (OpenAI, Anthropic, OpenTelemetry, LiteLLM, the Azure LLM trace and others); --column
says what the names do not. A flag such as --team holds for every row. Importing a file again, after an interruption or
under another name, counts no call twice: a row is recognised by its id column, else by what it says.

Costs are computed from the tokens at the list prices of the day of the call; costs in the file are not read. No budget
is charged: what was spent before Spendstream governed it is shown, and blocks nothing.

If any row is bad, nothing is imported; --skip-bad imports the others and writes the bad ones, with reasons, to a file.
"""

_SHOWN_BAD = 10


def register(app: typer.Typer, open_publisher: OpenPublisher, clock: Clock) -> None:
    """Add the command to `app`. `open_publisher` is called once there is something to publish, never for a dry run."""

    @app.command("import", help=HELP)
    def import_file(  # noqa: PLR0913 - one parameter for each flag of the command line
        file: Annotated[Path, typer.Argument(help="CSV or JSONL, plain or gzip.", show_default=False)],
        model: Annotated[str, typer.Option(help="Model of every call.")] = "",
        provider: Annotated[str, typer.Option(help="Provider of every call, such as openai.")] = "",
        team: Annotated[str, typer.Option(help="Team of every call.")] = "",
        project: Annotated[str, typer.Option(help="Project of every call.")] = "",
        user: Annotated[str, typer.Option(help="User of every call.")] = "",
        key: Annotated[str, typer.Option(help="Id of the key of every call (never a key itself).")] = "",
        timezone: Annotated[str, typer.Option(help="Zone of times without an offset.")] = "UTC",
        column: Annotated[
            list[str] | None,
            typer.Option(metavar="FIELD=HEADER", help="Which column holds a field; repeatable."),
        ] = None,
        source: Annotated[
            str, typer.Option(help="Keeps apart rows that must not be taken for one another.")
        ] = "default",
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Look at every row, import nothing.")
        ] = False,
        skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good rows.")] = False,
        rejects: Annotated[
            Path | None,
            typer.Option(help="Where --skip-bad writes bad rows, else ./FILE.rejects.jsonl."),
        ] = None,
    ) -> None:
        texts = {
            "model": model, "provider": provider, "team": team, "project": project, "user": user, "key": key
        }  # fmt: skip
        console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
        rejects_path = (rejects or Path(f"{file.name}.rejects.jsonl")) if skip_bad else None
        try:
            given = Given({name: text.strip() for name, text in texts.items()}, _zone(timezone))
            plan = ImportPlan(file, given, parse_choices(column or []), source)
            found = _look(plan, clock, errors, rejects_path)
            _tell(found, plan, console, rejects_path)
            if dry_run:
                console.print("dry run: nothing was imported")
                return
            asyncio.run(_publish(plan, found, open_publisher, errors))
        except KeyboardInterrupt:
            errors.print("interrupted; run the same import again to go on: no call counts twice")
            raise typer.Exit(130) from None
        except SpendstreamError as reason:
            errors.print(f"spendstream import: {reason}", markup=False, soft_wrap=True)
            raise typer.Exit(1) from None
        console.print(f"imported {found.calls:,} calls")


def _look(plan: ImportPlan, clock: Clock, errors: Console, rejects_path: Path | None) -> Survey:
    """The first pass. Raises InvalidInput when a row is bad and there is no file for bad rows."""
    shown = 0

    def show(row: Row, reason: str) -> None:
        nonlocal shown
        shown += 1
        if shown <= _SHOWN_BAD:
            errors.print(f"line {row.line}: {reason}", markup=False, soft_wrap=True)

    with _progress(errors) as progress, _rejects(rejects_path) as reject:
        task = progress.add_task("reading", total=_size(plan.path))

        def on_bad(row: Row, reason: str) -> None:
            show(row, reason)
            reject(row, reason)

        found = survey(plan, clock, on_bad, lambda done: progress.update(task, completed=done))
    if shown > _SHOWN_BAD:
        errors.print(f"… and {shown - _SHOWN_BAD:,} more bad rows")
    if found.bad and rejects_path is None:
        raise InvalidInput(
            f"{found.bad:,} of {found.bad + found.calls + found.repeated:,} rows are bad, so nothing was imported."
            " Correct them, or import the others with --skip-bad"
        )
    return found


async def _publish(plan: ImportPlan, found: Survey, open_publisher: OpenPublisher, errors: Console) -> None:
    with _progress(errors, MofNCompleteColumn()) as progress:
        task = progress.add_task("importing", total=found.calls)
        async with open_publisher() as publisher:
            await publish_calls(plan, found, publisher, lambda done: progress.update(task, completed=done))


def _tell(found: Survey, plan: ImportPlan, console: Console, rejects_path: Path | None) -> None:
    used = ", ".join(f"{name} = {header}" for name, header in found.columns.items())
    lines = [
        f"{plan.path.name}: {found.calls:,} calls, {found.input_tokens:,} input tokens,"
        f" {found.output_tokens:,} output tokens",
        f"columns: {used}" if used else "",
        f"from {found.first:%Y-%m-%d %H:%M:%S} to {found.last:%Y-%m-%d %H:%M:%S} UTC"
        if found.first and found.last
        else "",
        f"{found.repeated:,} rows repeat an id and what it says: counted once" if found.repeated else "",
        f"flagged: {found.late:,} calls are older than 35 days" if found.late else "",
        f"flagged: {found.ahead:,} calls are more than 5 minutes in the future" if found.ahead else "",
        f"{found.bad:,} bad rows are in {rejects_path}" if found.bad else "",
    ]
    for line in filter(None, lines):
        console.print(line, markup=False, soft_wrap=True)


@contextmanager
def _rejects(path: Path | None) -> Iterator[Callable[[Row, str], None]]:
    """Writes bad rows as JSONL: line, reason, row. The file is made with the first of them."""
    file: BinaryIO | None = None
    encoder = msgspec.json.Encoder(decimal_format="number")

    def write(row: Row, reason: str) -> None:
        nonlocal file
        if path is None:
            return
        try:
            file = file or path.open("wb")
            file.write(encoder.encode({"line": row.line, "reason": reason, "row": row.cells}) + b"\n")
        except OSError as fault:
            raise InvalidInput(
                f"bad rows cannot be written to {path}: {fault.strerror}; say where with --rejects"
            ) from None

    try:
        yield write
    finally:
        if file is not None:
            file.close()


def _progress(console: Console, *columns: MofNCompleteColumn) -> Progress:
    bar = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        *columns,
        TimeRemainingColumn(),
    )
    return Progress(*bar, console=console)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(f"--timezone {name!r} is no IANA time zone such as Europe/Berlin") from None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None  # reading it will say why
