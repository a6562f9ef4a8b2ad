"""Embeddings, token counting, and everything that has no file of its own."""

from __future__ import annotations

from dataclasses import replace

from gateway_shim.formats.answer import Answer, Format, Json, members


def see_body(answer: Answer, body: Json) -> None:
    answer.name(body)
    answer.merge_usage(body.get("usage"))
    answer.is_over = True
    answer.has_final_usage = answer.usage is not None


def see_event(answer: Answer, event: Json) -> None:
    """Image and audio streams end with an event that has the usage, by itself or within `response`."""
    answer.name(event)
    usage = event.get("usage") or members(event.get("response")).get("usage")
    answer.merge_usage(usage)
    answer.has_final_usage = answer.usage is not None


def _see_nothing(answer: Answer, body: Json) -> None:
    answer.name(body)
    answer.is_over = True


def _no_output(_: object) -> int:
    return 0


EMBEDDINGS = Format(
    operation="embeddings",
    see_body=see_body,
    see_event=see_event,
    extractor=("openai", "embeddings"),
    output_limit=_no_output,
)


def _see_gemini_embedding(answer: Answer, body: Json) -> None:
    answer.merge_usage(body.get("usageMetadata"))
    answer.is_over = True
    answer.has_final_usage = answer.usage is not None


GEMINI_EMBEDDINGS = Format(
    operation="embeddings",
    see_body=_see_gemini_embedding,
    see_event=_see_gemini_embedding,
    usage_root="usageMetadata",
    extractor=("google", "default"),
    output_limit=_no_output,
)
MISTRAL_MODERATION = replace(EMBEDDINGS, operation="moderation")
"""Mistral bills its classifiers by input tokens, and says them as for embeddings."""
TOKEN_COUNT = Format(operation="count_tokens", see_body=_see_nothing, see_event=_see_nothing, is_free=True)


def unbilled(operation: str) -> Format:
    """An API that costs nothing by itself: files, batches (whose calls run elsewhere), moderation, administration."""
    return Format(
        operation=operation,
        see_body=_see_nothing,
        see_event=_see_nothing,
        is_free=True,
        needs_json=False,
        tells_end=False,
    )


def other(operation: str) -> Format:
    """An API that we know nothing about: it passes, and its usage is read if it looks like one of the known ones."""
    return Format(
        operation=operation, see_body=see_body, see_event=see_event, needs_json=False, tells_end=False
    )
