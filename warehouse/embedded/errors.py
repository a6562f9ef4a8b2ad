"""What goes wrong, as ClickHouse says it: `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`, and as HTTP statuses.

SpendstreamError
├── ClickHouseError     a statement was refused or failed; goes to the client
└── Unavailable
    ├── StoreHeld       another process owns the folder
    ├── EngineMissing   chdb is not installed
    ├── StoreBroken     the engine does not open the folder
    └── PortInUse       somebody listens there already
"""

from __future__ import annotations

import re
from enum import IntEnum

from ingest.errors import SpendstreamError, Unavailable


class Code(IntEnum):
    """ClickHouse's error codes that this package raises itself. The names are ClickHouse's."""

    BAD_ARGUMENTS = 36
    NOT_IMPLEMENTED = 48
    SYNTAX_ERROR = 62
    UNKNOWN_SETTING = 115
    READONLY = 164
    QUERY_IS_TOO_LARGE = 229
    CANNOT_DECOMPRESS = 271
    SESSION_NOT_FOUND = 372
    SESSION_IS_LOCKED = 373
    INVALID_SESSION_TIMEOUT = 374
    QUERY_WAS_CANCELLED = 394
    ACCESS_DENIED = 497
    AUTHENTICATION_FAILED = 516
    UNKNOWN_EXCEPTION = 1002


STATUSES: dict[int, int] = {
    # not understood: 400
    **dict.fromkeys(
        (6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321), 400
    ),
    **dict.fromkeys((271, 374, 376, 408, 427, 441, 456, 457, 675, 676), 400),
    # not allowed: 401 only when no password came at all, see auth.py
    **dict.fromkeys((164, 192, 193, 452, 497, 512, 516), 403),
    194: 401,
    # not there: 404
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 372, 511), 404),
    159: 408,  # took longer than max_execution_time
    381: 411,
    229: 413,
    779: 415,
    373: 423,  # the session runs another statement
    48: 501,
    **dict.fromkeys((76, 202, 209, 439), 503),
}
"""HTTP status by code; every other code is 500. As ClickHouse maps them, and 271, 164, 202, 372, 373, 374, 408, 452,
456 and 457 (which it answers with 500) by what they mean."""

_ENGINE_TEXT = re.compile(
    r"\A.*?Code:\s*(?P<code>\d+)\.\s*DB::Exception:\s*(?P<reason>.*?)"
    r"(?:\.?\s*\((?P<name>[A-Z][A-Z0-9_]+)\))?(?:\s*\(version [^()]*(?:\([^()]*\))?\))?\s*\Z",
    re.DOTALL,
)
_WRAPPED = re.compile(r"\ACode:\s*\d+\.\s*DB::Exception:.*\(version [^()]*\)\.?\s*\Z", re.DOTALL)


class ClickHouseError(SpendstreamError):
    """A statement was refused or failed. `code` and `name` are ClickHouse's; `reason` is one or more sentences.

    Without a name, `code` is one of `Code`. `status` replaces the usual HTTP status of the code.
    """

    def __init__(self, code: int, reason: str, name: str | None = None, status: int | None = None) -> None:
        self.code = int(code)
        self.reason = reason
        self.name = name or Code(code).name
        self.status = status or STATUSES.get(self.code, 500)
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """As ClickHouse writes it, without the version."""
        return f"Code: {self.code}. DB::Exception: {self.reason.rstrip('.')}. ({self.name})"


class StoreHeld(Unavailable):
    """Another process owns the folder; one folder has one owner."""


class EngineMissing(Unavailable):
    """chdb, an optional dependency, is not installed."""


class StoreBroken(Unavailable):
    """The engine does not open the folder."""


class PortInUse(Unavailable):
    """Somebody listens there already."""


def from_engine(text: str) -> ClickHouseError:
    """The error that a text of the engine tells about.

    The engine nests its texts (`Code: 73. DB::Exception: Code: 73. DB::Exception: … (version …). (UNKNOWN_FORMAT)`);
    the innermost is kept. A text without a code becomes 1002, UNKNOWN_EXCEPTION.
    """
    found = _ENGINE_TEXT.match(text)
    if found is None:
        return ClickHouseError(Code.UNKNOWN_EXCEPTION, text.strip() or "the engine failed without a reason")
    if _WRAPPED.match(found["reason"]):
        return from_engine(found["reason"])
    name = found["name"] or Code.UNKNOWN_EXCEPTION.name
    return ClickHouseError(int(found["code"]), found["reason"].strip(), name)
