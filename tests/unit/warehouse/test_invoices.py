from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.errors import InvalidInput
from ingest.pricing.book import GenaiPriceBook
from warehouse.invoices.comparing import ALL_MODELS, Comparison, Verdict, compare, match_models
from warehouse.invoices.ours import Amount, Ours
from warehouse.invoices.reading import read_reports
from warehouse.invoices.rendering import as_json, render
from warehouse.invoices.report import Key, Kind, Measure, Period, Report, merge, together
from warehouse.invoices.table import parse_columns

GOLDEN = Path(__file__).parents[2] / "golden" / "invoices"
DAY = date(2024, 11, 1)  # 1730419200


def amounts_of(name: str) -> dict[tuple[date, str, str], Decimal]:
    """Of the only report in a golden file: by day, model or item, and measure."""
    (report,) = together(read_reports((GOLDEN / name).read_bytes()))
    return {
        (key.day, key.model or key.item, measure): amount for (key, measure), amount in report.amounts.items()
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # 1,000 input of which 800 cached; 500 output; 5 requests; not grouped by model.
        (
            "openai_completions.json",
            {"requests": 5, "input_tokens": 1000, "cache_read_tokens": 800, "output_tokens": 500},
        ),
        ("openai_embeddings.json", {"requests": 2, "input_tokens": 16}),
        ("openai_moderations.json", {"requests": 2, "input_tokens": 16}),
        ("openai_images.json", {"requests": 2, "images": 2}),
        ("openai_audio_speeches.json", {"requests": 1, "characters": 45}),
        ("openai_audio_transcriptions.json", {"requests": 1, "audio_seconds": 20}),
        ("openai_costs.json", {"cost_usd": Decimal("0.06")}),
    ],
)
def test_what_openai_documents(name: str, expected: dict[str, Decimal]) -> None:
    assert amounts_of(name) == {(DAY, "", measure): amount for measure, amount in expected.items()}


def test_openai_grouped_by_model_sums_batches_and_by_line_item_splits_model_and_class() -> None:
    by_model = amounts_of("openai_completions_by_model.json")
    # 1,000 + 300 of the batch API.
    assert by_model[DAY, "gpt-4o-2024-08-06", "input_tokens"] == 1300
    assert by_model[DAY, "gpt-4o-2024-08-06", "requests"] == 6
    # 0.06 input + 0.0123 output; what names no model stays an item of its own.
    assert amounts_of("openai_costs_by_line_item.json") == {
        (DAY, "gpt-4o-2024-08-06", "cost_usd"): Decimal("0.0723"),
        (DAY, "gpt-4o-2024-08-06", "input_cost_usd"): Decimal("0.06"),
        (DAY, "gpt-4o-2024-08-06", "output_cost_usd"): Decimal("0.0123"),
        (DAY, "web search tool calls", "cost_usd"): Decimal("0.01"),
    }


def test_what_anthropic_documents() -> None:
    day, model = date(2025, 8, 1), "claude-sonnet-4-20250514"
    # All input: 1,500 uncached + 200 read + 500 and 1,000 written.
    assert amounts_of("anthropic_usage.json") == {
        (day, model, "uncached_input_tokens"): 1500,
        (day, model, "cache_read_tokens"): 200,
        (day, model, "cache_write_5m_tokens"): 500,
        (day, model, "cache_write_1h_tokens"): 1000,
        (day, model, "input_tokens"): 3200,
        (day, model, "output_tokens"): 500,
        (day, model, "web_searches"): 10,
    }
    # 123.78912 cents.
    assert amounts_of("anthropic_costs.json") == {
        (day, model, "cost_usd"): Decimal("1.2378912"),
        (day, model, "input_cost_usd"): Decimal("1.2378912"),
    }


@pytest.mark.parametrize(
    ("token_type", "part"),
    [
        ("uncached_input_tokens", "input_cost_usd"),
        ("cache_read_input_tokens", "cache_cost_usd"),
        ("cache_creation.ephemeral_1h_input_tokens", "cache_cost_usd"),
        ("cache_creation.ephemeral_5m_input_tokens", "cache_cost_usd"),
        ("output_tokens", "output_cost_usd"),
    ],
)
def test_each_class_of_anthropics_costs_is_a_part_of_ours(token_type: str, part: str) -> None:
    page = json.loads((GOLDEN / "anthropic_costs.json").read_text())
    page["data"][0]["results"][0]["token_type"] = token_type
    (report,) = read_reports(json.dumps(page).encode())
    assert {str(measure) for _, measure in report.amounts} == {"cost_usd", part}


def test_a_fee_without_a_model_stays_an_item() -> None:
    page = json.loads((GOLDEN / "anthropic_costs.json").read_text())
    fee = {
        "currency": "USD",
        "amount": "50",
        "cost_type": "web_search",
        "description": "Web Search Usage",
        "model": None,
    }
    page["data"][0]["results"] = [fee]
    (report,) = read_reports(json.dumps(page).encode())
    assert report.amounts == {(Key(date(2025, 8, 1), item="Web Search Usage"), Measure.COST): Decimal("0.5")}


def test_a_report_says_of_whom_of_what_and_of_which_time_it_is() -> None:
    (report,) = read_reports((GOLDEN / "openai_embeddings.json").read_bytes(), provider="azure")
    assert (report.provider, report.title, report.kind) == ("azure", "usage, embeddings", Kind.EMBEDDINGS)
    assert report.merged() == [Period(datetime(2024, 11, 1, tzinfo=UTC), datetime(2024, 11, 2, tzinfo=UTC))]
    (costs,) = read_reports((GOLDEN / "anthropic_costs.json").read_bytes())
    assert any("priority tier" in note for note in costs.notes)
    assert any("has_more" in note for note in costs.notes)


def test_pages_come_one_in_a_file_in_a_list_or_by_the_line() -> None:
    pages = [json.loads((GOLDEN / f"openai_{name}.json").read_text()) for name in ("images", "images")]
    as_list, as_lines = json.dumps(pages), "\n".join(map(json.dumps, pages))
    for text in (as_list, as_lines):
        (report,) = together(read_reports(text.encode()))
        assert report.amounts[Key(DAY), Measure.IMAGES] == 4


def test_a_page_without_results_belongs_to_the_others_of_its_file() -> None:
    empty = {
        "object": "page",
        "data": [{"object": "bucket", "start_time": 1730505600, "end_time": 1730592000, "results": []}],
    }
    full = json.loads((GOLDEN / "openai_images.json").read_text())
    (report,) = together(read_reports(json.dumps([full, empty]).encode()))
    assert report.merged() == [Period(datetime(2024, 11, 1, tzinfo=UTC), datetime(2024, 11, 3, tzinfo=UTC))]


def test_a_table_is_read_by_its_headers() -> None:
    (report,) = together(read_reports((GOLDEN / "export.csv").read_bytes(), "openai"))
    found = {(str(k.day), k.model, str(m)): amount for (k, m), amount in report.amounts.items()}
    assert found["2026-11-24", "gpt-4o-2024-08-06", "input_tokens"] == 1000
    assert found["2026-11-24", "gpt-4o-2024-08-06", "cost_usd"] == Decimal("0.0075")
    assert found["2026-11-25", "gpt-4o-mini", "requests"] == 2
    assert ("2026-11-25", "gpt-4o-mini", "cache_read_tokens") not in found, "empty is not said"


def test_columns_may_be_chosen_and_providers_may_stand_in_the_table() -> None:
    text = b"When,Who,Sum\n2026-11-24T23:30:00-02:00,OpenAI,1.5\n2026-11-24,anthropic,2\n"
    columns = parse_columns(["date=When", "provider=Who", "cost_usd=Sum"])
    reports = {report.provider: report for report in read_reports(text, columns=columns)}
    # 23:30 two hours west of Greenwich is the next day in UTC.
    assert reports["openai"].amounts == {(Key(date(2026, 11, 25)), Measure.COST): Decimal("1.5")}
    assert reports["anthropic"].amounts[Key(date(2026, 11, 24)), Measure.COST] == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "no UTF-8"),
        (b'{"data": 5}', "neither a page of OpenAI's"),
        (b'{"object": ', "no JSON"),
        (b"[1]", "a page is a JSON object"),
        (b'{"a": 1}\nx', "line 2 is no JSON"),
        (b"a,b\n1,2\n", "a table needs a date"),
        (b"date,cost\n2026-11-24,5\n", "say --provider"),
        (b"date,provider,cost\nsoon,openai,5\n", "line 2: 'soon' is no date"),
        (b"date,provider,requests\n2026-11-24,openai,-5\n", "line 2: requests is '-5'"),
        (b"date,provider,requests\n2026-11-24,openai,many\n", "line 2: requests is 'many'"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read_reports(content)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (
            {"object": "organization.usage.vector_stores.result", "usage_bytes": 1},
            "cannot be compared with calls",
        ),
        ({"object": "organization.usage.completions.result", "input_tokens": -1}, "input_tokens is -1"),
        ({"object": "organization.usage.completions.result", "input_tokens": "7"}, "input_tokens is '7'"),
        ({"object": "organization.costs.result", "amount": {"value": 1, "currency": "eur"}}, "is in eur"),
        ({"object": "organization.costs.result", "amount": {"value": "x", "currency": "usd"}}, "is 'x'"),
    ],
)
def test_what_openai_does_not_document_is_refused(result: dict[str, object], reason: str) -> None:
    page = json.loads((GOLDEN / "openai_costs.json").read_text())
    page["data"][0]["results"] = [result]
    with pytest.raises(InvalidInput, match=reason):
        read_reports(json.dumps(page).encode())


BOOK = GenaiPriceBook()


def name_of(model: str) -> str | None:
    return BOOK.name_of("openai", model)


def test_models_are_matched_by_name_and_then_as_the_price_book_does() -> None:
    assert match_models({"gpt-4o-mini-2024-07-18"}, {"gpt-4o-mini"}, name_of) == {
        "gpt-4o-mini-2024-07-18": "gpt-4o-mini"
    }
    # The same name goes before the same model; a model of another name stays alone.
    ours, theirs = {"gpt-4o-2024-08-06", "gpt-4o-2024-11-20"}, {"gpt-4o-2024-08-06", "gpt-3.5-turbo"}
    assert match_models(ours, theirs, name_of) == {"gpt-4o-2024-08-06": "gpt-4o-2024-08-06"}
    assert match_models({"my-own"}, {"another"}, name_of) == {}


def compared(
    ours: dict[tuple[str, Measure], str], theirs: dict[tuple[str, Measure], str], tolerance: str = "0"
) -> Comparison:
    report = Report("openai", "table")
    for (model, measure), amount in theirs.items():
        report.add(Key(DAY, model), measure, Decimal(amount))
    amounts: Ours = {
        (DAY, model, measure): Amount(Decimal(amount), Decimal(amount) / 4)
        for (model, measure), amount in ours.items()
    }
    return compare(report, amounts, name_of, Decimal(tolerance))


def test_each_side_alone_and_both_together() -> None:
    found = compared(
        {("gpt-4o", Measure.COST): "1.5", ("gpt-4o-mini", Measure.COST): "2", ("mine", Measure.COST): "1"},
        {("gpt-4o", Measure.COST): "1.5", ("gpt-4o-mini", Measure.COST): "2.5", ("o3", Measure.COST): "7"},
    )
    assert {line.model: line.verdict for line in found.lines} == {
        "gpt-4o": Verdict.EQUAL,
        "gpt-4o-mini": Verdict.DIFFERS,
        "mine": Verdict.ONLY_OURS,
        "o3": Verdict.ONLY_THEIRS,
    }
    (mini,) = [line for line in found.lines if line.model == "gpt-4o-mini"]
    assert (mini.difference, mini.percent) == (Decimal("-0.5"), Decimal(-20))
    (total,) = found.totals
    assert (total.ours.whole, total.theirs, total.verdict) == (Decimal("4.5"), Decimal(11), Verdict.DIFFERS)
    assert not found.agrees


def test_a_tolerance_is_in_percent_of_theirs() -> None:
    sides = {("gpt-4o", Measure.INPUT): "990"}, {("gpt-4o", Measure.INPUT): "1000"}
    assert compared(*sides, tolerance="1").agrees
    assert not compared(*sides, tolerance="0.99").agrees


def test_a_report_that_does_not_tell_models_apart_is_compared_as_a_whole() -> None:
    found = compared(
        {("gpt-4o", Measure.INPUT): "400", ("gpt-4o-mini", Measure.INPUT): "600"},
        {("", Measure.INPUT): "1000"},
    )
    assert [(line.model, line.verdict) for line in found.lines] == [(ALL_MODELS, Verdict.EQUAL)]
    assert found.agrees


def test_nothing_of_ours_where_a_measure_is_nought_is_no_line() -> None:
    found = compared({("gpt-4o", Measure.WEB_SEARCHES): "0"}, {("o3", Measure.WEB_SEARCHES): "3"})
    assert [line.model for line in found.lines] == ["o3"]


def test_the_table_says_what_lies_between_and_ends_with_a_verdict() -> None:
    found = compared({("gpt-4o", Measure.COST): "1.5"}, {("gpt-4o", Measure.COST): "2"})
    lines = render([found]).splitlines()
    assert lines[2].split() == [
        "2024-11-01", "gpt-4o", "cost_usd", "1.500000000000", "2.000000000000", "-0.500000000000", "-25.00", "25.0", "%",
        "differs",
    ]  # fmt: skip
    assert lines[-1] == "1 lines are not equal: 1 differs"
    told = as_json([found])["reports"][0]["lines"][0]
    assert (told["ours"], told["theirs"], told["percent"]) == ("1.5", "2", "-25.0000")
    equal = compared({("gpt-4o", Measure.COST): "2"}, {("gpt-4o", Measure.COST): "2"})
    assert render([equal]).splitlines()[-1] == "our calls agree with the provider's count"
    assert "there is nothing to compare" in render([compared({}, {})])


def test_periods_that_touch_are_one() -> None:
    hours = [datetime(2026, 11, 24, hour, tzinfo=UTC) for hour in range(5)]
    found = merge([Period(hours[3], hours[4]), Period(hours[0], hours[1]), Period(hours[1], hours[2])])
    assert found == [Period(hours[0], hours[2]), Period(hours[3], hours[4])]
