"""Amazon Bedrock: Converse and InvokeModel, whole and streamed.

Converse says its usage in one shape for all models (API reference, "TokenUsage"), a stream in its `metadata` event.
`inputTokens` does not count cached tokens, except for models where `totalTokens` says that it does: then the total is
input and output alone. InvokeModel has the model's own body, and counts in headers; what its streams used stands, for all models, in
`amazon-bedrock-invocationMetrics` of the last chunk. Events come as {event type: payload}.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from gateway_shim.formats import anthropic_messages
from gateway_shim.formats.answer import Answer, Asked, Format, Json, items, members, output_limit, whole
from ingest.codec import NOT_JSON

_METRICS = "amazon-bedrock-invocationMetrics"
_METRIC_NAMES = {
    "inputTokenCount": "inputTokens",
    "outputTokenCount": "outputTokens",
    "cacheReadInputTokenCount": "cacheReadInputTokens",
    "cacheWriteInputTokenCount": "cacheWriteInputTokens",
}
_HEADERS = {
    "x-amzn-bedrock-input-token-count": "inputTokens",
    "x-amzn-bedrock-output-token-count": "outputTokens",
    "x-amzn-bedrock-cache-read-input-token-count": "cacheReadInputTokens",
    "x-amzn-bedrock-cache-write-input-token-count": "cacheWriteInputTokens",
}
_ANTHROPIC_NAMES = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_input_tokens": "cacheReadInputTokens",
    "cache_creation_input_tokens": "cacheWriteInputTokens",
}


def see_body(answer: Answer, body: Json) -> None:
    answer.merge_usage(body.get("usage"))
    _see_rest(answer, body)
    answer.is_over = True
    answer.has_final_usage = answer.usage is not None


def see_event(answer: Answer, event: Json) -> None:
    delta = members(members(event.get("contentBlockDelta")).get("delta"))
    reasoning = members(delta.get("reasoningContent"))
    answer.add_text(delta.get("text"), reasoning.get("text"), members(delta.get("toolUse")).get("input"))
    if "messageStop" in event:
        answer.is_over = True
    metadata = members(event.get("metadata"))
    if metadata:
        answer.merge_usage(metadata.get("usage"))
        _see_rest(answer, metadata)
        answer.is_over = True
        answer.has_final_usage = answer.usage is not None
    _see_exception(answer, event)


def _see_exception(answer: Answer, event: Json) -> None:
    exception = event.get("exception")
    if exception:
        answer.error_type = str(members(exception).get("type") or "error")


def _see_rest(answer: Answer, body: Json) -> None:
    tier = members(body.get("serviceTier")).get("type")
    if isinstance(tier, str):
        answer.service_tier = tier
    router = members(members(body.get("trace")).get("promptRouter"))
    answer.name(router, model="invokedModelId")


def with_cached_beside(usage: Json) -> Json:
    """`usage` as Bedrock documents it, cached tokens beside the input, for a model that counts them within."""
    read, write = (
        whole(usage.get("cacheReadInputTokens")) or 0,
        whole(usage.get("cacheWriteInputTokens")) or 0,
    )
    given, total = whole(usage.get("inputTokens")), whole(usage.get("totalTokens"))
    if not (read or write) or given is None or given < read + write:
        return usage
    if total != given + (whole(usage.get("outputTokens")) or 0):
        return usage
    return {**usage, "inputTokens": given - read - write}


def see_model_body(answer: Answer, body: Json) -> None:
    """InvokeModel's answer: Anthropic's, Nova's, Llama's, Titan's; of other models the usage stands in the headers."""
    usage = members(body.get("usage"))
    if "input_tokens" in usage:
        anthropic_messages.see_body(answer, body)
    elif "inputTokens" in usage:
        see_body(answer, body)
    else:
        answer.merge_usage(_counts_at_top(body))
        answer.is_over = True
        answer.has_final_usage = answer.usage is not None


def _counts_at_top(body: Json) -> Json | None:
    if "prompt_token_count" in body:  # Meta
        return {
            "inputTokens": body["prompt_token_count"],
            "outputTokens": body.get("generation_token_count", 0),
        }
    if "inputTextTokenCount" in body:  # Titan: text, embeddings
        results = [whole(members(result).get("tokenCount")) or 0 for result in items(body.get("results"))]
        return {"inputTokens": body["inputTextTokenCount"], "outputTokens": sum(results)}
    return None


def see_model_headers(answer: Answer, headers: Mapping[str, str]) -> None:
    """What InvokeModel says of every model in its headers, where the body has no usage."""
    if answer.usage is not None:
        return
    counts = {
        ours: int(value)
        for theirs, ours in _HEADERS.items()
        if (value := headers.get(theirs, "")).isdecimal()
    }
    if "inputTokens" in counts:
        answer.merge_usage({"outputTokens": 0, **counts})
        answer.has_final_usage = True


def see_model_event(answer: Answer, event: Json) -> None:
    _see_exception(answer, event)
    encoded = members(event.get("chunk")).get("bytes")
    if not isinstance(encoded, str):
        return
    try:
        chunk = members(msgspec.json.decode(base64.b64decode(encoded)))
    except (*NOT_JSON, binascii.Error):
        return
    anthropic_messages.see_event(answer, chunk)
    answer.add_text(chunk.get("generation"), chunk.get("outputText"))
    metrics = members(chunk.get(_METRICS))
    if metrics:
        answer.merge_usage(
            {ours: metrics[theirs] for theirs, ours in _METRIC_NAMES.items() if theirs in metrics}
        )
        answer.is_over = answer.has_final_usage = True


def in_converse_words(usage: Json) -> Json:
    """What Anthropic's own body says, in Converse's words; the metrics, where they are there, stand above it."""
    if "input_tokens" not in usage:
        return with_cached_beside(usage)
    said = anthropic_messages.with_iterations(usage)
    lifetimes = members(said.get("cache_creation"))
    details = [
        {"ttl": ttl, "inputTokens": count}
        for ttl in ("1h", "5m")
        if (count := whole(lifetimes.get(f"ephemeral_{ttl}_input_tokens"))) is not None
    ]
    words = {ours: said.get(theirs, 0) for theirs, ours in _ANTHROPIC_NAMES.items()}
    metrics = {ours: usage[ours] for ours in _METRIC_NAMES.values() if ours in usage}
    return {**words, "cacheDetails": details, **metrics}


def _output_limit(asked: Asked) -> int | None:
    return whole(members(asked.body.get("inferenceConfig")).get("maxTokens"))


BEDROCK_CONVERSE = Format(
    operation="chat",
    see_body=see_body,
    see_event=see_event,
    extractor=("aws", "default"),
    normalise=with_cached_beside,
    output_limit=_output_limit,
)
BEDROCK_CONVERSE_STREAM = replace(BEDROCK_CONVERSE, always_streams=True)
BEDROCK_INVOKE = replace(
    BEDROCK_CONVERSE,
    see_body=see_model_body,
    see_event=see_model_event,
    normalise=in_converse_words,
    see_headers=see_model_headers,
    other_models=anthropic_messages.other_models,
    output_limit=output_limit("max_tokens", choices=""),
)
BEDROCK_INVOKE_STREAM = replace(BEDROCK_INVOKE, always_streams=True)
