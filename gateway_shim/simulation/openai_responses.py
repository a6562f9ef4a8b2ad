"""OpenAI's Responses API: one answer object, and the stream of events that builds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from typing_extensions import override

from gateway_shim.simulation.answers import Ask, Reply
from gateway_shim.simulation.body import Body, parse_body, segment
from gateway_shim.simulation.chat_format import Json, tools_segment
from gateway_shim.simulation.dialect import Chunk, Dialect, Incoming
from gateway_shim.simulation.dice import token
from gateway_shim.simulation.models import OPENAI_VERSIONS, reasons
from gateway_shim.simulation.openai import OpenAIManners, implicit_cache, used_tier
from gateway_shim.simulation.refusals import bad_request
from gateway_shim.simulation.sse import indented_json, named_event
from gateway_shim.simulation.tokens import Prompt
from gateway_shim.simulation.usage import ServedUsage


class OpenAIResponses(OpenAIManners, Dialect):
    """`POST /v1/responses`."""

    operation = "responses"
    tokens_per_chunk = 4
    id_prefix = "resp_"

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        model = body.text("model")
        effort = body.inner("reasoning").word("effort")
        return Ask(
            model=model,
            body=body,
            prompt=_prompt(body),
            stream=body.flag("stream"),
            max_tokens=body.count("max_output_tokens"),
            reasoning=reasons(model) and effort not in ("none", "minimal"),
            cache=implicit_cache(self.provider, model, body),
            service_tier=body.word("service_tier"),
        )

    @override
    def answering_model(self, asked: str) -> str:
        return OPENAI_VERSIONS.get(asked, asked)

    @override
    def tier(self, ask: Ask) -> str:
        return used_tier(ask)

    @override
    def whole(self, reply: Reply) -> bytes:
        return indented_json(_Events(reply).final())

    @override
    def stream(self, reply: Reply) -> Iterator[Chunk]:
        return _Events(reply).all()


def _prompt(body: Body) -> Prompt:
    """Tools, instructions, and the input: a text, or messages and items."""
    given = body.fields.get("input")
    said = []
    if isinstance(given, str) and given:
        said.append(segment("user", given))
    elif isinstance(given, list) and given:
        for item in body.objects("input"):
            content = item.fields.get("content")
            said.append(segment(item.word("role"), item.fields if content is None else content))
    else:
        raise bad_request("input: expected a non-empty string or a list of items", "input")
    instructions = body.word("instructions")
    system = (segment("developer", instructions),) if instructions else ()
    return Prompt((*tools_segment(body), *system, *said))


def _usage_json(usage: ServedUsage) -> Json:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


@dataclass
class _Events:
    """Builds the response object and the events of one answer; they number themselves."""

    reply: Reply
    sequence: int = 0
    message_id: str = field(init=False)
    reasoning_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.message_id = "msg_" + token(self.reply.rng, 48)
        self.reasoning_id = "rs_" + token(self.reply.rng, 48)

    def all(self) -> Iterator[Chunk]:
        """The stream, from `response.created` to `response.completed` (or `incomplete`)."""
        begun = self._response("in_progress", [], None)
        yield self._event("response.created", {"response": begun})
        yield self._event("response.in_progress", {"response": begun})
        if self.reply.usage.reasoning_tokens:
            item = self._reasoning_item()
            tokens = self.reply.usage.reasoning_tokens
            yield self._event("response.output_item.added", {"output_index": 0, "item": item}, tokens)
            yield self._event("response.output_item.done", {"output_index": 0, "item": item})
        yield from self._message_events()
        final = self.final()
        yield self._event(f"response.{final['status']}", {"response": final})

    def final(self) -> Json:
        """The whole response object."""
        truncated = self.reply.choices[0].truncated
        usage = None if self.reply.directives.omit_usage else _usage_json(self.reply.usage)
        output = [self._reasoning_item()] if self.reply.usage.reasoning_tokens else []
        output.append(
            self._message_item("incomplete" if truncated else "completed", self.reply.choices[0].text)
        )
        return self._response("incomplete" if truncated else "completed", output, usage)

    def _message_events(self) -> Iterator[Chunk]:
        choice = self.reply.choices[0]
        index = 1 if self.reply.usage.reasoning_tokens else 0
        place: Json = {"item_id": self.message_id, "output_index": index, "content_index": 0}
        item = self._message_item("in_progress", None)
        yield self._event("response.output_item.added", {"output_index": index, "item": item})
        yield self._event("response.content_part.added", place | {"part": _text_part("")})
        for piece in choice.pieces:
            noise = token(self.reply.rng, self.reply.rng.randint(1, 12))
            fields = place | {"delta": piece.text, "logprobs": [], "obfuscation": noise}
            yield self._event("response.output_text.delta", fields, piece.tokens, content=True)
        yield self._event("response.output_text.done", place | {"text": choice.text, "logprobs": []})
        yield self._event("response.content_part.done", place | {"part": _text_part(choice.text)})
        done = self._message_item("incomplete" if choice.truncated else "completed", choice.text)
        yield self._event("response.output_item.done", {"output_index": index, "item": done})

    def _event(self, name: str, fields: Json, tokens: int = 0, *, content: bool = False) -> Chunk:
        event = {"type": name, "sequence_number": self.sequence, **fields}
        self.sequence += 1
        return Chunk(named_event(name, event), tokens, content)

    def _reasoning_item(self) -> Json:
        return {"id": self.reasoning_id, "type": "reasoning", "summary": []}

    def _message_item(self, status: str, text: str | None) -> Json:
        content = [] if text is None else [_text_part(text)]
        return {
            "id": self.message_id,
            "type": "message",
            "status": status,
            "content": content,
            "role": "assistant",
        }

    def _response(self, status: str, output: list[Json], usage: Json | None) -> Json:
        body = self.reply.ask.body
        incomplete = {"reason": "max_output_tokens"} if status == "incomplete" else None
        return {
            "id": self.reply.response_id,
            "object": "response",
            "created_at": self.reply.created,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": incomplete,
            "instructions": body.fields.get("instructions"),
            "max_output_tokens": body.fields.get("max_output_tokens"),
            "model": self.reply.model,
            "output": output,
            "parallel_tool_calls": True,
            "previous_response_id": body.fields.get("previous_response_id"),
            "reasoning": {"effort": body.inner("reasoning").fields.get("effort"), "summary": None},
            "service_tier": "auto" if status == "in_progress" else self.reply.service_tier,
            "store": True,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}, "verbosity": "medium"},
            "tool_choice": body.fields.get("tool_choice", "auto"),
            "tools": body.fields.get("tools", []),
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage,
            "user": None,
            "metadata": body.fields.get("metadata", {}),
        }


def _text_part(text: str) -> Json:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
