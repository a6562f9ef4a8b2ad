"""From an HTTP request to an `Ask`. Pure: the body is there, decompressed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qsl

from warehouse.embedded.ask import Ask, ExternalTable, SessionName
from warehouse.embedded.errors import ClickHouseError, Code
from warehouse.embedded.forms import Part, is_form, read_form
from warehouse.embedded.statements import read_statement

MOST_SESSION_SECONDS = 3600
_DEFAULT_SESSION_SECONDS = 60
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,100}")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]{1,200}")

NO_SETTINGS = frozenset(
    {
        "query", "database", "default_format", "query_id", "user", "password", "quota_key", "role",
        "session_id", "session_timeout", "session_check", "close_session",
        "compress", "decompress", "enable_http_compression", "buffer_size", "wait_end_of_query",
        "send_progress_in_http_headers", "http_headers_progress_interval_ms", "client_protocol_version", "stacktrace",
        "cancel_http_readonly_queries_on_client_close",
    }
)  # fmt: skip
"""Parameters of ClickHouse's HTTP interface that are no settings for the engine, or settings that only HTTP has."""


def read_params(query_string: bytes) -> dict[str, str]:
    """The URL's parameters; of one that comes twice, the last. Bytes that are no UTF-8 are kept as they are."""
    pairs = parse_qsl(
        query_string.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="surrogateescape"
    )
    return dict(pairs)


def read_ask(method: str, headers: Mapping[str, str], params: Mapping[str, str], body: bytes) -> Ask | None:
    """What is asked, or None when there is no SQL in it. Header names are lower case. Raises ClickHouseError."""
    for name in ("compress", "decompress"):
        if _is_on(params, name):
            raise ClickHouseError(
                Code.NOT_IMPLEMENTED,
                f"{name}=1 (ClickHouse's block compression) is not supported by the embedded warehouse; "
                "use Content-Encoding and Accept-Encoding with lz4, zstd or gzip",
            )
    given, query = dict(params), params.get("query", "").encode("utf-8", "surrogateescape")
    tables: tuple[ExternalTable, ...] = ()
    if is_form(headers.get("content-type", "")):
        parts = read_form(headers["content-type"], body)
        plain = {part.name: part.data for part in parts if part.file_name is None}
        query, body = plain.pop("query", query), b""
        given |= {name: data.decode("utf-8", "surrogateescape") for name, data in plain.items()}
        tables = tuple(_external_table(part, given) for part in parts if part.file_name is not None)
    if not query.strip() and not body.strip():
        return None
    return Ask(
        statement=read_statement(query, body),
        query_id=_query_id(given),
        database=given.get("database") or headers.get("x-clickhouse-database") or None,
        format=headers.get("x-clickhouse-format") or given.get("default_format") or "TabSeparated",
        read_only=method != "POST",
        whole=_is_on(given, "wait_end_of_query"),
        settings={
            name: value for name, value in given.items() if name not in NO_SETTINGS and not _is_param(name)
        },
        parameters={name.removeprefix("param_"): value for name, value in given.items() if _is_param(name)},
        tables=tables,
        session=_session(given),
    )


def time_zone(params: Mapping[str, str]) -> str:
    """The time zone that the answer's texts are in: the client's setting, if that is a name at all, else UTC."""
    name = params.get("session_timezone", "")
    return name if _ZONE.fullmatch(name) else "UTC"


def wants_compression(params: Mapping[str, str]) -> bool:
    """Whether the answer may be compressed: Accept-Encoding alone is not enough in ClickHouse."""
    return _is_on(params, "enable_http_compression")


def _is_param(name: str) -> bool:
    return name.startswith("param_")


def _is_on(params: Mapping[str, str], name: str) -> bool:
    return params.get(name, "").lower() in ("1", "true")


def _query_id(given: Mapping[str, str]) -> str:
    """The client's, or a new one. It comes back in a header, so it must be fit for one."""
    found = given.get("query_id") or str(uuid.uuid4())
    if not _HEADER_TEXT.fullmatch(found):
        raise ClickHouseError(Code.BAD_ARGUMENTS, "query_id must be 1 to 200 characters of printable ASCII")
    return found


def _session(given: Mapping[str, str]) -> SessionName | None:
    if not given.get("session_id"):
        return None
    raw = given.get("session_timeout", str(_DEFAULT_SESSION_SECONDS))
    if not raw.isascii() or not raw.isdigit() or int(raw) > MOST_SESSION_SECONDS:
        raise ClickHouseError(
            Code.INVALID_SESSION_TIMEOUT,
            f"Invalid session timeout: {raw!r} seconds, the most is {MOST_SESSION_SECONDS}",
        )
    return SessionName(given["session_id"], float(raw), must_exist=_is_on(given, "session_check"))


def _external_table(part: Part, given: dict[str, str]) -> ExternalTable:
    """A file of the form; what it is made of stands in parameters that begin with its name. They leave `given`."""
    structure = given.pop(f"{part.name}_structure", "")
    types = given.pop(f"{part.name}_types", "")
    format = given.pop(f"{part.name}_format", "TabSeparated")
    if not structure and types:
        structure = ", ".join(f"_{at} {name}" for at, name in enumerate(_split_types(types), start=1))
    if not structure:
        raise ClickHouseError(
            Code.BAD_ARGUMENTS,
            f"the external table {part.name} has neither {part.name}_structure nor {part.name}_types",
        )
    return ExternalTable(part.name, structure, format, part.data)


def _split_types(types: str) -> list[str]:
    """`A, Map(B, C)` at the commas outside brackets."""
    found, depth = [""], 0
    for letter in types:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [name.strip() for name in found]
