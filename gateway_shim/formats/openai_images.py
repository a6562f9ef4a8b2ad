"""OpenAI's Images: generations, edits and variations.

GPT Image models tell their tokens (`usage`), the DALL·E models nothing: those are billed by the image. A stream ends
with one `…completed` event for each image, which has the usage of that image (API reference, "Image streaming").
"""

from __future__ import annotations

from dataclasses import replace

from gateway_shim.formats.answer import Answer, Format, Json, items, members, whole


def see_body(answer: Answer, body: Json) -> None:
    answer.name(body)
    answer.merge_usage(body.get("usage"))
    if answer.usage is None:
        answer.counts["images"] = len(items(body.get("data")))
    answer.is_over = answer.has_final_usage = True


def see_event(answer: Answer, event: Json) -> None:
    kind = event.get("type")
    if not isinstance(kind, str):
        return
    if kind == "error":
        answer.error_type = str(members(event.get("error")).get("code") or event.get("code") or "error")
    elif kind.endswith(".completed"):
        answer.name(event)
        usage = members(event.get("usage"))
        if usage:
            answer.usage = _sum(answer.usage or {}, usage)
        else:
            answer.counts["images"] = answer.counts.get("images", 0) + 1
        answer.is_over = answer.has_final_usage = True


def _sum(first: Json, second: Json) -> dict[str, object]:
    """Of two usage objects, member by member."""
    total = dict(first)
    for name, value in second.items():
        if isinstance(value, dict):
            total[name] = _sum(members(total.get(name)), value)
        elif whole(value) is not None:
            total[name] = (whole(total.get(name)) or 0) + value
    return total


OPENAI_IMAGES = Format(
    operation="images", see_body=see_body, see_event=see_event, extractor=("openai", "images")
)
OPENAI_IMAGE_EDITS = replace(OPENAI_IMAGES, needs_json=False)
"""Files come as a form."""
