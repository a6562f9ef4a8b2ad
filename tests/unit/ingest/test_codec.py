from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from ingest.attribution import Attribution, BudgetScope
from ingest.codec import Event, decode_event, encode_event
from ingest.errors import DecodeError
from ingest.events.calls import BudgetRef, Call, CallFinished, CallStarted, GatewayRetired, Outcome
from ingest.events.charges import BudgetRevised, ChargeCorrected, ChargeSettled, SourcePosition
from ingest.events.costs import CallCost, CallCosted, CostComponent, CostCorrected
from ingest.events.dead_letters import DeadLetter, DeadLetterFixed, DeadLetterResolved, LetterAction
from ingest.events.governance import BudgetDefined, BudgetDeleted, KeyIssued, KeyRevoked, TeamDefined
from ingest.events.prices import ExchangeRateSet, PriceEnded, PriceListAdopted, PriceOverridden, PriceScope
from ingest.events.states import BudgetStateChanged, BudgetStatus
from ingest.governance.budgets import Budget
from ingest.upcasting import current_version
from ingest.usage import TokenUsage
from tests.strategies import finished_calls

GOLDEN = Path(__file__).parents[2] / "golden" / "events"
AT = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)
WHO = Attribution(team="search", project="p", key_id="key-1", user="ada", tags={"env": "prod"})
CALL = Call(
    "call-1",
    AT,
    WHO,
    "openai",
    "gpt-4o",
    "chat",
    "/openai/v1/chat/completions",
    True,
    (BudgetRef("b", "0/x"),),
    Decimal("0.25"),
)
FINISHED = CallFinished(
    CALL,
    AT,
    Outcome.OK,
    200,
    812,
    90,
    TokenUsage(1000, 500, output_tokens=300, reasoning_tokens=10),
    False,
    "gpt-4o-2024-08-06",
    "chatcmpl-1",
    "default",
)
COST = CallCost(
    Decimal("0.004875000000"),
    Decimal("0.001250000000"),
    Decimal("0.000625000000"),
    Decimal("0.003000000000"),
    Decimal("0.004875000000"),
    "genai-prices/0",
    True,
    (
        CostComponent("input", 500, Decimal("2.5"), Decimal("0.001250000000")),
        CostComponent("web_search", 1, Decimal("10"), Decimal("0.010000000000"), 1000),
    ),
)
V1_COST = msgspec.structs.replace(COST, components=COST.components[:1])
BUDGET = Budget(
    "b", BudgetScope(team="search", model="gpt-4o"), Decimal("10.00"), "month", AT, "Europe/Berlin"
)
EVENTS: tuple[Event, ...] = (
    CallStarted(CALL),
    FINISHED,
    CallCosted(FINISHED, COST),
    CostCorrected(FINISHED, COST, 1795523415123456, "price corrected", Decimal("0.005"), 1, AT),
    GatewayRetired("spendstream/gateway/1", AT),
    ChargeSettled("b", "0/x", "call-1", Decimal("0.004875000000"), SourcePosition(3, 42), AT),
    ChargeCorrected("b", "0/x", "call-1", Decimal("-0.000125000000"), SourcePosition(1, 7), AT),
    BudgetRevised(BUDGET, AT),
    BudgetStateChanged(
        BUDGET,
        "0/x",
        BudgetStatus.BLOCKED,
        Decimal("10.1"),
        Decimal(0),
        AT,
        AT,
        Decimal("0.1"),
        (Decimal("0.5"),),
        "call-1",
        AT,
    ),
    TeamDefined("search", AT),
    KeyIssued("key-1", "ab" * 32, "search", AT, "laptop"),
    KeyRevoked("key-1", AT),
    BudgetDefined(BUDGET, AT),
    BudgetDeleted(BUDGET, AT),
    PriceOverridden(
        "p-1", PriceScope("openai", "gpt-4o"), AT, AT, {"input": Decimal("1.5"), "output": Decimal("6")}
    ),
    PriceEnded("p-1", AT, AT),
    ExchangeRateSet("EUR", Decimal("1.08"), AT, AT, "ECB"),
    PriceListAdopted("genai-prices/0.2.3+0123456789ab", AT, ("openai/gpt-4o",), b"data", "ada"),
    DeadLetter("llm.calls", 1, 7, "no CloudEvents envelope", b"k", b"\xff", AT),
    DeadLetterFixed("llm.calls", 1, 7, b"{}", AT, "ada", "a comma was missing"),
    DeadLetterResolved("llm.calls", 1, 7, LetterAction.REPLAYED, AT, "ada", "", 99),
)

# What older versions said, where that is less than today's event.
BEFORE = {
    ("CallCosted", "v1"): CallCosted(FINISHED, V1_COST),
    ("CostCorrected", "v1"): CostCorrected(FINISHED, V1_COST, 2, "price corrected"),
}


def golden(event: Event) -> Path:
    name = type(event).__name__
    return GOLDEN / f"v{current_version(name)}" / f"{name}.json"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_the_wire_form_is_frozen(event: Event) -> None:
    """A golden file that differs means that readers of the log break: make a new version with an upcaster instead."""
    written = encode_event(event, id="id-1", source="spendstream/test", time=AT, subject="s")
    path = golden(event)
    assert json.loads(written) == json.loads(path.read_text()), f"{path.name} no longer matches"
    assert decode_event(path.read_bytes()).data == event


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("v*/*.json")), ids=lambda p: f"{p.stem} {p.parent.name}")
def test_every_version_ever_written_is_read(path: Path) -> None:
    read = decode_event(path.read_bytes()).data
    newest = next(event for event in EVENTS if type(event) is type(read))
    assert read == BEFORE.get((path.stem, path.parent.name), newest)


def test_every_event_has_a_golden_file_in_its_present_version() -> None:
    """Whoever adds a class, or a version of one, adds an example to EVENTS and its file."""
    classes = {cls.__name__ for cls in Event.__args__}
    assert {type(event).__name__ for event in EVENTS} == classes
    assert [event for event in EVENTS if not golden(event).exists()] == []
    for path in GOLDEN.glob("v*/*.json"):
        assert path.stem in classes, (
            f"{path} is of a class that nobody reads: its events stand on somebody's log"
        )
        version = int(path.parent.name.removeprefix("v"))
        assert [
            number for number in range(1, version + 1) if not (GOLDEN / f"v{number}" / path.name).exists()
        ] == []


def test_golden_files_are_never_edited() -> None:
    """What was written once stands on somebody's log: a new version gets a new file, and a line in `digests.json`."""
    digests = {
        f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in GOLDEN.glob("v*/*.json")
    }
    assert digests == json.loads((GOLDEN / "digests.json").read_text())


@given(finished_calls())
def test_what_is_written_is_read_back(event: CallFinished) -> None:
    read = decode_event(encode_event(event, id="i", source="s", time=AT))
    assert read.data == event
    assert (read.id, read.source, read.time) == ("i", "s", AT)


def envelope(**changes: object) -> bytes:
    whole = json.loads(encode_event(TeamDefined("t", AT), id="i", source="s", time=AT))
    return json.dumps(whole | changes).encode()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone"),
        (b"", "no CloudEvents envelope"),
        (b"\xff\xfe", "no CloudEvents envelope"),
        (b"[1]", "no CloudEvents envelope"),
        (envelope(type="spendstream.Nonsense"), "unknown event type"),
        (envelope(specversion="0.3"), "specversion"),
        (envelope(dataschema="urn:other:1"), "dataschema"),
        (envelope(dataschema="urn:spendstream:event:TeamDefined:99"), "version 99"),
        (envelope(data={"team": 5}), "TeamDefined"),
    ],
)
def test_what_cannot_be_read_says_why(value: bytes | None, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode_event(value)


def altered(event: Event, way: str, value: object) -> bytes:
    """The event's bytes with another value at `way`, names joined by dots."""
    whole = json.loads(encode_event(event, id="i", source="s", time=AT))
    *steps, last = way.split(".")
    place = whole["data"]
    for step in steps:
        place = place[step]
    place[last] = value
    return json.dumps(whole).encode()


CHARGE = ChargeSettled("b", "0/x", "call-1", Decimal(1), SourcePosition(3, 42), AT)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (altered(CHARGE, "amount_usd", "NaN"), "amount_usd"),
        (altered(CHARGE, "amount_usd", "1e400"), "amount_usd"),
        (altered(CHARGE, "finished_at", "2026-11-24T12:00:00"), "timezone"),
        (altered(FINISHED, "call.started_at", "2026-11-24T12:00:00"), "timezone"),
        (altered(FINISHED, "call.hold_usd", "Infinity"), "hold_usd"),
        (altered(FINISHED, "latency_ms", -3), "latency_ms is -3"),
        (altered(FINISHED, "http_status", 70_000), "http_status is 70000; it must lie between 0 and 65535"),
        (altered(FINISHED, "call.call_id", ""), "call_id is empty"),
        (altered(FINISHED, "call.started_at", "1999-12-31T23:59:59Z"), "years 2000 to 2099"),
        (altered(CallCosted(FINISHED, COST), "cost.output_cost_usd", "NaN"), "output_cost_usd"),
        (altered(BudgetDefined(BUDGET, AT), "budget.limit_usd", "NaN"), "limit_usd"),
        (altered(BudgetDefined(BUDGET, AT), "budget.timezone", "Mars/Olympus"), "IANA time zone"),
        (altered(BudgetRevised(BUDGET, AT), "budget.window", "fortnight"), "window 'fortnight'"),
        (altered(BudgetRevised(BUDGET, AT), "budget.window", f"P{'9' * 30}D"), "at most 3660 days"),
        (altered(BudgetRevised(BUDGET, AT), "budget.created_at", "2026-11-24T12:00:00"), "timezone"),
        (altered(BudgetRevised(BUDGET, AT), "budget.created_at", "9999-12-31T23:59:59Z"), "years 1 to 9999"),
        (altered(BudgetDeleted(BUDGET, AT), "budget.scope", {}), "scope names at least one"),
        (altered(BudgetDefined(BUDGET, AT), "budget.warn_at", ["NaN"]), "warn_at"),
        (envelope(dataschema="urn:spendstream:event:TeamDefined:²"), "none of ours"),
        (envelope(dataschema="urn:spendstream:event:TeamDefined:" + "9" * 5000), "none of ours"),
        (envelope(time="2026-11-24T12:00:00"), "timezone"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
    ],
)
def test_what_no_reader_could_fold_is_no_event(value: bytes, reason: str) -> None:
    """It goes to the dead letters: let through, it would end its reader, and again after each restart."""
    with pytest.raises(DecodeError, match=reason):
        decode_event(value)


def test_the_order_of_fields_and_marks_within_the_data_mean_nothing() -> None:
    """Events that we wrote ourselves are read in one go; all others lead to the very same envelope."""
    who = Attribution(team="search", tags={"type": "spendstream.CallFinished", "a": '"type":"spendstream.X"'})
    started = CallStarted(Call("c", AT, who, "openai", "gpt-4o", "chat"))
    value = encode_event(started, id="c/started", source='{"type":"spendstream.KeyIssued"}', time=AT)
    fields = json.loads(value)
    assert decode_event(value).data == started
    for names in (sorted(fields), sorted(fields, reverse=True)):
        again = json.dumps({name: fields[name] for name in names}, indent=1).encode()
        compact = json.dumps({name: fields[name] for name in names}, separators=(",", ":")).encode()
        assert decode_event(again) == decode_event(compact) == decode_event(value)
