"""Reads `multipart/form-data` (RFC 7578): long parameters and external tables come that way. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

from warehouse.embedded.errors import ClickHouseError, Code

_MOST_PARTS = 1000


@dataclass(frozen=True)
class Part:
    """One field. `file_name` is None for a plain value."""

    name: str
    data: bytes
    file_name: str | None = None


def is_form(content_type: str) -> bool:
    """Whether a Content-Type is that of such a form. `curl -d` says urlencoded and means SQL, so that is no form."""
    return content_type.strip().lower().startswith("multipart/form-data")


def read_form(content_type: str, body: bytes) -> list[Part]:
    """The parts in their order. Raises ClickHouseError 36 for a form that is none."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        raise _broken("it names no boundary")
    mark = b"--" + boundary.encode("latin-1", "replace")
    _, *rest = (b"\r\n" + body).split(b"\r\n" + mark)
    if not rest or not rest[-1].startswith(b"--"):
        raise _broken("it does not end with its boundary")
    if len(rest) > _MOST_PARTS:
        raise _broken(f"it has more than {_MOST_PARTS} parts")
    return [_part(raw) for raw in rest[:-1]]


def _part(raw: bytes) -> Part:
    head, found, data = raw.lstrip(b" \t").removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not found:
        raise _broken("a part has no headers")
    headers = HeaderParser().parsestr(head.decode("utf-8", "replace"))
    name = headers.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise _broken("a part has no name")
    file_name = headers.get_param("filename", header="content-disposition")
    return Part(name, data, file_name if isinstance(file_name, str) else None)


def _broken(why: str) -> ClickHouseError:
    return ClickHouseError(Code.BAD_ARGUMENTS, f"the multipart form cannot be read: {why}")
