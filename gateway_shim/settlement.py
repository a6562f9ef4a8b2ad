"""What a finished call has used: the provider's count, or an estimate that says that it is one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway_shim.estimate import request_text_bytes, tokens_of
from gateway_shim.formats.answer import Answer, Format
from gateway_shim.usage_reading import read_answer
from ingest.events.calls import Outcome
from ingest.usage import NO_USAGE, TokenUsage


@dataclass(frozen=True, slots=True)
class Settled:
    """`usage` None: nothing is known, and nothing that an estimate could go by."""

    usage: TokenUsage | None
    is_estimated: bool = False


NOTHING = Settled(None)


def stream_outcome(answer: Answer) -> Outcome:
    """How a stream ended that came to its end: in full, or broken off by the provider."""
    if answer.error_type:
        return Outcome.ABORTED
    return Outcome.OK if answer.is_over or answer.has_final_usage else Outcome.ABORTED


def settle(format: Format, outcome: Outcome, answer: Answer, request_body: bytes) -> Settled:
    """Of a call that reached the provider.

    An error costs nothing. Otherwise the provider's final count holds, zero included. Without one, what it has said so
    far is kept class by class (input and cache of a stream's beginning), and what it has produced since is estimated.
    """
    if outcome in (Outcome.ERROR, Outcome.REFUSED):
        return NOTHING
    if format.is_free:
        return Settled(NO_USAGE)
    said = read_answer(format, answer, request_body)
    if said is not None and answer.has_final_usage:
        return Settled(said, answer.is_estimate)
    produced = tokens_of(answer.text_bytes)
    if said is not None:
        return Settled(msgspec.structs.replace(said, output_tokens=max(said.output_tokens, produced)), True)
    sent = tokens_of(request_text_bytes(request_body))
    if not sent and not produced:
        return NOTHING
    return Settled(TokenUsage(input_tokens=sent, output_tokens=produced), True)
