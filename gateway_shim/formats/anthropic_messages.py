"""Anthropic's Messages. A stream tells its usage twice: the input in `message_start`, and totals in `message_delta`.

The counts of `message_delta` are cumulative and replace those of `message_start`; with server tools the input grows.
`usage.iterations` lists what the API did by itself: a compaction's tokens stand only there, and so may the tokens of a
model that declined before another one answered (Messages API reference, `BetaUsage.iterations`).
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway_shim.formats.answer import Answer, Format, Json, items, members, output_limit, whole

_ADDED = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
)
_LIFETIMES = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


def see_body(answer: Answer, body: Json) -> None:
    answer.name(body)
    _see_usage(answer, body.get("usage"))
    answer.has_final_usage = answer.usage is not None
    answer.is_over = True


def see_event(answer: Answer, event: Json) -> None:
    match event.get("type"):
        case "message_start":
            message = members(event.get("message"))
            answer.name(message)
            _see_usage(answer, message.get("usage"))
        case "content_block_start":
            block = members(event.get("content_block"))
            answer.add_text(block.get("text"), block.get("thinking"))
        case "content_block_delta":
            delta = members(event.get("delta"))
            answer.add_text(delta.get("text"), delta.get("thinking"), delta.get("partial_json"))
        case "message_delta":
            _see_usage(answer, event.get("usage"))
            if members(event.get("delta")).get("stop_reason"):
                answer.is_over = True
                answer.has_final_usage = answer.usage is not None
        case "error":
            answer.error_type = str(members(event.get("error")).get("type") or "error")


def _see_usage(answer: Answer, usage: object) -> None:
    answer.merge_usage(usage)
    found = members(usage)
    tier = found.get("service_tier")
    if isinstance(tier, str):
        answer.service_tier = tier
    executions = whole(members(found.get("server_tool_use")).get("code_execution_requests"))
    if executions is not None:
        answer.counts["code_executions"] = executions
    iterations = [members(iteration) for iteration in items(found.get("iterations"))]
    # Each model has prices of its own, and a call one model: what another one did is priced as if it were this one's.
    models = {
        model
        for iteration in iterations
        if whole(iteration.get("output_tokens")) and isinstance(model := iteration.get("model"), str)
    }
    if models - {answer.model}:
        answer.is_estimate = True


def with_iterations(usage: Json) -> Json:
    """`usage` with the tokens of its iterations that its own counts do not include.

    An attempt that was declined before it had any output is not billed (BerriAI/litellm#39294, Anthropic's cost report);
    an advisor is another model, whose tokens cannot be added to this one's.
    """
    iterations = [members(iteration) for iteration in items(usage.get("iterations"))]
    sampled = [i for i in iterations if i.get("type") in ("message", "fallback_message")]
    extra = [i for i in iterations if i.get("type") == "compaction"]
    if len(sampled) > 1 and not _is_sum_of(usage, sampled):
        *before, _ = sampled  # the counts are those of the attempt that answered
        extra += [attempt for attempt in before if whole(attempt.get("output_tokens"))]
    return _plus(usage, extra) if extra else usage


def _is_sum_of(usage: Json, iterations: Iterable[Json]) -> bool:
    said = whole(usage.get("output_tokens")) or 0
    return said >= sum(whole(iteration.get("output_tokens")) or 0 for iteration in iterations)


def _plus(usage: Json, iterations: Iterable[Json]) -> Json:
    total = dict(usage)
    lifetimes = dict(members(usage.get("cache_creation")))
    for iteration in iterations:
        for name in _ADDED:
            total[name] = (whole(total.get(name)) or 0) + (whole(iteration.get(name)) or 0)
        for name in _LIFETIMES:
            count = whole(members(iteration.get("cache_creation")).get(name)) or 0
            if count:
                lifetimes[name] = (whole(lifetimes.get(name)) or 0) + count
    return total | {"cache_creation": lifetimes}


ANTHROPIC_MESSAGES = Format(
    operation="chat",
    see_body=see_body,
    see_event=see_event,
    extractor=("anthropic", "default"),
    normalise=with_iterations,
    output_limit=output_limit("max_tokens", choices=""),
)
