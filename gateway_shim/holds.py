"""The worst that a call can cost, told before it goes out, where anything bounds it.

A token is at least one byte, so a request has at most as many input tokens as bytes, unless it refers to content that
stands elsewhere (images, files, earlier responses). Output is bounded by the request's own limit.
"""

from __future__ import annotations

from decimal import Decimal

from gateway_shim.formats.answer import Asked, Format
from gateway_shim.prices import GatewayPrices
from ingest.errors import InvalidMoney
from ingest.money import usd
from ingest.pricing.bill import worst_case
from ingest.pricing.price import Question

_MOST_REMEMBERED = 10_000
_MILLION = 1_000_000
_HOUR_S, _MINUTE_S = 3600, 60
# Members by which a request refers to input that is not in its bytes, or is dearer than its bytes.
_ELSEWHERE = (b"_url", b'"url"', b"file", b"_id", b"image", b"audio", b"ached", b"onversation", b'"tools"')


class Holds:
    """Worst cases, with the dearest rates of a model remembered: for an hour, or, where there are prices of one's own,
    which may begin at any moment, for a minute."""

    def __init__(self, prices: GatewayPrices) -> None:
        self._prices = prices
        self._until = 0.0
        self._book, self._version = prices.book, prices.version
        self._dearest: dict[tuple[str, ...], tuple[Decimal, Decimal] | None] = {}

    def worst_case(self, format: Format, asked: Asked, body: bytes, question: Question) -> Decimal | None:
        """USD; None where the input or the output is not bounded, or no price by the token is known."""
        output_tokens = format.output_limit(asked)
        if output_tokens is None or any(mark in body for mark in _ELSEWHERE):
            return None
        dearest = self._dearest_rates(question)
        if dearest is None:
            return None
        try:
            return usd(dearest[0] * len(body) + dearest[1] * output_tokens)
        except InvalidMoney:
            return None  # a limit beyond any sum of money bounds nothing

    def _dearest_rates(self, question: Question) -> tuple[Decimal, Decimal] | None:
        """USD for one token of input and of output."""
        now = question.at.timestamp()
        if (
            now >= self._until
            or self._version != self._prices.version
            or len(self._dearest) >= _MOST_REMEMBERED
        ):
            self._dearest.clear()
            self._book, self._version = self._prices.book, self._prices.version
            period = _MINUTE_S if self._prices.has_own else _HOUR_S
            self._until = now - now % period + period
        key = (question.provider, question.model, *self._prices.named(question.who))
        if key not in self._dearest:
            rates = self._book.own_rates_at(question)
            self._dearest[key] = (
                None
                if rates is None
                else (
                    worst_case(_MILLION, 0, rates) / _MILLION,
                    worst_case(0, _MILLION, rates) / _MILLION,
                )
            )
        return self._dearest[key]
