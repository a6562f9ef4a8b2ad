"""Gemini's generateContent and streamGenerateContent. Every chunk counts along; the chunk that finishes is final."""

from __future__ import annotations

from dataclasses import replace

from gateway_shim.formats.answer import Answer, Asked, Format, Json, items, members, whole


def see_body(answer: Answer, body: Json) -> None:
    see_event(answer, body)
    answer.is_over = True
    answer.has_final_usage = answer.usage is not None


def see_event(answer: Answer, event: Json) -> None:
    answer.name(event, model="modelVersion", response_id="responseId")
    error = event.get("error")
    if error:
        answer.error_type = str(members(error).get("status") or "error")
    for candidate in map(members, items(event.get("candidates"))):
        for part in map(members, items(members(candidate.get("content")).get("parts"))):
            answer.add_text(part.get("text"))
        if candidate.get("finishReason"):
            answer.is_over = True
    if members(event.get("promptFeedback")).get("blockReason"):
        answer.is_over = True
    usage = event.get("usageMetadata")
    answer.merge_usage(usage)
    tier = members(usage).get("serviceTier")
    if isinstance(tier, str):
        answer.service_tier = tier.lower()
    answer.has_final_usage = answer.is_over and answer.usage is not None


def _output_limit(asked: Asked) -> int | None:
    config = members(asked.body.get("generationConfig") or asked.body.get("generation_config"))
    limit = whole(config.get("maxOutputTokens", config.get("max_output_tokens")))
    if limit is None:
        return None
    return limit * (whole(config.get("candidateCount", config.get("candidate_count"))) or 1)


GEMINI_GENERATE = Format(
    operation="generate_content",
    see_body=see_body,
    see_event=see_event,
    usage_root="usageMetadata",
    extractor=("google", "default"),
    output_limit=_output_limit,
)
GEMINI_STREAM = replace(GEMINI_GENERATE, always_streams=True)
