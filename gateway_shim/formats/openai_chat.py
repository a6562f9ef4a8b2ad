"""OpenAI's Chat Completions and the older Completions, which Mistral, Anthropic and Gemini offer in the same shape.

A stream ends with a chunk that has no choices but the usage, if `stream_options.include_usage` asked for it; Mistral
puts the usage into the chunk of the last choice, unasked. Search models search once for each call, which is billed by
the call and stands nowhere in the answer (platform.openai.com/docs/pricing, "Built-in tools").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gateway_shim.formats.answer import Answer, Format, Json, items, members, output_limit, whole

_SEARCH_MODELS = ("-search-preview", "-search-api")


def see_body(answer: Answer, body: Json) -> None:
    answer.name(body)
    _see_error(answer, body)
    _see_search_model(answer)
    answer.merge_usage(body.get("usage"))
    answer.has_final_usage = answer.usage is not None
    answer.is_over = True


def see_event(answer: Answer, event: Json) -> None:
    answer.name(event)
    _see_error(answer, event)
    choices = items(event.get("choices"))
    for choice in choices:
        _see_choice(answer, members(choice))
    answer.has_final_usage &= answer.is_over or not choices  # a further choice has begun
    usage = event.get("usage")
    if usage:
        _see_search_model(answer)
        answer.merge_usage(usage)
        # Some servers count along in every chunk: those counts are final only once the answer is over.
        answer.has_final_usage = answer.is_over or not choices


def is_usage_only(event: Json) -> bool:
    """Whether this is the extra chunk that `include_usage` brings."""
    return event.get("choices") == [] and bool(event.get("usage"))


def _see_error(answer: Answer, body: Json) -> None:
    """With status 200 it comes within a stream, and of some servers as a whole answer (OpenRouter)."""
    error = body.get("error")
    if error:
        answer.error_type = str(members(error).get("type") or members(error).get("code") or "error")


def _see_search_model(answer: Answer) -> None:
    if any(mark in answer.model for mark in _SEARCH_MODELS):
        answer.counts["web_searches"] = 1


def _see_choice(answer: Answer, choice: Json) -> None:
    delta = members(choice.get("delta"))
    # `reasoning` is OpenRouter's, Groq's, Ollama's and newer vLLMs' word for what others call `reasoning_content`.
    thoughts = delta.get("reasoning_content") or delta.get("reasoning")
    answer.add_text(choice.get("text"), thoughts, delta.get("refusal"))
    content = delta.get("content")
    if isinstance(content, list):  # Mistral's thinking models
        for part in map(members, content):
            answer.add_text(part.get("text"), *(members(t).get("text") for t in items(part.get("thinking"))))
    else:
        answer.add_text(content)
    for call in items(delta.get("tool_calls")):
        answer.add_text(members(members(call).get("function")).get("arguments"))
    answer.add_text(members(delta.get("function_call")).get("arguments"))  # what tools were before 2023-11
    answer.see_choice(choice.get("index"), is_finished=bool(choice.get("finish_reason")))


OPENAI_CHAT = Format(
    operation="chat",
    see_body=see_body,
    see_event=see_event,
    extractor=("openai", "chat"),
    output_limit=output_limit("max_completion_tokens", "max_tokens"),
    wants_usage_option=True,
)
OPENAI_TEXT_COMPLETION = replace(OPENAI_CHAT, operation="text_completion")


def _with_thoughts(see: Callable[[Answer, Json], None]) -> Callable[[Answer, Json], None]:
    """Gemini's compatible endpoint tells its thoughts, which are billed as output, in the total only."""

    def see_and_add(answer: Answer, body: Json) -> None:
        see(answer, body)
        usage = body.get("usage")
        if isinstance(usage, dict):
            visible = whole(usage.get("completion_tokens")) or 0
            thoughts = (
                (whole(usage.get("total_tokens")) or 0) - (whole(usage.get("prompt_tokens")) or 0) - visible
            )
            if thoughts > 0:
                details = {"reasoning_tokens": thoughts}
                answer.merge_usage(
                    {"completion_tokens": visible + thoughts, "completion_tokens_details": details}
                )

    return see_and_add


ANTHROPIC_AS_OPENAI = replace(OPENAI_CHAT, extractor=("anthropic", "chat"))
GEMINI_AS_OPENAI = replace(
    OPENAI_CHAT,
    see_body=_with_thoughts(see_body),
    see_event=_with_thoughts(see_event),
    extractor=("google", "chat"),
)
MISTRAL_CHAT = replace(OPENAI_CHAT, extractor=("mistral", "default"), wants_usage_option=False)
MISTRAL_FILL_IN = replace(MISTRAL_CHAT, operation="text_completion")
