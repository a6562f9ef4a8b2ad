"""OpenAI's Responses. A stream ends with `response.completed`, `.incomplete` or `.failed`, which hold the whole answer.

Hosted tools are billed by the call and stand beside the usage: in `tool_usage` where the answer has it, else as items
of `output`. A search bills, opening a found page does not (platform.openai.com/docs/guides/tools-web-search, "Output and
citations"); the code tool bills by container (…/docs/pricing, "Built-in tools").
"""

from __future__ import annotations

from gateway_shim.formats.answer import Answer, Format, Json, items, members, output_limit, whole

_ENDS = ("response.completed", "response.incomplete", "response.failed")


def see_body(answer: Answer, body: Json) -> None:
    answer.name(body)
    answer.merge_usage(body.get("usage"))
    for item in items(body.get("output")):
        _see_item(answer, members(item))
    _see_tool_usage(answer, members(body.get("tool_usage")))
    # A background response is only queued: what it will use is not known yet.
    answer.goes_on = body.get("status") in ("queued", "in_progress")
    answer.is_over = not answer.goes_on
    answer.has_final_usage = answer.is_over and answer.usage is not None
    if body.get("status") in ("failed", "cancelled"):
        answer.error_type = str(members(body.get("error")).get("code") or body["status"])


def see_event(answer: Answer, event: Json) -> None:
    kind = event.get("type")
    if kind == "error":
        answer.error_type = str(event.get("code") or "error")
    elif isinstance(kind, str) and kind.endswith(".delta"):
        answer.add_text(event.get("delta"))
    elif kind in _ENDS:
        see_body(answer, members(event.get("response")))
    elif kind == "response.created":
        response = members(event.get("response"))
        answer.name(response)
        answer.goes_on = response.get("background") is True
    elif kind == "response.output_item.done":
        _see_item(answer, members(event.get("item")))


def _see_item(answer: Answer, item: Json) -> None:
    if item.get("status") == "failed":
        return
    key = str(item.get("id"))
    match item.get("type"):
        case "web_search_call" if members(item.get("action")).get("type", "search") == "search":
            answer.count_once("web_searches", key)
        case "file_search_call":
            answer.count_once("file_searches", key)
        case "code_interpreter_call":
            answer.count_once("code_executions", str(item.get("container_id")))
        case "image_generation_call":
            answer.is_estimate = True  # an image model drew it, at prices of its own


def _see_tool_usage(answer: Answer, tools: Json) -> None:
    """`web_search.num_requests` counts what is billed; discounted searches are left out."""
    searches = whole(members(tools.get("web_search")).get("num_requests"))
    if searches is not None:
        answer.counts["web_searches"] = searches


OPENAI_RESPONSES = Format(
    operation="chat",
    see_body=see_body,
    see_event=see_event,
    extractor=("openai", "responses"),
    output_limit=output_limit("max_output_tokens", choices=""),
)
