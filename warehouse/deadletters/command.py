"""`letters` of the command line: registers itself on a typer application that brings the way to the log."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ingest.clock import Clock
from ingest.errors import InvalidInput
from ingest.kafka.admin import wait_for_broker
from ingest.kafka.places import KafkaPlaces
from warehouse.deadletters import display
from warehouse.deadletters.book import Letter, LetterId, LetterState, parse_id
from warehouse.deadletters.desk import Desk
from warehouse.help_text import flowing

HELP = """List, show, put right, replay and dismiss dead letters: records that nobody could use.

A letter is named by the place of its record: topic/partition/offset, such as llm.calls/2/17. What is done is itself an
event on dead.letters. Exit code 0: done. 1: something could not be done, and was not.
"""
_KNOCK_S = 5.0
_PORTION = 100  # letters whose bytes are held at once, each up to half a megabyte
T = TypeVar("T")
Name = Annotated[str, typer.Argument(metavar="ID", help="topic/partition/offset", show_default=False)]
TopicOption = Annotated[str, typer.Option("--topic", help="Only letters of this topic.")]


@dataclass(frozen=True)
class Settings:
    """Asked for when a command runs: bootstrap servers, who acts, and which editor that person uses."""

    kafka: Callable[[], str]
    user: Callable[[], str]
    editor: Callable[[], str]
    clock: Clock


class _Office:
    """Runs one piece of work at a desk on the real log."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def run(self, work: Callable[[Desk], Coroutine[Any, Any, T]]) -> T:
        async def at_desk() -> T:
            kafka = self.settings.kafka()
            await wait_for_broker(kafka, _KNOCK_S)
            places: AbstractAsyncContextManager[KafkaPlaces] = KafkaPlaces(kafka, "spendstream-letters")
            async with places as open_places:
                return await work(Desk(open_places, self.settings.clock, self.settings.user()))

        return asyncio.run(at_desk())


def register(app: typer.Typer, settings: Settings) -> None:
    """Add the commands to `app`."""
    letters = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=flowing(HELP))
    office = _Office(settings)
    _register_looking(letters, office)
    _register_fixing(letters, office)
    _register_resolving(letters, office)
    app.add_typer(letters, name="letters")


def _register_looking(letters: typer.Typer, office: _Office) -> None:
    @letters.command("list")
    def list_letters(
        topic: TopicOption = "",
        state: Annotated[LetterState | None, typer.Option(help="Only letters in this state.")] = None,
        format: Annotated[str, typer.Option("--format", help="table or json")] = "table",
    ) -> None:
        """List letters, those of each topic in the order of their places."""
        book = office.run(lambda desk: desk.book())
        found = book.all(topic, state)
        if format == "json":
            typer.echo(json.dumps(display.as_json(found), indent=2))
            return
        if format != "table":
            raise InvalidInput(f"--format is table or json, not {format!r}")
        if found:
            typer.echo(display.listing(found, shutil.get_terminal_size((160, 24)).columns))
        typer.echo(display.summary(found))
        if book.unreadable:
            typer.echo(f"{book.unreadable:,} records of dead.letters are none of its events", err=True)

    @letters.command("show")
    def show(
        id: Name,
        raw: Annotated[
            bool, typer.Option("--raw", help="Only the value, byte for byte, as for a file.")
        ] = False,
    ) -> None:
        """Show one letter: why, where, and what it says, as far as it can be decoded."""
        letter_id = parse_id(id)

        async def look(desk: Desk) -> tuple[Letter, Any]:
            letter = await desk.letter(letter_id)
            return letter, await desk.original(letter)

        letter, original = office.run(look)
        if raw:
            typer.get_binary_stream("stdout").write(original.record.value or b"")
        else:
            typer.echo(display.whole(letter, original))


def _register_fixing(letters: typer.Typer, office: _Office) -> None:
    @letters.command("fix")
    def fix(
        id: Name,
        file: Annotated[
            Path | None, typer.Option(help="A file with the value as it should have been.", exists=True)
        ] = None,
        edit: Annotated[bool, typer.Option("--edit", help="Edit the value in $EDITOR.")] = False,
        note: Annotated[str, typer.Option(help="What was wrong, for whoever looks later.")] = "",
    ) -> None:
        """Put a letter's value right. It is checked as its readers would, kept beside the original, and not replayed yet."""
        letter_id = parse_id(id)
        if (file is None) == (not edit):
            raise InvalidInput("say where the right value comes from: --file FILE, or --edit")

        async def put_right(desk: Desk) -> str:
            letter = await desk.letter(letter_id)
            if file is not None:
                value = file.read_bytes().strip()
            else:
                present = letter.fixed or (await desk.original(letter)).record.value or b""
                value = await asyncio.to_thread(_edited, present, office.settings.editor())
            try:
                envelope = await desk.fix(letter, value, note)
            except InvalidInput as reason:
                kept = "" if file is not None else f"; what you wrote is kept in {_kept(value)}"
                raise InvalidInput(f"{letter_id} stays as it is: {reason}{kept}") from None
            return envelope.type

        kind = office.run(put_right)
        typer.echo(
            f"{letter_id} is put right ({kind}); `spendstream letters replay {letter_id}` publishes it"
        )


def _register_resolving(letters: typer.Typer, office: _Office) -> None:
    @letters.command("replay")
    def replay(
        ids: Annotated[
            list[str] | None,
            typer.Argument(metavar="[ID]…", help="topic/partition/offset", show_default=False),
        ] = None,
        everything: Annotated[bool, typer.Option("--all", help="All open letters.")] = False,
        topic: TopicOption = "",
        again: Annotated[
            bool, typer.Option("--again", help="Also what was replayed or dismissed before.")
        ] = False,
    ) -> None:
        """Publish letters again where they came from, with their own keys: as put right, else as they were.

        Replaying twice does no harm: readers recognise a call, a cost or a definition that they have had.
        """
        wanted = [parse_id(text) for text in ids or ()]
        if bool(wanted) == everything:
            raise InvalidInput("say which letters: their names, or --all")
        if topic and not everything:
            raise InvalidInput("--topic goes with --all")
        failed = office.run(lambda desk: _replay(desk, wanted, topic, everything=everything, again=again))
        raise typer.Exit(1 if failed else 0)

    @letters.command("dismiss")
    def dismiss(
        id: Name,
        reason: Annotated[str, typer.Option(help="Why nothing is to be done.", show_default=False)],
    ) -> None:
        """Give a letter up: it is no longer open, and its bytes stay."""
        letter_id = parse_id(id)

        async def give_up(desk: Desk) -> None:
            await desk.dismiss(await desk.letter(letter_id), reason)

        office.run(give_up)
        typer.echo(f"{letter_id} is dismissed: {reason}")


async def _replay(
    desk: Desk, wanted: Sequence[LetterId], topic: str, *, everything: bool, again: bool
) -> int:
    """Replay letters one after another and say of each what became of it; how many could not be."""
    chosen = set(wanted)
    if everything:
        chosen = {letter.id for letter in (await desk.book()).all(topic, None if again else LetterState.OPEN)}
        if not chosen:
            typer.echo("no letter is open")
    failed, ordered = 0, sorted(chosen)
    for begin in range(0, len(ordered), _PORTION):
        portion = ordered[begin : begin + _PORTION]
        book = await desk.book(frozenset(portion).__contains__)
        for id in portion:
            failed += await _replay_one(desk, book.get(id), again=again)
    if failed:
        typer.echo(f"{failed:,} of {len(chosen):,} letters were not replayed and stay as they are", err=True)
    return failed


async def _replay_one(desk: Desk, letter: Letter, *, again: bool) -> bool:
    """Whether it failed, which is said."""
    id = letter.id
    if letter.state is not LetterState.OPEN and not again:
        stood = (
            f" as {id.topic}/{id.partition}/{letter.replayed_to}" if letter.replayed_to is not None else ""
        )
        typer.echo(
            f"{id} was {letter.state} before{stood}; nothing was done (--again publishes it once more)"
        )
        return False
    try:
        offset = await desk.replay(letter)
    except InvalidInput as reason:
        typer.echo(f"{id} was not replayed: {reason}", err=True)
        return True
    typer.echo(f"{id} stands again at {id.topic}/{id.partition}/{offset}")
    return False


def _edited(value: bytes, editor: str) -> bytes:
    """What a person made of `value`. Raises InvalidInput when nothing was changed, or the editor failed."""
    with tempfile.TemporaryDirectory(prefix="spendstream-letter-") as folder:
        path = Path(folder) / "letter.json"
        path.write_text(before := display.pretty(value))
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as reason:
            raise InvalidInput(f"the editor {editor!r} failed, nothing was changed: {reason}") from None
        after = path.read_text()
    if after == before:
        raise InvalidInput("nothing was changed")
    return after.strip().encode()


def _kept(value: bytes) -> str:
    """A file that holds what would else be lost; its path."""
    with tempfile.NamedTemporaryFile(prefix="spendstream-letter-", suffix=".json", delete=False) as file:
        file.write(value)
    return file.name
