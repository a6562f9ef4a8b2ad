"""HTTP responses with the headers that ClickHouse's clients look at."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Mapping

from starlette.responses import Response

from warehouse.embedded.ask import Ask
from warehouse.embedded.auth import CHALLENGE
from warehouse.embedded.compression import Encoder, choose_encoder
from warehouse.embedded.errors import ClickHouseError
from warehouse.embedded.native import Answer

_SMALLEST_COMPRESSED = 1024  # bytes
_CONTENT_TYPES = (
    ("JSONEachRow", "application/x-ndjson; charset=UTF-8"),
    ("JSONCompactEachRow", "application/x-ndjson; charset=UTF-8"),
    ("JSON", "application/json; charset=UTF-8"),
    ("CSV", "text/csv; charset=UTF-8"),
    ("TabSeparated", "text/tab-separated-values; charset=UTF-8"),
    ("TSV", "text/tab-separated-values; charset=UTF-8"),
    ("XML", "application/xml; charset=UTF-8"),
)
_BINARY = ("Native", "RowBinary", "Arrow", "Parquet", "ORC", "MsgPack", "BSON", "Npy", "Avro")


def base_headers(timezone: str) -> dict[str, str]:
    """What every response carries; the query's id comes once it is known."""
    return {
        "X-ClickHouse-Server-Display-Name": socket.gethostname(),
        "X-ClickHouse-Timezone": timezone,
    }


def error_response(error: ClickHouseError, version: str, headers: Mapping[str, str]) -> Response:
    """The error as ClickHouse's text, with its code in a header."""
    extra = {"X-ClickHouse-Exception-Code": str(error.code)}
    if error.status == 401:
        extra["WWW-Authenticate"] = CHALLENGE
    if error.status == 413:
        extra["Connection"] = "close"  # the rest of the body is not read
    text = f"{error.text} (version {version} (official build))\n"
    return Response(text, error.status, {**headers, **extra}, media_type="text/plain; charset=UTF-8")


def whole_response(ask: Ask, answer: Answer, headers: Mapping[str, str], accepted: str) -> Response:
    """An answer that is complete."""
    head = {**headers, "X-ClickHouse-Summary": _summary(answer), **result_headers(ask, bool(answer.body))}
    body = answer.body
    if len(body) >= _SMALLEST_COMPRESSED:
        name, encoder = choose_encoder(accepted)
        if name is not None:
            head["Content-Encoding"] = name
            body = encoder.feed(body) + encoder.finish()
    return Response(body, headers=head)


def stream_head(ask: Ask, headers: Mapping[str, str], accepted: str) -> tuple[dict[str, str], Encoder, str]:
    """Headers, encoder and the tag that marks an error at the end of the body."""
    tag = secrets.token_hex(8)
    name, encoder = choose_encoder(accepted)
    head = {**headers, **result_headers(ask, True), "X-ClickHouse-Exception-Tag": tag}
    if name is not None:
        head["Content-Encoding"] = name
    return head, encoder, tag


def error_trailer(error: ClickHouseError, version: str, tag: str) -> bytes:
    """How ClickHouse (25.11 and later) ends a body that had begun when the statement failed."""
    message = f"{error.text} (version {version} (official build))\n".encode()
    mark = f"__exception__\r\n{tag}\r\n".encode()
    return b"\r\n" + mark + message + f"{len(message)} {tag}\r\n__exception__\r\n".encode()


def result_headers(ask: Ask, has_body: bool) -> dict[str, str]:
    """The format, for statements that answer with rows: clients tell by it whether there is a result at all."""
    format = ask.output_format
    kind = "text/plain; charset=UTF-8"
    if format.startswith(_BINARY):
        kind = "application/octet-stream"
    else:
        kind = next((value for prefix, value in _CONTENT_TYPES if format.startswith(prefix)), kind)
    answers = ask.statement.answers or has_body
    return {"Content-Type": kind, **({"X-ClickHouse-Format": format} if answers else {})}


def _summary(answer: Answer) -> str:
    counts = {
        "read_rows": answer.read_rows,
        "read_bytes": answer.read_bytes,
        "written_rows": answer.written_rows,
        "written_bytes": answer.written_bytes,
        "total_rows_to_read": answer.read_rows,
        "result_rows": answer.result_rows or answer.written_rows,
        "result_bytes": len(answer.body),
        "elapsed_ns": int(answer.elapsed_s * 1e9),
    }
    return json.dumps({name: str(count) for name, count in counts.items()})
