"""Our prices beside LiteLLM's public price map, for every model that both have.

The map is a JSON file (`model_prices_and_context_window.json`, shipped in the PyPI package `litellm` as
`litellm/model_prices_and_context_window_backup.json`). It has no dates, so that it is compared with our prices of one
moment. Neither list is right by itself: a difference is a question, and `docs/price-crosscheck.md` holds the answers.

    python -m bench.price_crosscheck MAP.json --release 1.110.2 --at 2026-11-24 > table.md
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from ingest.pricing.book import GenaiPriceBook
from ingest.pricing.classes import BY_NAME
from ingest.pricing.rates import Rate, Rates

TOLERANCE = Decimal("0.001")

PROVIDERS = {
    "openai": "openai",
    "text-completion-openai": "openai",
    "anthropic": "anthropic",
    "azure": "azure",
    "gemini": "google",
    "mistral": "mistral",
    "xai": "x-ai",
    "groq": "groq",
    "deepseek": "deepseek",
    "perplexity": "perplexity",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "cerebras": "cerebras",
    "moonshot": "moonshotai",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "voyage": "voyageai",
    "openrouter": "openrouter",
}
"""`litellm_provider` -> the list's provider."""

CLASS_OF_KEY = {
    "input_cost_per_token": ("input", 1),
    "output_cost_per_token": ("output", 1),
    "cache_read_input_token_cost": ("cache_read", 1),
    "cache_creation_input_token_cost": ("cache_write", 1),
    "cache_creation_input_token_cost_above_1hr": ("cache_write_1h", 1),
    "input_cost_per_audio_token": ("audio_input", 1),
    "cache_read_input_audio_token_cost": ("audio_cache_read", 1),
    "output_cost_per_audio_token": ("audio_output", 1),
    "input_cost_per_image_token": ("image_input", 1),
    "cache_read_input_image_token_cost": ("image_cache_read", 1),
    "output_cost_per_image_token": ("image_output", 1),
    "output_cost_per_reasoning_token": ("reasoning", 1),
    "citation_cost_per_token": ("citation", 1),
    "input_cost_per_character": ("characters", 1),
    "input_cost_per_second": ("audio", 1000),
    "ocr_cost_per_page": ("page", 1),
    "annotation_cost_per_page": ("annotated_page", 1),
    "input_cost_per_request": ("request", 1),
}
"""LiteLLM's key -> our class, and how many of what we count are one of theirs."""

_SUFFIX = re.compile(
    r"^(?P<key>.+?)(?:_above_(?P<length>\d+)k_tokens)?(?:_(?P<tier>batches|flex|priority))?$"
)
_TIERS = {"batches": "batch", "flex": "flex", "priority": "priority", None: ""}


class Compared(NamedTuple):
    """One price that both have, USD for as many as our class says."""

    provider: str
    model: str
    what: str
    """The class, the tier and the length of input beyond which it holds."""
    ours: Decimal
    theirs: Decimal

    @property
    def ratio(self) -> str:
        return f"{self.theirs / self.ours:.3f}" if self.ours else "-"

    @property
    def differs(self) -> bool:
        return abs(self.ours - self.theirs) > TOLERANCE * max(self.ours, self.theirs)


def compare(price_map: Mapping[str, Mapping[str, Any]], at: datetime) -> Iterator[Compared]:
    """Every price that both have. A class without a rate of ours is compared at what we bill it at."""
    book = GenaiPriceBook()
    for name, entry in price_map.items():
        provider = PROVIDERS.get(str(entry.get("litellm_provider")))
        if provider is None:
            continue
        model = _model_of(name, str(entry["litellm_provider"]))
        for key, amount in _amounts(entry):
            said = _SUFFIX.match(key)
            if said is None or said["key"] not in CLASS_OF_KEY or amount <= 0:
                continue
            rates = book.rates_at(provider, model, at, _TIERS[said["tier"]])
            tokens = int(said["length"] or 0) * 1000
            token_class, pieces = CLASS_OF_KEY[said["key"]]
            ours = _billed_at(rates, token_class, tokens + 1 if tokens else 0) if rates else None
            if ours is not None:
                per = BY_NAME[token_class].per
                yield Compared(provider, model, _what(token_class, said), ours, amount * per / pieces)


def _model_of(name: str, litellm_provider: str) -> str:
    """LiteLLM puts the provider before most names."""
    return name.removeprefix(f"{litellm_provider}/").removeprefix(
        "openai/" if litellm_provider == "openai" else ""
    )


def _amounts(entry: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    for key, value in entry.items():
        if isinstance(value, Decimal | int) and not isinstance(value, bool):
            yield key, Decimal(value)


def _billed_at(rates: Rates, token_class: str, input_tokens: int) -> Decimal | None:
    """Our rate for a class, else that of the nearest class around it that has one."""
    for name in (token_class, *BY_NAME[token_class].within):
        rate: Rate | None = getattr(rates, name)
        if rate is not None:
            return rate.at(input_tokens)
    return None


def _what(token_class: str, said: re.Match[str]) -> str:
    parts = [token_class]
    if said["length"]:
        parts.append(f"above {said['length']}k")
    if said["tier"]:
        parts.append(_TIERS[said["tier"]])
    return ", ".join(parts)


def report(found: Iterable[Compared], release: str, at: datetime, grouped: Sequence[str] = ()) -> str:
    """Markdown: how many agree by provider, and every difference; those of `grouped` providers by their ratio."""
    # The map has many models under two names, with and without the provider's.
    every = list({(one.provider, one.model, one.what): one for one in found}.values())
    different = sorted((one for one in every if one.differs), key=lambda one: one[:3])
    alone = [one for one in different if one.provider not in grouped]
    lines = [
        f"Ours: {GenaiPriceBook().version}, prices of {at:%Y-%m-%d %H:%M} UTC. Theirs: LiteLLM {release}.",
        "",
        *_summary(every, different),
        "",
        "| provider | model | class | ours, USD | theirs, USD | theirs / ours |",
        "|---|---|---|---:|---:|---:|",
        *(
            f"| {one.provider} | {one.model} | {one.what} | {_shown(one.ours)} | {_shown(one.theirs)} | {one.ratio} |"
            for one in alone
        ),
    ]
    if grouped:
        lines += ["", *_groups([one for one in different if one.provider in grouped])]
    return "\n".join(lines) + "\n"


def _summary(every: Sequence[Compared], different: Sequence[Compared]) -> Iterator[str]:
    yield "| provider | prices compared | equal | different | models that differ |"
    yield "|---|---:|---:|---:|---:|"
    for provider, count in Counter(one.provider for one in every).most_common():
        own = [one for one in different if one.provider == provider]
        yield f"| {provider} | {count} | {count - len(own)} | {len(own)} | {len({one.model for one in own})} |"
    models = len({one[:2] for one in different})
    yield f"| all | {len(every)} | {len(every) - len(different)} | {len(different)} | {models} |"


def _groups(different: Sequence[Compared]) -> Iterator[str]:
    yield "| provider | theirs / ours | prices | models | for example |"
    yield "|---|---:|---:|---:|---|"
    groups = Counter((one.provider, one.ratio) for one in different)
    for (provider, ratio), count in sorted(
        groups.items(), key=lambda item: (item[0][0], -item[1], item[0][1])
    ):
        own = [one for one in different if (one.provider, one.ratio) == (provider, ratio)]
        models = len({one.model for one in own})
        yield f"| {provider} | {ratio} | {count} | {models} | {own[0].model}, {own[0].what} |"


def _shown(amount: Decimal) -> str:
    return f"{amount.quantize(Decimal('0.000001')).normalize():f}"


def main() -> int:
    """Prints the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.price_crosscheck", description=__doc__)
    parser.add_argument("map", type=Path, metavar="MAP.json")
    parser.add_argument("--release", default="(release not said)", help="of LiteLLM")
    parser.add_argument(
        "--at", type=datetime.fromisoformat, default=None, help="the moment of our prices; now"
    )
    parser.add_argument(
        "--group", nargs="*", default=[], help="providers whose differences are shown by ratio"
    )
    options = parser.parse_args()
    at = options.at or datetime.now(UTC)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    price_map = json.loads(options.map.read_text(), parse_float=Decimal)
    price_map.pop("sample_spec", None)
    print(report(compare(price_map, at), options.release, at, options.group), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
