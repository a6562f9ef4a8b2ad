"""Gemini: generateContent, streamGenerateContent (events, or one JSON array) and embeddings, in its own format.

Thoughts are counted beside the candidates, counts of zero are left out, and every chunk of a stream says the counts so far.
A wrong key is answered with 401 (Google itself says 400 here).
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from typing_extensions import override

from gateway_shim.simulation.answers import Ask, Choice, Reply
from gateway_shim.simulation.body import Body, parse_body, segment
from gateway_shim.simulation.chat_format import Json, tools_segment
from gateway_shim.simulation.dialect import Chunk, Dialect, Headers, Incoming, Manners
from gateway_shim.simulation.dice import token
from gateway_shim.simulation.models import GEMINI_MODELS, reasons
from gateway_shim.simulation.prefix_cache import CacheRule
from gateway_shim.simulation.refusals import Refusal, bad_request
from gateway_shim.simulation.sse import indented_json, spaced_json
from gateway_shim.simulation.tokens import Prompt, text_prompt
from gateway_shim.simulation.usage import ServedUsage
from gateway_shim.simulation.vectors import vector

CACHE_MINIMUM = 1024
DIMENSIONS = 3072
_STATUS = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "API key not valid. Please pass a valid API key."),
    403: ("PERMISSION_DENIED", "The caller does not have permission."),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota. Please retry in 1s."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The request timed out."),
}
_INTERNAL = ("INTERNAL", "An internal error has occurred. Please retry.")


class GeminiManners(Manners):
    """`x-goog-api-key` or `?key=`, no request id in a header, errors as `{"error": {code, message, status}}`."""

    provider = "gemini"
    json_type = "application/json; charset=UTF-8"
    stream_type = "text/event-stream"

    @override
    def key_of(self, incoming: Incoming) -> str:
        key = incoming.headers.get("x-goog-api-key", "") or incoming.query.get("key", "")
        return key.strip() or incoming.bearer()

    @override
    def unauthorised(self, key: str) -> Refusal:
        message = "" if key else "Method doesn't allow unregistered callers. Please use an API key."
        return Refusal(401, message)

    @override
    def new_request_id(self, rng: random.Random) -> str:
        return token(rng, 22)

    @override
    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        return indented_json(error_json(refusal))

    @override
    def headers(self, request_id: str) -> Headers:
        return [("server", "scaffolding on HTTPServer2"), ("server-timing", "gfet4t7; dur=1")]


def error_json(refusal: Refusal) -> Json:
    """An error as Google's APIs word it."""
    status, message = _STATUS.get(refusal.status, _INTERNAL)
    error: Json = {"code": refusal.status, "message": refusal.message or message, "status": status}
    kind = "type.googleapis.com/google.rpc."
    if refusal.status == 401:
        error["details"] = [
            {"@type": kind + "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        ]
    if refusal.status == 429:
        error["details"] = [{"@type": kind + "RetryInfo", "retryDelay": "1s"}]
    return {"error": error}


class GeminiGenerate(GeminiManners, Dialect):
    """`POST /v1beta/models/{model}:generateContent`, or `:streamGenerateContent` when `streams`."""

    operation = "generate_content"
    id_in_header = False
    tokens_per_chunk = 40

    def __init__(self, *, streams: bool) -> None:
        self._streams = streams

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        model = incoming.path_params["model"]
        config = body.inner("generationConfig")
        thinking = config.inner("thinkingConfig")
        return Ask(
            model=model,
            body=body,
            prompt=contents_prompt(body),
            stream=self._streams,
            stream_type="" if incoming.query.get("alt") == "sse" else self.json_type,
            max_tokens=config.count("maxOutputTokens"),
            choices=config.count("candidateCount") or 1,
            reasoning=reasons(model) and thinking.fields.get("thinkingBudget") != 0,
            cache=CacheRule(f"gemini|{model}", CACHE_MINIMUM),
        )

    @override
    def whole(self, reply: Reply) -> bytes:
        candidates = [
            _candidate(index, choice.text, _finish(choice)) for index, choice in enumerate(reply.choices)
        ]
        return indented_json(_answer(reply, candidates, reply.usage))

    @override
    def stream(self, reply: Reply) -> Iterator[Chunk]:
        if not reply.ask.stream_type:
            for answer, tokens in _partial_answers(reply):
                yield Chunk(b"data: " + spaced_json(answer) + b"\r\n\r\n", tokens, content=True)
            return
        opening = b"["
        for answer, tokens in _partial_answers(reply):
            yield Chunk(opening + indented_json(answer).rstrip(), tokens, content=True)
            opening = b"\n,\r\n"
        yield Chunk(b"\n]\n")


def _partial_answers(reply: Reply) -> Iterator[tuple[Json, int]]:
    """Answers with a piece each and the counts up to there; the first one has all the thoughts."""
    steps: list[tuple[int, str, int, str | None]] = []
    longest = max(1, *(len(choice.pieces) for choice in reply.choices))
    for step in range(longest):
        for index, choice in enumerate(reply.choices):
            last = max(len(choice.pieces), 1) - 1
            if step > last:
                continue
            piece = choice.pieces[step] if choice.pieces else None
            finish = _finish(choice) if step == last else None
            steps.append((index, piece.text if piece else "", piece.tokens if piece else 0, finish))
    produced, thoughts = 0, reply.usage.reasoning_tokens
    for index, text, tokens, finish in steps:
        produced += tokens + thoughts
        yield (
            _answer(reply, [_candidate(index, text, finish)], reply.usage.produced(produced)),
            tokens + thoughts,
        )
        thoughts = 0


def _candidate(index: int, text: str, finish: str | None) -> Json:
    content: Json = {"parts": [{"text": text}], "role": "model"} if text else {"role": "model"}
    return {"content": content} | ({"finishReason": finish} if finish else {}) | {"index": index}


def _finish(choice: Choice) -> str:
    return "MAX_TOKENS" if choice.truncated else "STOP"


def _answer(reply: Reply, candidates: list[Json], usage: ServedUsage) -> Json:
    answer: Json = {"candidates": candidates}
    if not reply.directives.omit_usage:
        answer["usageMetadata"] = _usage_json(usage)
    return answer | {"modelVersion": reply.model, "responseId": reply.response_id}


def _usage_json(usage: ServedUsage) -> Json:
    counts: Json = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.visible_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "promptTokensDetails": _text_count(usage.input_tokens),
        "cacheTokensDetails": _text_count(usage.cache_read_tokens),
        "thoughtsTokenCount": usage.reasoning_tokens,
    }
    return {name: count for name, count in counts.items() if count}


def _text_count(tokens: int) -> list[Json]:
    return [{"modality": "TEXT", "tokenCount": tokens}] if tokens else []


def contents_prompt(body: Body) -> Prompt:
    """Tools, system instruction and contents, in that order."""
    contents = body.objects("contents")
    if not contents:
        raise bad_request("* GenerateContentRequest.contents: contents is not specified", "contents")
    system = body.inner("systemInstruction").fields.get("parts")
    head = (*tools_segment(body), *((segment("system", system),) if system else ()))
    said = (segment(content.word("role", "user"), content.fields.get("parts")) for content in contents)
    return Prompt((*head, *said))


def count_tokens(incoming: Incoming) -> bytes:
    """`POST /v1beta/models/{model}:countTokens`: free, and by the same rule as what is billed."""
    body = parse_body(incoming.body)
    whole = body.inner("generateContentRequest")
    tokens = contents_prompt(whole if whole.fields else body).tokens
    return indented_json({"totalTokens": tokens, "promptTokensDetails": _text_count(tokens)})


class GeminiEmbed(GeminiManners, Dialect):
    """`POST /v1beta/models/{model}:embedContent`, or `:batchEmbedContents` when `batch`."""

    operation = "embeddings"
    id_in_header = False
    tokens_per_chunk = 1

    def __init__(self, *, batch: bool) -> None:
        self._batch = batch

    @override
    def read(self, incoming: Incoming) -> Ask:
        body = parse_body(incoming.body)
        requests = body.objects("requests") if self._batch else [body]
        texts = [_embedded_text(request) for request in requests]
        if not texts:
            raise bad_request("* BatchEmbedContentsRequest.requests: at least one request is required")
        return Ask(model=incoming.path_params["model"], body=body, prompt=text_prompt(texts), embeds=True)

    @override
    def whole(self, reply: Reply) -> bytes:
        ask, tokens = reply.ask, reply.usage.input_tokens
        first = ask.body.objects("requests")[0] if self._batch else ask.body
        dimensions = _dimensions(first)
        values = [{"values": vector(ask.model, item.text, dimensions)} for item in ask.prompt.segments]
        answer: Json = {"embeddings": values} if self._batch else {"embedding": values[0]}
        counts = {"promptTokenCount": tokens, "promptTokenDetails": _text_count(tokens)}
        return indented_json(answer | {"usageMetadata": counts})


def _dimensions(request: Body) -> int:
    config = request.inner("embedContentConfig")
    return request.count("outputDimensionality") or config.count("outputDimensionality") or DIMENSIONS


def _embedded_text(request: Body) -> str:
    parts = [part.text("text") for part in request.inner("content").objects("parts")]
    if not parts:
        raise bad_request("* EmbedContentRequest.content: contents is not specified", "content")
    return "\n".join(parts)


def model_list() -> bytes:
    """`GET /v1beta/models`."""
    models = [
        {
            "name": f"models/{name}",
            "version": "001",
            "displayName": name,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["embedContent"]
            if "embedding" in name
            else ["generateContent", "countTokens"],
        }
        for name in GEMINI_MODELS
    ]
    return indented_json({"models": models})
