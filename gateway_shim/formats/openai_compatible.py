"""OpenAI's formats as other servers speak them: the same shapes, with habits of their own that a bill depends on.

- Groq tells a stream's usage in `x_groq.usage` too (console.groq.com/docs, "Chat completion chunk object").
- vLLM counts along in every chunk when `continuous_usage_stats` is asked for; only the last count holds.
- DeepSeek says cached input as `prompt_cache_hit_tokens` (api-docs.deepseek.com, "Create Chat Completion").
- xAI counts reasoning beside `completion_tokens`, others within; `total_tokens` tells which (docs.x.ai, "Reasoning").
- OpenRouter (`usage.cost`), Perplexity (`usage.cost.total_cost`) and DeepInfra (`usage.estimated_cost`) say the cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gateway_shim.extractors import has_extractor
from gateway_shim.formats import openai_chat
from gateway_shim.formats.answer import Answer, Format, Json, items, members, whole
from gateway_shim.formats.openai_responses import OPENAI_RESPONSES
from gateway_shim.formats.others import EMBEDDINGS

See = Callable[[Answer, Json], None]


def see_body(answer: Answer, body: Json) -> None:
    openai_chat.see_body(answer, body)
    _see_cost(answer, members(body.get("usage")))


def see_event(answer: Answer, event: Json) -> None:
    openai_chat.see_event(answer, event)
    usage = members(event.get("usage"))
    if not usage:
        usage = members(members(event.get("x_groq")).get("usage"))
        if usage:
            answer.merge_usage(usage)
            answer.has_final_usage = answer.is_over or not items(event.get("choices"))
    _see_cost(answer, usage)


def with_cost(see: See) -> See:
    """`see`, and the provider's own word for the cost, of APIs whose usage stands at the top or in `response`."""

    def see_and_cost(answer: Answer, body: Json) -> None:
        see(answer, body)
        _see_cost(answer, members(body.get("usage")))
        _see_cost(answer, members(members(body.get("response")).get("usage")))

    return see_and_cost


def _see_cost(answer: Answer, usage: Json) -> None:
    cost = usage.get("cost")
    answer.see_cost(cost.get("total_cost") if isinstance(cost, dict) else cost)
    answer.see_cost(usage.get("estimated_cost"))


def in_one_meaning(usage: Json) -> Json:
    """`usage` with cached input where OpenAI has it, and reasoning within the completion."""
    prompt_details = members(usage.get("prompt_tokens_details"))
    hits = whole(usage.get("prompt_cache_hit_tokens"))
    if hits is not None and prompt_details.get("cached_tokens") is None:
        usage = {**usage, "prompt_tokens_details": {**prompt_details, "cached_tokens": hits}}
    if _reasoning_stands_beside(usage):
        reasoning = whole(members(usage.get("completion_tokens_details")).get("reasoning_tokens")) or 0
        usage = {**usage, "completion_tokens": (whole(usage.get("completion_tokens")) or 0) + reasoning}
    return usage


def as_xai_says(usage: Json) -> Json:
    """For genai-prices' extractor of xAI, which adds the reasoning: taken out where the total says it is included."""
    reasoning = whole(members(usage.get("completion_tokens_details")).get("reasoning_tokens")) or 0
    completion = whole(usage.get("completion_tokens"))
    total = whole(usage.get("total_tokens"))
    includes = completion is not None and total == (whole(usage.get("prompt_tokens")) or 0) + completion
    if reasoning and completion is not None and includes and completion >= reasoning:
        return {**usage, "completion_tokens": completion - reasoning}
    return usage


def _reasoning_stands_beside(usage: Json) -> bool:
    reasoning = whole(members(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    total = whole(usage.get("total_tokens"))
    if not reasoning or total is None:
        return False
    prompt = whole(usage.get("prompt_tokens")) or 0
    return total == prompt + (whole(usage.get("completion_tokens")) or 0) + reasoning


def compatible_formats(price_name: str, takes_usage_option: bool) -> dict[str, Format]:
    """Formats by the path below the version, for a provider that genai-prices calls `price_name`."""
    chat = replace(
        openai_chat.OPENAI_CHAT,
        see_body=see_body,
        see_event=see_event,
        extractor=_extractor(price_name, "prompt_tokens", ("chat", "default"), ("openai", "chat")),
        normalise=as_xai_says if price_name == "x-ai" else in_one_meaning,
        wants_usage_option=takes_usage_option,
    )
    responses = replace(
        OPENAI_RESPONSES,
        see_body=with_cost(OPENAI_RESPONSES.see_body),
        see_event=with_cost(OPENAI_RESPONSES.see_event),
        extractor=_extractor(price_name, "input_tokens", ("responses",), ("openai", "responses")),
    )
    embeddings = replace(
        EMBEDDINGS, see_body=with_cost(EMBEDDINGS.see_body), see_event=with_cost(EMBEDDINGS.see_event)
    )
    return {
        "/chat/completions": chat,
        "/completions": replace(chat, operation="text_completion"),
        "/responses": responses,
        "/embeddings": embeddings,
    }


def _extractor(
    price_name: str, input_name: str, flavors: tuple[str, ...], default: tuple[str, str]
) -> tuple[str, str]:
    """The provider's own definition, if there is one in the words of OpenAI's format."""
    for flavor in flavors:
        if has_extractor(price_name, flavor, input_name):
            return price_name, flavor
    return default
