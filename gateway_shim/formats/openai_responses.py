"""OpenAI's Responses. A stream ends with `response.completed`, `.incomplete` or `.failed`, which hold the whole answer."""

from __future__ import annotations

from gateway_shim.formats.answer import Answer, Format, Json, members, output_limit

_ENDS = ("response.completed", "response.incomplete", "response.failed")


def see_body(answer: Answer, body: Json) -> None:
    answer.name(body)
    answer.merge_usage(body.get("usage"))
    # A background response is only queued: what it will use is not known yet.
    answer.is_over = body.get("status") not in ("queued", "in_progress")
    answer.has_final_usage = answer.is_over and answer.usage is not None
    if body.get("status") == "failed":
        answer.error_type = str(members(body.get("error")).get("code") or "failed")


def see_event(answer: Answer, event: Json) -> None:
    kind = event.get("type")
    if kind == "error":
        answer.error_type = str(event.get("code") or "error")
    elif isinstance(kind, str) and kind.endswith(".delta"):
        answer.add_text(event.get("delta"))
    elif kind in _ENDS:
        see_body(answer, members(event.get("response")))
    elif kind == "response.created":
        answer.name(members(event.get("response")))


OPENAI_RESPONSES = Format(
    operation="chat",
    see_body=see_body,
    see_event=see_event,
    extractor=("openai", "responses"),
    output_limit=output_limit("max_output_tokens", choices=""),
)
