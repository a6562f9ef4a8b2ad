"""The command `import`."""

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ingest.clock import FixedClock
from ingest.codec import decode_event
from ingest.events.calls import CallFinished
from ingest.imports.command import register
from ingest.memory import MemoryLog
from ingest.topics import TopicName

CLOCK = FixedClock(datetime(2026, 3, 10, 12, tzinfo=UTC))
GOOD = "when;ContextTokens;GeneratedTokens\n2026-03-01 10:00;100;5\n2026-03-01 10:01;7;1\n"
BAD = GOOD + "2026-03-01 10:02;many;1\n"


class Runner:
    """Runs the command on a log in memory."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.opened = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[MemoryLog]:
        self.opened += 1
        yield self.log

    def __call__(self, *words: str | Path) -> Result:
        app = typer.Typer()
        app.callback()(lambda: None)
        register(app, self.open, CLOCK)
        return CliRunner().invoke(app, ["import", *map(str, words)])

    def calls(self) -> list[CallFinished]:
        events = [decode_event(record.value).data for record in self.log.all_records(TopicName.CALLS)]
        return [event for event in events if isinstance(event, CallFinished)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.chdir(tmp_path)
    return Runner()


def test_a_file_is_imported_and_told(run: Runner) -> None:
    Path("calls.csv").write_text(GOOD)
    result = run(
        "calls.csv", "--column", "started_at=when", "--model", "gpt-4o", "--team", "code", "--project", "p", "--user", "u",
        "--key", "k", "--timezone", "Europe/Berlin",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "calls.csv: 2 calls, 107 input tokens, 6 output tokens" in result.stdout
    assert (
        "columns: started_at = when, input_tokens = ContextTokens, output_tokens = GeneratedTokens"
        in result.stdout
    )
    assert "from 2026-03-01 09:00:00 to 2026-03-01 09:01:00 UTC" in result.stdout
    assert "imported 2 calls" in result.stdout
    assert "2/2" in result.stderr
    who = run.calls()[0].call.who
    assert (who.team, who.project, who.user, who.key_id) == ("code", "p", "u", "k")


def test_a_dry_run_opens_nothing(run: Runner) -> None:
    Path("calls.csv").write_text(GOOD)
    result = run("calls.csv", "--column", "started_at=when", "--model", "gpt-4o", "--dry-run")
    assert result.exit_code == 0
    assert "dry run: nothing was imported" in result.stdout
    assert run.opened == 0


def test_one_bad_row_stops_all(run: Runner) -> None:
    Path("calls.csv").write_text(BAD)
    result = run("calls.csv", "--column", "started_at=when", "--model", "gpt-4o")
    assert result.exit_code == 1
    assert "line 4: input_tokens (column 'ContextTokens'): 'many' is no whole number" in result.stderr
    assert "1 of 3 rows are bad, so nothing was imported" in result.stderr
    assert run.opened == 0
    assert not list(Path().glob("*.jsonl"))


def test_bad_rows_go_to_a_file_with_their_reasons(run: Runner) -> None:
    Path("calls.csv").write_text(BAD)
    result = run("calls.csv", "--column", "started_at=when", "--model", "gpt-4o", "--skip-bad")
    assert result.exit_code == 0, result.output
    assert "1 bad rows are in calls.csv.rejects.jsonl" in result.stdout
    rejected = [json.loads(line) for line in Path("calls.csv.rejects.jsonl").read_text().splitlines()]
    assert rejected[0]["line"] == 4
    assert rejected[0]["row"] == {"when": "2026-03-01 10:02", "ContextTokens": "many", "GeneratedTokens": "1"}
    assert "no whole number" in rejected[0]["reason"]
    assert len(run.calls()) == 2


def test_many_bad_rows_are_not_all_shown(run: Runner) -> None:
    Path("calls.csv").write_text(GOOD + "2026-03-01 10:02;many;1\n" * 30)
    result = run("calls.csv", "--column", "started_at=when", "--model", "gpt-4o")
    assert result.stderr.count("no whole number") == 10
    assert "… and 20 more bad rows" in result.stderr
    assert "30 of 32 rows are bad" in result.stderr


def test_a_log_that_does_not_answer(run: Runner) -> None:
    Path("calls.csv").write_text(GOOD)
    run.log.fail = True
    result = run("calls.csv", "--column", "started_at=when", "--model", "gpt-4o")
    assert result.exit_code == 1
    assert "0 of 2 calls are on the log" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["missing.csv"], "missing.csv cannot be read: No such file or directory"),
        (["calls.csv"], "no column looks like a time: say --column started_at=…"),
        (["calls.csv", "--column", "started_at"], "no field=header"),
        (["calls.csv", "--timezone", "Mars/Olympus"], "'Mars/Olympus' is no IANA time zone"),
        (["calls.csv", "--column", "started_at=when"], "model: there is none"),
    ],
)
def test_a_mistake_is_one_sentence(run: Runner, words: list[str], sentence: str) -> None:
    Path("calls.csv").write_text(GOOD)
    result = run(*words)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_rejects_that_cannot_be_written(run: Runner) -> None:
    Path("calls.csv").write_text(BAD)
    words = (
        "calls.csv",
        "--column",
        "started_at=when",
        "--model",
        "gpt-4o",
        "--skip-bad",
        "--rejects",
        "no/such/dir",
    )
    result = run(*words)
    assert result.exit_code == 1
    assert "bad rows cannot be written to no/such/dir" in result.stderr
    assert run.opened == 0


def test_an_interruption_says_how_to_go_on(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("calls.csv").write_text(GOOD)

    async def interrupted(records: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.log, "publish", interrupted)
    result = run("calls.csv", "--column", "started_at=when", "--model", "gpt-4o")
    assert result.exit_code == 130
    assert "run the same import again to go on" in result.stderr


def test_the_help_says_what_budgets_do(run: Runner) -> None:
    result = run("--help")
    assert "No budget is charged" in " ".join(result.stdout.split())
