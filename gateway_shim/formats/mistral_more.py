"""What only Mistral has: OCR, which is billed by the page, and conversations with agents, whose tools cost extra."""

from __future__ import annotations

import msgspec

from gateway_shim.formats.answer import Answer, Counts, Format, Json, members, whole
from ingest.codec import NOT_JSON

_ANNOTATIONS = ("bbox_annotation_format", "document_annotation_format")
# Connectors that are billed by the call (docs.mistral.ai, "Agents & Conversations", usage of a conversation).
_CONNECTORS = {
    "web_search": "web_searches",
    "web_search_premium": "web_searches",
    "code_interpreter": "code_executions",
    "image_generation": "images",
}


def see_pages(answer: Answer, body: Json) -> None:
    """`usage_info.pages_processed` (API reference, "OCR")."""
    answer.name(body)
    answer.merge_usage(body.get("usage_info"))
    answer.is_over = True
    answer.has_final_usage = answer.usage is not None


def with_annotations(answer: Answer, request_body: bytes) -> Counts:
    """Pages cost more when the request wants them annotated; the answer does not say so."""
    pages = whole((answer.usage or {}).get("pages_processed"))
    if pages is None:
        return answer.counts
    try:
        asked = members(msgspec.json.decode(request_body))
    except NOT_JSON:
        return answer.counts
    return {"annotated_pages": pages} if any(asked.get(name) for name in _ANNOTATIONS) else answer.counts


def see_conversation(answer: Answer, body: Json) -> None:
    answer.name(body, response_id="conversation_id")
    usage = members(body.get("usage"))
    answer.merge_usage(body.get("usage"))
    for connector, calls in members(usage.get("connectors")).items():
        count = whole(calls)
        if count is not None and connector in _CONNECTORS:
            answer.counts[_CONNECTORS[connector]] = count
    answer.is_over = True
    answer.has_final_usage = answer.usage is not None


def see_conversation_event(answer: Answer, event: Json) -> None:
    match event.get("type"):
        case "message.output.delta":
            answer.name(event)
            answer.add_text(event.get("content"))
        case "conversation.response.done":
            see_conversation(answer, event)
        case "conversation.response.error":
            answer.error_type = str(event.get("code") or "error")


def with_connectors(usage: Json) -> Json:
    """What connectors put into the context is input too, and stands beside the prompt."""
    tokens = whole(usage.get("connector_tokens"))
    if not tokens:
        return usage
    return {**usage, "prompt_tokens": (whole(usage.get("prompt_tokens")) or 0) + tokens}


MISTRAL_OCR = Format(
    operation="ocr",
    see_body=see_pages,
    see_event=see_pages,
    usage_root="usage_info",
    extractor=("mistral", "ocr"),
    with_request=with_annotations,
)
MISTRAL_CONVERSATION = Format(
    operation="invoke_agent",
    see_body=see_conversation,
    see_event=see_conversation_event,
    extractor=("mistral", "default"),
    normalise=with_connectors,
)
