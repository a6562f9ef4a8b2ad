"""Anthropic's Messages. A stream tells its usage twice: the input in `message_start`, and totals in `message_delta`.

The counts of `message_delta` are cumulative and replace those of `message_start`; with server tools the input grows.
"""

from __future__ import annotations

from gateway_shim.formats.answer import Answer, Format, Json, members, output_limit


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
    tier = members(usage).get("service_tier")
    if isinstance(tier, str):
        answer.service_tier = tier


ANTHROPIC_MESSAGES = Format(
    operation="chat",
    see_body=see_body,
    see_event=see_event,
    extractor=("anthropic", "default"),
    output_limit=output_limit("max_tokens", choices=""),
)
