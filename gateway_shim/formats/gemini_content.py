"""Gemini's generateContent and streamGenerateContent. Every chunk counts along; the chunk that finishes is final.

Grounding with Google Search is billed apart from tokens: by the grounded prompt up to Gemini 2.5, by the search query
from Gemini 3 on, where empty queries and repeated ones do not count (ai.google.dev/gemini-api/docs/pricing and
…/google-search, "Pricing", read 2026-09).
"""

from __future__ import annotations

import re
from dataclasses import replace

from gateway_shim.formats.answer import Answer, Asked, Format, Json, items, members, whole

_BILLED_BY_PROMPT = re.compile(r"gemini-[12]\.")


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
        _see_searches(answer, members(candidate.get("groundingMetadata")))
    if members(event.get("promptFeedback")).get("blockReason"):
        answer.is_over = True
    usage = event.get("usageMetadata")
    if isinstance(usage, dict):
        # Protocol buffers leave zeros out: in an empty object, all of them.
        answer.merge_usage(usage or {"totalTokenCount": 0})
    tier = members(usage).get("serviceTier")
    if isinstance(tier, str):
        answer.service_tier = tier.lower()
    answer.has_final_usage = answer.is_over and answer.usage is not None


def _see_searches(answer: Answer, grounding: Json) -> None:
    for query in items(grounding.get("webSearchQueries")):
        if isinstance(query, str) and query.strip():
            by_prompt = _BILLED_BY_PROMPT.search(answer.model) is not None
            answer.count_once("web_searches", "the prompt" if by_prompt else query)


def see_images(answer: Answer, body: Json) -> None:
    """Imagen's `predict`: billed by the image."""
    images = [p for p in map(members, items(body.get("predictions"))) if "bytesBase64Encoded" in p]
    answer.counts["images"] = len(images)
    answer.is_over = answer.has_final_usage = True


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
GEMINI_IMAGES = Format(operation="images", see_body=see_images, see_event=see_images)
