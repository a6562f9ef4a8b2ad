"""`spendstream apply FILE.yaml`: teams, keys, budgets and prices as they should be.

    teams: [search, ads]
    keys:
      - {team: search, name: backend}
    budgets:
      - {name: search-monthly, scope: {team: search}, limit_usd: 250.00, window: month}
    exchange_rates:
      - {currency: EUR, usd: 1.08, effective_from: 2026-11-01, source: ECB}
    prices:
      - {price_id: openai-2026, scope: {provider: openai}, discount_percent: 12.5, effective_from: 2026-11-01}
      - {scope: {model: llama-3.3-70b}, hourly: 2.40, slots: 16, currency: EUR}

Applying a file again changes nothing: a key is issued once for each team and name, and a price that says the same is left.
What the file does not name stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from gateway_shim.admin.price_shapes import ExchangeRateIn, PriceIn
from gateway_shim.admin.shapes import BudgetIn, KeyIn, Name, Strict, in_words
from gateway_shim.admin_client import AdminClient
from ingest.errors import InvalidInput


class Declaration(Strict):
    """A file's content."""

    teams: list[Name] = Field(default_factory=list)
    keys: list[KeyIn] = Field(default_factory=list)
    budgets: list[BudgetIn] = Field(default_factory=list)
    exchange_rates: list[ExchangeRateIn] = Field(default_factory=list)
    prices: list[PriceIn] = Field(default_factory=list)


def read_declaration(file: Path) -> Declaration:
    """Raises InvalidInput, naming the place, for a file that cannot be used."""
    try:
        # Every scalar as the text that it is: `limit_usd: 0.10` must never become a float.
        content = yaml.load(file.read_text(), yaml.BaseLoader)
    except OSError as reason:
        raise InvalidInput(f"{file} cannot be read: {reason.strerror}") from reason
    except yaml.YAMLError as reason:
        raise InvalidInput(f"{file} is no YAML: {' '.join(str(reason).split())}") from reason
    try:
        return Declaration.model_validate(content or {})
    except ValidationError as reason:
        first = reason.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{file}: {where}: {in_words(first)}") from None


def apply_declaration(wanted: Declaration, client: AdminClient) -> Iterator[str]:
    """Make it so; tells each step in a line. New keys are told here and never again."""
    for team in wanted.teams:
        client.post("admin", "teams", body={"name": team})
        yield f"team {team}"
    issued = {(key["team"], key["name"]) for key in client.get("admin", "keys")}
    for key in wanted.keys:
        if (key.team, key.name) in issued:
            yield f"key {key.name or '(without a name)'} of team {key.team} was issued before"
            continue
        made: dict[str, Any] = client.post("admin", "keys", body=key.model_dump())
        issued.add((key.team, key.name))
        yield json.dumps({"team": key.team, "name": key.name, "key": made["key"], "key_id": made["key_id"]})
    for budget in wanted.budgets:
        body = budget.model_dump(mode="json", exclude_none=True)
        client.post("admin", "budgets", body=body)
        yield f"budget {budget.name}"
    # Before the prices that need them.
    for rate in wanted.exchange_rates:
        client.post("admin", "exchange-rates", body=rate.model_dump(mode="json", exclude_none=True))
        yield f"exchange rate of {rate.currency}"
    for price in wanted.prices:
        set_price = client.post(
            "admin", "prices", body=price.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        )
        hint = f" ({set_price['hint']})" if set_price["hint"] else ""
        yield f"price {set_price['price_id']} of {set_price['covers']}{hint}"
