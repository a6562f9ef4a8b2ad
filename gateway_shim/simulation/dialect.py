"""What an operation of a provider has to say for itself: how it reads a request, and how it words an answer or an error."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway_shim.simulation.answers import Ask, Reply
from gateway_shim.simulation.refusals import Refusal

Headers = list[tuple[str, str]]
NO_KEY = "no key"
WRONG_KEY = "wrong key"


@dataclass(frozen=True, slots=True)
class Incoming:
    """An HTTP request, read to its end. Header names are in lower case."""

    method: str
    path_params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def bearer(self) -> str:
        """The token of `Authorization: Bearer`, or an empty text."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a stream. The tokens of all chunks of an answer add up to its billed output."""

    data: bytes
    tokens: int = 0
    content: bool = False
    """Whether it carries a piece of the visible answer."""


class Manners(ABC):
    """How a provider behaves on all its operations: whose key it wants, its identifiers and its errors."""

    provider: str
    json_type = "application/json"
    stream_type = "text/event-stream; charset=utf-8"

    @abstractmethod
    def key_of(self, incoming: Incoming) -> str:
        """The key that came with the request; empty when there was none."""

    @abstractmethod
    def unauthorised(self, key: str) -> Refusal:
        """The answer to a missing (empty) or wrong key: status 401."""

    @abstractmethod
    def new_request_id(self, rng: random.Random) -> str:
        """An identifier in the provider's form."""

    @abstractmethod
    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        """The error in the provider's shape."""

    @abstractmethod
    def headers(self, request_id: str) -> Headers:
        """Headers of every response, errors too."""

    def error_headers(self, refusal: Refusal) -> Headers:
        """Headers that only errors have."""
        return [("retry-after", "1")] if refusal.status in (429, 503, 529) else []

    @property
    def overloaded_status(self) -> int:
        """The status by which the provider says that it has too much to do."""
        return 503


class Dialect(Manners):
    """One billed operation of one provider."""

    operation: str
    tokens_per_chunk: int
    """Tokens in a streamed chunk; coarser than the providers' own, to spare a machine that runs everything."""
    id_prefix = ""
    id_in_header = True
    """Whether an answer is known by the identifier in its headers, or else by the one in its body."""

    @abstractmethod
    def read(self, incoming: Incoming) -> Ask:
        """What the request asks for. Raises a Refusal for what the provider would not accept."""

    @abstractmethod
    def whole(self, reply: Reply) -> bytes:
        """The answer as one body."""

    def whole_type(self) -> str:
        """The content type of an answer as one body."""
        return self.json_type

    def stream(self, reply: Reply) -> Iterator[Chunk]:
        """The answer in chunks, of which the last one ends it."""
        raise NotImplementedError(f"{self.operation} does not stream")

    def answering_model(self, asked: str) -> str:
        """The name in the answer for the model that was asked for."""
        return asked

    def tier(self, ask: Ask) -> str:
        """The service tier that the provider uses for what was asked."""
        return ask.service_tier
