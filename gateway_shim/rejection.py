"""Calls that the gateway answers itself with an error: why, with which status."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Fault(Enum):
    """What is wrong: a word for metrics and events, and the HTTP status."""

    BAD_BODY = ("bad_body", 400)
    BAD_HEADER = ("bad_header", 400)
    BAD_ENCODING = ("bad_encoding", 415)
    BAD_KEY = ("bad_key", 401)
    NO_ROUTE = ("no_route", 404)
    TOO_LARGE = ("too_large", 413)
    BUDGET = ("budget_exceeded", 429)
    CONNECT = ("connect", 502)
    UPSTREAM_BROKE = ("upstream_broke", 502)
    NOT_READY = ("not_ready", 503)
    TIMEOUT = ("timeout", 504)

    def __init__(self, word: str, status: int) -> None:
        self.word = word
        self.status = status


class Rejected(Exception):
    """Answer with an error in the provider's shape. `message` is one sentence for the caller."""

    def __init__(self, fault: Fault, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.headers = headers or {}
