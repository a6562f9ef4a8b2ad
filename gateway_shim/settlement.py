"""What a finished call has used: the provider's count, or an estimate that says that it is one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway_shim.estimate import Estimate, rough
from gateway_shim.formats.answer import Answer, Format
from gateway_shim.usage_reading import read_answer, read_others
from ingest.events.calls import Outcome
from ingest.usage import NO_USAGE, TokenUsage


@dataclass(frozen=True, slots=True)
class Settled:
    """`usage` None: nothing is known, and nothing that an estimate could go by."""

    usage: TokenUsage | None
    is_estimated: bool = False
    others: tuple[tuple[str, TokenUsage], ...] = ()
    """(model, counts) of what other models did within the call, to be priced apart."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The provider's final count did not come. `said`: what it had said before, None where that was nothing."""

    said: TokenUsage | None
    has_input: bool = False
    """Whether `said` counts the input."""
    is_covered: bool = False
    """Whether `said` counts text that had passed before it: then what came later is beyond it."""

    def with_estimate(self, estimate: Estimate) -> Settled:
        """What was said is kept class by class (input and cache of a stream's beginning); the rest is estimated."""
        sent, produced = estimate
        if self.said is None and not sent and not produced:
            return NOTHING
        said = self.said or NO_USAGE
        output = said.output_tokens + produced if self.is_covered else max(said.output_tokens, produced)
        input = said.input_tokens if self.has_input else max(said.input_tokens, sent)
        return Settled(msgspec.structs.replace(said, input_tokens=input, output_tokens=output), True)


NOTHING = Settled(None)


def stream_outcome(answer: Answer) -> Outcome:
    """How a stream ended that came to its end: in full, or broken off by the provider.

    An error that is its first word is an error like any other, only with status 200: nothing was generated (Anthropic, Streaming
    messages, "Error events": what "would normally correspond to an HTTP 529 in a non-streaming context").
    """
    if answer.error_type:
        has_begun = answer.usage or answer.text.total_bytes or answer.response_id or answer.counts
        return Outcome.ABORTED if has_begun else Outcome.ERROR
    return Outcome.OK if answer.is_over or answer.has_final_usage else Outcome.ABORTED


def settle(format: Format, outcome: Outcome, answer: Answer, request_body: bytes) -> Settled | Unsettled:
    """Of a call that reached the provider.

    An error costs nothing. Otherwise the provider's final count holds, zero included.
    """
    if outcome in (Outcome.ERROR, Outcome.REFUSED):
        return NOTHING
    if format.is_free:
        return Settled(NO_USAGE)
    said = read_answer(format, answer, request_body)
    if said is not None and answer.has_final_usage:
        return Settled(said, answer.is_estimate, read_others(format, answer))
    return Unsettled(said, said is not None and answer.usage is not None, answer.text.is_covered)


def settle_at_once(format: Format, outcome: Outcome, answer: Answer, request_body: bytes) -> Settled:
    """The same, with an estimate by length alone: for a process that is about to end."""
    settled = settle(format, outcome, answer, request_body)
    if isinstance(settled, Settled):
        return settled
    return settled.with_estimate(rough(None if settled.has_input else request_body, answer.text))
