"""What a provider says was used: amounts by day, model and measure, and which time it speaks of. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from ingest.errors import InvalidInput


class Measure(StrEnum):
    """What is counted. The input classes are disjoint: `input_tokens` is all of them."""

    REQUESTS = "requests"
    INPUT = "input_tokens"
    UNCACHED = "uncached_input_tokens"
    CACHE_READ = "cache_read_tokens"
    CACHE_WRITE = "cache_write_tokens"
    CACHE_WRITE_5M = "cache_write_5m_tokens"
    CACHE_WRITE_1H = "cache_write_1h_tokens"
    OUTPUT = "output_tokens"
    AUDIO_INPUT = "uncached_audio_input_tokens"
    AUDIO_OUTPUT = "audio_output_tokens"
    WEB_SEARCHES = "web_searches"
    FILE_SEARCHES = "file_searches"
    IMAGES = "images"
    CHARACTERS = "characters"
    AUDIO_SECONDS = "audio_seconds"
    COST = "cost_usd"
    COST_INPUT = "input_cost_usd"
    COST_CACHE = "cache_cost_usd"
    COST_OUTPUT = "output_cost_usd"

    @property
    def is_money(self) -> bool:
        """Whether it is US dollars."""
        return self.value.endswith("cost_usd")


class Kind(StrEnum):
    """Which calls a report is about."""

    ANY = ""
    TEXT = "completions"
    EMBEDDINGS = "embeddings"
    MODERATIONS = "moderations"
    IMAGES = "images"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"


@dataclass(frozen=True)
class Key:
    """Where an amount belongs. `model` is empty where the report does not tell models apart; `item` is a line of an invoice
    that names no model."""

    day: date
    model: str = ""
    item: str = ""


@dataclass(frozen=True, order=True)
class Period:
    """From `start` up to but not including `end`, UTC."""

    start: datetime
    end: datetime


@dataclass
class Report:
    """Amounts of one provider, of one of its lists (`title`), about calls of one `kind`. `periods` is the time that it
    covers, also where nothing was used."""

    provider: str
    title: str = ""
    kind: Kind = Kind.ANY
    amounts: defaultdict[tuple[Key, Measure], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    periods: list[Period] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a reader has to know, such as pages that are missing."""

    def add(self, key: Key, measure: Measure, amount: Decimal | int) -> None:
        """Count `amount` more."""
        self.amounts[key, measure] += amount

    @property
    def measures(self) -> list[Measure]:
        """Those that the report has numbers of, in the usual order."""
        found = {measure for _, measure in self.amounts}
        return [measure for measure in Measure if measure in found]

    def merged(self) -> list[Period]:
        """The time covered, without overlaps."""
        return merge(self.periods)


def merge(periods: Iterable[Period]) -> list[Period]:
    """Neighbours and overlaps made one."""
    found: list[Period] = []
    for period in sorted(periods):
        if found and period.start <= found[-1].end:
            found[-1] = Period(found[-1].start, max(found[-1].end, period.end))
        else:
            found.append(period)
    return found


def together(reports: Sequence[Report]) -> list[Report]:
    """One report for each list of each provider: pages and files of the same are parts of one."""
    found: dict[tuple[str, str], Report] = {}
    for report in reports:
        name = (report.provider, report.title)
        whole = found.setdefault(name, Report(report.provider, report.title, report.kind))
        for key, amount in report.amounts.items():
            whole.amounts[key] += amount
        whole.periods += report.periods
        whole.notes += [note for note in report.notes if note not in whole.notes]
    return list(found.values())


def whole_days(start: date, days: int = 1) -> Period:
    """A day, or several, in UTC."""
    begin = datetime(start.year, start.month, start.day, tzinfo=UTC)
    return Period(begin, begin + timedelta(days=days))


def count(name: str, value: object) -> Decimal:
    """A number of tokens or pieces; None counts as 0. Raises InvalidInput for anything else than a number of 0 or more."""
    if value is None:
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not value >= 0:
        raise InvalidInput(f"{name} is {value!r}; a number of 0 or more is needed")
    return Decimal(value)
