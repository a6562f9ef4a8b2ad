"""The Chat Completions format, which all four providers speak, each with an accent.

What differs: identifiers, where a stream says its usage (`UsagePlace`), which details the usage has, and JSON spacing.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator
from enum import Enum
from typing import Any

from typing_extensions import override

from gateway_shim.simulation.answers import Ask, Choice, Piece, Reply
from gateway_shim.simulation.body import Body, compact, segment
from gateway_shim.simulation.dialect import Chunk, Dialect
from gateway_shim.simulation.dice import token
from gateway_shim.simulation.refusals import bad_request
from gateway_shim.simulation.sse import DONE, compact_json, data_event
from gateway_shim.simulation.tokens import MESSAGE_TOKENS, Prompt, Segment, text_tokens
from gateway_shim.simulation.usage import ServedUsage

Json = dict[str, Any]


class UsagePlace(Enum):
    """Where a streamed answer says its usage."""

    WHEN_ASKED = "in a chunk of its own without choices, when stream_options.include_usage asks for it"
    LAST_CHOICE = "always, in the chunk that has the finish reason"
    EVERY_CHUNK = "always, in every chunk, counted up to there"


def chat_prompt(body: Body) -> Prompt:
    """The messages of a chat request after its tools, in the order in which a provider reads them."""
    messages = body.objects("messages")
    if not messages:
        raise bad_request("messages: at least one message is required", "messages")
    said = [segment(message.word("role"), _content(message)) for message in messages]
    return Prompt((*tools_segment(body), *said))


def tools_segment(body: Body, cache_for_s: int = 0) -> tuple[Segment, ...]:
    """The request's tool definitions as one segment, if there are any."""
    tools = [tool.fields for tool in body.objects("tools")]
    if not tools:
        return ()
    text = compact(tools)
    return (Segment(text, MESSAGE_TOKENS + text_tokens(text), cache_for_s),)


def _content(message: Body) -> object:
    content = message.fields.get("content")
    calls = [call.fields for call in message.objects("tool_calls")]
    if not calls:
        return content
    parts = content if isinstance(content, list) else [] if content is None else [content]
    return [*parts, *calls]


class ChatDialect(Dialect):
    """Chat Completions in one provider's accent."""

    operation = "chat"
    usage_place = UsagePlace.WHEN_ASKED
    shows_reasoning = False
    """Whether a stream has the reasoning in chunks of its own."""
    obfuscates = False
    """Whether chunks are padded with noise, against guessing words by their length."""

    @abstractmethod
    def usage_json(self, usage: ServedUsage) -> Json:
        """The `usage` object."""

    def base(self, reply: Reply, kind: str) -> Json:
        """The fields that answer and chunks share, `choices` and `usage` left out."""
        return {"id": reply.response_id, "object": kind, "created": reply.created, "model": reply.model}

    def message(self, choice: Choice) -> Json:
        """The answer's message."""
        return {"role": "assistant", "content": choice.text}

    def opening(self) -> Json:
        """The `delta` that begins an answer."""
        return {"role": "assistant", "content": ""}

    def delta(self, piece: Piece) -> Json:
        """The `delta` with a piece of the answer."""
        return {"content": piece.text}

    def finish(self, choice: Choice) -> str:
        """Why the answer ended."""
        return "length" if choice.truncated else "stop"

    def wrap(self, index: int, what: Json, finish: str | None) -> Json:
        """A member of `choices`; `what` is its `message` or `delta` with that name."""
        return {"index": index, **what, "finish_reason": finish}

    def encode_whole(self, answer: Json) -> bytes:
        """The bytes of an answer that is not streamed."""
        return compact_json(answer)

    @override
    def whole(self, reply: Reply) -> bytes:
        choices = [
            self.wrap(index, {"message": self.message(choice)}, self.finish(choice))
            for index, choice in enumerate(reply.choices)
        ]
        answer = self.base(reply, "chat.completion") | {"choices": choices}
        if not reply.directives.omit_usage:
            answer["usage"] = self.usage_json(reply.usage)
        return self.encode_whole(answer)

    @override
    def stream(self, reply: Reply) -> Iterator[Chunk]:
        produced = 0
        for choices, tokens, content in self._steps(reply):
            produced += tokens
            yield self._chunk(reply, choices, produced, tokens, content)
        if self._says_usage_last(reply):
            chunk = self.base(reply, "chat.completion.chunk") | {"choices": []}
            chunk["usage"] = self.usage_json(reply.usage)
            yield Chunk(self._encoded(reply, chunk))
        yield Chunk(DONE)

    def _steps(self, reply: Reply) -> Iterator[tuple[list[Json], int, bool]]:
        """`choices` of each chunk, with the tokens that it is billed as and whether it is content."""
        hidden = 0 if self.shows_reasoning else reply.usage.reasoning_tokens
        opening = self.opening()
        for index in range(len(reply.choices)):
            yield [self.wrap(index, {"delta": opening}, None)], hidden if index == 0 else 0, False
        for index, choice in enumerate(reply.choices):
            for piece in choice.thought if self.shows_reasoning else ():
                yield [self.wrap(index, {"delta": self.thought_delta(piece)}, None)], piece.tokens, False
        rounds = itertools.zip_longest(*(choice.pieces for choice in reply.choices))
        for pieces in rounds:
            for index, said in enumerate(pieces):
                if said is not None:
                    yield [self.wrap(index, {"delta": self.delta(said)}, None)], said.tokens, True
        for index, choice in enumerate(reply.choices):
            yield [self.wrap(index, {"delta": self.closing()}, self.finish(choice))], 0, False

    def closing(self) -> Json:
        """The `delta` of the chunk that has the finish reason."""
        return {}

    def thought_delta(self, piece: Piece) -> Json:
        """The `delta` with a piece of shown reasoning."""
        return {"reasoning_content": piece.text}

    def _chunk(self, reply: Reply, choices: list[Json], produced: int, tokens: int, content: bool) -> Chunk:
        chunk = self.base(reply, "chat.completion.chunk") | {"choices": choices}
        if self._says_usage_last(reply):
            chunk["usage"] = None
        elif not reply.directives.omit_usage:
            if self.usage_place is UsagePlace.EVERY_CHUNK:
                chunk["usage"] = self.usage_json(reply.usage.produced(produced))
            elif self.usage_place is UsagePlace.LAST_CHOICE and _ends(reply, choices[0]):
                chunk["usage"] = self.usage_json(reply.usage)
        return Chunk(self._encoded(reply, chunk), tokens, content)

    def _says_usage_last(self, reply: Reply) -> bool:
        asked = self.usage_place is UsagePlace.WHEN_ASKED and includes_usage(reply.ask)
        return asked and not reply.directives.omit_usage

    def _encoded(self, reply: Reply, chunk: Json) -> bytes:
        wanted = reply.ask.body.inner("stream_options").fields.get("include_obfuscation") is not False
        if self.obfuscates and wanted:
            chunk["obfuscation"] = token(reply.rng, reply.rng.randint(1, 12))
        return data_event(compact_json(chunk))


def _ends(reply: Reply, choice: Json) -> bool:
    """Whether `choice` is the end of the last of the answers."""
    return choice["finish_reason"] is not None and choice["index"] == len(reply.choices) - 1


def includes_usage(ask: Ask) -> bool:
    """Whether the caller asked for usage at the end of the stream."""
    return ask.body.inner("stream_options").flag("include_usage")
