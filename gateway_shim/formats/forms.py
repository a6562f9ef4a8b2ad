"""Reading a multipart form (RFC 7578), as images and audio are sent: its texts, and where a file's bytes stand.

Only what metering needs: parts are found by the boundary that the body begins with, each with its name and its bytes.
A body that is no form has no parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAME = re.compile(rb'\bname=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')
_LONGEST_BOUNDARY = 72  # two hyphens and 70 characters: RFC 2046, section 5.1.1
_LONGEST_TEXT = 4096
_MOST_PARTS = 200
_HEAD_END = b"\r\n\r\n"


def is_form(body: bytes) -> bool:
    """Whether it begins as a form does, and as JSON cannot."""
    return body.startswith(b"--")


def form_texts(body: bytes) -> dict[str, str]:
    """The short fields of a form that are text, by name; the first of repeated ones."""
    texts: dict[str, str] = {}
    for name, start, end in form_parts(body):
        if end - start <= _LONGEST_TEXT and name not in texts:
            try:
                texts[name] = body[start:end].decode()
            except UnicodeDecodeError:
                continue
    return texts


def form_parts(body: bytes) -> Iterator[tuple[str, int, int]]:
    """(name, start, end) of the bytes of each part."""
    line_end = body.find(b"\r\n", 0, _LONGEST_BOUNDARY + 2)
    if not body.startswith(b"--") or line_end < 3:
        return
    mark = b"\r\n" + body[:line_end]
    position = line_end + 2
    for _ in range(_MOST_PARTS):
        head_end = body.find(_HEAD_END, position)
        if head_end < 0:
            return
        start = head_end + len(_HEAD_END)
        end = body.find(mark, start)
        if end < 0:
            return
        found = _NAME.search(body, position, head_end)
        if found is not None:
            yield (found[1] or found[2] or b"").decode(errors="replace"), start, end
        after = end + len(mark)
        if body[after : after + 2] == b"--":
            return
        position = after + 2


def replace_text(body: bytes, name: str, value: str) -> bytes:
    """`body` with another text in its first field `name`; unchanged where there is no such field."""
    for found, start, end in form_parts(body):
        if found == name:
            return body[:start] + value.encode() + body[end:]
    return body
