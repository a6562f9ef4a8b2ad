"""The supplement: what it says, that it agrees with the list where both know, and that it only fills gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from ingest.errors import InvalidInput
from ingest.pricing.book import GenaiPriceBook, shipped_list
from ingest.pricing.genai import shipped_providers
from ingest.pricing.rates import Rate, Rates
from ingest.pricing.supplement import rates_in, read_entries, scale, shipped_entries

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BOOK = GenaiPriceBook()
PLAIN = GenaiPriceBook(msgspec.structs.replace(shipped_list(), supplement=()))
CONTEXTS = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
ENTRY = """
[[entry]]
provider = "openai"
models = "gpt-.*"
effective_from = 2026-01-01
source = "a page"
checked = 2026-11-24
"""


def rates(provider: str, model: str, tier: str = "", at: datetime = NOW) -> Rates:
    found = BOOK.rates_at(provider, model, at, tier)
    assert found is not None
    return found


def amount(rate: Rate | None) -> Decimal | None:
    return rate.base if rate else None


def test_every_entry_names_its_source() -> None:
    for entry in shipped_entries():
        assert len(entry.source) > 10
        assert entry.checked >= entry.effective_from


def test_where_the_list_knows_a_tier_too_the_supplement_says_the_same() -> None:
    """So the factors hold for the days and models that the list does not know. Cached tokens: the list rounds some."""
    compared = 0
    for provider in shipped_providers():
        for model in provider.models:
            for tier, context in CONTEXTS.items():
                changes = [change for change in model.changes(NOW, context) if change.rates]
                entries = [e for e in shipped_entries() if e.is_for(provider.id, model.id) and e.tier == tier]
                if not changes or not entries:
                    continue
                standard = model.standard(NOW)
                ours = scale(standard, entries[0]) if entries[0].factor else standard | rates_in(entries)
                merged: dict[str, Rate] = {}
                for change in reversed(changes):
                    merged |= change.rates
                for name, listed in merged.items():
                    if "cache" in name:
                        assert abs(ours[name].base / listed.base - 1) < Decimal("0.51"), model.id
                    else:
                        assert ours[name].base == listed.base, (model.id, tier, name)
                        assert [t.rate for t in ours[name].tiers] == [t.rate for t in listed.tiers], model.id
                    compared += 1
    assert compared > 250


def test_the_list_goes_before_the_supplement() -> None:
    """gpt-4o in a batch: the list's own price has cached tokens at the full cached price."""
    assert amount(rates("openai", "gpt-4o", "batch").cache_read) == Decimal("1.25")
    # Before the list knows of it, the factor holds; cached tokens keep their price, as in the list.
    before = rates("openai", "gpt-4o", "batch", datetime(2026, 10, 13, 23, 59, 59, tzinfo=UTC))
    assert amount(before.cache_read) == Decimal("1.25")
    assert amount(
        rates("openai", "gpt-5", "batch", datetime(2026, 10, 13, tzinfo=UTC)).cache_read
    ) == Decimal("0.0625")
    assert amount(before.input) == amount(rates("openai", "gpt-4o", "batch").input) == Decimal("1.25")


@pytest.mark.parametrize(
    ("provider", "model", "tier", "of_input", "of_output"),
    [
        ("openai", "text-embedding-3-small", "batch", "0.5", None),
        ("anthropic", "claude-opus-4-1", "batch", "0.5", "0.5"),
        ("gemini", "gemini-2.5-flash", "flex", "0.5", "0.5"),
        ("gemini", "gemini-2.5-flash", "priority", "1.8", "1.8"),
        ("mistral", "mistral-large-2411", "batch", "0.5", "0.5"),
        ("bedrock", "anthropic.claude-3-haiku-20240307-v1:0", "batch", "0.5", "0.5"),
        ("azure", "gpt-4.1", "batch", "0.5", "0.5"),
        ("azure", "gpt-4.1", "priority", "1.75", "1.75"),
        ("azure", "gpt-5", "flex", "0.5", "0.5"),
        ("openai", "gpt-6-astra", "ultrafast", "6", "6"),
        ("anthropic", "claude-opus-4-6", "fast", "6", "6"),
        ("bedrock", "amazon.nova-pro-v1:0", "flex", "0.5", "0.5"),
        ("bedrock", "amazon.nova-pro-v1:0", "priority", "1.75", "1.75"),
        ("xai", "grok-4.7", "batch", "0.8", "0.8"),
    ],
)
def test_tiers_that_the_list_does_not_price(
    provider: str, model: str, tier: str, of_input: str, of_output: str | None
) -> None:
    standard, in_tier = rates(provider, model), rates(provider, model, tier)
    assert standard.input is not None
    assert amount(in_tier.input) == standard.input.base * Decimal(of_input)
    if of_output is not None:
        assert standard.output is not None
        assert amount(in_tier.output) == standard.output.base * Decimal(of_output)
    assert in_tier.web_search == standard.web_search


def test_cached_tokens_of_older_gemini_models_cost_the_same_in_batches_and_flex() -> None:
    early = datetime(2026, 9, 1, tzinfo=UTC)
    for tier in ("batch", "flex"):
        older, newer = (
            rates("gemini", name, tier, early) for name in ("gemini-2.0-flash", "gemini-3.6-flash")
        )
        assert amount(older.cache_read) == Decimal("0.025")  # $0.10 in, a quarter of it for cached ones
        standard = rates("gemini", "gemini-3.6-flash", at=early).cache_read
        assert standard is not None
        assert amount(newer.cache_read) == standard.base / 2


def test_fees_and_sounds_that_the_list_does_not_price() -> None:
    assert amount(rates("openai", "gpt-4o-search-preview").web_search) == 25
    for provider in ("openai", "azure"):
        mini = rates(provider, "gpt-4o-mini-audio-preview")
        assert amount(mini.audio_input) == 10
        assert amount(mini.audio_output) == 20
        whole = rates(provider, "gpt-4o-audio-preview")
        assert amount(whole.audio_input) == 40
        assert amount(whole.audio_output) == 80


def test_azure_follows_openai_before_the_list_knows_the_tier() -> None:
    early = datetime(2026, 1, 15, tzinfo=UTC)
    assert amount(rates("azure", "gpt-4.1", "priority", early).input) == Decimal("3.5")


def test_another_providers_model_is_not_billed_at_its_own_tools_fees() -> None:
    """Azure's search is Bing's, $14 for 1,000, and not OpenAI's $10."""
    assert amount(rates("azure", "gpt-4.1").web_search) == 14
    assert amount(rates("openai", "gpt-4.1").web_search) == 10


def test_a_name_that_has_moved_on_costs_what_the_model_costs_that_it_means() -> None:
    """mistral-large-latest: $2 until the model of December 2025, $0.50 since."""
    day = datetime(2025, 12, 2, tzinfo=UTC)
    assert amount(rates("mistral", "mistral-large-latest", at=day - timedelta(seconds=1)).input) == 2
    assert amount(rates("mistral", "mistral-large-latest", at=day).input) == Decimal("0.5")
    assert amount(rates("mistral", "mistral-large-latest", "batch").input) == Decimal("0.25")
    assert amount(rates("mistral", "mistral-large-2411").input) == 2


def test_every_name_that_has_moved_on_means_a_model_of_the_list() -> None:
    for entry in shipped_entries():
        if entry.same_as:
            assert PLAIN.rates_at(entry.provider, entry.same_as, NOW) is not None
            old_name = entry.models.partition("(")[0]
            assert PLAIN.rates_at(entry.provider, old_name, NOW) is not None
            assert BOOK.rates_at(entry.provider, old_name, NOW) == rates(entry.provider, entry.same_as)


@pytest.mark.parametrize("tier", ["", "batch", "priority"])
def test_a_model_that_the_list_does_not_have_is_not_priced_by_fees_of_tools(tier: str) -> None:
    assert BOOK.rates_at("openai", "gpt-99-nobody-knows", NOW, tier) is None


def test_newer_entries_take_over_on_their_day() -> None:
    """Container sessions: $30 for 1,000 until 1 June 2026, then by the minute, at least 5 of 20."""
    last = datetime(2026, 6, 1, 23, 59, 59, 999999, tzinfo=UTC)
    first = datetime(2026, 6, 2, tzinfo=UTC)
    assert amount(rates("openai", "gpt-5", at=last).code_execution) == 30
    assert amount(rates("openai", "gpt-5", at=first).code_execution) == Decimal("7.5")
    assert amount(rates("openai", "gpt-5", at=last).code_execution) == 30  # not what was remembered last


def test_without_a_tier_only_fees_of_tools_and_audio_are_added_to_the_list() -> None:
    compared = 0
    for provider in shipped_providers():
        for model in provider.models:
            ours, plain = (book.rates_at(provider.id, model.id, NOW) for book in (BOOK, PLAIN))
            assert (ours is None) == (plain is None), "the supplement has no models of its own"
            if ours is None or plain is None:
                continue  # an id that is no name by which the model is found
            if any(entry.same_as and entry.is_for(provider.id, model.id) for entry in shipped_entries()):
                continue  # a name that means another model by now
            known = dict(plain.known())
            added = {name for name, rate in ours.known() if rate != known.get(name)}
            tools = {"web_search", "file_search", "code_execution"}
            assert added <= tools | ({"audio_input", "audio_output"} if "audio" in model.id else set()), (
                model.id
            )
            assert all(getattr(ours, name) == rate for name, rate in known.items()), model.id
            compared += 1
    assert compared > 2000


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("", "exactly one of rates, factor, follows and same_as"),
        ('factor = "0.5"', "names no tier"),
        ('tier = "flex"\nfactor = "0"', "must be above 0"),
        ('tier = "flex"\nfactor = "0.5"\nfollows = true', "exactly one"),
        ('rates = { tokens = "1" }', "'tokens' is no class"),
        ('rates = { input = "-1" }', "must be 0 or more"),
        ('tier = "flex"\nfactor = "0.5"\nbut_not_classes = ["cached"]', "'cached' is no class"),
        ('price = "1"', "cannot be read"),
        ('models = "("', "cannot be read"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused(lines: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        read_entries((ENTRY + lines).encode())


def test_a_pattern_must_be_one() -> None:
    with pytest.raises(InvalidInput, match="no regular expression"):
        read_entries((ENTRY.replace("gpt-.*", "(") + 'rates = { input = "1" }').encode())
