"""OpenAI's images and audio: tokens for pictures, time or tokens for what is heard, characters or tokens for what is said.

Pictures and sounds are a few bytes that say nothing; their sizes are invented: a picture is as many tokens as an answer
would have, and each 100 bytes of a sound that is heard are a token.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from typing_extensions import override

from gateway_shim.formats.forms import form_parts, form_texts
from gateway_shim.simulation.answers import Ask, Reply
from gateway_shim.simulation.body import Body, parse_body
from gateway_shim.simulation.chat_format import Json
from gateway_shim.simulation.dialect import Chunk, Dialect, Incoming
from gateway_shim.simulation.openai import OpenAIManners
from gateway_shim.simulation.refusals import bad_request
from gateway_shim.simulation.sse import compact_json, data_event, indented_json, named_event
from gateway_shim.simulation.tokens import Prompt, Segment, text_prompt
from gateway_shim.simulation.usage import ServedUsage

_PICTURE = b64encode(b"a picture").decode()
_SOUND = b"a sound, as far as anybody can tell"
_BYTES_A_TOKEN = 100


class OpenAIImages(OpenAIManners, Dialect):
    """`POST /v1/images/generations` of GPT Image models."""

    operation = "images"
    tokens_per_chunk = 4096

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        return Ask(
            model=body.text("model"),
            body=body,
            prompt=text_prompt([body.text("prompt")]),
            stream=body.flag("stream"),
        )

    @override
    def whole(self, reply: Reply) -> bytes:
        count = reply.ask.body.count("n") or 1
        data = [{"b64_json": _PICTURE} for _ in range(count)]
        return indented_json({"created": reply.created, "data": data, "usage": _picture_usage(reply.usage)})

    @override
    def stream(self, reply: Reply) -> Iterator[Chunk]:
        common = {"b64_json": _PICTURE, "created_at": reply.created, "size": "1024x1024", "quality": "high"}
        common |= {"background": "opaque", "output_format": "png"}
        partial = {"type": "image_generation.partial_image", **common, "partial_image_index": 0}
        yield Chunk(named_event("image_generation.partial_image", partial), reply.usage.output_tokens, True)
        done = {"type": "image_generation.completed", **common, "usage": _picture_usage(reply.usage)}
        yield Chunk(named_event("image_generation.completed", done))


def _picture_usage(usage: ServedUsage) -> Json:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"text_tokens": usage.input_tokens, "image_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": usage.output_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


class OpenAITranscription(OpenAIManners, Dialect):
    """`POST /v1/audio/transcriptions` of models that are billed by tokens."""

    operation = "transcription"
    tokens_per_chunk = 4

    @override
    def read(self, incoming: Incoming) -> Ask:
        texts = form_texts(incoming.body)
        sizes = [end - start for name, start, end in form_parts(incoming.body) if name == "file"]
        if not texts.get("model") or not sizes:
            raise bad_request("model and file are required", "file")
        tokens = -(-sizes[0] // _BYTES_A_TOKEN)
        return Ask(
            model=texts["model"],
            body=Body(texts),
            prompt=Prompt((Segment("", tokens),), overhead=0),
            stream=texts.get("stream") == "true",
            audio_tokens=tokens,
        )

    @override
    def whole(self, reply: Reply) -> bytes:
        return indented_json({"text": reply.choices[0].text, "usage": _heard_usage(reply.usage)})

    @override
    def stream(self, reply: Reply) -> Iterator[Chunk]:
        for piece in reply.choices[0].pieces:
            delta = {"type": "transcript.text.delta", "delta": piece.text}
            yield Chunk(data_event(compact_json(delta)), piece.tokens, True)
        done = {"type": "transcript.text.done", "text": reply.choices[0].text}
        yield Chunk(data_event(compact_json({**done, "usage": _heard_usage(reply.usage)})))


def _heard_usage(usage: ServedUsage) -> Json:
    return {
        "type": "tokens",
        "input_tokens": usage.input_tokens,
        "input_token_details": {"text_tokens": 0, "audio_tokens": usage.audio_input_tokens},
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


class OpenAISpeech(OpenAIManners, Dialect):
    """`POST /v1/audio/speech`: sound, or events with sound and a usage. `tts-1` is billed by the character."""

    operation = "speech"
    tokens_per_chunk = 16

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        model, text = body.text("model"), body.text("input")
        by_character = model.startswith("tts-1")
        return Ask(
            model=model,
            body=body,
            prompt=Prompt((), overhead=0) if by_character else text_prompt([text]),
            stream=body.word("stream_format") == "sse",
            embeds=by_character,
            characters=len(text) if by_character else 0,
        )

    @override
    def whole_type(self) -> str:
        return "audio/mpeg"

    @override
    def whole(self, reply: Reply) -> bytes:
        return _SOUND

    @override
    def stream(self, reply: Reply) -> Iterator[Chunk]:
        usage = reply.usage
        for piece in reply.choices[0].pieces:
            sound = {"type": "speech.audio.delta", "audio": b64encode(_SOUND).decode()}
            yield Chunk(data_event(compact_json(sound)), piece.tokens, True)
        counts = {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        }
        yield Chunk(data_event(compact_json({"type": "speech.audio.done", "usage": counts})))
