"""Events of the topic `governance` about prices: what is paid instead of the list price, and which list holds.

None of them is ever edited: each has a record key of its own, so that compaction keeps them all and every price version
can be found again. A price ends by a `PriceEnded`, and is replaced by a newer one.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ingest.clock import Instant

TOKEN_CLASSES = frozenset(
    {
        "audio_cache_read",
        "image_cache_read",
        "cache_read",
        "cache_write_1h",
        "cache_write",
        "audio_input",
        "image_input",
        "video_input",
        "input",
        "reasoning",
        "citation",
        "audio_output",
        "image_output",
        "video_output",
        "output",
        "audio",
        "characters",
        "annotated_page",
        "page",
        "text_message",
        "image",
        "web_search",
        "file_search",
        "code_execution",
        "request",
    }
)
"""What a rate can be for: the names of `ingest.pricing.classes.CLASSES`."""


class PriceScope(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which calls a price is for; an empty text means any. The most specific scope wins."""

    provider: str = ""
    model: str = ""
    """A model's name; dated versions and other spellings of it are covered too."""
    org: str = ""
    team: str = ""
    project: str = ""
    key_id: str = ""


class PriceOverridden(msgspec.Struct, frozen=True, omit_defaults=True):
    """A price of one's own. Exactly one of `rates`, `discount_percent` and `hourly` says how it is computed."""

    price_id: str
    """Names it, and thereby the price version of what is costed with it."""
    scope: PriceScope
    effective_from: Instant
    defined_at: Instant
    rates: dict[str, Decimal] | None = None
    """Token class (a `CostComponent.token_class`) -> price in `currency` for 1,000,000 tokens or characters, 1,000 pieces,
    or an hour of audio. A class without a rate is billed as the class it is a part of. All zero: costs nothing."""
    discount_percent: Decimal | None = None
    """Off the list price, 0 to 100; negative for a surcharge."""
    hourly: Decimal | None = None
    """For a server of one's own: price in `currency` of an hour of it; a call pays for the time it took."""
    slots: int = 1
    """With `hourly`: calls that the server works on at a time, which share its hour."""
    currency: str = "USD"
    """ISO 4217. Turned into USD at the rate that holds when the call starts."""
    effective_to: Instant | None = None
    """Exclusive."""
    note: str = ""


class PriceEnded(msgspec.Struct, frozen=True):
    """A price of one's own holds no longer from `effective_to` on."""

    price_id: str
    effective_to: Instant
    defined_at: Instant


class ExchangeRateSet(msgspec.Struct, frozen=True):
    """From `effective_from` on, one unit of `currency` is worth `usd`."""

    currency: str
    usd: Decimal
    effective_from: Instant
    defined_at: Instant
    source: str = ""


class PriceListAdopted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A public price list holds from `adopted_at` on, for calls that are costed after it. Calls costed before keep
    their price version until they are repriced."""

    version: str
    """`genai-prices/<release>+<first 12 hex digits of the SHA-256 of its data>`."""
    adopted_at: Instant
    held: tuple[str, ...] = ()
    """`provider/model` whose new prices differed by more than the plausible factor: for them the list before holds on."""
    data: bytes = b""
    """The list itself, compressed, so that the version can be used after the package has moved on."""
    adopted_by: str = ""


PriceEvent = PriceOverridden | PriceEnded | ExchangeRateSet | PriceListAdopted
