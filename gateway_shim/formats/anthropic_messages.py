"""Anthropic's Messages. A stream tells its usage twice: the input in `message_start`, and totals in `message_delta`.

The counts of `message_delta` are cumulative and replace those of `message_start`; with server tools the input grows.
`usage.iterations` lists what the API did by itself: a compaction's tokens stand only there, and so may the tokens of a
model that declined before another one answered (Messages API reference, `BetaUsage.iterations`). What another model did
is a call of its own on the record, since a call has one model and one price.
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
    if found.get("speed") == "fast":
        answer.service_tier = "fast"  # what it costs goes by the speed (Anthropic, Fast mode, Pricing)
    executions = whole(members(found.get("server_tool_use")).get("code_execution_requests"))
    if executions is not None:
        answer.counts["code_executions"] = executions


def with_iterations(usage: Json) -> Json:
    """`usage` as what the model that answered has used: with the tokens of its own iterations that the counts do not
    include (a compaction, an earlier attempt), and without those of another model that they do include."""
    sampled, foreign = _sampled(usage)
    if _includes(usage, sampled):
        usage = _plus(usage, foreign, -1) if foreign else usage
        extra = []
    else:
        extra = [one for one in sampled[:-1] if one not in foreign and whole(one.get("output_tokens"))]
    extra += [one for one in _iterations(usage) if one.get("type") == "compaction"]
    return _plus(usage, extra) if extra else usage


def other_models(answer: Answer) -> list[tuple[str, Json]]:
    """(model, usage) of what other models did within the call, each at its own price: one that declined midway, and an
    advisor, whose tokens are in no other count."""
    usage = answer.usage or {}
    _, foreign = _sampled(usage)
    advisors = [one for one in _iterations(usage) if one.get("type") == "advisor_message"]
    return [(str(one.get("model")), one) for one in (*foreign, *advisors)]


def _iterations(usage: Json) -> list[Json]:
    return [members(iteration) for iteration in items(usage.get("iterations"))]


def _sampled(usage: Json) -> tuple[list[Json], list[Json]]:
    """The attempts at the answer, the last of which gave it, and those of them that are another model's bill.

    An attempt that was declined before it had any output is not billed (BerriAI/litellm#39294, Anthropic's cost report).
    """
    sampled = [one for one in _iterations(usage) if one.get("type") in ("message", "fallback_message")]
    served_by = sampled[-1].get("model") if sampled else None
    foreign = [
        one
        for one in sampled
        if isinstance(one.get("model"), str)
        and served_by not in (None, one["model"])
        and whole(one.get("output_tokens"))
    ]
    return sampled, foreign


def _includes(usage: Json, iterations: Iterable[Json]) -> bool:
    """Whether the counts of `usage` are at least those of all `iterations` together."""
    return all(
        (whole(usage.get(name)) or 0) >= sum(whole(one.get(name)) or 0 for one in iterations)
        for name in ("input_tokens", "output_tokens")
    )


def _plus(usage: Json, iterations: Iterable[Json], sign: int = 1) -> Json:
    total = dict(usage)
    lifetimes = dict(members(usage.get("cache_creation")))
    for iteration in iterations:
        for name in _ADDED:
            total[name] = (whole(total.get(name)) or 0) + sign * (whole(iteration.get(name)) or 0)
        for name in _LIFETIMES:
            count = whole(members(iteration.get("cache_creation")).get(name)) or 0
            if count:
                lifetimes[name] = (whole(lifetimes.get(name)) or 0) + sign * count
    return total | {"cache_creation": lifetimes}


ANTHROPIC_MESSAGES = Format(
    operation="chat",
    see_body=see_body,
    see_event=see_event,
    extractor=("anthropic", "default"),
    normalise=with_iterations,
    other_models=other_models,
    output_limit=output_limit("max_tokens", choices=""),
)
