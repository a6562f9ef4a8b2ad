"""What a test may ask of one call, in the request header `x-simulate`: a JSON object with the fields below."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gateway_shim.simulation.refusals import Refusal, bad_request

HEADER = "x-simulate"

Seconds = Annotated[float, msgspec.Meta(ge=0, le=600)]
Tokens = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]


class Directives(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Overrides for one call. A count that is set wins over everything drawn, and over the request's `max_tokens`."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)] | None = None
    """Answer with this error, in the provider's shape."""
    delay_s: Seconds = 0.0
    """Seconds before the answer (or the error) begins, not scaled by the server's speed."""
    chunk_delay_s: Seconds = 0.0
    """Seconds before each chunk of content after the first, not scaled by the server's speed."""
    input_tokens: Tokens | None = None
    """All input, cached included."""
    cache_read_tokens: Tokens | None = None
    cache_write_tokens: Tokens | None = None
    """All cache writes: those for 5 minutes and those for 1 hour."""
    cache_write_1h_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    """All output, reasoning included; without `reasoning_tokens` none of it is reasoning."""
    reasoning_tokens: Tokens | None = None
    chunks: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    """Number of chunks that the visible answer is streamed in."""
    break_after_chunks: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Drop the connection, without ending the answer, once so many chunks of content were sent."""
    omit_usage: bool = False
    """Leave the usage out of the answer, though the provider counts it."""
    service_tier: str | None = None
    """The tier that the provider says it used."""
    ref: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """A name for this call, for whoever compares the provider's list of calls with another one."""


NO_DIRECTIVES = Directives()
_DECODER = msgspec.json.Decoder(Directives)


def parse_directives(header: str | None) -> Directives:
    """The directives of a header's text; raises a Refusal with status 400 that says which one is unknown or wrong."""
    if header is None:
        return NO_DIRECTIVES
    try:
        directives = _DECODER.decode(header)
    except msgspec.MsgspecError as error:
        raise bad_request(f"{HEADER}: {error}", HEADER) from error
    for part, whole in (
        ("reasoning_tokens", "output_tokens"),
        ("cache_read_tokens", "input_tokens"),
        ("cache_write_tokens", "input_tokens"),
        ("cache_write_1h_tokens", "cache_write_tokens"),
    ):
        _check_part(directives, part, whole)
    cached = (directives.cache_read_tokens or 0) + (directives.cache_write_tokens or 0)
    if directives.input_tokens is not None and cached > directives.input_tokens:
        raise bad_request(
            f"{HEADER}: cache reads and writes ({cached}) cannot exceed input_tokens ({directives.input_tokens})"
        )
    return directives


def _check_part(directives: Directives, part: str, whole: str) -> None:
    some, everything = getattr(directives, part), getattr(directives, whole)
    if some is None:
        return
    if everything is None:
        raise _needs(part, whole)
    if some > everything:
        raise bad_request(f"{HEADER}: {part} ({some}) cannot exceed {whole} ({everything})")


def _needs(part: str, whole: str) -> Refusal:
    return bad_request(f"{HEADER}: {part} is a part of {whole}, so set that too")
