"""What the admin API takes and answers about prices, as pydantic models."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from gateway_shim.admin.shapes import PERCENT_PATTERN, Money, Name, OptionalText, Strict
from ingest.attribution import DEFAULT_ORG

Percent = Annotated[str, StringConstraints(max_length=20, pattern=PERCENT_PATTERN)]
Currency = Annotated[str, StringConstraints(max_length=10)]
_FIRST_YEAR, _LAST_YEAR = 2000, 2999


def _aware(value: object) -> object:
    """A day is its first moment, and what has no zone is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value  # pydantic says what is wrong
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _in_utc(moment: datetime) -> datetime:
    # A day beyond is a slip, and the days around it cannot be counted with.
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{moment.year} is not within the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment.astimezone(UTC)


Moment = Annotated[datetime, BeforeValidator(_aware), AfterValidator(_in_utc)]
"""ISO 8601; a date alone is midnight UTC. It is kept and shown in UTC."""


class PriceScopeIn(Strict):
    """Which calls a price is for. What is not named means any; the most specific scope wins."""

    provider: OptionalText = ""
    model: OptionalText = ""
    org: OptionalText = ""
    team: OptionalText = ""
    project: OptionalText = ""
    key: OptionalText = ""


class PriceIn(Strict):
    """A price of one's own to be set. Exactly one of `rates`, `discount_percent` and `hourly` says how it is computed."""

    price_id: Name | None = Field(None, description="What to call it; made if left out")
    scope: PriceScopeIn = PriceScopeIn()
    rates: dict[str, Money] | None = Field(
        None, description="Token class -> price for 1,000,000 tokens, 1,000 pieces or an hour of audio"
    )
    discount_percent: Percent | None = Field(None, description="Off the list price; negative: a surcharge")
    hourly: Money | None = Field(None, description="Price of an hour of a server of one's own")
    slots: int = Field(1, ge=1, description="With `hourly`: calls that the server works on at a time")
    currency: Currency = Field("USD", description="ISO 4217")
    effective_from: Moment | None = Field(None, description="Calls that start from then on; now if left out")
    effective_to: Moment | None = Field(None, description="Exclusive")
    note: OptionalText = ""


class PriceOut(BaseModel):
    """A price of one's own. Amounts are text, in `currency`."""

    price_id: str
    covers: str
    scope: dict[str, str]
    rates: dict[str, str] | None
    discount_percent: str | None
    hourly: str | None
    slots: int
    currency: str
    effective_from: datetime
    effective_to: datetime | None
    defined_at: datetime
    note: str
    state: str = Field(description="`holds`, `future` or `ended`")
    precedence: int = Field(description="Where several cover a call and hold, the one with the lowest number")
    hint: Annotated[str, Field(description="What else may have to be done")] = ""


class PriceEndIn(Strict):
    """When a price ends."""

    effective_to: Moment | None = Field(None, description="Exclusive; now if left out")


class ExchangeRateIn(Strict):
    """From `effective_from` on, one unit of `currency` is worth `usd`."""

    currency: Currency
    usd: Money
    effective_from: Moment | None = Field(None, description="Now if left out")
    source: OptionalText = ""


class ExchangeRateOut(BaseModel):
    """An exchange rate as it was set."""

    currency: str
    usd: str
    effective_from: datetime
    defined_at: datetime
    source: str


class EffectiveQuery(Strict):
    """The call whose price is asked for."""

    provider: Name
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    org: OptionalText = DEFAULT_ORG
    team: OptionalText = ""
    project: OptionalText = ""
    key: OptionalText = ""
    at: Moment | None = Field(None, description="When it starts; now if left out")
    service_tier: OptionalText = ""


class ListPriceOut(BaseModel):
    """What the public list says of a model, USD."""

    price_version: str
    rates: dict[str, str]


class CandidateOut(BaseModel):
    """An own price that covers a call, and why it is or is not the call's price."""

    price_id: str
    covers: str
    holds: bool
    why: str


class EffectivePriceOut(BaseModel):
    """The price of a call, and what it was chosen from."""

    provider: str
    model: str
    at: datetime
    price_version: str = Field(description="Empty where there is no price")
    why: str
    rates: dict[str, str] | None = Field(description="USD; of the class's usual quantity")
    hourly_usd: str | None = None
    slots: int | None = None
    listed: ListPriceOut | None
    candidates: list[CandidateOut] = Field(description="Own prices that cover the call, by precedence")


class PriceChangeOut(BaseModel):
    """A rate that differs in the installed price list, USD."""

    model: str
    rate: str
    old: str | None
    new: str | None
    factor: str | None
    held: bool = Field(description="Not plausible: holds only once the model is accepted")


class PriceListOut(BaseModel):
    """Which public price list holds, and what the installed one would change."""

    in_force: str
    installed: str
    waits_for_review: bool
    adopted_at: datetime | None
    adopted_by: str
    held: list[str] = Field(description="Models for which the list before holds on")
    changes: list[PriceChangeOut]


class AdoptIn(Strict):
    """Adopt the installed price list."""

    accept: list[str] = Field([], description="`provider/model` of held changes that are right")
    by: OptionalText = ""
